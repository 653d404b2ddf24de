from __future__ import annotations

import pytest

from bayplan.scheduler.kinds import Kind
from bayplan.scheduler.kindtable import KindTable
from bayplan.scheduler.sharing import UNGOVERNED, Hami


def kind(number: int) -> Kind:
    sharing = Hami() if number % 3 == 2 else UNGOVERNED
    return Kind("A100", 81_920, 1000, False, sharing, uuid=f"GPU-{number}")


def test_a_kind_that_comes_is_looked_at_and_no_other_is(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def is_plain(self: Kind) -> bool:
        looked_at.append(self.uuid)
        return self.sharing == UNGOVERNED

    monkeypatch.setattr(Kind, "is_plain", property(is_plain))
    table = KindTable()
    kinds = [kind(number) for number in range(40)]
    assert [table.number(each) for each in kinds] == [*range(40)]
    assert len(looked_at) <= 2 * len(kinds)
    assert table.plain.tolist() == [number % 3 != 2 for number in range(40)]


def test_all_are_plain_until_one_is_not() -> None:
    table = KindTable()
    found = []
    for number in (0, 1, 2, 3):
        table.number(kind(number))
        found.append(table.all_plain)
    assert found == [True, True, False, False]
    assert table.plain.tolist() == [True, True, False, True]
