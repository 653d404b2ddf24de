from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_queue as naive
from bayplan.kernels import queue
from naive_queue import JobClass, Need, Queue, Row
from strategies import MORE, ints

ROOM_FOR_FRESH = 8

small = st.integers(0, 3)
rows = st.builds(Row, small, small, st.lists(small, max_size=3))
needs = st.builds(Need, small, small, small, st.integers(0, 5))
heads = st.tuples(st.sampled_from((0.0, 1.0, np.inf)), st.integers(0, 1000))


@st.composite
def queues(draw: st.DrawFn) -> Queue:
    there = draw(st.lists(rows, min_size=1, max_size=4))
    fresh = draw(st.lists(st.integers(0, len(there) - 1), max_size=5))
    classes = []
    for head in draw(st.lists(st.none() | heads, max_size=5, unique_by=lambda h: h and h[1])):
        wants = draw(st.lists(needs, min_size=1, max_size=2))
        hope = draw(st.none() | st.integers(0, len(fresh)))
        blocked = hope is None and draw(st.booleans())
        pods = draw(st.integers(len(wants), 4))
        classes.append(JobClass(wants, pods, head, hope, blocked))
    return Queue(classes, there, fresh)


class Arrays:
    """A queue as the arrays that kernels take."""

    def __init__(self, of: Queue, listed: Sequence[int] = ()) -> None:
        n = len(of.classes)
        self.table = np.zeros((7, n), np.int64)
        self.n_listed = np.zeros(1, np.int64)
        self.keys = np.zeros(n)
        self.blocked = np.array([each.blocked for each in of.classes], np.bool_)
        flat: list[Need] = []
        for c, each in enumerate(of.classes):
            first = len(flat)
            flat += each.needs
            tie = queue.NOBODY if each.head is None else each.head[1]
            hope = queue.NONE if each.hope is None else each.hope
            self.table[: queue.OPEN, c] = tie, hope, each.pods, first, len(flat)
            self.keys[c] = 0.0 if each.head is None else each.head[0]
        for c in listed:
            queue.list_open(c, self.table, self.n_listed)
        columns = [[n.cpu, n.memory, n.slot, n.milli] for n in flat]
        self.needs = np.ascontiguousarray(np.array(columns, np.int64).reshape(-1, 4).T)
        self.n_fresh = len(of.fresh)
        self.fresh = ints(of.fresh + [-1] * (ROOM_FOR_FRESH + 8 - len(of.fresh)))
        counts = [len(row.slots) for row in of.rows]
        self.room: tuple[np.ndarray[Any, Any], ...] = (
            ints([row.cpu for row in of.rows]),
            ints([row.memory for row in of.rows]),
            ints([sum(row.slots) for row in of.rows]),
            ints([sum(counts[:k]) for k in range(len(counts))]),
            ints(counts),
            ints([free for row in of.rows for free in row.slots]),
        )

    def listed(self) -> list[int]:
        """The classes that may fit, as the list and the marks agree."""
        found: list[int] = self.table[queue.OPEN, : self.n_listed[0]].tolist()
        marked = np.flatnonzero(self.table[queue.LISTED]).tolist()
        assert sorted(found) == marked
        return found

    def hopes(self) -> list[int | None]:
        """Since which entry each class hopes."""
        return [None if h == queue.NONE else h for h in self.table[queue.HOPE].tolist()]


@given(rows, st.lists(needs, max_size=3))
def test_a_row_has_room_where_a_role_finds_its_least(row: Row, wants: list[Need]) -> None:
    arrays = Arrays(Queue([JobClass(wants)], [row]))
    found = queue.room_for(0, 0, len(wants), arrays.needs, *arrays.room)
    assert found == naive.room_for(row, wants)


@MORE
@given(queues(), st.data())
def test_what_is_freed_unblocks_whom_it_could_help(of: Queue, data: st.DataObject) -> None:
    freed = data.draw(st.lists(st.integers(0, len(of.rows) - 1), max_size=ROOM_FOR_FRESH))
    arrays = Arrays(of)
    helped = queue.unblock(
        ints(freed),
        len(freed),
        arrays.n_fresh,
        arrays.fresh,
        arrays.blocked,
        arrays.table,
        arrays.n_listed,
        arrays.needs,
        *arrays.room,
    )
    assert helped == naive.unblock(of, freed)
    assert arrays.blocked.tolist() == [each.blocked for each in of.classes]
    assert arrays.hopes() == [each.hope for each in of.classes]
    assert arrays.fresh[: len(of.fresh)].tolist() == of.fresh


@MORE
@given(queues())
def test_a_class_is_hopeless_when_all_that_was_freed_is_taken_again(of: Queue) -> None:
    arrays = Arrays(of)
    for c, each in enumerate(of.classes):
        found = queue.is_hopeless(
            c,
            len(of.rows),
            arrays.n_fresh,
            arrays.fresh,
            arrays.table,
            arrays.needs,
            *arrays.room,
        )
        assert found == naive.is_hopeless(of, each)


@given(queues())
def test_the_first_class_is_that_of_the_least_key_and_tie(of: Queue) -> None:
    arrays = Arrays(of)
    assert queue.first_class(arrays.keys, arrays.table) == naive.first_class(of.classes)


@given(st.lists(st.integers(0, 4)))
def test_a_class_is_listed_once(numbers: list[int]) -> None:
    arrays = Arrays(Queue([JobClass([]) for _ in range(5)], []), numbers)
    assert arrays.listed() == naive.list_open(numbers)


@MORE
@given(queues(), st.data())
def test_the_next_class_is_the_first_that_may_fit(of: Queue, data: st.DataObject) -> None:
    freed = data.draw(st.lists(st.integers(0, len(of.rows) - 1), max_size=ROOM_FOR_FRESH))
    may_fit = [c for c, each in enumerate(of.classes) if each.head and not each.blocked]
    more = data.draw(st.lists(st.integers(0, len(of.classes) - 1))) if of.classes else []
    arrays = Arrays(of, data.draw(st.permutations([*may_fit, *more])))
    found = queue.next_open(
        ints(freed),
        len(freed),
        len(of.rows),
        arrays.n_fresh,
        arrays.fresh,
        arrays.keys,
        arrays.blocked,
        arrays.table,
        arrays.n_listed,
        arrays.needs,
        *arrays.room,
    )
    naive.unblock(of, freed)
    assert found == naive.next_open(of)
    for c, each in enumerate(of.classes):
        if arrays.blocked[c] and not each.blocked:
            assert naive.is_hopeless(of, each)
            assert arrays.table[queue.HOPE, c] == queue.NONE
        else:
            assert arrays.blocked[c] == each.blocked
    still = {c for c, each in enumerate(of.classes) if each.head and not arrays.blocked[c]}
    assert set(arrays.listed()) == still
    assert not still or found >= 0
