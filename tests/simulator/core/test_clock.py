from __future__ import annotations

from collections.abc import Generator
from functools import partial

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.core.clock import Clock, Turn, next_multiple


def test_events_come_at_their_very_time_in_their_turn() -> None:
    clock = Clock()
    seen: list[tuple[float, str]] = []
    later = 0.1 + 0.2

    def see(name: str, _: object) -> None:
        seen.append((clock.now, name))

    for turn in reversed(Turn):
        clock.at(later, partial(see, turn.name), turn)
    clock.at(0.1, partial(see, "first"), Turn.PASS)
    while clock.peek() <= later:
        clock.step()
    assert seen == [(0.1, "first"), *((later, turn.name) for turn in Turn)]
    assert [turn.name for turn in Turn] == [
        "SAMPLE", "FINISH", "CANCEL", "RETURN", "CHANGE", "ARRIVE", "PASS",
    ]  # fmt: skip


def test_nothing_happens_in_the_past() -> None:
    clock = Clock()
    clock.at(2.0, lambda _: None, Turn.PASS)
    clock.step()
    with pytest.raises(ValueError, match="already"):
        clock.at(1.0, lambda _: None, Turn.FINISH)


@given(step_s=st.floats(0.01, 1e5), k=st.integers(0, 100_000))
def test_the_next_multiple_is_later_and_no_more_than_a_step(step_s: float, k: int) -> None:
    time_s = k * step_s
    found = next_multiple(step_s, time_s)
    assert time_s < found <= time_s + 1.001 * step_s


def test_time_is_a_float_from_the_beginning_and_whatever_is_asked_for() -> None:
    clock = Clock()
    seen: list[object] = [clock.now]

    def process() -> Generator[simpy.Event, None, None]:
        for time_s in (-5, 3):
            yield clock.until(time_s, Turn.CHANGE)
            seen.append(clock.now)

    clock.process(process())
    clock.run()
    assert seen == [0.0, 0.0, 3.0]
    assert all(type(each) is float for each in seen)
