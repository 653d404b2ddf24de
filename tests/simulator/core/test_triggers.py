from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.triggers import TRIGGERS, Rounds

from .support import job, simulation

BOOK = simulation([], [job("a", 1.0)]).book

lengths = st.sampled_from((0.1, 0.7, 1.0, 360.0, 910.6911762496853)) | st.floats(1e-3, 1e4)


@given(lengths, st.integers(0, 10**6), st.sampled_from((-math.inf, 0.0, math.inf)))
def test_rounds_start_at_multiples_none_in_the_past_none_twice(
    round_s: float, number: int, beside: float
) -> None:
    rounds = Rounds(round_s)
    now = start = round_s * number
    if beside:
        now = max(0.0, float(np.nextafter(start, beside)))
    assert rounds.happened(BOOK, now) == (round_s * (number + 1) if now > start else start)
    after = rounds.passed(BOOK, now)
    assert after == (start if now < start else round_s * (number + 1))


@pytest.mark.parametrize(("round_s", "number"), [(0.1, 96_124), (910.6911762496853, 99_511)])
def test_a_quotient_that_was_rounded_makes_no_round_of_no_length(
    round_s: float, number: int
) -> None:
    now = round_s * number
    assert Rounds(round_s).happened(BOOK, now) == now
    assert Rounds(round_s).passed(BOOK, now) == round_s * (number + 1)


def test_by_events_a_pass_is_due_at_once_and_never_by_itself() -> None:
    trigger = TRIGGERS.make("events", Settings())
    assert trigger.happened(BOOK, 3.5) == 3.5
    assert trigger.passed(BOOK, 3.5) == math.inf
