"""Variants side by side for the terminal: means over the seeds, the best marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bayplan.simulator.metrics import (
    Interval,
    Mark,
    Metric,
    Summary,
    Variant,
    figure_of,
    marks,
    metric,
)
from bayplan.simulator.outputs.notes import about_jobs, about_marks, about_seeds
from bayplan.simulator.outputs.numbers import NOTHING, decimals, number
from bayplan.traces.console import MIN_WIDTH, plain

SHOWN = ("jct_mean_s", "wait_mean_s", "allocation_pct", "effective_pct")
"""Metrics of a comparison unless others are asked for."""

FINISHED = "finished"
_LABEL = 26
_HEADING = "variant"
_ARROWS = {"less": " ↓", "more": " ↑", "": ""}


@dataclass(frozen=True, slots=True)
class _Column:
    metric: Metric
    figures: tuple[Interval, ...]
    cells: tuple[str, ...]
    marks: tuple[Mark, ...]

    @property
    def heading(self) -> str:
        name, _, which = self.metric.title.partition(", ")
        below = ", ".join(part for part in (which, self.metric.unit) if part)
        return f"{name}{_ARROWS[self.metric.better]}\n{below}"

    @property
    def width(self) -> int:
        """Characters, with the two that set it apart."""
        return 2 + max(map(len, (*self.heading.split("\n"), *self.cells)))


def compare_tables(
    variants: Sequence[Variant], keys: Sequence[str] = SHOWN
) -> Iterator[RenderableType]:
    """Yield the comparison: as many tables of at most 80 columns as the metrics need, and notes.

    Where jobs did not come to their end, the first column is of those that did.

    Parameters
    ----------
    variants
        What is compared, in the order of its rows; those of a group one after another.
    keys
        The metrics' keys.

    Raises
    ------
    InputError
        There is no such metric.
    """
    if any(_finished_less(summary) for v in variants for summary in v.by_seed.values()):
        keys = [FINISHED, *keys]
    columns = [_column(variants, metric(key)) for key in dict.fromkeys(keys)]
    labels = _labels(variants)
    width = min(_LABEL, max(len(label) for label in (_HEADING, *(text for text, _ in labels))))
    yield Text(_title(variants), style="bold")  # no table's title: it would be wrapped to its width
    for part in _parts(columns, MIN_WIDTH - 2 - width):
        yield _table(labels, part, width)
    yield from map(plain, _notes(variants, columns))


def _finished_less(summary: Summary) -> bool:
    return summary[FINISHED] < summary["jobs"]


def _column(variants: Sequence[Variant], metric: Metric) -> _Column:
    figures = [figure_of(variant, metric.key) for variant in variants]
    places = decimals(x for figure in figures for x in (figure.mean, figure.half))
    which = marks(variants, metric)
    marked = any(mark is not Mark.NONE for mark in which)
    cells = tuple(
        _cell(figure, places) + (mark.value or " " if marked else "")
        for figure, mark in zip(figures, which, strict=True)
    )
    return _Column(metric, tuple(figures), cells, tuple(which))


def _cell(figure: Interval, places: int) -> str:
    mean, half = number(figure.mean, places), number(figure.half, places)
    return mean if half == NOTHING else f"{mean} ± {half}"


def _labels(variants: Sequence[Variant]) -> list[tuple[str, int | None]]:
    """Return the rows' labels, and whose figures each has: a group's own row has none."""
    groups = {variant.group for variant in variants}
    names = {variant.name for variant in variants}
    if len(groups) < 2 or len(names) < 2:
        return [
            ((v.name if len(groups) < 2 else v.group) or v.group or v.name, i)
            for i, v in enumerate(variants)
        ]
    rows: list[tuple[str, int | None]] = []
    for group, members in groupby(enumerate(variants), key=lambda pair: pair[1].group):
        rows.append((group or "(none)", None))
        rows += [(f"  {variant.name}", i) for i, variant in members]
    return rows


def _parts(columns: Sequence[_Column], room: int) -> Iterator[list[_Column]]:
    part: list[_Column] = []
    for column in columns:
        if part and sum(each.width for each in (*part, column)) > room:
            yield part
            part = []
        part.append(column)
    if part:
        yield part


def _table(
    labels: Sequence[tuple[str, int | None]], columns: Sequence[_Column], width: int
) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"\n{_HEADING}", min_width=width, max_width=width, overflow="fold")
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for label, i in labels:
        table.add_row(plain(label), *([] if i is None else (_shown(c, i) for c in columns)))
    return table


def _shown(column: _Column, i: int) -> Text:
    return Text(column.cells[i], style="bold" if column.marks[i] is Mark.BEST else "")


def _title(variants: Sequence[Variant]) -> str:
    seeds = sorted({len(variant.by_seed) for variant in variants})
    if seeds == [1]:
        return "1 seed"
    shown = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return f"Means of {shown} seeds ± half of the 95 % confidence interval"


def _notes(variants: Sequence[Variant], columns: Sequence[_Column]) -> Iterator[str]:
    yield from about_marks({mark for column in columns for mark in column.marks})
    yield from about_seeds(variants, [figure for column in columns for figure in column.figures])
    yield from about_jobs(variants, [column.metric for column in columns])
