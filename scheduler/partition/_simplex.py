"""A small linear program, solved exactly in integers: no rounding, the same answer everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def maximise(
    gains: Sequence[int], rows: Sequence[Sequence[int]], limits: Sequence[int]
) -> tuple[list[Fraction], Fraction]:
    """Return a vertex x >= 0 that maximises gains·x with rows·x <= limits, and the maximum.

    Limits are not negative, so that 0 is a vertex to start from, and the maximum is finite. At
    most ``len(rows)`` of x are positive.

    Notes
    -----
    The simplex method with Bland's rule, which cannot cycle, on an integer tableau (Edmonds,
    *Systems of distinct representatives and linear algebra*, 1967): the divisions leave no rest.
    """
    n, m = len(gains), len(rows)
    table = [
        [*row, *(int(i == j) for j in range(m)), limit]
        for i, (row, limit) in enumerate(zip(rows, limits, strict=True))
    ]
    table.append([*(-gain for gain in gains), *([0] * (m + 1))])
    basis = list(range(n, n + m))
    scale = 1
    while True:
        column = next((j for j in range(n + m) if table[m][j] < 0), None)
        if column is None:
            break
        row = _leaving(table, basis, column)
        scale = _pivot(table, row, column, scale)
        basis[row] = column
    x = [Fraction(0)] * n
    for i, variable in enumerate(basis):
        if variable < n:
            x[variable] = Fraction(table[i][-1], scale)
    return x, Fraction(table[m][-1], scale)


def _leaving(table: list[list[int]], basis: list[int], column: int) -> int:
    rows = [i for i in range(len(basis)) if table[i][column] > 0]
    return min(rows, key=lambda i: (Fraction(table[i][-1], table[i][column]), basis[i]))


def _pivot(table: list[list[int]], row: int, column: int, scale: int) -> int:
    pivot_row = table[row]
    pivot = pivot_row[column]
    for i, line in enumerate(table):
        factor = line[column]
        if i != row and (factor or pivot != scale):
            table[i] = [
                (a * pivot - factor * b) // scale for a, b in zip(line, pivot_row, strict=True)
            ]
    return pivot
