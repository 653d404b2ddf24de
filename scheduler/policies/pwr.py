"""The node on which a placement adds the fewest watts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bayplan.kernels.power import score_power
from bayplan.scheduler.arrays import FloatArray, IntArray, IntTable
from bayplan.scheduler.hardware import find_product, gpu_watts
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import View


class CpuPackage(NamedTuple):
    """A CPU package: watts idle and full, and its cores, of two hardware threads each."""

    idle_w: int
    full_w: int
    cores: int


# Packages that the PWR plugin pairs with GPU models, from their data sheets.
XEON_8269CY = CpuPackage(20, 205, 26)
XEON_8163 = CpuPackage(20, 165, 24)
XEON_E5_2682 = CpuPackage(15, 120, 16)
XEON_6326 = CpuPackage(20, 185, 16)
XEON_8369B = CpuPackage(20, 270, 32)

PACKAGES = {
    "T4": XEON_8163,
    "P100": XEON_E5_2682,
    "V100-16GB": XEON_6326,
    "V100-32GB": XEON_6326,
}
"""By GPU product; GPUs that are not named here sit beside the newest package."""

_THREAD_MILLI = 2000


@dataclass(frozen=True, slots=True)
class Pwr:
    """Least growth of the estimated power: packages and GPUs that the placement wakes.

    100 × (1 - watts added / ``scale_w``). A GPU draws its full watts once anything is on it, a
    CPU package once one of its cores is needed; GPUs by best fit, which takes woken ones first.
    Watts of GPUs are those of the device catalogue. After the power model of the PWR policy for
    kube-scheduler, evaluated on the openb trace beside FGD (2024); mix them, as in
    ``0.9*fgd+0.1*pwr``.
    """

    scale_w: float = 3_200.0
    ties: Ties = Ties.LOWEST_ROW

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by the watts added."""
        score_power(
            rows,
            shape.cpu,
            shape.count,
            needs.table,
            _watts(view),
            self.scale_w,
            view.cpu_milli,
            view.cpu_free_milli,
            view.slot_start,
            view.slot_count,
            view.slot_kind,
            view.slot_gpu,
            view.slot_free_milli,
            view.slot_free_mib,
            view.slot_able,
            view.slot_used,
            out,
        )

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the fullest GPUs that fit."""
        best_fit_gpus(view, ask, out)


def _watts(view: View) -> IntTable:
    kinds = view.kinds
    known = view.memos.get(id(kinds))
    if not isinstance(known, np.ndarray) or known.shape[1] != kinds.size + 1:
        columns = [_watts_of(kind.model) for kind in kinds.kinds] + [_watts_of("")]
        known = np.ascontiguousarray(np.array(columns, np.int64).T)
        view.memos[id(kinds)] = known
    return known


def _watts_of(model: str) -> tuple[int, int, int]:
    product = find_product(model) if model else None
    idle_w, full_w = gpu_watts(model)
    package = PACKAGES.get(product.name, XEON_8369B) if product else XEON_8369B
    if not model:
        package = XEON_8269CY
    return full_w - idle_w, package.full_w - package.idle_w, package.cores * _THREAD_MILLI
