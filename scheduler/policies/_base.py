"""What a placement policy is: it scores a column of nodes, and chooses GPUs inside the node."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

import numpy as np

from bayplan.scheduler.needs import Needs
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import FloatArray, IntArray, View


class Ties(Enum):
    """Which of the nodes with the highest score is taken."""

    LOWEST_ROW = "lowest row"
    LEAST_HASH = "least hash of (seed, uid, node)"


class PlacementPolicy(Protocol):
    """A placement policy. Scores depend on the node and the shape alone: they are cached.

    One with an attribute ``uses_images`` that is true may also look at a shape's images and at how
    many nodes have each of them; to the others pods that differ in images are the same.
    """

    @property
    def ties(self) -> Ties:
        """The tie rule."""

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Write a score for each of ``rows`` into ``out`` (n_nodes,); higher is better.

        Every row in ``rows`` fits the shape. Scores are finite. ``needs`` says what the shape
        takes of each kind of slot.
        """

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Write the indices of the ``ask.n_wanted`` slots to take on ``ask.row`` into ``out``.

        ``out`` is (448,); the row fits the shape. A slot that may hold several is named as often.
        """


class Ask(NamedTuple):
    """What a shape takes of one row: ``n_wanted`` slots, of each what ``needs`` says of its kind.

    ``start`` is the row's first slot in the flat arrays and ``n_slots`` how many it has. ``key``
    is a hash of (seed, uid, node), for random choices.
    """

    row: int
    start: int
    n_slots: int
    n_wanted: int
    needs: Needs
    key: np.uint64


def uses_images(policy: PlacementPolicy) -> bool:
    """Whether a policy looks at container images."""
    return bool(getattr(policy, "uses_images", False))


def ask_of(view: View, shape: Shape, needs: Needs, row: int, key: np.uint64) -> Ask:
    """Return what a shape takes of a row that it fits."""
    start, n_slots = view.slot_start.item(row), view.slot_count.item(row)
    return Ask(row, start, n_slots, shape.count, needs, key)
