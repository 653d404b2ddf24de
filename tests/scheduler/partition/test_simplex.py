"""The exact linear program, against every corner of small ones."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.partition._simplex import maximise

Program = tuple[list[int], list[list[int]], list[int]]


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Up to 3 variables; the last row keeps them bounded."""
    n = draw(st.integers(1, 3))
    gains = draw(st.lists(st.integers(-3, 9), min_size=n, max_size=n))
    rows = draw(st.lists(st.lists(st.integers(-4, 9), min_size=n, max_size=n), max_size=3))
    rows.append([1] * n)
    limits = draw(st.lists(st.integers(0, 30), min_size=len(rows), max_size=len(rows)))
    return gains, rows, limits


def best_corner(gains: list[int], rows: list[list[int]], limits: list[int]) -> float:
    n = len(gains)
    left = np.vstack([np.array(rows, dtype=float), -np.eye(n)])
    right = np.array([*limits, *([0] * n)], dtype=float)
    values = []
    for tight in combinations(range(len(right)), n):
        if abs(np.linalg.det(left[list(tight)])) > 1e-9:
            x = np.linalg.solve(left[list(tight)], right[list(tight)])
            if (left @ x <= right + 1e-7).all():
                values.append(float(np.array(gains) @ x))
    return max(values)


@given(programs())
def test_the_optimum_is_that_of_the_best_corner(program: Program) -> None:
    gains, rows, limits = program
    x, most = maximise(gains, rows, limits)
    assert all(value >= 0 for value in x)
    assert sum(value > 0 for value in x) <= len(rows)
    for row, limit in zip(rows, limits, strict=True):
        assert sum(a * v for a, v in zip(row, x, strict=True)) <= limit
    assert sum(g * v for g, v in zip(gains, x, strict=True)) == most
    assert float(most) == pytest.approx(best_corner(gains, rows, limits), abs=1e-6)


def test_a_degenerate_program_does_not_cycle() -> None:
    # Beale's example, times 100: the rule of the largest gain runs in circles on it.
    gains = [75, -15000, 2, -600]
    rows = [[25, -6000, -4, 900], [50, -9000, -2, 300], [0, 0, 1, 0]]
    assert maximise(gains, rows, [0, 0, 1])[1] == 5
