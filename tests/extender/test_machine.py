"""The state machine of a watch: events in, the whole list of instructions out."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from bayplan.extender.watch.kinds import KINDS, POD_GROUPS, PODS, Kind
from bayplan.extender.watch.lines import Line
from bayplan.extender.watch.machine import LIMIT, LOOK_S, MOST_WAIT_S, Machine, State
from bayplan.extender.watch.steps import (
    Ask,
    Changes,
    Ended,
    Event,
    Failed,
    Found,
    Instruction,
    LinesRead,
    List,
    PageOut,
    PageRead,
    Replaced,
    Replacing,
    Started,
    Wait,
    Watch,
    Woke,
)


class Middling(random.Random):
    """Jitter that is always in the middle: waits are 0.75 of the full ones, watches 450 s."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2

    def randint(self, a: int, b: int) -> int:
        return (a + b) // 2


KIND: dict[str, Kind] = {kind.name: kind for kind in KINDS}
ADDED = Line("ADDED", {"metadata": {"resourceVersion": "11"}}, "11")
GONE_LINE = Line("DELETED", {"metadata": {"resourceVersion": "12"}}, "12")
BOOKMARK = Line("BOOKMARK", None, "20")


def error(code: int) -> Line:
    return Line("ERROR", None, "", code)


def watch(since: str, version: str = "v1") -> Watch:
    return Watch(version, since, 450)


def first(token: str = "", limit: int = LIMIT, version: str = "v1") -> List:
    return List(version, limit, token)


def machine(name: str = PODS) -> Machine:
    return Machine(KIND[name], Middling())


def played(of: Machine, events: Sequence[Event]) -> list[list[Instruction]]:
    return [of.step(event) for event in events]


def watching(name: str = PODS) -> Machine:
    """A machine that has read a list at version 10 and watches."""
    made = machine(name)
    events: list[Event] = [Started(), PageRead([], "10", "")]
    if made.kind.optional:
        events.insert(1, Found("v1beta1"))
    played(made, events)
    assert made.state is State.WATCHING
    return made


def test_a_list_in_pages_is_told_page_by_page_and_then_watched() -> None:
    one, two = {"metadata": {"name": "1"}}, {"metadata": {"name": "2"}}
    assert played(
        machine(), [Started(), PageRead([one], "10", "t"), PageRead([two], "10", "")]
    ) == [
        [Replacing(), first()],
        [PageOut([one]), first("t")],
        [PageOut([two]), Replaced(), watch("10")],
    ]


def test_changes_are_told_and_move_the_version_on() -> None:
    made = watching()
    assert played(made, [LinesRead([ADDED]), LinesRead([GONE_LINE]), Ended(300.0)]) == [
        [Changes([ADDED])],
        [Changes([GONE_LINE])],
        [watch("12")],
    ]


def test_a_bookmark_moves_the_version_on_and_tells_nothing() -> None:
    made = watching()
    assert played(made, [LinesRead([ADDED, BOOKMARK]), LinesRead([BOOKMARK]), Ended(9.0)]) == [
        [Changes([ADDED])],
        [],
        [watch("20")],
    ]


@pytest.mark.parametrize("gone", [Failed(410), LinesRead([error(410)])])
def test_what_is_too_old_is_listed_again(gone: Event) -> None:
    assert watching().step(gone) == [Replacing("gone"), first()]


def test_lines_before_the_error_of_a_watch_are_told_all_the_same() -> None:
    assert watching().step(LinesRead([ADDED, error(410)])) == [
        Changes([ADDED]),
        Replacing("gone"),
        first(),
    ]


def test_a_server_that_forgets_at_once_is_not_asked_in_a_loop() -> None:
    made = watching()
    assert made.step(Failed(410)) == [Replacing("gone"), first()]
    made.step(PageRead([], "30", ""))
    # Two relists without a line between them: 0.25 s x 2^2 x 0.75.
    replacing, wait = made.step(Failed(410))
    assert (replacing, wait) == (Replacing("gone"), Wait(0.75, "HTTP 410"))
    assert made.step(Woke()) == [first()]
    made.step(PageRead([], "40", ""))
    made.step(LinesRead([ADDED]))
    assert made.step(Failed(410)) == [Replacing("gone"), first()]


