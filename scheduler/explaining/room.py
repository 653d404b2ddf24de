"""What a row would have free if some of its pods left: a quick look before a trial."""

from __future__ import annotations

from collections.abc import Iterable

from bayplan.scheduler.explaining.lacks import Lacks
from bayplan.scheduler.tenancy import Tenancy
from bayplan.scheduler.view import View


class Room:
    """The free amounts of one row, to which those of leaving pods are added.

    It is hopeful: ``may_hold`` says no only where a trial would, too. With ``loose``, slots are
    not looked at (what a claim frees is not known here).
    """

    __slots__ = ("_cpu", "_loose", "_memory", "_milli", "_start")

    def __init__(self, view: View, row: int, loose: bool = False) -> None:
        start = view.slot_start.item(row)
        self._start = start
        self._cpu = view.cpu_free_milli.item(row)
        self._memory = view.memory_free_mib.item(row)
        self._milli = view.slot_free_milli[start : start + view.slot_count.item(row)].tolist()
        self._loose = loose

    def release(self, tenancy: Tenancy) -> None:
        """Add what a pod takes."""
        self._cpu += tenancy.cpu
        self._memory += tenancy.memory
        for slot, milli, _, _ in tenancy.taken:
            self._milli[slot - self._start] += milli

    def may_hold(self, lacks: Iterable[Lacks], view: View) -> bool:
        """Whether one of some ways to satisfy a request may find room."""
        return any(self._may(each, view) for each in lacks)

    def _may(self, lacks: Lacks, view: View) -> bool:
        shape = lacks.shape
        if self._cpu < shape.cpu or self._memory < shape.memory:
            return False
        if self._loose or not shape.count:
            return True
        having = 0
        for i, free in enumerate(self._milli):
            need = lacks.needs[view.slot_kind.item(self._start + i)]
            if free >= need.milli:
                having += 1 if need.most == 1 else min(need.most, free // need.milli)
        return having >= shape.count
