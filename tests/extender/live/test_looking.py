"""A look at who waits, with pauses in which the state moves on."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.live import turns as turning
from bayplan.extender.live.lifting import serve
from bayplan.extender.live.rounds import Round
from bayplan.extender.live.turns import Turns
from extender_queues import lifted, member, owner_of, tree, turns_of, ungated, waits
from extender_things import bound, node

Object = dict[str, Any]

TWO = tree(red={}, blue={})


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turning, "AT_ONCE", 1)


def looked(turns: Turns, *changes: Any) -> Round | None:
    """Return what a look finds, with a change in each pause."""
    looking = turns.looking(100.0)
    left = list(changes)
    while True:
        try:
            next(looking)
        except StopIteration as found:
            assert not left, "there were too few pauses"
            round_: Round | None = found.value
            return round_
        if left:
            left.pop(0)()


def units(round_: Round | None) -> list[tuple[str, bool]]:
    return [] if round_ is None else [(unit.name, unit.ready) for unit in round_.units]


def test_who_is_gone_or_placed_or_another_by_the_end_is_no_part_of_the_round() -> None:
    pods = [waits(name, 1, "red", gates=[]) for name in ("gone", "placed", "other", "stays")]
    owner = owner_of(TWO, *pods)
    other = ungated(waits("other", 2, "red"))

    def moves() -> None:
        owner.deleted("Pod", pods[0], 100.0)
        owner.changed("Pod", bound(pods[1], "a"), 100.0)
        owner.changed("Pod", other, 100.0)

    round_ = looked(turns_of(owner), moves)
    assert units(round_) == [("default/stays", False)]
    assert round_ is not None
    outcome = serve(round_)
    assert outcome.whys == {}


def test_room_that_is_held_meanwhile_is_counted_once_and_room_that_is_let_go_is_not() -> None:
    pods = [waits(name, 4, "red", gates=[]) for name in ("p", "q")]
    owner = owner_of(TWO, *pods, waits("late", 4, "red", 9.0))
    assert owner.filter(pods[1], ["a"], 100.0, holds=True).somewhere  # one node: it is held
    assert list(owner.mirror.holds) == ["default/q"]

    def holds() -> None:
        assert owner.filter(pods[0], ["a"], 100.0, holds=True).somewhere
        owner.mirror.release("default/q", 100.0)

    turns = turns_of(owner)
    round_ = looked(turns, lambda: None, lambda: None, holds)
    assert units(round_) == [("default/p", True), ("default/q", False), ("default/late", False)]
    assert round_ is not None
    assert lifted(turns.settle(serve(round_), 100.0)) == []  # q has the other half


def test_a_gang_of_which_a_member_changes_waits_for_the_next_look() -> None:
    members = [member(f"g-{k}", "g", 4, "red") for k in range(2)]
    owner = owner_of(TWO, *members, waits("p", 1, "red", 9.0), groups={"g": 2})
    turns = turns_of(owner)
    again = {**members[1], "metadata": {**members[1]["metadata"], "uid": "another"}}
    round_ = looked(turns, lambda: owner.changed("Pod", again, 100.0))
    assert units(round_) == [("default/p", False)]
    assert units(looked(turns)) == [("default/g", False), ("default/p", False)]


def test_a_node_that_comes_meanwhile_counts() -> None:
    owner = owner_of(TWO, waits("p", 8, "red"), waits("q", 8, "red", 1.0))
    turns = turns_of(owner)
    round_ = looked(turns, lambda: owner.changed("Node", node("b"), 100.0))
    assert round_ is not None
    assert lifted(turns.settle(serve(round_), 100.0)) == ["p", "q"]
