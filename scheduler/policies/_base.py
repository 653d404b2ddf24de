"""What a placement policy is: it scores a column of nodes, and chooses GPUs inside the node."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

import numpy as np

from bayplan.scheduler.shape import Shape, taken_per_gpu
from bayplan.scheduler.view import FloatArray, IntArray, View


class Ties(Enum):
    """Which of the nodes with the highest score is taken."""

    LOWEST_ROW = "lowest row"
    LEAST_HASH = "least hash of (seed, uid, node)"


class PlacementPolicy(Protocol):
    """A placement policy. Scores depend on the node and the shape alone: they are cached."""

    @property
    def ties(self) -> Ties:
        """The tie rule."""

    def score(self, view: View, shape: Shape, rows: IntArray, out: FloatArray) -> None:
        """Write a score for each of ``rows`` into ``out`` (n_nodes,); higher is better.

        Every row in ``rows`` fits the shape. Scores are finite.
        """

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Write the indices of the ``ask.n_wanted`` GPUs to take on ``ask.row`` into ``out`` (64,).

        The row fits the shape.
        """


class Ask(NamedTuple):
    """What a shape takes of one row: ``n_wanted`` GPUs with ``milli`` and ``mib`` each.

    ``start`` is the row's first GPU in the flat arrays and ``n_gpus`` how many it has. ``key``
    is a hash of (seed, uid, node), for random choices.
    """

    row: int
    start: int
    n_gpus: int
    n_wanted: int
    milli: int
    mib: int
    key: np.uint64


def ask_of(view: View, shape: Shape, row: int, key: np.uint64) -> Ask:
    """Return what a shape takes of a row that it fits."""
    milli, mib = taken_per_gpu(shape.milli, shape.mib, view.gpu_memory_mib.item(row))
    start, n_gpus = view.gpu_start.item(row), view.gpu_count.item(row)
    return Ask(row, start, n_gpus, shape.count, milli, mib, key)
