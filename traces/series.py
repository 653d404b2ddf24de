"""Requests to a service over time: when each came, and how many tokens it had.

They are no jobs: a service that runs serves them, and what they say is its load. ``binned`` makes
rates of them. Azure's traces of LLM inference are read, and a table of our own.

References
----------
https://github.com/Azure/AzurePublicDataset: ``AzureLLMInferenceTrace_{code,conv}.csv`` of 2023 and
the one-week files of 2024, with the columns of ``AzureLLMInferenceDataset2024.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.traces.canonical import text_of
from bayplan.traces.columns import (
    Column,
    FloatArray,
    IntArray,
    check_columns,
    filled,
    listed,
)
from bayplan.traces.files import PathLike, write_text
from bayplan.traces.info import Rows, span
from bayplan.traces.reading import CsvFile, in_parts, open_csv
from bayplan.traces.registry import AUTO, absent, all_slips, check_separator, unknown_format
from bayplan.traces.schema import MAX_AMOUNT
from bayplan.traces.stamps import seconds_of

MAX_BINS = 10**7
EXAMPLE = "2023-11-16 18:17:03.9799600"


def _tokens(name: str, meaning: str, **more: Any) -> Column:
    return Column(name, "int64", "tokens", meaning, minimum=0, maximum=10**9, **more)


SERIES_COLUMNS: tuple[Column, ...] = (
    Column(
        "arrival_s", "float64", "seconds", "when it came",
        required=True, minimum=0, maximum=MAX_AMOUNT,
    ),
    _tokens("input_tokens", "tokens of the prompt", required=True),
    _tokens("output_tokens", "tokens that were generated", required=True),
)  # fmt: skip
"""Columns of the request series, in file order."""

AZURE_COLUMNS: tuple[Column, ...] = (
    Column("TIMESTAMP", "str", "", "when it came", required=True),
    _tokens("ContextTokens", "tokens of the prompt", required=True),
    _tokens("GeneratedTokens", "tokens that were generated", required=True),
)
"""What is read of Azure's LLM inference traces."""

RATE_COLUMNS: tuple[Column, ...] = tuple(
    Column(name, "float64", unit, meaning, required=True, minimum=0)
    for name, unit, meaning in (
        ("start_s", "seconds", "where the bin begins"),
        ("requests_per_s", "requests per second", "requests that came in it"),
        ("input_tokens_per_s", "tokens per second", "tokens of their prompts"),
        ("output_tokens_per_s", "tokens per second", "tokens that were generated for them"),
    )
)
"""Columns of a file of rates."""


