"""The keys of a cluster file, each declared once, and a file to start from."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.traces.schema import MAX_AMOUNT, MAX_NODE_GPUS

MAX_NODES = 10**5
MODES = ("exclusive", "mps", "timeslice", "hami", "mig-dynamic")
"""Ways to share GPUs by name; anything else under ``sharing`` is a MIG layout."""


MAX_HOURS = 10**6
MAX_RATE = 10**4
MAX_NOTICE_S = 10**6
MAX_S = 10**9
MAX_PRICE = 10**9

KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text in quotes",
}
"""What to write for a value of each kind."""


@dataclass(frozen=True, slots=True)
class GroupKey:
    """One key of a ``[[nodes]]`` table; ``default`` is in words where others decide it.

    A number is from ``minimum`` to ``maximum``; with ``above`` it is more than the former.
    """

    name: str
    kind: type
    default: str
    meaning: str
    minimum: int = 0
    maximum: int = 0
    above: bool = False

    @property
    def bounds(self) -> str:
        """What a number may be, in words; empty for others."""
        if self.kind not in (int, float):
            return ""
        least = f"above {self.minimum}, " if self.above else f"{self.minimum} to "
        powers = {10**12: "10^12", 10**9: "10^9"}
        ceiling = powers.get(self.maximum, f"{self.maximum:,}")
        return f"{least}up to {ceiling}" if self.above else f"{least}{ceiling}"


ELASTIC_KEYS: tuple[GroupKey, ...] = (
    GroupKey(
        "most", int, "count", "number of nodes that there may be; `count` are there at first",
        1, MAX_NODES,
    ),
    GroupKey("least", int, "count", "number of nodes that always stay", 0, MAX_NODES),
    GroupKey(
        "provision_s", float, "0", "seconds from when a node is ordered until it is there",
        0, MAX_S,
    ),
    GroupKey(
        "provision_jitter_s", float, "0",
        "mean of what is added to that, drawn from an exponential distribution", 0, MAX_S,
    ),
    GroupKey("idle_s", float, "600", "seconds after which an empty node may leave", 0, MAX_S),
    GroupKey(
        "price_per_h", float, "0", "price of one node for an hour, in your currency", 0, MAX_PRICE
    ),
)  # fmt: skip
"""The keys of groups that grow and shrink, and of what their nodes cost."""

GPU_FAULT_KEYS: tuple[GroupKey, ...] = (
    GroupKey(
        "gpu_mtbf_h", float, "they never fail", "mean hours from one fault of a GPU to its next",
        0, MAX_HOURS, above=True,
    ),
    GroupKey(
        "gpu_faults", str, "as Llama 3 had them",
        "weights of the classes of faults, such as `reset=3,bus=1`",
    ),
    GroupKey("gpu_reset_s", float, "30", "seconds that a reset of a GPU takes", 0, MAX_S),
    GroupKey("gpu_reboot_s", float, "600", "seconds that a reboot of the node takes", 0, MAX_S),
    GroupKey(
        "gpu_mttr_h", float, "24", "mean hours until a broken GPU is replaced", 0, MAX_HOURS,
        above=True,
    ),
    GroupKey(
        "gpu_slow_mtbf_h", float, "they never slow down",
        "mean hours that a GPU is sound until it silently slows down", 0, MAX_HOURS, above=True,
    ),
    GroupKey(
        "gpu_slow_h", float, "none", "mean hours until it recovers by itself", 0, MAX_HOURS,
        above=True,
    ),
    GroupKey(
        "gpu_slow_factor", float, "none", "what it does of what a sound one does, below 1", 0, 1,
        above=True,
    ),
)  # fmt: skip
"""The keys of faults of single GPUs."""

KEYS: tuple[GroupKey, ...] = (
    GroupKey("name", str, "**required**", "the node's name; of several nodes its start"),
    GroupKey("count", int, "1", "number of nodes; 0 only beside `most`", 0, MAX_NODES),
    GroupKey("gpus", int, "**required**", "GPUs of each node", 0, MAX_NODE_GPUS),
    GroupKey("gpu_model", str, "unknown", "GPU model, best as `bayplan devices` lists it"),
    GroupKey(
        "gpu_memory_mib", int, "the model's, or 0 = unknown", "MiB per GPU", 0, MAX_AMOUNT
    ),
    GroupKey(
        "cpu_milli", int, "24,000 per GPU, 96,000 without", "millicores of each node",
        0, MAX_AMOUNT,
    ),
    GroupKey(
        "memory_mib", int, "262,144 per GPU, 1,048,576 without", "MiB of each node",
        0, MAX_AMOUNT,
    ),
    GroupKey("rack", str, "none", "one rack for the whole group"),
    GroupKey("racks", int, "none", "spread the group over so many racks", 1, MAX_NODES),
    GroupKey("nodes_per_rack", int, "none", "fill racks of so many nodes", 1, MAX_NODES),
    GroupKey("block", str, "none", "block of racks that share a spine"),
    GroupKey("zone", str, "none", "availability zone"),
    GroupKey(
        "nodes_per_nvlink_domain", int, "none", "join so many nodes by NVLink", 1, MAX_NODES
    ),
    GroupKey(
        "gpu_island", int, "as the catalogue says",
        "NVLink joins so many GPUs of a node", 0, MAX_NODE_GPUS,
    ),
    GroupKey(
        "sharing", str, "not stated",
        "exclusive, mps, timeslice, hami, mig-dynamic, or a MIG layout (all-balanced,"
        " `1g.10gb@0,3g.40gb@4`)",
    ),
    GroupKey(
        "mtbf_h", float, "they never fail", "mean hours that a node is up until it fails",
        0, MAX_HOURS, above=True,
    ),
    GroupKey(
        "mttr_h", float, "none", "mean hours until it is repaired", 0, MAX_HOURS, above=True
    ),
    GroupKey(
        "mtbf_shape", float, "1", "Weibull shape of the time to failure: 1 is exponential", 0, 100,
        above=True,
    ),
    GroupKey("spot", bool, "false", "whether their owner may take them back"),
    GroupKey(
        "reclaim_per_h", float, "none", "how often that happens, in an hour that a node is there",
        0, MAX_RATE, above=True,
    ),
    GroupKey("notice_s", float, "120", "seconds of notice before a node is taken", 0, MAX_NOTICE_S),
    GroupKey(
        "return_h", float, "none", "mean hours until it comes back", 0, MAX_HOURS, above=True
    ),
    *GPU_FAULT_KEYS,
    *ELASTIC_KEYS,
)  # fmt: skip
"""The keys of a ``[[nodes]]`` table, in the order in which they are documented."""

TEMPLATE = """\
# Groups of nodes alike. `bayplan devices` lists the GPU models.

