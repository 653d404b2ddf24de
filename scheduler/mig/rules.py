"""Where on a GPU a new MIG instance starts: the placement policies."""

from __future__ import annotations

from enum import Enum


class MigRule(Enum):
    """A placement policy: which GPU, and which of the free legal starts on it.

    Running instances never move, so a start decides what can come later.
    """

    FIRST_FIT = "first-fit"
    """The first GPU that has room, the lowest start."""
    DRIVER_GREEDY = "driver-greedy"
    """The first GPU that has room; the highest start, as the driver picks when none is given."""
    BEST_FIT = "best-fit"
    """The GPU with the least free, the smallest gap on it, the lowest start in it."""
    MAX_OPTIONS = "max-options"
    """Where the most of the mix's future placements (profile, start) stay possible."""