@dataclass(frozen=True, slots=True, eq=False)
class RequestSeries:
    """Requests to one service, sorted by time; columns as stated in ``SERIES_COLUMNS``.

    Arrays have shape ``(n_requests,)``.

    Raises
    ------
    BadRow
        A row breaks a rule.
    """

    arrival_s: FloatArray
    input_tokens: IntArray
    output_tokens: IntArray

    def __post_init__(self) -> None:
        values = {column.name: getattr(self, column.name) for column in SERIES_COLUMNS}
        check_columns(SERIES_COLUMNS, values)

    def __len__(self) -> int:
        return len(self.arrival_s)

    @classmethod
    def of(cls, **columns: Any) -> RequestSeries:
        """Make a series from columns given by name, in any order of time.

        Parameters
        ----------
        **columns
            Sequences of ``n_requests`` values.

        Raises
        ------
        TypeError
            A column is unknown, missing or of the wrong type.
        BadRow
            A row breaks a rule.
        """
        values = filled(SERIES_COLUMNS, columns)
        order = np.argsort(values["arrival_s"], kind="stable")
        return cls(**{name: value[order] for name, value in values.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """How much a service was asked, in bins of ``width_s`` seconds from 0 on.

    Arrays have shape ``(n_bins,)``; the last bin has the last request in it.
    """

    width_s: float
    start_s: FloatArray
    requests_per_s: FloatArray
    input_tokens_per_s: FloatArray
    output_tokens_per_s: FloatArray


@dataclass(frozen=True, slots=True)
class SeriesFormat:
    """A format of request series: its name, one line about it, its columns and its reader."""

    name: str
    summary: str
    columns: tuple[Column, ...]
    read: Callable[[CsvFile], RequestSeries]


def binned(series: RequestSeries, width_s: float) -> Rates:
    """Return the rates of a series.

    Parameters
    ----------
    series
        The requests.
    width_s
        Seconds of a bin: a request at 60 s is in the second bin of 60 s.

    Raises
    ------
    InputError
        The width is no positive time, or makes more than ten million bins.
    """
    if not 0 < width_s < math.inf:
        raise InputError(f"a bin of {width_s:g} s", fix="give a time above 0, such as 60 (seconds)")
    last = float(series.arrival_s.max(initial=0.0))
    if last / width_s >= MAX_BINS:
        problem = f"bins of {width_s:g} s are more than {MAX_BINS:,} until {last:.15g} s"
        raise InputError(problem, fix="give a longer time")
    bins = (series.arrival_s // width_s).astype(np.int64)  # floors what is exact, not rounded
    number = int(bins.max(initial=-1)) + 1

    def per_s(amounts: Any = None) -> FloatArray:
        rate: FloatArray = np.bincount(bins, amounts, number) / width_s
        return rate

    return Rates(
        width_s,
        np.arange(number, dtype=np.float64) * width_s,
        per_s(),
        per_s(series.input_tokens),
        per_s(series.output_tokens),
    )


def read_series(path: PathLike, format: str = AUTO) -> RequestSeries:
    """Read a request series.

    Parameters
    ----------
    path
        A CSV file, plain or gzip.
    format
        Name of a format, or ``auto`` to know it by its columns.

    Raises
    ------
    InputError
        The format is unknown, or the file cannot be read; one line says where and what to do.
    """
    named = {each.name: each for each in SERIES_FORMATS}
    if format not in (AUTO, *named):
        raise unknown_format(format, list(named))
    file = open_csv(path)
    return (named.get(format) or _known_by_header(file)).read(file)


def is_series(path: PathLike, format: str = AUTO) -> bool:
    """Say whether a file is a request series, by its columns.

    Parameters
    ----------
    path
        The file.
    format
        ``auto``, or the name of a format, that is then believed.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    if format != AUTO:
        return format == AZURE
    header = open_csv(path).header
    return any(not absent(each.columns, header) for each in SERIES_FORMATS)


def known_series() -> list[tuple[str, str, str]]:
    """Return the formats of request series, as rows of (kind, name, one line about it)."""
    return [("request format", each.name, each.summary) for each in SERIES_FORMATS]


def write_series(series: RequestSeries, path: PathLike) -> None:
    """Write a series as CSV so that reading it gives the same back, bit by bit.

    Parameters
    ----------
    series
        The requests.
    path
        The file, written whole or not at all; packed by gzip when the name ends in ``.gz``.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    values = {column.name: getattr(series, column.name) for column in SERIES_COLUMNS}
    write_text(path, text_of(list(SERIES_COLUMNS), values))


def write_rates(rates: Rates, path: PathLike) -> None:
    """Write rates as CSV.

    Parameters
    ----------
    rates
        The rates.
    path
        The file, as of ``write_series``.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    values = {column.name: getattr(rates, column.name) for column in RATE_COLUMNS}
    write_text(path, text_of(list(RATE_COLUMNS), values))


def describe_series(series: RequestSeries) -> Rows:
    """Describe a series.

    Parameters
    ----------
    series
        The requests; at least one.

    Returns
    -------
    Rows of (label, value), ready to be shown.
    """
    first, last = float(series.arrival_s[0]), float(series.arrival_s[-1])
    rows = [
        ("requests", f"{len(series):,}"),
        ("arrivals", f"{first:,.0f} s to {last:,.0f} s ({span(last - first)})"),
    ]
    if last > first:
        rate = len(series) / (last - first)
        rows.append(("mean rate", f"{rate:,.2f} requests per second"))
        busiest = binned(series, 60).requests_per_s.max() if last / 60 < MAX_BINS else math.nan
        if busiest == busiest:
            rows.append(("busiest minute", f"{busiest:,.2f} requests per second"))
    for label, tokens in (("input", series.input_tokens), ("output", series.output_tokens)):
        middle, high = np.percentile(tokens, [50, 99])
        mean = f"mean {tokens.mean():,.0f}"
        rows.append(
            (f"{label} tokens", f"{mean}, median {middle:,.0f}, 99th percentile {high:,.0f}")
        )
    return rows


def _canonical(file: CsvFile) -> RequestSeries:
    return RequestSeries.of(**file.read(SERIES_COLUMNS))


def _azure(file: CsvFile) -> RequestSeries:
    """Read Azure's trace: ``arrival_s`` counts from the first request."""
    times, inputs, outputs = [], [], []
    for part in in_parts(file):
        columns = part.read(AZURE_COLUMNS)
        times.append(seconds_of(part, "TIMESTAMP", columns["TIMESTAMP"], example=EXAMPLE))
        inputs.append(columns["ContextTokens"])
        outputs.append(columns["GeneratedTokens"])
    seconds = np.concatenate(times)
    return RequestSeries.of(
        arrival_s=seconds - seconds.min(),
        input_tokens=np.concatenate(inputs),
        output_tokens=np.concatenate(outputs),
    )


AZURE = "azure-llm"
SERIES_FORMATS: tuple[SeriesFormat, ...] = (
    SeriesFormat(
        "canonical",
        "Bayplan's own CSV: arrival_s, input_tokens, output_tokens",
        SERIES_COLUMNS,
        _canonical,
    ),
    SeriesFormat(
        AZURE,
        "Azure LLM inference 2023 and 2024: AzureLLMInferenceTrace_*.csv",
        AZURE_COLUMNS,
        _azure,
    ),
)
"""Every format of request series, in the order in which ``auto`` tries them."""


def _known_by_header(file: CsvFile) -> SeriesFormat:
    lacks = [(absent(each.columns, file.header), each) for each in SERIES_FORMATS]
    for names, each in lacks:
        if not names:
            return each
    check_separator(file)
    for names, each in lacks:
        if all_slips(names, file.header):
            return each  # its reader says which column
    said = "; ".join(f"{each.name} lacks {listed(names)}" for names, each in lacks)
    problem = f"the columns ({listed(file.header)}) match no format of requests: {said}"
    raise file.error(problem, "rename the columns or add the missing ones")
