"""How long a pod says that it runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.run_time import MOST_S, run_time_s
from bayplan.traces.kubernetes.times import seconds_of

KEY = "bayplan.io/run-time"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("90m", 5400),
        ("1h30m", 5400),
        ("2d", 172_800),
        (" 1d1h1m1s ", 90_061),
    ],
)
def test_times_are_read_as_go_writes_them_or_as_seconds(text: str, seconds: int) -> None:
    assert run_time_s({KEY: text}) == seconds


def test_without_the_annotation_nobody_says() -> None:
    assert run_time_s({"other": "1"}) is None


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "soon", "1.5h", "-1", "1m1h", "1 h", "9" * 30, "٣"]
)
def test_what_is_no_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(BadField, match="is no time to run; write 90m, 1h30m or 5400"):
        run_time_s({KEY: text})


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_none(text: str) -> None:
    try:
        found = run_time_s({KEY: text})
    except BadField:
        return
    assert found is not None
    assert 0 < found <= MOST_S


def test_times_of_the_api() -> None:
    assert seconds_of("1970-01-01T00:01:00Z") == 60.0
    assert seconds_of("1970-01-01T00:01:00") == 60.0
    assert seconds_of("") is None
