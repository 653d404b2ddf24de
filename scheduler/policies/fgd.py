"""Fragmentation gradient descent: the placement that strands the least of the GPUs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.kernels.fragment import score_fgd
from bayplan.kernels.governed import score_fgd_governed
from bayplan.scheduler.arrays import ShortArray
from bayplan.scheduler.fragmentation import plain_rows
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.tenancy import SHARE_CLASS
from bayplan.scheduler.view import FloatArray, IntArray, View
from bayplan.scheduler.workload import Workload

_MAX_MEMOS = 4
_MAX_SHAPES = 256
_NOWHERE = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True)
class Memo:
    """What is known of the rows under a workload, and room to work in.

    ``fragment`` (n_rows,) is the fragmentation as of ``version`` (n_rows,), -1 for none.
    ``best_slots`` has for up to 256 shares the GPU that each row's latest score was made of,
    (n_rows,) int16, -1 for none; it is emptied when it is full.
    """

    workload: Workload
    version: IntArray
    fragment: FloatArray
    scores: FloatArray
    only: IntArray
    best_slots: dict[Shape, ShortArray]

    @classmethod
    def of(cls, workload: Workload, size: int) -> Memo:
        """Return one that knows nothing."""
        version = np.full(size, -1, np.int64)
        return cls(workload, version, np.zeros(size), np.zeros(size), np.zeros(1, np.int64), {})

    def best_slot(self, shape: Shape) -> ShortArray:
        """Return the GPUs by row for a share."""
        known = self.best_slots.get(shape)
        if known is None:
            if len(self.best_slots) >= _MAX_SHAPES:
                self.best_slots.clear()
            known = self.best_slots[shape] = np.full(self.version.size, -1, np.int16)
        return known


@dataclass(frozen=True, slots=True)
class Fgd:
    """Least growth of the node's expected fragmentation under a target workload.

    int(100 × sigmoid(fragmentation before - after, in GPUs)); a share is tried on every GPU with
    room, and goes where the score is highest, the lowest index among equals. Weng et al.,
    "Beware of Fragmentation", USENIX ATC 2023.
    """

    workload: Workload
    ties: Ties = Ties.LOWEST_ROW

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by the fragmentation saved."""
        memo = self._memo(view)
        best_slot = memo.best_slot(shape) if shape.gpu_class == SHARE_CLASS else _NOWHERE
        self._score(view, shape, needs, memo, rows, out, best_slot)

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the GPU that the node's score was made of; others by best fit."""
        if shape.gpu_class != SHARE_CLASS:
            best_fit_gpus(view, ask, out)
            return
        memo = self._memo(view)
        best_slot = memo.best_slot(shape)
        if best_slot[ask.row] < 0:  # scored before this memo was made
            memo.only[0] = ask.row
            self._score(view, shape, ask.needs, memo, memo.only, memo.scores, best_slot)
        out[0] = best_slot[ask.row]

    def _score(
        self,
        view: View,
        shape: Shape,
        needs: Needs,
        memo: Memo,
        rows: IntArray,
        out: FloatArray,
        best_slot: ShortArray,
    ) -> None:
        if not view.kinds.all_plain:
            plain = plain_rows(view, rows)
            self._score_governed(view, shape, needs, memo, rows[~plain], out, best_slot)
            rows = rows[plain]
        asked = self.workload.for_kernels(view)
        score_fgd(
            rows,
            shape.cpu,
            shape.count,
            shape.gpu_class == SHARE_CLASS,
            needs.table,
            view.cpu_free_milli,
            view.idle_milli,
            view.row_kind,
            view.slot_start,
            view.slot_count,
            view.slot_kind,
            view.slot_free_milli,
            view.slot_free_mib,
            view.slot_able,
            asked.levels,
            *asked.classes,
            view.version,
            memo.version,
            memo.fragment,
            out,
            best_slot,
        )

    def _score_governed(
        self,
        view: View,
        shape: Shape,
        needs: Needs,
        memo: Memo,
        rows: IntArray,
        out: FloatArray,
        best_slot: ShortArray,
    ) -> None:
        asked = self.workload.for_kernels(view)
        score_fgd_governed(
            rows,
            shape.cpu,
            shape.count,
            shape.gpu_class == SHARE_CLASS,
            needs.table,
            needs.places,
            view.kinds.tables,
            view.cpu_free_milli,
            view.idle_milli,
            view.slot_start,
            view.slot_count,
            view.slot_kind,
            view.slot_free_milli,
            view.slot_free_mib,
            view.slot_able,
            view.slot_used,
            view.slot_table,
            asked.level_milli,
            asked.level_shift,
            asked.level_most,
            *asked.classes,
            view.version,
            memo.version,
            memo.fragment,
            out,
            best_slot,
        )

    def _memo(self, view: View) -> Memo:
        memo = view.memos.get(id(self.workload))
        # The workload is kept in its memo, so that its id stays its own.
        if not isinstance(memo, Memo) or memo.version.size != view.version.size:
            if len(view.memos) >= _MAX_MEMOS:
                view.memos.clear()
            memo = view.memos[id(self.workload)] = Memo.of(self.workload, view.version.size)
        return memo