def test_a_list_that_expires_starts_again_with_larger_pages() -> None:
    made = machine()
    played(made, [Started(), PageRead([], "10", "t")])
    assert made.step(Failed(410)) == [Replacing("expired"), first(limit=4 * LIMIT)]
    made.step(PageRead([], "11", "u"))
    replacing, wait = made.step(Failed(410))
    assert replacing == Replacing("expired")
    assert isinstance(wait, Wait)
    assert made.step(Woke()) == [first(limit=16 * LIMIT)]
    made.step(PageRead([], "12", ""))
    assert made.step(Failed(410))[-1] == Wait(1.5, "HTTP 410")
    assert made.step(Woke()) == [first()], "back to small pages once a list was read"


def test_a_page_that_fails_is_asked_for_again_not_the_list() -> None:
    made = machine()
    played(made, [Started(), PageRead([], "10", "t")])
    assert made.step(Failed(500)) == [Wait(0.1875, "HTTP 500")]  # 0.25 x 0.75
    assert made.step(Woke()) == [first("t")]


def test_a_broken_watch_goes_on_where_it_was_after_waits_that_double_up_to_a_limit() -> None:
    made = watching()
    made.step(LinesRead([ADDED]))
    waits = []
    for _ in range(9):
        [wait] = made.step(Failed(0, text="reset"))
        assert isinstance(wait, Wait)
        waits.append(wait.seconds / 0.75)
        assert made.step(Woke()) == [watch("11")]
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 16, MOST_WAIT_S, MOST_WAIT_S]
    made.step(LinesRead([BOOKMARK]))
    assert made.step(Failed(0, text="reset")) == [Wait(0.1875, "reset")], "a line resets it"


def test_the_wish_of_an_answer_is_kept_within_reason() -> None:
    made = watching()
    assert made.step(Failed(429, retry_after_s=7.0)) == [Wait(7.0, "HTTP 429")]
    assert made.step(Failed(429, retry_after_s=1e9)) == [Wait(120.0, "HTTP 429")]


def test_a_watch_that_ends_at_once_without_a_line_has_failed() -> None:
    made = watching()
    assert made.step(Ended(0.1)) == [Wait(0.1875, "the watch ended at once")]
    assert made.step(Woke()) == [watch("10")]
    assert made.step(Ended(5.0)) == [watch("10")]
    made.step(LinesRead([BOOKMARK]))
    assert made.step(Ended(0.1)) == [watch("20")]


def test_another_error_of_a_watch_is_waited_for_without_a_new_list() -> None:
    [wait] = watching().step(LinesRead([error(500)]))
    assert wait == Wait(0.1875, "the watch was ended by an error")


def test_a_kind_that_may_be_missing_is_asked_for_first() -> None:
    made = machine(POD_GROUPS)
    assert played(made, [Started(), Found("v1alpha2"), PageRead([], "10", "")]) == [
        [Ask()],
        [Replacing(), first(version="v1alpha2")],
        [PageOut([]), Replaced(), watch("10", "v1alpha2")],
    ]


@pytest.mark.parametrize("missing", [Found(""), Failed(404), Failed(403)])
def test_a_missing_kind_is_in_step_and_looked_for_now_and_then(missing: Event) -> None:
    made = machine(POD_GROUPS)
    made.step(Started())
    assert made.step(missing) == [Replacing(), Replaced(absent=True), Wait(LOOK_S * 0.75)]
    assert made.step(Woke()) == [Ask()]
    assert made.step(missing) == [Wait(LOOK_S * 0.75)], "nothing is told twice"
    made.step(Woke())
    assert made.step(Found("v1beta1")) == [Replacing(), first(version="v1beta1")]


def test_a_kind_that_vanishes_is_asked_for_again_and_then_all_of_it_is_gone() -> None:
    made = watching(POD_GROUPS)
    [wait] = made.step(Failed(404))
    assert isinstance(wait, Wait)
    assert made.step(Woke()) == [Ask()]
    assert made.step(Found(""))[:2] == [Replacing("absent"), Replaced(absent=True)]


def test_a_kind_that_moves_to_another_version_is_listed_there() -> None:
    made = watching(POD_GROUPS)
    played(made, [Failed(404), Woke()])
    assert made.step(Found("v1")) == [Replacing(), first()]


def test_a_kind_that_cannot_be_asked_for_is_asked_for_again() -> None:
    made = machine(POD_GROUPS)
    made.step(Started())
    assert made.step(Failed(500)) == [Wait(0.1875, "HTTP 500")]
    assert made.step(Woke()) == [Ask()]


def test_pods_that_may_not_be_listed_are_waited_for() -> None:
    made = machine()
    made.step(Started())
    assert made.step(Failed(403, text="forbidden")) == [Wait(0.1875, "forbidden")]
    assert made.step(Woke()) == [first()]
