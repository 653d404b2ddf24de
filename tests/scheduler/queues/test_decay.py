from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError, StateError
from bayplan.scheduler.queues import DecayedUsage

STEPS = 4000

histories = st.lists(
    st.tuples(
        st.sampled_from((0.0, 0.5, 3.0, 10.0)), st.sampled_from("ab"), st.integers(-500, 1000)
    ),
    max_size=8,
)


def played(
    half_life_s: float | None, history: list[tuple[float, str, int]]
) -> tuple[DecayedUsage, list[tuple[float, str, int]], float]:
    """The usage after a history of (pause, queue, change), the changes that it took, the end."""
    usage, now_s, taken = DecayedUsage(half_life_s), 0.0, []
    milli = {"a": 0, "b": 0}
    for pause, queue, change in history:
        now_s += pause
        change = max(change, -milli[queue])
        milli[queue] += change
        usage.change(now_s, queue, change)
        taken.append((now_s, queue, change))
    return usage, taken, now_s


@given(st.sampled_from((None, 0.7, 5.0, 1e6)), histories, st.sampled_from((0.0, 2.5, 20.0)))
def test_it_is_the_integral_of_what_is_left_of_each_use(
    half_life_s: float | None, history: list[tuple[float, str, int]], later_s: float
) -> None:
    usage, taken, end_s = played(half_life_s, history)
    now_s = end_s + later_s
    slow = {}
    for queue in sorted({queue for _, queue, _ in taken}):
        slow[queue] = 0.0
        for since_s, name, change in taken:
            if name == queue:  # a change from then on, summed over the midpoints of small steps
                step = (now_s - since_s) / STEPS
                slow[queue] += (
                    change
                    * step
                    * sum(
                        1.0 if half_life_s is None else 0.5 ** ((k + 0.5) * step / half_life_s)
                        for k in range(STEPS)
                    )
                )
    assert list(usage.at(now_s)) == list(slow)
    assert usage.at(now_s) == pytest.approx(slow, rel=1e-4, abs=1e-3)


def test_a_use_counts_half_after_the_half_life() -> None:
    usage = DecayedUsage(3600.0)
    usage.change(0.0, "a", 1000)
    usage.change(10.0, "a", -1000)
    then = usage.at(10.0)["a"]
    assert then == pytest.approx(10_000, rel=1e-3)
    assert usage.at(10.0 + 3600.0)["a"] == pytest.approx(then / 2, rel=1e-12)
    assert usage.at(10.0 + 7200.0)["a"] == pytest.approx(then / 4, rel=1e-12)


def test_a_steady_use_tends_to_use_times_half_life_over_ln_2() -> None:
    usage = DecayedUsage(100.0)
    usage.change(0.0, "a", 500)
    assert usage.at(1e6)["a"] == pytest.approx(500 * 100.0 / math.log(2))


def test_changes_that_change_nothing_leave_the_integral_as_it_is() -> None:
    one, many = DecayedUsage(60.0), DecayedUsage(60.0)
    for usage in (one, many):
        usage.change(0.0, "a", 250)
    for k in range(1, 1000):
        many.change(k / 10, "a", 0)
    assert many.at(100.0)["a"] == pytest.approx(one.at(100.0)["a"], rel=1e-12)


def test_short_times_keep_their_digits() -> None:
    usage = DecayedUsage(1e9)
    usage.change(0.0, "a", 1000)
    assert usage.at(1e-3)["a"] == pytest.approx(1.0, rel=1e-11)


@pytest.mark.parametrize("half_life_s", [0.0, -1.0, math.inf, math.nan])
def test_a_half_life_must_be_above_0(half_life_s: float) -> None:
    with pytest.raises(InputError, match="none for no decay"):
        DecayedUsage(half_life_s)


def test_time_and_use_must_make_sense() -> None:
    usage = DecayedUsage(10.0)
    usage.change(5.0, "a", 100)
    with pytest.raises(StateError, match=r"4\.0 s is before its latest change, 5\.0 s"):
        usage.change(4.0, "a", 1)
    with pytest.raises(StateError, match=r"before the latest change"):
        usage.at(4.0)
    with pytest.raises(StateError, match="uses 100 milli-GPU, 101 cannot go"):
        usage.change(6.0, "a", -101)
    with pytest.raises(StateError, match="uses 0 milli-GPU, 1 cannot go"):
        usage.change(6.0, "never", -1)
    assert usage.at(5.0) == {"a": 0.0}, "a refused change left a trace"
