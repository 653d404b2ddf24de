"""GPUs × time: how much of each GPU was held when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.report.room import FloatArray, IntArray
from bayplan.simulator.report.run import Run

COLUMNS = 200
MOST_ROWS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Shares of GPUs that were held, means over the cells.

    ``share`` (rows, columns) in even parts of the time; ``labels`` are (row, text) of rows whose
    name is shown; ``gpus`` (rows,) is how many GPUs a row stands for, with ``names`` one a row.
    ``away`` (rows, columns) are the shares whose node was not there; None: all always were.
    ``by_gpu`` is False where only the whole cluster is known.
    """

    share: FloatArray
    names: list[str]
    labels: list[tuple[int, str]]
    gpus: IntArray
    by_gpu: bool
    away: FloatArray | None = None

    @property
    def held(self) -> float:
        """The share of all GPUs that was held over all the time."""
        return float(np.average(self.share.mean(axis=1), weights=self.gpus))


def grid_of(run: Run, most_rows: int = MOST_ROWS) -> Grid:
    """Return how the GPUs of a run were held over its time.

    Without all stints it is one row for the whole cluster, from the samples.

    Parameters
    ----------
    run
        The run.
    most_rows
        Where there are more GPUs, a row stands for several neighbours.
    """
    if run.whole_stints is None:
        return _cluster(run)
    count = run.nodes["gpu_count"].to_numpy().astype(np.int64)
    if not count.any():
        return Grid(np.zeros((0, COLUMNS)), [], [], count[:0], True)
    offset = np.concatenate([[0], np.cumsum(count)])
    n_gpus = int(offset[-1])
    n_rows = min(n_gpus, most_rows)
    row_of = np.arange(n_gpus) * n_rows // n_gpus
    share = _shares(run, row_of, _spans(run, offset))
    away = _absences(run, offset)
    names, labels = _names(run, offset, row_of, n_rows)
    per_row = np.bincount(row_of, minlength=n_rows)
    absent = None if away is None else _shares(run, row_of, away)
    return Grid(share, names, labels, per_row, True, absent)


Spans = tuple[IntArray, FloatArray, FloatArray, FloatArray]
"""GPU of the cluster, milli, start and end of each span."""


def _shares(run: Run, row_of: IntArray, spans: Spans) -> FloatArray:
    """Return how much of the GPUs of each row some spans take, means over the cells."""
    gpus, milli, start, stop = spans
    n_rows = int(row_of[-1]) + 1
    cells = np.zeros((n_rows, COLUMNS + 2))
    levels = np.zeros((n_rows, COLUMNS + 2))
    for when, sign in ((start, 1.0), (stop, -1.0)):
        _add(cells, levels, row_of[gpus], _column(run, when), sign * milli / GPU_MILLI)
    share = (cells + np.cumsum(levels, axis=1))[:, :COLUMNS]
    per_row = np.bincount(row_of, minlength=n_rows)
    return np.maximum(share / per_row[:, None], 0.0)


def _absences(run: Run, offset: IntArray) -> Spans | None:
    """Return a span for each GPU while its node was not there; None: all always were."""
    if run.away is None or not run.away.height:
        return None
    number = {name: i for i, name in enumerate(run.nodes["name"].to_list())}
    node = np.array([number[name] for name in run.away["node"].to_list()], np.int64)
    times = (offset[1:] - offset[:-1])[node]
    again = np.repeat(np.arange(node.size), times)
    nth = np.arange(again.size) - (np.cumsum(times) - times)[again]
    start, stop = (run.away[name].to_numpy()[again] for name in ("from_s", "until_s"))
    return offset[node][again] + nth, np.full(again.size, float(GPU_MILLI)), start, stop


def _spans(run: Run, offset: IntArray) -> Spans:
    """Return a span for each stint on each GPU.

    One on whatever GPU the device plugin picks is spread over those of its node.
    """
    stints = run.stints
    assert stints is not None
    number = {name: i for i, name in enumerate(run.nodes["name"].to_list())}
    node = np.array([number[name] for name in stints["node"].to_list()], np.int64)
    gpu = stints["gpu"].to_numpy().astype(np.int64)
    start = stints["start_s"].to_numpy()
    stop = stints["end_s"].fill_null(run.span_s[1]).to_numpy()
    times = np.where(gpu < 0, (offset[1:] - offset[:-1])[node], 1)
    milli = stints["milli"].to_numpy() / times
    again = np.repeat(np.arange(node.size), times)
    first = np.cumsum(times) - times
    nth = np.arange(again.size) - first[again]
    found = offset[node][again] + np.where(gpu[again] < 0, nth, gpu[again])
    return found, milli[again], start[again], stop[again]


def _column(run: Run, time_s: FloatArray) -> FloatArray:
    first_s, end_s = run.span_s
    at = (time_s - first_s) / (end_s - first_s) if end_s > first_s else np.zeros(time_s.size)
    return np.clip(at * COLUMNS, 0.0, COLUMNS)


def _add(
    cells: FloatArray, levels: FloatArray, row: IntArray, at: FloatArray, by: FloatArray
) -> None:
    """Let rows be higher from some place on: a part of that cell, and all of those after it."""
    column = at.astype(np.int64)
    np.add.at(cells, (row, column), by * (column + 1 - at))
    np.add.at(levels, (row, column + 1), by)


def _names(
    run: Run, offset: IntArray, row_of: IntArray, n_rows: int
) -> tuple[list[str], list[tuple[int, str]]]:
    """Return what each row is called, and which nodes begin at which rows."""
    nodes = run.nodes["name"].to_list()
    firsts = np.searchsorted(row_of, np.arange(n_rows))
    lasts = np.append(firsts[1:], row_of.size) - 1
    names = []
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        a, b = (int(np.searchsorted(offset, gpu, side="right")) - 1 for gpu in (first, last))
        ends = [f"{nodes[n]} GPU {gpu - offset[n]}" for n, gpu in ((a, first), (b, last))]
        names.append(" to ".join(dict.fromkeys(ends)))
    begins = [(int(row_of[start]), nodes[i])
              for i, start in enumerate(offset[:-1].tolist()) if start < offset[i + 1]]  # fmt: skip
    return names, begins


def _cluster(run: Run) -> Grid:
    series = run.series
    capacity = np.maximum(GPU_MILLI * series["gpus"].to_numpy(), 1)
    time = np.concatenate([[run.span_s[0]], series["time_s"].to_numpy()])
    held = np.cumsum(np.diff(time) * series["allocated_milli"].to_numpy() / capacity)
    edges = np.linspace(*run.span_s, COLUMNS + 1)
    total = np.interp(edges, time, np.concatenate([[0.0], held]))
    width = max(edges[1] - edges[0], 1e-9)
    share = np.diff(total)[None, :] / width
    gpus = np.array([max(run.totals["n_gpus"], 1)], np.int64)
    return Grid(share, ["all GPUs"], [(0, "all GPUs")], gpus, False)
