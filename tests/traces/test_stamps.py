from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.traces.stamps import seconds_of


class File:
    def error(self, problem: str, fix: str = "", *, record: int | None = None) -> InputError:
        return InputError(problem, file="f", row=record, fix=fix)


def seconds(*texts: str, unknown: frozenset[str] = frozenset()) -> list[float]:
    found: list[float] = seconds_of(File(), "at", texts, unknown=unknown).tolist()
    return found


MINUTES = st.integers(-14 * 60, 14 * 60)


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), MINUTES, st.sampled_from(" T")
        ),
        min_size=1,
    ),
    st.booleans(),
)
def test_stamps_are_what_the_standard_library_says(
    drawn: list[tuple[datetime, int, str]], offsets: bool
) -> None:
    times, texts = [], []
    for time, minutes, gap in drawn:
        zone = timezone(timedelta(minutes=minutes)) if offsets else UTC
        whole = time.replace(microsecond=0, tzinfo=zone)
        times.append(whole.timestamp())
        text = whole.isoformat(gap)
        texts.append(text if offsets else text.removesuffix("+00:00"))
    assert seconds(*texts) == times


@given(st.lists(st.integers(0, 10**7 - 1), min_size=1))
def test_fractions_are_read_whether_all_are_equally_long_or_not(parts: list[int]) -> None:
    base = "2023-11-16 18:17:03"
    start = datetime.fromisoformat(base + "+00:00").timestamp()
    wanted = [start + part / 1e7 for part in parts]
    assert np.allclose(seconds(*(f"{base}.{part:07}" for part in parts)), wanted, atol=1e-6, rtol=0)
    mixed = seconds(base, *(f"{base}.{part:07}+00:00" for part in parts))
    assert np.allclose(mixed, [start, *wanted], atol=1e-6, rtol=0)


def test_texts_that_stand_for_no_time_are_not_a_number() -> None:
    found = seconds("", "2017-10-09 07:01:55Z", "None", unknown=frozenset({"", "None"}))
    assert found[1] == 1507532515.0
    assert np.isnan([found[0], found[2]]).all()
    assert np.isnan(seconds("", unknown=frozenset({""}))).all()
    assert seconds() == []


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "2017-02-29 07:01:55", "2017-04-31 07:01:55", "2017-13-01 07:01:55",
        "2017-00-01 07:01:55", "2017-01-00 07:01:55", "2017-10-09 24:00:00",
        "2017-10-09 07:60:00", "2017-10-09 07:01:60", "2017-10-09 07:01:5٣",
        "2017-10-09 07:01:55.", "2017-10-09 07:01:55.1234567890", "2017-10-09x07:01:55",
        "2017/10/09 07:01:55", "2017-10-09 07:01:55+8", "2017-10-09 07:01:55+0b:00",
        "2017-10-09 07:01:55\0", "2017-10-09 07:01:55 UTC", "9" * 10_000, "2017-10-09",
    ],
)  # fmt: skip
def test_what_is_no_time_is_told_by_row(text: str) -> None:
    with pytest.raises(InputError, match=r"^f:2: at is .*, not a time; write it as 2017-10-09 07"):
        seconds("2017-10-09 07:01:55", "2017-10-09 07:01:56", text)
    with pytest.raises(InputError, match=r"^f:0: "):
        seconds(text)
