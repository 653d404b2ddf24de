"""The keys of a services file, each declared once."""

from __future__ import annotations

from bayplan.traces.cluster_keys import KINDS, MAX_S, GroupKey
from bayplan.traces.jobs.schema import MAX_PRIORITY, MIN_PRIORITY
from bayplan.traces.schema import MAX_AMOUNT, MAX_NODE_GPUS
from bayplan.traces.services.types import MEASURES, METRICS, SCALERS, SPREADS

MAX_REPLICAS = 10_000
MAX_PER_S = 10**9
REQUIRED = "**required**"

CLASS_KEYS: tuple[GroupKey, ...] = (
    GroupKey("target_s", float, REQUIRED, "latency that is to be met", 0, MAX_S, above=True),
    GroupKey("measure", str, "p95", f"what of the latencies: {', '.join(MEASURES)}"),
)
"""The keys of a ``[classes.NAME]`` table."""

SHAPE_KEYS: tuple[GroupKey, ...] = (
    GroupKey(
        "per_s",
        float,
        REQUIRED,
        "requests a second that a replica alone serves",
        0,
        MAX_PER_S,
        above=True,
    ),
    GroupKey(
        "service_s",
        float,
        "1 / `per_s`",
        "seconds that one request takes alone; times `per_s`, those served at a time",
        0,
        MAX_S,
        above=True,
    ),
    GroupKey(
        "startup_s",
        float,
        "0",
        "seconds from when a replica has its room until it serves",
        0,
        MAX_S,
    ),
    GroupKey("gpu_count", int, "1", "GPUs or MIG instances; 0: on CPUs", 0, MAX_NODE_GPUS),
    GroupKey("gpu_milli", int, "1000", "compute of each GPU, 1000 = whole", 1, 1000),
    GroupKey("gpu_memory_mib", int, "not stated", "memory of each GPU, MiB", 0, MAX_AMOUNT),
    GroupKey(
        "gpu_models",
        str,
        "any",
        "GPU models, separated by `|`; `per_s` is then that on these, and else that at speed 1",
    ),
    GroupKey("mig_profile", str, "none", "MIG profile, such as `1g.10gb`"),
    GroupKey("cpu_milli", int, "0", "millicores", 0, MAX_AMOUNT),
    GroupKey("memory_mib", int, "0", "memory, MiB", 0, MAX_AMOUNT),
)
"""The keys of what a replica asks for and does: of a service, and of each alternative to it."""

LOAD_KEYS: tuple[GroupKey, ...] = (
    GroupKey("rate_per_s", float, "none", "requests a second, all the time", 0, MAX_PER_S),
    GroupKey(
        "peak_per_s", float, "none",
        "requests a second at `peak_h`; they fall to `rate_per_s` 12 hours later, as a cosine",
        0, MAX_PER_S,
    ),
    GroupKey("peak_h", float, "14", "hour of the day, day after day from time 0 on", 0, 24),
    GroupKey("requests", str, "none", "file of requests ([request series](traces.md)), in place"
             " of a rate"),
    GroupKey("scale", float, "1", "times so many requests as the file has", 0, 10**6, above=True),
    GroupKey("bin_s", float, "60", "seconds for which a rate is taken as constant", 0, MAX_S,
             above=True),
    GroupKey("from_s", float, "0", "when it begins; the file's requests count from there", 0,
             MAX_S),
    GroupKey("until_s", float, "the file's end", "when it ends, with all replicas; of a rate left"
             " out: with the run", 0, MAX_S, above=True),
)  # fmt: skip
"""The keys of the load of a service."""

