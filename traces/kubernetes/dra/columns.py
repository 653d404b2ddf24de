"""Devices of a node as columns, so that what selectors make of many nodes that are alike is once.

Drivers publish the same attributes for each GPU of a model, but for a few such as its uuid. A
column that no selector looks at tells no nodes apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from itertools import count

from bayplan.traces.kubernetes.dra.types import Device

MOST_COLUMNS = 512
"""Different columns that are remembered; one that is forgotten gets another number."""

NOTHING = 0
"""The number of a column without any value."""

_numbers = count(NOTHING + 1)


class Columns:
    """Devices, and the numbers of their columns: those with the same are equal.

    Parameters
    ----------
    devices
        The devices, in their order.

    Attributes
    ----------
    devices
        The devices.
    own
        The number of the column of drivers, and of who is shared.
    """

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = devices
        drivers = tuple([each.id.driver for each in devices])
        self.own = _number((drivers, tuple([each.shared for each in devices])))
        self._attributes = [each.attributes for each in devices]
        self._capacities = [each.capacity for each in devices]
        self._attribute_names = set[str]().union(*self._attributes)
        self._capacity_names = set[str]().union(*self._capacities)
        self._known: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Return the number of the column of an attribute and capacity.

        Parameters
        ----------
        name
            Their qualified name.
        """
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._numbered(name)
        return known

    def _numbered(self, name: str) -> int:
        column: list[Hashable] = []
        if name in self._attribute_names:
            values = [each.get(name) for each in self._attributes]
            column += [tuple(values), tuple(map(type, values))]  # True is no 1
        if name in self._capacity_names:
            capacities = [each.get(name) for each in self._capacities]
            column.append(tuple([None if has is None else has.value for has in capacities]))
        return _number(tuple(column)) if column else NOTHING


@lru_cache(maxsize=MOST_COLUMNS)
def _number(column: tuple[Hashable, ...]) -> int:
    return next(_numbers)
