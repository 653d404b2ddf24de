"""Every key of a scenario, declared once: checks, defaults, texts and flags are made from this.

Defaults that the core has too are its own; a test compares them.
"""

from __future__ import annotations

from bayplan.simulator.scenario.key import Key
from bayplan.simulator.scenario.keys_energy import DEFERRAL_KEYS, ENERGY_KEYS
from bayplan.simulator.scenario.keys_jobs import JOB_KEYS
from bayplan.simulator.scenario.keys_speeds import SPEED_KEYS
from bayplan.simulator.scenario.keys_startup import STARTUP_KEYS

BUILTIN = "builtin"
NONE = "none"
SECONDS = "seconds"

MODES = (NONE, "exclusive", "mig-static", "mig-dynamic", "mps", "timeslice", "hami")
BACKFILLS = (NONE, "easy", "conservative")
MIG_PATHS = (NONE, "nvml", "dra", "operator")
MIG_RULES = ("first-fit", "driver-greedy", "best-fit", "max-options")

# What the registries have without plug-ins, so that help loads no engine; a test compares them.
ORDERINGS = (
    "fifo", "priority", "sjf", "srtf", "srsf", "las", "las-2d", "gittins-2d", "edf",
    "smallest-first", "drf", "fair-share", "finish-time",
)  # fmt: skip
PREEMPTIONS = (NONE, "priority", "fair-reclaim", "spot", "in-order", "repack")
PARTITIONINGS = (NONE, "demand")
ELASTICITIES = (NONE, "idle", "equal-share", "marginal", "optimus", "deadline")
PROGRESSES = ("exact",)
DETECTORS = (NONE, "progress")
TRIGGERS = ("events", "rounds")
DEFERRALS = (NONE, "carbon", "cheapest")
SERVICE_ENDS = ("jobs", "series")

NO_FILES = ("", BUILTIN, NONE)
"""What a key that names a file may say instead."""

MAX_SEED = 2**63 - 1
MAX_S = 10**12

TABLES: dict[str, str] = {
    "cluster": "The nodes.",
    "jobs": "The jobs: a file, or a synthetic workload.",
    "jobs.synthetic": "Jobs that are drawn, in place of a file, where count is above 0.",
    "services": "Services beside the jobs: replicas that follow a load.",
    "autoscaler": "Groups of nodes that grow and shrink, as a cluster file says.",
    "sharing": "How GPUs are shared.",
    "policy": "Who is placed where, who is next, who is stopped.",
    "interruptions": "What it costs to stop a job and to go on with it.",
    "stragglers": "Who finds GPUs that silently slow down, and what is done about them.",
    "locality": "How fast jobs of several pods are when these are apart, over the speed together.",
    "startup": "What pods wait for before they work: images, containers, models.",
    "speeds": "How fast job types run on GPU models, and what they ask of a GPU they share.",
    "speeds.sharing": "Parameters of the sharing models; `bayplan speed` shows what they do.",
    "out_of_memory": "What happens to a job that finds no memory left on a time-sliced GPU.",
    "energy": "What the GPUs draw; of hosts nothing is counted.",
    "deferral": "How jobs with a deadline wait for better hours, under policy.deferral.",
    "run": "The run itself.",
}
"""The tables, in file order, with a line about each."""

