"""What is drawn, as paths in a square of 1000 that the page stretches to the width it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bayplan.simulator.outputs.numbers import lasting, number
from bayplan.simulator.report.axis import Axis, linear, logarithmic, since
from bayplan.simulator.report.grid import COLUMNS, Grid
from bayplan.simulator.report.room import FloatArray, IntArray
from bayplan.simulator.report.thin import cdf, extremes

if TYPE_CHECKING:
    from bayplan.simulator.report.run import Run

SIDE = 1000
COLOURS = 6
"""Colours of curves; after them come the same ones dashed."""

BELOW = -1
"""The look of a wide grey curve under others."""

AWAY = -2
"""The level of cells without a GPU for the most part of their time."""

ABSENT = 0.5
"""More of a cell than this is the most part."""

LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.995)
"""Shares of a GPU above which the grid is a shade darker."""

LEVEL_NAMES = ("to 20 %", "to 40 %", "to 60 %", "to 80 %", "to 99 %", "all of it")
_MOST_LABELS = 8
_PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: what it is called, which look it has, its path, and points that stand out."""

    name: str
    look: int
    path: str
    dots: tuple[tuple[str, str], ...] = ()

    @property
    def colour(self) -> str:
        """Which colour of the page it has."""
        return "below" if self.look == BELOW else f"c{self.look % COLOURS}"

    @property
    def dash(self) -> int:
        """Which pattern of dashes it has; 0: none."""
        return max(self.look, 0) // COLOURS


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over an axis; ``about`` says in words what they show."""

    id: str
    title: str
    about: str
    x: Axis
    y: Axis
    curves: tuple[Curve, ...]
    note: str = ""

    @property
    def downwards(self) -> tuple[tuple[float, str], ...]:
        """The marks of the upward axis, places counted from the top."""
        return tuple((1.0 - at, text) for at, text in self.y.marks)


@dataclass(frozen=True, slots=True)
class Heat:
    """GPUs × time; ``levels`` are paths from light to dark in a field of ``rows`` × ``columns``.

    ``away`` is the path of where nodes were not there and nothing was held; empty: nowhere.
    """

    id: str
    title: str
    about: str
    x: Axis
    marks: tuple[tuple[float, str], ...]
    rows: int
    levels: tuple[str, ...]
    note: str
    columns: int = COLUMNS
    names: tuple[str, ...] = field(default=LEVEL_NAMES)
    away: str = ""


def distribution(runs: Sequence[Run], column: str, title: str, what: str) -> Plot | None:
    """Return the distribution of a duration over the finished jobs; None: none finished.

    Parameters
    ----------
    runs
        A curve each.
    column
        ``wait_s`` or ``jct_s``.
    title, what
        Of the plot, and what a job did so long: "waited".
    """
    found = [(look, run, _durations(run, column)) for look, run in enumerate(runs)]
    known = [each for each in found if each[2].size]
    if not known:
        return None
    ends = [float(x) for _, _, values in known for x in (values.min(), values.max())]
    x, y = logarithmic(ends, f"{title}, logarithmic"), linear(100.0, "% of finished jobs", 4)
    curves, said = [], []
    for look, run, values in known:
        at, percent = cdf(values)
        marks = [(p, float(np.percentile(values, p))) for p in _PERCENTS]
        dots = tuple(
            (_path(x, y, [value], [p]) + "h0", f"p{p}: {_duration(value)}") for p, value in marks
        )
        curves.append(Curve(run.name, look, _path(x, y, at, percent), dots))
        quoted = ", ".join(f"{p} % at most {_duration(value)}" for p, value in marks)
        said.append(f"{run.name}: {quoted} {what}.")
    note = "Dots: 50, 95 and 99 %, the percentiles of the table."
    if x.low > min(ends):
        note += f" What took less than {x.marks[0][1]} begins at the left edge."
    return Plot(f"{column[:-2]}-cdf", title, " ".join(said), x, y, tuple(curves), note)


def _durations(run: Run, column: str) -> FloatArray:
    done = run.jobs.filter(run.jobs["status"] == "finished")
    if column == "jct_s":
        return (done["finish_s"] - done["arrival_s"]).to_numpy()
    return done[column].to_numpy()


def _duration(seconds: float) -> str:
    return lasting(seconds) or f"{number(seconds)} s"


def over_time(
    id: str,
    title: str,
    label: str,
    lines: Iterable[tuple[str, int, Run, FloatArray]],
    *,
    least_high: float = 0.0,
) -> Plot | None:
    """Return samples over time; None: nothing was measured.

    Parameters
    ----------
    id, title, label
        Of the plot, and what is measured, with its unit.
    lines
        Name, look, run, and a value a sample; what was not measured is NaN.
    least_high
        The axis ends there or above.
    """
    known = [each for each in lines if each[3].size and not np.isnan(each[3]).all()]
    if not known:
        return None
    x = since(max(run.span_s[1] - run.span_s[0] for _, _, run, _ in known))
    y = linear(max(least_high, *(float(np.nanmax(values)) for *_, values in known)), label)
    curves, said = [], []
    for name, look, run, values in known:
        measured = ~np.isnan(values)
        time = run.series["time_s"].to_numpy()[measured] - run.span_s[0]
        values = values[measured]
        at, shown = extremes(time, values)
        curves.append(Curve(name, look, _steps(x, y, at, shown)))
        mean = np.average(values, weights=np.diff(time, prepend=0.0) + 1e-12)
        said.append(f"{name}: mean {number(float(mean))}, highest {number(float(values.max()))}.")
    return Plot(id, title, f"{label}. {' '.join(said)}", x, y, tuple(curves))


def heat(id: str, run: Run, grid: Grid) -> Heat | None:
    """Return how the GPUs were held over time; None: there is none, or no time passed.

    Parameters
    ----------
    id
        Of the plot.
    run, grid
        What is drawn.
    """
    rows = grid.share.shape[0]
    span = run.span_s[1] - run.span_s[0]
    if not rows or span <= 0:
        return None
    level = np.searchsorted(np.array(LEVELS), grid.share - 1e-9, side="right") - 1
    level[grid.share <= 1e-9] = -1
    if grid.away is not None:
        level[(level < 0) & (grid.away > ABSENT)] = AWAY
    paths = tuple(_cells(level, k) for k in range(len(LEVELS)))
    busy = 100.0 * grid.held
    idle = int((level.max(axis=1) == -1).sum()) if grid.by_gpu else 0
    about = f"{number(busy)} % of the GPUs' time is held on average."
    if idle:
        about += f" {idle:,} of {rows:,} rows are empty all the time."
    return Heat(
        id, f"GPUs over time: {run.name}", about, since(span), _labels(grid), rows, paths,
        _heat_note(run, grid), away=_cells(level, AWAY),
    )  # fmt: skip


def _heat_note(run: Run, grid: Grid) -> str:
    if not grid.by_gpu:
        why = "none was taken down" if run.stints is None else "there were too many"
        return f"The whole cluster in one row, from samples: of stints on GPUs {why}."
    if (grid.gpus > 1).any():
        few, many = int(grid.gpus.min()), int(grid.gpus.max())
        each = f"{few:,}" if few == many else f"{few:,} or {many:,}"
        return f"A row is {each} neighbouring GPUs."
    return "A row is a GPU."


def _labels(grid: Grid) -> tuple[tuple[float, str], ...]:
    """Return the names of some nodes where they begin, far enough apart to be read."""
    rows = grid.share.shape[0]
    apart = rows / _MOST_LABELS
    shown: list[tuple[float, str]] = []
    last = -apart
    for row, text in grid.labels:
        if row - last >= apart - 1e-9:
            shown.append((row / rows, text))
            last = row
    return tuple(shown)


def _cells(level: IntArray, which: int) -> str:
    """Return the cells of one level as rectangles, neighbours in a row as one."""
    padded = np.pad((level == which).astype(np.int8), ((0, 0), (1, 1)))
    edges = np.diff(padded, axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, stops = np.nonzero(edges == -1)
    runs = zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True)
    return "".join(f"M{start} {row}h{stop - start}v1h{start - stop}z" for row, start, stop in runs)


def _path(x: Axis, y: Axis, across: Iterable[float], up: Iterable[float]) -> str:
    points = [(round(SIDE * x.place(a)), round(SIDE * (1 - y.place(b))))
              for a, b in zip(across, up, strict=True)]  # fmt: skip
    kept = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
    return "M" + "L".join(f"{a} {b}" for a, b in kept)


def _steps(x: Axis, y: Axis, time: FloatArray, values: FloatArray) -> str:
    """Return a path in steps: a sample stands for the time since the one before it."""
    at = [round(SIDE * x.place(t)) for t in time.tolist()]
    up = [None if v != v else round(SIDE * (1 - y.place(v))) for v in values.tolist()]
    path, before = "", None
    for i, height in enumerate(up):
        since_x = at[i - 1] if i else 0
        if height is not None:
            if before is None:
                path += f"M{since_x} {height}"
            elif height != before:
                path += f"V{height}"
            path += f"H{at[i]}"
        before = height
    return path
