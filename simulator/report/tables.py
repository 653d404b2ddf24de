"""What a report tells in rows: metrics, what differs between runs, who waited."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayplan.simulator.metrics import METRICS, Mark, Metric, Variant, marks, metric
from bayplan.simulator.outputs.numbers import decimals, lasting, number
from bayplan.simulator.report.run import Run
from bayplan.simulator.report.waiting import REASONS, Waiters
from bayplan.simulator.scenario.keys import KEYS

HEADLINES = (
    "finished", "wait_mean_s", "wait_p95_s", "jct_mean_s", "jct_p95_s", "slowdown_mean",
    "allocation_pct", "effective_pct", "makespan_s",
)  # fmt: skip
"""Metrics that a report begins with."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure: as it is, as it is written, and in a unit that one can imagine."""

    value: float
    text: str
    about: str = ""
    best: bool = False
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """A metric of all runs."""

    metric: Metric
    cells: tuple[Cell, ...]


def rows_of(runs: Sequence[Run], keys: Sequence[str]) -> list[Row]:
    """Return metrics that say something of any run, the best marked where there are several.

    Parameters
    ----------
    runs
        The runs.
    keys
        The metrics' keys.
    """
    known = (metric(key) for key in keys)
    return [_row(runs, m) for m in known if any(not math.isnan(r.summary[m.key]) for r in runs)]


def groups_of(runs: Sequence[Run]) -> list[tuple[str, list[Row]]]:
    """Return all metrics that say something, by what they are about.

    Parameters
    ----------
    runs
        The runs.
    """
    groups = dict.fromkeys(m.group for m in METRICS)
    found = [(name, rows_of(runs, [m.key for m in METRICS if m.group == name])) for name in groups]
    return [(name, rows) for name, rows in found if rows]


def _row(runs: Sequence[Run], metric: Metric) -> Row:
    values = [run.summary[metric.key] for run in runs]
    variants = [Variant("", run.name, {0: run.summary}) for run in runs]
    best = marks(variants, metric) if len(runs) > 1 else [Mark.NONE]
    places = decimals(values)
    most = max([abs(v) for v in values if not math.isnan(v)], default=0.0)
    cells = (
        Cell(
            value,
            number(value, places),
            lasting(value) if metric.unit == "s" else "",
            mark is Mark.BEST,
            abs(value) / most if most and not math.isnan(value) else 0.0,
        )
        for value, mark in zip(values, best, strict=True)
    )
    return Row(metric, tuple(cells))


def differing(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return the keys of scenarios that are not the same in all runs; of one run, those set.

    Parameters
    ----------
    runs
        The runs.
    """
    rows = []
    for key in KEYS:
        values = [run.settings.get(key.table, {}).get(key.name) for run in runs]
        usual = values[0] == _plain(key.default) if len(runs) == 1 else _all_same(values)
        if not usual:
            rows.append((key.path, [_written(value) for value in values]))
    return rows


def _all_same(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _written(value: Any) -> str:
    match value:
        case None | "" | []:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case Mapping() | list():
            entries = "1 entry" if len(value) == 1 else f"{len(value)} entries"
            return entries if value else "–"
    return str(value)


@dataclass(frozen=True, slots=True)
class Waited:
    """A row of who waited: ``parts`` are (reason, percent of the width of a bar)."""

    waiters: Waiters
    mean: str
    longest: str
    hours: str
    parts: tuple[tuple[str, float], ...]
    said: str


def waited(rows: Sequence[Waiters], most: int) -> tuple[list[Waited], int]:
    """Return who waited as rows, and how many are left out: those who waited least.

    Parameters
    ----------
    rows
        Who waited.
    most
        How many rows there may be.
    """
    kept = sorted(rows, key=lambda row: -row.total_s)[:most]
    shown = [row for row in rows if row in kept]
    widest = max((row.total_s for row in shown), default=0.0) or 1.0
    places = decimals(row.total_s / 3600.0 for row in shown) if shown else 0
    made = [
        Waited(
            row,
            _seconds(row.mean_s),
            _seconds(row.longest_s),
            number(row.total_s / 3600.0, places),
            tuple((reason, 100.0 * row.by_reason[reason] / widest) for reason in REASONS),
            shares(row.by_reason),
        )
        for row in shown
    ]
    return made, len(rows) - len(shown)


def shares(by_reason: Mapping[str, float]) -> str:
    """Return the parts of a wait in percent, as words.

    Parameters
    ----------
    by_reason
        Seconds by reason.
    """
    return ", ".join(_shares(by_reason)) or "–"


def _shares(by_reason: Mapping[str, float]) -> Iterator[str]:
    total = sum(by_reason[reason] for reason in REASONS)
    for reason in REASONS:
        if total and (percent := 100.0 * by_reason[reason] / total) >= 0.5:
            yield f"{percent:.0f} % {reason}"


@dataclass(frozen=True, slots=True)
class LongWait:
    """A job that waited long."""

    job: str
    asks: str
    queue: str
    user: str
    wait: str
    wait_s: float
    arrived: str
    status: str
    why: str


def long_waits(jobs: Any, first_s: float) -> list[LongWait]:
    """Return some jobs as rows.

    Parameters
    ----------
    jobs
        As ``waiting.longest`` returns them.
    first_s
        The first arrival.
    """
    return [
        LongWait(
            row["job"],
            row["asks"] + (f" ({row['models'].replace('|', ' or ')})" if row["models"] else ""),
            row["queue"] or "–",
            row["user"] or "–",
            _seconds(row["wait_s"]),
            row["wait_s"],
            _seconds(row["arrival_s"] - first_s),
            row["status"] + (f", stopped {row['stops']} ×" if row["stops"] else ""),
            shares(row),
        )
        for row in jobs.iter_rows(named=True)
    ]


def _seconds(value: float) -> str:
    about = lasting(value) if not math.isnan(value) else ""
    return about or (f"{number(value)} s" if not math.isnan(value) else "–")
