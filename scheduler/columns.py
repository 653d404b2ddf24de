"""Score columns, one for each request shape, kept up to date by scoring only what changed.

The cache is bounded in bytes; the column that was used longest ago is dropped first. A dropped
or new shape is scored on every node once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from bayplan.kernels.fit import refit
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.near import refuse_apart
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import PlacementPolicy, uses_images
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import CodeArray, FloatArray, IntArray, View

_NOTHING = np.zeros(0, np.int64)
_EVERYWHERE = np.zeros(0, np.bool_)
_OBJECTS = 1280
"""Bytes of a column without its entries: the array objects, and its place in the table."""


@dataclass(slots=True)
class Column:
    """The scores of a shape as of change number ``since``, and why rows do not fit.

    ``scores`` (capacity,), -inf where it does not fit; ``codes`` (capacity,) are ``Reason``, -1
    without a node; ``needs`` what the shape takes of each kind of slot; ``wanted`` and ``amounts``
    (n,) the other resources by their column; ``spread`` on how many nodes the shape's images are.
    """

    scores: FloatArray
    codes: CodeArray
    needs: Needs
    wanted: IntArray
    amounts: IntArray
    since: int = 0
    known_resources: int = -1
    spread: tuple[int, ...] = ()


class Columns:
    """The score columns of one cluster under one policy.

    Parameters
    ----------
    max_bytes
        What all columns together may take. One column is always kept.
    """

    def __init__(
        self, cluster: Cluster, policy: PlacementPolicy, places: Places, max_bytes: int
    ) -> None:
        self._cluster = cluster
        self._policy = policy
        self._by_images = uses_images(policy)
        self._places = places
        self._max_bytes = max_bytes
        self._columns: OrderedDict[Shape, Column] = OrderedDict()
        self._rows = np.zeros(0, np.int64)
        self._fitting = np.zeros(0, np.int64)

    @property
    def n_bytes(self) -> int:
        """What the cached columns take."""
        return sum(_size_of(column) for column in self._columns.values())

    def clear(self) -> None:
        """Drop all columns."""
        self._columns.clear()

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, shape: Shape) -> bool:
        return shape in self._columns

    def scores(self, shape: Shape) -> FloatArray:
        """Return the scores (n_rows,) of a shape, up to date: read them before the next change."""
        return self._current(shape).scores[: self._cluster.view.n_rows]

    def codes(self, shape: Shape) -> CodeArray:
        """Return why each row does not fit (n_rows,), up to date: ``Reason``, -1 without a node."""
        return self._current(shape).codes[: self._cluster.view.n_rows]

    def needs(self, shape: Shape) -> Needs:
        """Return what a shape takes of each kind of slot, as of the latest look at it."""
        column = self._columns.get(shape)
        return (column or self._current(shape)).needs

    def _current(self, shape: Shape) -> Column:
        view, log = self._cluster.view, self._cluster.log
        column = self._columns.get(shape)
        if column is None or column.scores.size != view.alive.size:
            column = self._new_column(shape, view)
            n = -1
        else:
            self._columns.move_to_end(shape)
            if column.since == log.number:
                return column
            n = log.rows_since(column.since, view, self._rows)
        if self._by_images and shape.images:
            spread = view.images.spread(shape.images, view.alive[: view.n_rows])
            if spread != column.spread:
                column.spread, n = spread, -1  # of all nodes, whoever changed
        self._bring_up(shape, column, np.arange(view.n_rows) if n < 0 else self._rows[:n])
        column.since = log.number
        return column

    def _new_column(self, shape: Shape, view: View) -> Column:
        self._columns.pop(shape, None)
        size = view.alive.size
        if self._rows.size != size:
            self._rows = np.zeros(size, np.int64)
            self._fitting = np.zeros(size, np.int64)
        column = Column(
            np.full(size, -np.inf),
            np.zeros(size, np.int8),
            self._places.needs(view.kinds, shape.want),
            _NOTHING,
            np.array([amount for _, amount in shape.resources], np.int64),
        )
        keep = max(1, self._max_bytes // _size_of(column))
        while len(self._columns) >= keep:
            self._columns.popitem(last=False)
        self._columns[shape] = column
        return column

    def _bring_up(self, shape: Shape, column: Column, rows: IntArray) -> None:
        view = self._cluster.view
        if len(column.needs.by_kind) != view.kinds.size:
            column.needs = self._places.needs(view.kinds, shape.want)
        if column.known_resources != len(view.resource_names):
            column.wanted = _wanted_resources(view, shape)
            column.known_resources = len(view.resource_names)
        needs = column.needs
        n = refit(
            rows,
            shape.cpu,
            shape.memory,
            shape.count,
            needs.table,
            view.kinds.plain,
            self._cluster.labelled(shape.labels) if shape.labels else _EVERYWHERE,
            column.wanted,
            column.amounts,
            *view.for_fit,
            column.codes,
            column.scores,
            self._fitting,
        )
        if shape.near is not None and shape.near.required:
            n = self._refuse_apart(shape, column, rows)
        if n:
            self._policy.score(view, shape, needs, self._fitting[:n], column.scores)

    def _refuse_apart(self, shape: Shape, column: Column, rows: IntArray) -> int:
        view, codes, scores = self._cluster.view, column.codes, column.scores
        return refuse_apart(view, shape, column.needs, rows, codes, scores, self._fitting)


def _size_of(column: Column) -> int:
    return _OBJECTS + column.scores.nbytes + column.codes.nbytes


def _wanted_resources(view: View, shape: Shape) -> IntArray:
    columns = {name: i for i, name in enumerate(view.resource_names)}
    return np.array([columns.get(name, -1) for name, _ in shape.resources], np.int64)
