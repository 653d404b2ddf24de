from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_running as naive
from bayplan.kernels import progress
from naive_running import Job
from strategies import call, ints

EIGHTH = Fraction(1, 8)
"""Amounts are few multiples of it: their products are floats exactly."""

COLUMNS = ("work", "done", "safe", "rate", "since", "ready")

eighths = st.integers(0, 64).map(lambda n: n * EIGHTH)
rates = st.sampled_from((0, 1, 3, 8, 8, 9, 20)).map(lambda n: n * EIGHTH)
checkpoints = st.sampled_from((0, 0, 1, 3, 8, 20, 80)).map(lambda n: n * EIGHTH)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[list[Job], Fraction, Fraction]:
    """Jobs, all settled before the time that is returned with them, and the checkpoints."""
    found = []
    now = draw(eighths)
    for _ in range(draw(st.integers(1, 5))):
        safe, more, left = draw(eighths), draw(eighths), draw(eighths)
        found.append(
            Job(
                work=safe + more + left,
                done=safe + more,
                safe=safe,
                rate=draw(rates),
                since=now - min(now, draw(eighths)),
                ready=draw(eighths),
            )
        )
    return found, now, draw(checkpoints)


def columns(table: list[Job]) -> dict[str, np.ndarray[Any, Any]]:
    """Columns with a job of nobody before the first, which must stay as it is."""
    return {
        name: np.array([-1.0, *(float(getattr(job, name)) for job in table)]) for name in COLUMNS
    }


def assert_same(found: dict[str, np.ndarray[Any, Any]], expected: list[Job]) -> None:
    for name, column in columns(expected).items():
        np.testing.assert_array_equal(found[name], column, err_msg=name)


@given(jobs())
def test_a_job_is_settled_from_checkpoint_to_checkpoint(
    case: tuple[list[Job], Fraction, Fraction],
) -> None:
    table, now, checkpoint = case
    arrays = columns(table)
    progress.settle_one(1, float(now), float(checkpoint), *arrays.values())
    assert_same(arrays, [naive.settle_one(table[0], now, checkpoint), *table[1:]])


@given(jobs())
def test_those_are_settled_who_are_named(case: tuple[list[Job], Fraction, Fraction]) -> None:
    table, now, checkpoint = case
    arrays = columns(table)
    named = range(2, len(table) + 1)
    progress.settle(ints(list(named)), float(now), float(checkpoint), *arrays.values())
    assert_same(arrays, [table[0], *naive.settle(table[1:], now, checkpoint)])


@given(jobs(), st.data())
def test_new_rates_count_from_now_and_say_when_all_is_done(
    case: tuple[list[Job], Fraction, Fraction], data: st.DataObject
) -> None:
    table, now, checkpoint = case
    new = [data.draw(rates) for _ in table]
    arrays = columns(table)
    finish = np.full(len(table), np.nan)
    call(
        progress.change_rates,
        arrays,
        jobs=np.arange(1, len(table) + 1),
        rates=np.array([float(rate) for rate in new]),
        now=float(now),
        checkpoint=float(checkpoint),
        finish=finish,
    )
    after, expected = naive.change_rates(table, new, now, checkpoint)
    assert_same(arrays, after)
    assert finish.tolist() == pytest.approx([float(time) for time in expected], rel=1e-15)


@given(jobs(), st.data())
def test_each_may_have_checkpoints_of_its_own(
    case: tuple[list[Job], Fraction, Fraction], data: st.DataObject
) -> None:
    table, now, checkpoint = case
    own = [data.draw(st.sampled_from([checkpoint, Fraction(0), Fraction(7, 2)])) for _ in table]
    new = [data.draw(rates) for _ in table]
    named = np.arange(1, len(table) + 1)
    checkpoints = np.array([np.nan, *(float(each) for each in own)])
    arrays, settled = columns(table), columns(table)
    progress.settle_each(named, float(now), checkpoints, *settled.values())
    finish = np.full(len(table), np.nan)
    call(
        progress.change_rates_each,
        arrays,
        jobs=named,
        rates=np.array([float(rate) for rate in new]),
        now=float(now),
        checkpoints=checkpoints,
        finish=finish,
    )
    after, expected = naive.change_rates_each(table, new, now, own)
    assert_same(arrays, after)
    assert finish.tolist() == pytest.approx([float(time) for time in expected], rel=1e-15)
    assert_same(settled, naive.settle_each(table, now, own))


@given(jobs(), st.data())
def test_a_settled_job_is_expected_to_end_by_its_rate(
    case: tuple[list[Job], Fraction, Fraction], data: st.DataObject
) -> None:
    table, now, checkpoint = case
    new = data.draw(rates)
    job, *_ = naive.settle(table, now, checkpoint)
    arrays = columns([job])
    names = ("work", "done", "rate", "ready")
    found = progress.expected_end(1, float(new), float(now), *(arrays[name] for name in names))
    assert found == pytest.approx(float(naive.expected_end(replace(job, rate=new))), rel=1e-15)
    assert arrays["rate"][1] == float(new)


@given(jobs(), st.lists(eighths, max_size=6))
def test_how_often_a_job_is_settled_changes_nothing(
    case: tuple[list[Job], Fraction, Fraction], between: list[Fraction]
) -> None:
    table, now, checkpoint = case
    times = sorted({now, *(now + later for later in between)})
    often, once = columns(table), columns(table)
    everybody = np.arange(1, len(table) + 1)
    for time in times:
        progress.settle(everybody, float(time), float(checkpoint), *often.values())
    progress.settle(everybody, float(times[-1]), float(checkpoint), *once.values())
    for name in COLUMNS:
        np.testing.assert_array_equal(often[name], once[name], err_msg=name)
