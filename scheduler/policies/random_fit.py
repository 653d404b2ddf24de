"""Any node that fits, and any GPU of it."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import first_gpus, hashed_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.tenancy import SHARE_CLASS
from bayplan.scheduler.view import FloatArray, IntArray, View


@dataclass(frozen=True, slots=True)
class RandomFit:
    """Uniform over the nodes that fit; a share goes to any GPU with room.

    All nodes score alike, and the tie rule draws: the draw is a hash of (seed, uid, node), so it
    is the same whoever asks and however often. Whole GPUs are taken by index. The baseline of
    Weng et al., USENIX ATC 2023.
    """

    ties: Ties = Ties.LEAST_HASH

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score all alike."""
        out[rows] = 0.0

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose among the GPUs with room by hash."""
        if shape.gpu_class != SHARE_CLASS:
            first_gpus(view, ask, out)
        else:
            hashed_gpus(view, ask, out)
