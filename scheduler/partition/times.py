"""How long changes of a GPU's layout take: settings, not measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bayplan.scheduler.partition.types import Change, Create, Plan


class Path(Enum):
    """Who carries the changes out."""

    NVML = "nvml"
    """An agent on the node calls the driver: each change by itself, other instances run on."""

    DRA = "dra"
    """NVIDIA's DRA driver makes instances when it prepares a claim; other instances run on."""

    OPERATOR = "operator"
    """The GPU operator's mig-manager: the device daemons of the whole node pause meanwhile."""

    @property
    def pauses_node(self) -> bool:
        """Whether no pod can start on the node meanwhile."""
        return self is Path.OPERATOR


@dataclass(frozen=True, slots=True)
class ReconfigurationTimes:
    """Times in seconds.

    Orders of magnitude put together from comments and limits in NVIDIA's k8s-dra-driver-gpu and
    mig-parted, and one field report (operator: 3 to 5 minutes); none was measured by us. Vary
    them before trusting a result that hangs on them.
    """

    create_s: float = 1.0
    """Make one instance."""

    destroy_s: float = 1.0
    """Remove one instance: "O(1 s)" in the DRA driver's source."""

    toggle_s: float = 5.0
    """Switch MIG on or off on one idle GPU, Hopper and later: no reset."""

    toggle_reset_s: float = 30.0
    """Switch MIG on or off on one idle GPU of the Ampere generation: the GPU is reset."""

    operator_s: float = 180.0
    """One reconfiguration of a node by the operator, whatever its number of changes."""

    dra_least_s: float = 3.0
    """From a claim's allocation to a prepared instance, at best."""

    dra_most_s: float = 10.0
    """The same at worst: the driver's own test wants it, MIG switch included."""


DEFAULT_TIMES = ReconfigurationTimes()


def reconfiguration_s(
    changes: Plan | Sequence[Change],
    path: Path,
    architecture: str,
    toggles: int = 0,
    times: ReconfigurationTimes = DEFAULT_TIMES,
) -> float:
    """Return how long changes take one after the other, in seconds; 0 without any.

    Drivers change the GPUs of a node in turn, so give the changes of one node; with ``NVML`` and
    ``DRA`` those of one GPU are right too. ``OPERATOR`` is one pause per node. ``DRA`` takes what
    ``NVML`` does, within ``dra_least_s`` and ``dra_most_s`` times the instances made (each is a
    claim of its own, prepared in turn; at least one); a GPU reset (Ampere) comes on top.

    Parameters
    ----------
    changes
        A plan, or changes, of one node.
    path
        Who carries them out.
    architecture
        The product's architecture: on Ampere a toggle resets the GPU.
    toggles
        How many GPUs have MIG switched on or off.
    times
        The settings.

    Raises
    ------
    ValueError
        ``toggles`` is negative.
    """
    if toggles < 0:
        raise ValueError(f"toggles is {toggles}, but cannot be negative")
    todo = changes.changes if isinstance(changes, Plan) else changes
    if not todo and not toggles:
        return 0.0
    if path is Path.OPERATOR:
        return times.operator_s
    creates = sum(isinstance(change, Create) for change in todo)
    work_s = creates * times.create_s + (len(todo) - creates) * times.destroy_s
    resets = architecture.casefold() == "ampere"
    toggling_s = toggles * (times.toggle_reset_s if resets else times.toggle_s)
    if path is Path.NVML:
        return work_s + toggling_s
    within_s, on_top_s = (work_s, toggling_s) if resets else (work_s + toggling_s, 0.0)
    claims = max(creates, 1)
    return min(max(within_s, claims * times.dra_least_s), claims * times.dra_most_s) + on_top_s
