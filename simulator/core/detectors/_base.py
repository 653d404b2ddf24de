"""What a detector of stragglers promises."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from bayplan.simulator.core.floor import Floor

Gpu = tuple[str, int]
"""A node, and the index of a GPU on it."""


class Detector(Protocol):
    """Takes GPUs for slow by what it can see of running jobs; one object serves one simulation.

    ``every_s``
        It looks at multiples of it, while anything runs.
    """

    every_s: float

    def suspects(self, floor: Floor, rng: np.random.Generator) -> list[Gpu]:
        """Return the GPUs that are taken for slow at ``floor.now_s``, in the order of the nodes.

        It changes nothing. ``rng`` is its own, the same in every run of a seed.
        """
