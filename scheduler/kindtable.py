"""The kinds of slots of a cluster, numbered, and what requests need of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray, IntTable
from bayplan.scheduler.kinds import NO_LIMIT, Kind
from bayplan.scheduler.mig.tables import N_MASKS, SEAT_SHIFT, able_table, seat_table
from bayplan.scheduler.needs import Need, Want, need_of
from bayplan.scheduler.shape import wants_of
from bayplan.scheduler.types import DeviceRequest

NO_TABLE = -1
UNLIMITED = 1 << SEAT_SHIFT
"""``able`` of a slot that nothing limits the clients of: there is always a seat."""

_MAX_NEEDS = 8192


@dataclass(slots=True)
class KindTable:
    """Kinds by number, in the order in which they came; they are never forgotten.

    ``tables`` (n_tables, N_MASKS) say by ``used`` what a slot is still able to take;
    ``table_of`` is each kind's row there. ``plain`` (n_kinds,): ungoverned GPUs.
    ``size`` is how many there are; ``unhealthy`` are the numbers of those that take no new pods.
    """

    kinds: list[Kind] = field(default_factory=list)
    index: dict[Kind, int] = field(default_factory=dict)
    table_of: list[int] = field(default_factory=list)
    tables: IntTable = field(default_factory=lambda: np.zeros((0, N_MASKS), np.int64))
    plain: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    all_plain: bool = True
    size: int = 0
    unhealthy: set[int] = field(default_factory=set)
    _tables: dict[object, int] = field(default_factory=dict)
    _needs: dict[tuple[int, int], tuple[DeviceRequest, tuple[Need, ...]]] = field(
        default_factory=dict
    )

    def copy(self) -> KindTable:
        """Return a table of its own: it may come to number new kinds otherwise."""
        return KindTable(
            list(self.kinds),
            dict(self.index),
            list(self.table_of),
            self.tables,
            self.plain,
            self.all_plain,
            self.size,
            set(self.unhealthy),
            dict(self._tables),
        )

    def number(self, kind: Kind) -> int:
        """Return the number of a kind, adding it when it is new."""
        number = self.index.get(kind)
        if number is None:
            number = self.index[kind] = len(self.kinds)
            self.kinds.append(kind)
            self.table_of.append(self._table_of(kind))
            self.plain = np.append(self.plain, np.bool_(kind.is_plain))
            self.all_plain &= kind.is_plain
            self.size = len(self.kinds)
            if not kind.healthy:
                self.unhealthy.add(number)
        return number

    def need(self, want: Want, number: int) -> Need:
        """Return what a want takes of a slot of a kind."""
        return need_of(want, self.kinds[number])

    def needs_of(self, device: DeviceRequest, number: int) -> tuple[Need, ...]:
        """Return what a device request takes of a slot of a kind, by accepted isolation.

        Remembered by identity: pods of one kind have one ``devices`` object, and hashing it for
        every pod shows in the loop.
        """
        key = id(device), number
        known = self._needs.get(key)
        if known is None or known[0] is not device:
            if len(self._needs) >= _MAX_NEEDS:
                self._needs.clear()
            needs = tuple(need_of(want, self.kinds[number]) for want in wants_of(device))
            known = self._needs[key] = device, needs
        return known[1]

    def able(self, number: int, used: int) -> int:
        """Return what a slot of a kind is able to take when ``used`` is on it."""
        if number in self.unhealthy:
            return 0
        table = self.table_of[number]
        return UNLIMITED if table < 0 else int(self.tables[table, used])

    def _table_of(self, kind: Kind) -> int:
        key: object
        entries: IntArray
        if kind.is_dynamic_mig and kind.product is not None:
            key, entries = kind.product.name, able_table(kind.product)
        elif kind.seats != NO_LIMIT:
            key, entries = kind.seats, seat_table(kind.seats)
        else:
            return NO_TABLE
        if key not in self._tables:
            self._tables[key] = len(self.tables)
            self.tables = np.vstack([self.tables, entries[None, :]])
        return self._tables[key]