KEYS: tuple[Key, ...] = (
    Key("cluster", "file", "file", BUILTIN,
        "cluster file (TOML), node list (CSV), or builtin for the one of the built-in trace"),
    Key("cluster", "format", "text", "auto", "format of a node list: auto, or one that"
        " `bayplan traces list` names", registry="node format"),
    Key("cluster", "gpu", "text", "", "replace all GPUs by this product, such as A100-80GB; jobs"
        " may then use any GPU", registry="product"),
    Key("cluster", "changes", "file", "", "changes of nodes at stated times (CSV: time_s, node,"
        " what: up, cordon, drain or down)"),
    *JOB_KEYS,
    Key("services", "file", "file", "", "services file (TOML): inference services, their loads,"
        " how they scale"),
    Key("services", "end", "text", "jobs", "when the run ends: when all jobs have, or when all"
        " loads have ended too; without jobs, with the loads", choices=SERVICE_ENDS),
    Key("autoscaler", "scan_s", "number", 10.0, "how often it looks at who waits and at nodes that"
        " are idle", least=0.001, most=MAX_S, unit=SECONDS),
    Key("sharing", "mode", "text", NONE, "how all GPUs are shared; none: as the cluster file says,"
        " or shares simply add up", choices=MODES),
    Key("sharing", "layout", "text", "", "MIG layout under mig-static: all-balanced (the default),"
        " all-1g.10gb, 1g.10gb@0,3g.40gb@4, or fitted to the jobs"),
    Key("sharing", "oversubscribe", "number", 1.0, "compute handed out of a GPU under mps,"
        " timeslice and hami, over what there is", least=1, most=16),
    Key("sharing", "ignore_memory", "yes", False, "under timeslice, let memory of co-residents"
        " exceed the GPU's"),
    Key("sharing", "mig", "text", "max-options", "where MIG instances start that are made as asked"
        " for (mig-dynamic)", choices=MIG_RULES),
    Key("sharing", "mig_path", "text", NONE, "who makes MIG instances, and so how long a job waits"
        " for a new one; none: no time", choices=MIG_PATHS),
    Key("policy", "placement", "text", "best-fit", "which node and GPUs; `bayplan policies` lists"
        " them; a weighted sum is `0.9*fgd+0.1*pwr`", registry="placement"),
    Key("policy", "ordering", "text", "fifo", "who is next", registry="ordering", names=ORDERINGS),
    Key("policy", "strict", "yes", False, "the first of the queue blocks the others"),
    Key("policy", "backfill", "text", NONE, "who may pass those who wait", choices=BACKFILLS),
    Key("policy", "backfill_depth", "whole", None, "how many of the queue get a reservation; left"
        " out: all", least=1, most=10**6, unit="jobs"),
    Key("policy", "preemption", "text", NONE, "who is stopped for whom", registry="preemption",
        names=PREEMPTIONS),
    Key("policy", "partitioning", "text", NONE, "which MIG layout idle GPUs take",
        registry="partitioning", names=PARTITIONINGS),
    Key("policy", "elasticity", "text", NONE, "who gets how many pods, of jobs that may have more"
        " or fewer (min_pods, max_pods); none: all have those that they state",
        registry="elasticity", names=ELASTICITIES),
    Key("policy", "resize_interval_s", "number", 0.0, "an elastic job's pods are not changed again"
        " before it has run for so long", least=0, most=MAX_S, unit=SECONDS),
    Key("policy", "progress", "text", "exact", "how work advances", registry="progress",
        names=PROGRESSES),
    Key("policy", "trigger", "text", "events", "when decisions are made", registry="trigger",
        names=TRIGGERS),
    Key("policy", "deferral", "text", NONE, "by what jobs with a deadline wait for better hours,"
        " and go to better zones", registry="deferral", names=DEFERRALS),
    Key("policy", "round_s", "number", 360.0, "length of a round, where decisions are made in"
        " rounds", least=0.001, most=MAX_S, unit=SECONDS),
    Key("policy", "min_run_s", "number", 0.0, "a job that has run for less is not stopped by"
        " priority, fair-reclaim, spot, in-order", least=0, most=MAX_S, unit=SECONDS),
    Key("policy", "half_life_s", "number", 86_400.0, "of the decayed usage that fair-share looks"
        " at", least=0.001, most=MAX_S, unit=SECONDS),
    Key("interruptions", "checkpoint", "text", "fixed", "how the time between checkpoints is"
        " chosen: fixed is checkpoint_s; young and daly go by save_s and how often what a job runs"
        " on fails", choices=("fixed", "young", "daly")),
    Key("interruptions", "checkpoint_s", "number", 0.0, "time between checkpoints: what was done"
        " since the last is lost; 0: nothing is", least=0, most=MAX_S, unit=SECONDS),
    Key("interruptions", "save_s", "number", 0.0, "what a checkpoint takes, without progress",
        least=0, most=MAX_S, unit=SECONDS),
    Key("interruptions", "restart_s", "number", 0.0, "without progress at the start of a stint"
        " that is not the first", least=0, most=MAX_S, unit=SECONDS),
    Key("interruptions", "restart_log2_s", "number", 0.0, "on top of it, times log2 of the GPUs",
        least=0, most=MAX_S, unit=SECONDS),
    Key("interruptions", "on_notice", "text", NONE, "what jobs do before a node under them is"
        " taken back: checkpoint saves all that they did", choices=(NONE, "checkpoint")),
    Key("interruptions", "resize_s", "number", None, "without progress after a change of an elastic"
        " job's pods, with its work saved; left out: as after a stop, by the GPUs that it then has",
        least=0, most=MAX_S, unit=SECONDS),
    Key("stragglers", "detector", "text", NONE, "who looks for GPUs that are slow",
        registry="detector", names=DETECTORS),
    Key("stragglers", "window_s", "number", 600.0, "over how long progress is compared, and how"
        " often", least=0.001, most=MAX_S, unit=SECONDS),
    Key("stragglers", "threshold", "number", 0.1, "how far behind is too slow, as a part of what a"
        " sound GPU does", least=0, most=1),
    Key("stragglers", "false_alarms", "number", 0.0, "how likely a sound GPU is taken for slow, at"
        " each look", least=0, most=1),
    Key("stragglers", "on_detection", "text", "drain", "what becomes of the jobs on it: drain lets"
        " them end there, restart lets them save and go on elsewhere",
        choices=("drain", "restart")),
    Key("stragglers", "repair_h", "number", 4.0, "mean time of a repair, from when it is empty",
        least=0, most=MAX_S, unit="hours"),
    Key("locality", "across_nodes", "number", 1.0, "speed of a job whose pods are on several"
        " nodes", least=0.001, most=1),
    Key("locality", "across_racks", "number", 1.0, "speed of a job whose nodes are in several"
        " racks, in place of across_nodes", least=0.001, most=1),
    *STARTUP_KEYS,
    *SPEED_KEYS,
    Key("out_of_memory", "retries", "whole", 3, "how often it comes back before it failed",
        least=0, most=1000),
    Key("out_of_memory", "backoff_s", "number", 10.0, "after how long it comes back first, doubled"
        " each time", least=0, most=MAX_S, unit=SECONDS),
    Key("out_of_memory", "most_backoff_s", "number", 300.0, "after how long at most",
        least=0, most=MAX_S, unit=SECONDS),
    *ENERGY_KEYS,
    *DEFERRAL_KEYS,
    Key("run", "seed", "whole", 0, "draws synthetic jobs, resampled jobs, ties and errors of"
        " estimates", least=0, most=MAX_SEED),
    Key("run", "until_s", "number", None, "when to stop at the latest; left out: when all jobs have"
        " ended", least=0, most=MAX_S, unit=SECONDS),
    Key("run", "sample_s", "number", None, "distance of the samples over time; left out: some 500"
        " over the arrivals", least=0.001, most=MAX_S, unit=SECONDS),
    Key("run", "fragmentation", "yes", False, "sample fragmentation too, which takes time"),
    Key("run", "log", "yes", False, "keep a log of what happened, and write it"),
    Key("run", "stints", "whole", None, "take down who was on which GPU from when to when, so many"
        " at most; 0: none; left out: 2,000,000 where a folder is written", least=0, most=10**8,
        unit="stints"),
)  # fmt: skip
"""All keys, in file order."""

BY_PATH: dict[str, Key] = {key.path: key for key in KEYS}

FILE_KEYS: tuple[str, ...] = tuple(key.path for key in KEYS if key.kind == "file")
"""The keys that name files."""

COUNT = "jobs.synthetic.count"

OF_A_JOB_FILE: frozenset[str] = frozenset(
    key.path for key in KEYS if key.table == "jobs" and key.name != "estimate_error"
)
"""The keys that say nothing where jobs are drawn."""

MAIN: dict[str, str] = {
    "cluster": "cluster.file",
    "jobs": "jobs.file",
    "sharing": "sharing.mode",
    "speeds": "speeds.file",
    "services": "services.file",
}
"""The key that the bare name of a table stands for on the command line."""


def candidates(name: str) -> list[str]:
    """Return the full names that a name on the command line may stand for.

    A key may be named without its table where no other key has the name, and a table may stand
    for its main key.
    """
    if name in BY_PATH:
        return [name]
    if name in MAIN:
        return [MAIN[name]]
    return [key.path for key in KEYS if key.name == name]
