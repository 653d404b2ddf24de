"""A small face of HiGHS: variables, rows, one solve; what it proves, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import highspy
import numpy as np

INF = highspy.kHighsInf
TIME_LIMIT_S = 20.0
"""Beyond it an instance counts as not proven; it is reported, and never used as an optimum."""


class Proof(Enum):
    """What the solver knows at its end."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    UNKNOWN = "not proven"


@dataclass(frozen=True, slots=True)
class Solution:
    """What was proven; ``value`` and ``values`` (by variable) only where it is ``OPTIMAL``."""

    proof: Proof
    value: float = 0.0
    values: tuple[float, ...] = ()


@dataclass(slots=True)
class Model:
    """A linear model over integer variables, built row by row, minimised."""

    costs: list[float] = field(default_factory=list)
    uppers: list[float] = field(default_factory=list)
    rows: list[tuple[float, float, dict[int, float]]] = field(default_factory=list)

    def variable(self, upper: float = 1.0, cost: float = 0.0) -> int:
        """Add an integer variable from 0 to ``upper``; return its number."""
        self.costs.append(cost)
        self.uppers.append(upper)
        return len(self.costs) - 1

    def row(self, terms: Mapping[int, float], lower: float = -INF, upper: float = INF) -> None:
        """Add a row: the sum of coefficient × variable lies from ``lower`` to ``upper``."""
        self.rows.append((lower, upper, {v: c for v, c in terms.items() if c}))

    def solve(self, costs: Mapping[int, float] | None = None) -> Solution:
        """Minimise the costs of the variables, or those given here by variable instead."""
        if not self.costs:
            empty = all(lower <= 0 <= upper for lower, upper, _ in self.rows)
            return Solution(Proof.OPTIMAL if empty else Proof.INFEASIBLE)
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in _OPTIONS.items():
            solver.setOptionValue(name, value)
        solver.passModel(self._as_lp(costs))
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            values = tuple(solver.getSolution().col_value)
            return Solution(Proof.OPTIMAL, solver.getInfo().objective_function_value, values)
        if status == highspy.HighsModelStatus.kInfeasible:
            return Solution(Proof.INFEASIBLE)
        return Solution(Proof.UNKNOWN)

    def _as_lp(self, costs: Mapping[int, float] | None) -> highspy.HighsLp:
        lp = highspy.HighsLp()
        n_columns = len(self.costs)
        lp.num_col_, lp.num_row_ = n_columns, len(self.rows)
        lp.col_cost_ = np.array(
            self.costs if costs is None else [costs.get(v, 0.0) for v in range(n_columns)]
        )
        lp.col_lower_, lp.col_upper_ = np.zeros(n_columns), np.array(self.uppers)
        lp.row_lower_ = np.array([lower for lower, _, _ in self.rows])
        lp.row_upper_ = np.array([upper for _, upper, _ in self.rows])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        sizes = [len(terms) for _, _, terms in self.rows]
        lp.a_matrix_.start_ = np.cumsum([0, *sizes])
        lp.a_matrix_.index_ = np.array([v for _, _, terms in self.rows for v in terms], np.int32)
        lp.a_matrix_.value_ = np.array([float(c) for _, _, t in self.rows for c in t.values()])
        lp.integrality_ = [highspy.HighsVarType.kInteger] * n_columns
        return lp


_OPTIONS: dict[str, bool | int | float] = {
    "output_flag": False,
    "threads": 1,  # the same search every time
    "time_limit": TIME_LIMIT_S,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 0.5,  # all values are whole numbers
    "mip_feasibility_tolerance": 1e-7,
}
