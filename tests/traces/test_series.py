from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.traces import reading
from bayplan.traces.series import (
    SERIES_FORMATS,
    RequestSeries,
    binned,
    describe_series,
    read_series,
    write_series,
)

Write = Callable[..., str]

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
AZURE = HEADER + (
    "2023-11-16 18:17:04.0319600,3180,8\n"
    "2023-11-16 18:17:03.9799600,4808,10\n"
    "2023-11-16 18:18:03.9799600,110,27"
)
OWN = "arrival_s,input_tokens,output_tokens\n5,1,2\n0.5,3,4\n"


def series(arrivals: list[float]) -> RequestSeries:
    tokens = list(range(len(arrivals)))
    return RequestSeries.of(arrival_s=arrivals, input_tokens=tokens, output_tokens=tokens[::-1])


def problem(write: Write, text: str, format: str = "auto") -> str:
    with pytest.raises(InputError) as error:
        read_series(write(text, "f.csv"), format)
    return str(error.value)


def test_requests_are_sorted_and_count_from_the_first(write: Write) -> None:
    read = read_series(write(AZURE, "f.csv"))
    assert read.arrival_s.tolist() == pytest.approx([0, 0.052, 60], abs=1e-6)
    assert read.input_tokens.tolist() == [4808, 3180, 110]
    assert read.output_tokens.tolist() == [10, 8, 27]
    own = read_series(write(OWN, "f.csv"))
    assert own.arrival_s.tolist() == [0.5, 5]
    assert own.input_tokens.tolist() == [3, 1]


def test_every_format_is_known_by_its_columns_and_by_its_name(write: Write) -> None:
    for each, text in zip(SERIES_FORMATS, (OWN, AZURE), strict=True):
        name = write(text, "f.csv")
        assert len(read_series(name)) == len(read_series(name, each.name)) > 0


def test_a_series_reads_back_bit_by_bit(tmp_path: Path) -> None:
    made = series([0.1, 0.3, 7.25, 1e9])
    write_series(made, tmp_path / "r.csv.gz")
    read = read_series(tmp_path / "r.csv.gz")
    for name in ("arrival_s", "input_tokens", "output_tokens"):
        assert getattr(read, name).tobytes() == getattr(made, name).tobytes()


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0.01, 500))
def test_bins_lose_no_request_and_no_token(arrivals: list[float], width: float) -> None:
    made = series(arrivals)
    rates = binned(made, width)
    assert len(rates.start_s) == int(max(arrivals) // width) + 1
    assert rates.requests_per_s.sum() * width == pytest.approx(len(made))
    assert rates.input_tokens_per_s.sum() * width == pytest.approx(made.input_tokens.sum())
    assert rates.output_tokens_per_s.sum() * width == pytest.approx(made.output_tokens.sum())
    assert rates.requests_per_s[-1] > 0


def test_a_bin_has_its_start_in_it_and_not_its_end() -> None:
    rates = binned(series([0, 59.9, 60, 180]), 60)
    assert rates.start_s.tolist() == [0, 60, 120, 180]
    assert (rates.requests_per_s * 60).tolist() == [2, 1, 0, 1]
    assert (rates.input_tokens_per_s * 60).round(9).tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (0.0, "a bin of 0 s; give a time above 0, such as 60 (seconds)"),
        (-1.0, "a bin of -1 s; give a time above 0, such as 60 (seconds)"),
        (float("nan"), "a bin of nan s; give a time above 0, such as 60 (seconds)"),
        (1e-6, "bins of 1e-06 s are more than 10,000,000 until 180 s; give a longer time"),
    ],
)
def test_bins_that_cannot_be_are_refused(width: float, line: str) -> None:
    with pytest.raises(InputError) as error:
        binned(series([0, 180]), width)
    assert str(error.value) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (AZURE.replace("18:18:03.9799600", "soon"),
         "f.csv:4: TIMESTAMP is '2023-11-16 soon', not a time;"
         " write it as 2023-11-16 18:17:03.9799600"),
        (AZURE.replace("4808", "-1"),
         "f.csv:3: ContextTokens is -1, below 0; write 0 or more"),
        (OWN.replace("0.5", "-1"), "f.csv:3: arrival_s is -1.0, below 0; write 0 or more"),
        ("a,b\n1,2\n",
         "f.csv: the columns (a, b) match no format of requests: canonical lacks arrival_s,"
         " input_tokens, output_tokens; azure-llm lacks TIMESTAMP, ContextTokens, GeneratedTokens;"
         " rename the columns or add the missing ones"),
        (OWN.replace("input_tokens", "input_token"),
         "f.csv: there is no column 'input_tokens', only arrival_s, input_token, output_tokens;"
         " rename 'input_token' to it?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_file_and_row(text: str, line: str, write: Write) -> None:
    assert problem(write, text) == line


def test_an_unknown_format_is_refused(write: Write) -> None:
    assert problem(write, OWN, "azure") == (
        "there is no trace format 'azure'; did you mean 'azure-llm'?"
    )


def test_a_large_file_is_read_in_parts_and_errors_name_its_lines(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"2023-11-16 18:17:{n // 100:02}.{n % 100:02}00000,{n},1\n" for n in range(6000)]
    text = HEADER + "".join(rows) + "\n\n"
    whole = read_series(write(text, "f.csv"))
    parts: list[reading.CsvFile] = []

    def in_parts(file: reading.CsvFile) -> list[reading.CsvFile]:
        parts[:] = reading.in_parts(file, 1000)
        return parts

    monkeypatch.setattr("bayplan.traces.series.in_parts", in_parts)
    again = read_series(write(text, "f.csv"))
    assert len(parts) > 100
    assert again.input_tokens.tolist() == whole.input_tokens.tolist() == list(range(6000))
    assert problem(write, text.replace("18:17:41.7700000", "18:17:61.7700000")).startswith(
        "f.csv:4179: TIMESTAMP is"
    )


def published(name: str) -> Path:
    data = Path(os.environ.get("BAYPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = data / "azure_llm" / name
    if path.is_file():
        return path
    reason = f"no file {path}; set BAYPLAN_DATA to the folder that has azure_llm/"
    if os.environ.get("CI_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.mark.parametrize(("kind", "requests"), [("code", 8819), ("conv", 19366)])
def test_the_published_series_have_the_published_size(kind: str, requests: int) -> None:
    read = read_series(published(f"AzureLLMInferenceTrace_{kind}.csv"))
    assert len(read) == requests
    assert (np.diff(read.arrival_s) >= 0).all()
    assert dict(describe_series(read))["requests"] == f"{requests:,}"
    assert 3000 < read.arrival_s[-1] < 3700  # about an hour
