"""One run's summary for the terminal, by what it is about."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bayplan.simulator.metrics import METRICS, Metric, Part, Summary
from bayplan.simulator.outputs.numbers import decimals, lasting, number
from bayplan.traces.console import plain

PARTS = 10
"""Rows of a table of queues or users, those with most GPU-hours first."""

_FAMILIES = ("wait", "jct", "slowdown")
_LISTED = (
    "GPUs while jobs arrive", "GPUs", "Losses", "GPU faults", "Start-up", "Elastic jobs", "Energy",
    "Cost", "Deadlines", "Deferral", "Fairness", "Services", "Effort",
)  # fmt: skip
_HEADINGS = {"GPUs": "GPUs, whole run"}
_FASTER = (
    "effective above allocated: who holds a part of a GPU may work faster than that part, and at"
    " the rate of a whole GPU when alone on it"
)
_SPREAD = ("mean", "p50", "p95", "p99")


def summary_text(summary: Summary) -> Iterator[RenderableType]:
    """Yield what is to be printed, at most 80 columns wide; what says nothing is left out.

    Parameters
    ----------
    summary
        The run's.
    """
    yield plain(_counts(summary))
    if summary["finished"] > 0:
        yield _times(summary)
    shown = [_group(name, summary) for name in _LISTED]
    grids = [grid for grid in shown if grid is not None]
    for left, right in zip(grids[::2], [*grids[1::2], None], strict=False):
        pair = Table.grid(padding=(0, 4, 0, 0))
        pair.add_row(left, *([] if right is None else [right]))
        yield pair
        yield Text()
    if summary["effective_pct"] > (1.0 + 1e-9) * summary["allocation_pct"]:
        yield plain(_FASTER)
        yield Text()
    for what, parts in (("queue", summary.by_queue), ("user", summary.by_user)):
        if parts:
            yield from _parts(what, parts)


def _counts(summary: Summary) -> str:
    names = ("cancelled", "failed", "rejected", "unfinished")
    rest = "".join(f", {summary[name]:,.0f} {name}" for name in names if summary[name])
    jobs = summary["jobs"]
    return f"{jobs:,.0f} job{'' if jobs == 1 else 's'}: {summary['finished']:,.0f} finished{rest}."


def _times(summary: Summary) -> Table:
    """Return mean and percentiles of what finished jobs had, and the makespan."""
    table = table_of(f"Finished jobs; makespan {_value('s', summary['makespan_s'])}")
    table.add_column("", min_width=12)
    for heading in (*_SPREAD, "mean is"):
        table.add_column(heading, justify="right", min_width=10, no_wrap=True)
    for family in _FAMILIES:
        members = [m for m in METRICS if m.key.startswith(f"{family}_")]
        values = [summary[m.key] for m in members]
        unit, places = members[0].unit, decimals(values)
        name = members[0].title.partition(",")[0]
        about = lasting(values[0]) if unit == "s" else ""
        shown = [number(value, places) for value in values]
        table.add_row(f"{name}, {unit}" if unit else name, *shown, about)
    return table


def _group(name: str, summary: Summary) -> Table | None:
    """Return the figures of a group that say something."""
    members = [
        m
        for m in METRICS
        if m.group == name and not math.isnan(summary[m.key]) and _says(m, summary)
    ]
    if not members:
        return None
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=14)
    grid.add_column(justify="right", min_width=10)
    grid.add_column()
    grid.add_row(Text(_HEADINGS.get(name, name), style="bold"))
    for title, same in groupby(members, key=lambda m: m.title.removesuffix(", arrivals")):
        for i, m in enumerate(same):
            unit = "" if m.unit == title else m.unit
            grid.add_row("" if i else title, number(summary[m.key]), unit)
    return grid


def _says(metric: Metric, summary: Summary) -> bool:
    """Return whether a figure is worth its line.

    Misses are none where nobody has a deadline, costs where nothing has a price, CO2 where no
    intensity is given, and faults where no GPU had any; of their classes, those that came are
    listed.
    """
    if metric.key.startswith("co2_"):
        return summary["co2_kg"] > 0.0
    if metric.group == "GPU faults":
        had = summary["gpu_faults"] or summary["gpu_closed_h"] or summary["alarms"]
        return had > 0.0 and (summary[metric.key] > 0.0 or not metric.key.startswith("gpu_faults_"))
    if metric.group == "Cost":
        return summary["cost"] > 0.0
    return metric.group != "Deadlines" or not math.isnan(summary["deadline_miss_pct"])


def _value(unit: str, value: float) -> str:
    about = lasting(value) if unit == "s" else ""
    return f"{number(value)} {unit}" + (f" ({about})" if about else "")


def _parts(what: str, parts: Sequence[Part]) -> Iterator[RenderableType]:
    most = sorted(parts, key=lambda part: (-part.gpu_h, part.name))[:PARTS]
    table = table_of(f"By {what}")
    table.add_column(what, overflow="fold", max_width=20)
    columns = (
        ("jobs", [part.jobs for part in most]),
        ("finished", [part.finished for part in most]),
        ("GPU-h", [part.gpu_h for part in most]),
        ("% of\nGPU-h", [part.gpu_pct for part in most]),
        ("wait\nmean, s", [part.wait_mean_s for part in most]),
        ("JCT\nmean, s", [part.jct_mean_s for part in most]),
        ("slow-\ndown", [part.slowdown_mean for part in most]),
    )
    for heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    written = [[number(v, decimals(values)) for v in values] for _, values in columns]
    for part, *cells in zip(most, *written, strict=True):
        table.add_row(plain(part.name or "(none)"), *cells)
    yield table
    if len(parts) > PARTS:
        yield plain(f"… and {len(parts) - PARTS:,} more in summary.json")


def table_of(title: str) -> Table:
    """Return an empty table in the style of a summary.

    Parameters
    ----------
    title
        Its title.
    """
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