SCALING_KEYS: tuple[GroupKey, ...] = (
    GroupKey("scaler", str, "reactive", f"what sets the replicas: {', '.join(SCALERS)}"),
    GroupKey("metric", str, "requests", f"what it looks at: {', '.join(METRICS)}"),
    GroupKey(
        "target", float, "0.7", "of that, over what one replica alone takes", 0, 100, above=True
    ),
    GroupKey("tolerance", float, "0.1", "deviations from the target that change nothing", 0, 10),
    GroupKey("sync_s", float, "15", "seconds between two looks", 0, MAX_S, above=True),
    GroupKey(
        "down_window_s", float, "300", "the most replicas wanted in so many seconds stay", 0, MAX_S
    ),
    GroupKey("up_replicas", int, "4", "replicas that one look may add", 0, MAX_REPLICAS),
    GroupKey("up_pct", float, "100", "or so many of a hundred, if that is more", 0, 10**6),
    GroupKey("cooldown_s", float, "300", "seconds without requests after which none stays, if"
             " `least` is 0", 0, MAX_S),
    GroupKey("lead_s", float, "`startup_s` + `sync_s`", "how far ahead a forecast looks, seconds",
             0, MAX_S),
    GroupKey("season_s", float, "86400", "length of a season of `seasonal`, seconds", 0, MAX_S,
             above=True),
)  # fmt: skip
"""The keys of how a service scales."""

KEYS: tuple[GroupKey, ...] = (
    GroupKey("name", str, REQUIRED, "the service's name; its replicas are numbered behind it"),
    GroupKey("class", str, REQUIRED, "its latency class, a table `[classes.NAME]`"),
    *LOAD_KEYS,
    *SHAPE_KEYS,
    GroupKey("least", int, "1", "replicas that there are at least", 0, MAX_REPLICAS),
    GroupKey("most", int, REQUIRED, "replicas that there are at most", 1, MAX_REPLICAS),
    *SCALING_KEYS,
    GroupKey("wait_s", float, "60", "seconds that a replica waits before it asks for the next"
             " alternative", 0, MAX_S, above=True),
    GroupKey("spread", str, "none", f"keep replicas apart by {', '.join(SPREADS)}"),
    GroupKey("max_skew", int, "1", "replicas that one of these may have more than another", 1,
             MAX_REPLICAS),
    GroupKey("priority", int, "0", "as of jobs: higher is first", MIN_PRIORITY, MAX_PRIORITY),
    GroupKey("preemptible", bool, "true", "whether replicas may be preempted"),
    GroupKey("queue", str, "none", "queue that replicas wait in"),
    GroupKey("job_type", str, "none", "what it runs: a key of speed tables and demands"),
    GroupKey("queue_limit", int, "none", "requests that may wait; more are dropped", 0,
             MAX_AMOUNT),
    GroupKey("timeout_s", float, "none", "seconds after which a request that waits is dropped", 0,
             MAX_S, above=True),
    GroupKey("arrival_cv", float, "1", "coefficient of variation of times between requests", 0,
             100),
    GroupKey("service_cv", float, "1", "coefficient of variation of service times", 0, 100),
)  # fmt: skip
"""The keys of a ``[[services]]`` table, in the order in which they are documented."""

CHOICES: dict[str, tuple[str, ...]] = {
    "measure": MEASURES,
    "scaler": SCALERS,
    "metric": METRICS,
    "spread": tuple(SPREADS),
}
"""The texts that a key may have, where not any."""


def markdown() -> str:
    """Return all keys as Markdown tables, for the documentation."""
    parts = (
        ("`[[services]]`", KEYS),
        ("`[[services.alternatives]]`", SHAPE_KEYS),
        ("`[classes.NAME]`", CLASS_KEYS),
    )
    return "\n".join(f"Keys of {what}:\n\n{_table(keys)}\n" for what, keys in parts)


def _table(keys: tuple[GroupKey, ...]) -> str:
    lines = ["| key | type | if left out | bounds | meaning |", "|---|---|---|---|---|"]
    for key in keys:
        kind = KINDS[key.kind].removeprefix("a ").removesuffix(" in quotes")
        meaning = key.meaning.replace("|", "\\|")
        lines.append(f"| `{key.name}` | {kind} | {key.default} | {key.bounds} | {meaning} |")
    return "\n".join(lines)
