"""A change of the pods of a running job. Data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.types import Placement


@dataclass(frozen=True, slots=True)
class Change:
    """What a running job goes on with.

    Attributes
    ----------
    number
        The class of what it asks for from now on.
    placements, new
        Where its pods are, and those that were added.
    what, told
        What the log calls it, and says of it before the nodes.
    saved
        Whether what it did is safe; else it goes back to its last checkpoint, and pays for its
        restart.
    cost_s
        Where it is saved, for how long it does no work; None: as if it started now.
    """

    number: int
    placements: tuple[Placement, ...]
    new: tuple[Placement, ...]
    what: str
    told: str
    saved: bool
    cost_s: float | None
