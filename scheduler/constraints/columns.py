"""One property of every node as a number: what filters and domains are computed from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.constraints.matching import holds
from bayplan.scheduler.constraints.types import Expression, Operator

Value = TypeVar("Value", bound=Hashable)


@dataclass(slots=True)
class Column(Generic[Value]):
    """The values of a property: ``codes`` (capacity,) are numbers into ``values``, -1 for none.

    Values get their numbers in the order in which they come, and keep them.
    """

    codes: IntArray
    numbers: dict[Value, int] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)

    def set(self, row: int, value: Value | None) -> None:
        """Give a row its value."""
        if value is None:
            self.codes[row] = -1
            return
        number = self.numbers.get(value)
        if number is None:
            number = self.numbers[value] = len(self.values)
            self.values.append(value)
        self.codes[row] = number

    def present(self) -> BoolArray:
        """Return the mask (capacity,) of the rows with a value."""
        return self.codes >= 0

    def where(self, test: Callable[[Value], bool]) -> BoolArray:
        """Return the mask (capacity,) of the rows whose value passes a test; none does not."""
        passed = np.zeros(len(self.values) + 1, np.bool_)
        passed[: len(self.values)] = [test(value) for value in self.values]
        found: BoolArray = passed[self.codes]
        return found

    def equals(self, value: Value) -> BoolArray:
        """Return the mask (capacity,) of the rows with this value."""
        found: BoolArray = self.codes == self.numbers.get(value, -2)
        return found

    def sums(self, amounts: IntArray, rows: BoolArray) -> IntArray:
        """Sum ``amounts`` (capacity,) over the ``rows`` with each value: (n_values,)."""
        codes, mine = self.codes, rows & (self.codes >= 0)
        # Weights are summed as floats, exactly: counts of pods lie far below 2**53.
        sums = np.bincount(codes[mine], amounts[mine], len(self.values))
        return sums.astype(np.int64)

    def beside(self, rows: IntArray) -> BoolArray:
        """Return the mask (capacity,) of the rows that have the value of any of ``rows`` (n,)."""
        values = np.zeros(len(self.values) + 1, np.bool_)
        values[self.codes[rows]] = True
        values[-1] = False  # where those without a value fell
        found: BoolArray = values[self.codes]
        return found

    def spread_out(self, by_value: IntArray) -> IntArray:
        """Return each row's entry of ``by_value`` (n_values,), 0 without a value: (capacity,)."""
        found: IntArray = np.append(by_value, 0)[self.codes]
        return found


def where_holds(column: Column[str], expression: Expression) -> BoolArray:
    """Return the mask (capacity,) of the rows for whose label an expression holds."""
    operator = expression.operator
    if operator is Operator.EXISTS:
        return column.present()
    if operator is Operator.DOES_NOT_EXIST:
        return ~column.present()
    if operator in (Operator.IN, Operator.NOT_IN):
        among = np.zeros(column.codes.size, np.bool_)
        for value in expression.values:
            among |= column.equals(value)
        return among if operator is Operator.IN else ~among
    return column.where(lambda value: holds(expression, value))
