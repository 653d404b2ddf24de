from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_running as naive
from bayplan.kernels import calendar
from strategies import ints

N_ITEMS = 15
TIMES = (0.0, 0.5, 1.0, 1.0, 2.0, 3.5, 7.0)
"""Few, so that many are equal."""
SHUFFLED = [float(7 * item % N_ITEMS) for item in range(N_ITEMS)]

times_s = st.sampled_from(TIMES)
Changes = list[tuple[int, float]]
changes = st.lists(
    st.tuples(st.integers(0, N_ITEMS - 1), times_s | st.just(np.inf)), max_size=N_ITEMS
)
steps = st.lists(changes | times_s, max_size=12)


def heap_of(draw: st.DrawFn, at: int, size: int) -> tuple[list[float], list[int]]:
    """Times by item, and a heap of items that is in order but for the place ``at``."""
    items = draw(st.permutations(range(size)))
    times = [0.0] * size
    for item, time in zip(items, sorted(draw(times_s) for _ in items), strict=True):
        times[item] = time
    ordered = sorted(items, key=lambda item: (times[item], item))
    times[ordered[at]] = draw(times_s)
    return times, ordered


@st.composite
def heaps(draw: st.DrawFn) -> tuple[int, list[float], list[int]]:
    size = draw(st.integers(1, N_ITEMS))
    at = draw(st.integers(0, size - 1))
    return (at, *heap_of(draw, at, size))


def arrays(heap: list[int]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    place = np.empty(len(heap), np.int64)
    place[heap] = np.arange(len(heap))
    return ints(heap), place


@given(heaps())
def test_an_item_rises_to_its_place_among_those_above(
    case: tuple[int, list[float], list[int]],
) -> None:
    at, times, heap = case
    found, place = arrays(heap)
    end = calendar.sift_up(at, np.array(times, np.float64), found, place)
    assert (end, found.tolist()) == naive.sift_up(at, times, heap)
    assert place[found].tolist() == list(range(len(heap)))


@given(heaps())
def test_an_item_sinks_below_the_first_of_its_children(
    case: tuple[int, list[float], list[int]],
) -> None:
    at, times, heap = case
    found, place = arrays(heap)
    calendar.sift_down(at, len(heap), np.array(times, np.float64), found, place)
    assert found.tolist() == naive.sift_down(at, times, heap)
    assert place[found].tolist() == list(range(len(heap)))


class Table:
    """The arrays of a calendar."""

    def __init__(self) -> None:
        self.times = np.full(N_ITEMS, np.inf)
        self.heap = np.zeros(N_ITEMS, np.int64)
        self.place = np.full(N_ITEMS, -1, np.int64)
        self.size = np.zeros(1, np.int64)

    def set_times(self, change: Changes) -> None:
        items, new = (
            ints([item for item, _ in change]),
            np.array([time for _, time in change], np.float64),
        )
        calendar.set_times(
            items, new.astype(np.float64), self.times, self.heap, self.place, self.size
        )

    def take_due(self, until: float) -> list[int]:
        out = np.full(N_ITEMS, -1, np.int64)
        n = calendar.take_due(until, self.times, self.heap, self.place, self.size, out)
        return [int(item) for item in out[:n]]

    def check(self, expected: dict[int, float]) -> None:
        """The heap has who is expected, in order, and everybody is where ``place`` says."""
        items = self.heap[: self.size[0]].tolist()
        assert sorted(items) == sorted(expected)
        assert self.times.tolist() == [expected.get(item, np.inf) for item in range(N_ITEMS)]
        keys = [(self.times[item], item) for item in items]
        assert all(keys[(at - 1) // 2] < keys[at] for at in range(1, len(keys)))
        assert self.place.tolist() == [
            items.index(item) if item in expected else -1 for item in range(N_ITEMS)
        ]


@given(st.permutations(SHUFFLED), st.permutations(range(N_ITEMS)))
def test_an_item_from_the_middle_leaves_the_others_in_order(
    new: list[float], leave: list[int]
) -> None:
    """The last of the heap takes its place, and may be earlier than those above it there."""
    table = Table()
    table.set_times(list(enumerate(new)))
    expected = dict(enumerate(new))
    for item in leave:
        table.set_times([(item, np.inf)])
        del expected[item]
        table.check(expected)


@given(steps)
def test_whatever_is_set_and_taken_the_earliest_are_first(todo: list[Changes | float]) -> None:
    table = Table()
    expected: dict[int, float] = {}
    for step in todo:
        if isinstance(step, float):
            due = naive.take_due(expected, step)
            assert table.take_due(step) == due
            for item in due:
                del expected[item]
        else:
            table.set_times(step)
            expected = naive.set_times(
                expected, [item for item, _ in step], [time for _, time in step]
            )
        table.check(expected)