[[nodes]]
name = "gpu-a"
count = 8
gpus = 8
gpu_model = "A100-80GB"
# gpu_memory_mib = 81920         # left out: the model's
# cpu_milli = 192000             # left out: 24 cores for each GPU
# memory_mib = 2097152           # left out: 256 GiB for each GPU
nodes_per_rack = 4               # or racks = 2, or rack = "r1"
# block = "b1"
# zone = "z1"
# nodes_per_nvlink_domain = 18
# sharing = "mig-dynamic"        # exclusive, mps, timeslice, hami, mig-dynamic or a MIG layout
# mtbf_h = 6300                  # fails once in so many hours; with how long a repair takes:
# mttr_h = 4
# gpu_mtbf_h = 80000             # one GPU fails once in so many hours; of what, gpu_faults says
# gpu_slow_mtbf_h = 20000        # one slows down once in so many hours; to what and how long:
# gpu_slow_factor = 0.7
# gpu_slow_h = 24
# spot = true                    # its owner may take it back; with how often and for how long:
# reclaim_per_h = 0.05
# return_h = 2
# notice_s = 30                  # left out: 120
# most = 32                      # an autoscaler orders up to so many, and lets go
# least = 4                      # down to so many; left out: count
# provision_s = 240              # how long a node takes to come
# idle_s = 600                   # an empty node leaves after so long
# price_per_h = 20.0             # of one node, in your currency

[[nodes]]
name = "cpu"
gpus = 0
"""
"""A cluster file to start from."""


def markdown() -> str:
    """Return the keys of a ``[[nodes]]`` table as a Markdown table, for the documentation."""
    lines = ["| key | type | if left out | bounds | meaning |", "|---|---|---|---|---|"]
    for key in KEYS:
        kind = KINDS[key.kind].removeprefix("a ").removesuffix(" in quotes")
        lines.append(f"| `{key.name}` | {kind} | {key.default} | {key.bounds} | {key.meaning} |")
    return "\n".join(lines)
