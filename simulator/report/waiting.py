"""Who waited, and for what: every second of waiting has one reason.

What a run knows of it is what was free meanwhile, of the GPU models that a job may use. Before its
first start it waits for *room* while less of them is free, all together, than it needs. Else it
waits for *pieces* while its GPUs, or parts of GPUs, cannot each be had on one GPU. Else everything
is there but what this does not look at, and it waits for its *turn*: the order keeps it back, or
its node lacks CPU or memory, its GPUs are on several nodes, or not cut as it needs them. After a
stop (a preemption, or a kill) it waits to go on: *stopped*. What a job needs is what it was
granted, or asked for where it never started; where that depends on the GPU, or where nobody knows
which GPUs were taken, the reason is *unknown*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayplan.simulator.report.jobs import SIZES
from bayplan.simulator.report.room import MOST_STEPS, FloatArray, IntArray, Room, room_of

if TYPE_CHECKING:
    import polars as pl

    from bayplan.simulator.report.run import Run

REASONS = ("room", "pieces", "turn", "stopped", "unknown")

SAID = {
    "room": "less was free of the GPUs that it may use than it needs",
    "pieces": "enough was free in all, but not on as many GPUs as it needs",
    "turn": "its GPUs were free: not its turn, or not on its nodes, or not enough CPU or memory",
    "stopped": "preempted or killed, and not yet on again",
    "unknown": "not known of this run",
}
"""The reasons, in words."""

_MOST_SIZES = 64
"""Different parts of a GPU that jobs need; above it they are rounded up to 25 milli."""

_COARSE_MILLI = 25


@dataclass(frozen=True, slots=True)
class Waiters:
    """Jobs that have something in common: how many, and how they waited.

    ``mean_s`` is of those that finished, as in the metrics; ``longest_s`` and ``total_s``, and the
    parts of it by reason, are of all of them.
    """

    name: str
    jobs: int
    finished: int
    mean_s: float
    longest_s: float
    total_s: float
    by_reason: dict[str, float]


def with_reasons(run: Run) -> pl.DataFrame:
    """Return the run's jobs with a column of seconds for each of ``REASONS``; they sum to the wait.

    Parameters
    ----------
    run
        The run.
    """
    import polars as pl

    jobs = run.jobs
    arrival = jobs["arrival_s"].to_numpy()
    wait = jobs["wait_s"].to_numpy()
    end = jobs["finish_s"].fill_null(run.span_s[1]).to_numpy()
    until = jobs["start_s"].fill_null(pl.Series(end)).to_numpy()
    before = np.minimum(np.maximum(until - arrival, 0.0), wait)
    needs = _needs(run)
    need = needs["milli"].fill_null(np.nan).to_numpy()
    count, each = needs["count"].to_numpy(), _rounded(needs["each"].to_numpy())
    short, lacking = np.zeros(len(jobs)), np.full(len(jobs), np.nan)
    models = jobs["models"].to_numpy()
    asks = need > 0.0  # NaN does not
    lacking[need == 0.0] = 0.0
    for name in jobs.filter(pl.Series(asks))["models"].unique(maintain_order=True).to_list():
        rows = np.flatnonzero((models == name) & asks)
        found = _lacked(
            room_of(run, name), need[rows], count[rows], each[rows], arrival[rows], until[rows]
        )
        short[rows], lacking[rows] = found
    room = np.minimum(short, before)
    unknown = np.where(np.isnan(lacking), before - room, 0.0)
    pieces = np.where(np.isnan(lacking), 0.0, np.clip(lacking - room, 0.0, before - room))
    columns = (room, pieces, before - room - pieces - unknown, wait - before, unknown)
    return jobs.with_columns(
        pl.Series(reason, values) for reason, values in zip(REASONS, columns, strict=True)
    )


def _lacked(
    room: Room,
    need: FloatArray,
    count: IntArray,
    each: IntArray,
    from_s: FloatArray,
    until_s: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return for how long each job lacked room, and room or pieces (NaN: that is not known)."""
    time = room.time_s
    if time.size > MOST_STEPS:
        time = np.linspace(time[0], time[-1], MOST_STEPS + 1)
    short, lacking = np.zeros(need.size), np.full(need.size, np.nan)

    def during(bad: NDArray[np.bool_], rows: IntArray) -> FloatArray:
        until = np.concatenate([[0.0], np.cumsum(np.diff(time) * bad)])
        lasted: FloatArray = np.interp(until_s[rows], time, until)
        lasted -= np.interp(from_s[rows], time, until)
        return lasted

    milli = room.between(room.milli, time)
    for size in np.unique(each).tolist():
        parts = room.parts(size)
        parts = None if parts is None else room.between(parts, time)
        of_size = np.flatnonzero(each == size)
        for n, wanted in np.unique(np.stack([count, need], 1)[of_size], axis=0).tolist():
            rows = of_size[(count[of_size] == n) & (need[of_size] == wanted)]
            bad = milli < wanted
            short[rows] = during(bad, rows)
            if parts is not None:
                lacking[rows] = during(bad | (parts < n), rows)
    return short, lacking


def _rounded(each: IntArray) -> IntArray:
    if np.unique(each).size <= _MOST_SIZES:
        return each
    rounded: IntArray = -(-each // _COARSE_MILLI) * _COARSE_MILLI
    return rounded


def _needs(run: Run) -> pl.DataFrame:
    """Return what each job needs at once: ``milli`` in all (null: not known), ``count``, ``each``.

    That is ``count`` GPUs, or parts of GPUs, of at least ``each`` milli.
    """
    import polars as pl

    jobs = run.jobs.select("row", "start_s", "asked_milli", "asked_gpus", "asked_each")
    if run.stints is None:
        jobs = jobs.with_columns(milli=None, count=None, each=None)
    else:
        granted = run.stints.group_by("row", "start_s").agg(
            pl.col("milli").sum(), count=pl.len(), each=pl.col("milli").min()
        )
        keys = granted.with_columns(pl.col("row").cast(pl.UInt32))
        jobs = jobs.join(keys, on=["row", "start_s"], how="left", maintain_order="left")
    return jobs.select(
        pl.coalesce("milli", "asked_milli").cast(pl.Float64).alias("milli"),
        pl.coalesce("count", "asked_gpus").cast(pl.Int64).alias("count"),
        pl.coalesce("each", "asked_each").cast(pl.Int64).clip(1).alias("each"),
    )


def longest(jobs: pl.DataFrame, n: int) -> pl.DataFrame:
    """Return the jobs that waited longest, at all.

    Parameters
    ----------
    jobs
        As ``with_reasons`` returns them.
    n
        How many.
    """
    import polars as pl

    waited = jobs.filter(pl.col("wait_s") > 0.0)
    return waited.sort(["wait_s", "row"], descending=[True, False]).head(n)


def by(jobs: pl.DataFrame, column: str) -> list[Waiters]:
    """Return who waited by a column: sizes from small to large, others by all their waiting.

    Parameters
    ----------
    jobs
        As ``with_reasons`` returns them.
    column
        ``size``, ``queue`` or ``user``.
    """
    found = jobs.group_by(column, maintain_order=True).agg(_figures())
    rows = [_waiters(row[column], row) for row in found.iter_rows(named=True)]
    if column == "size":
        rank = {name: i for i, name in enumerate(SIZES)}
        return sorted(rows, key=lambda row: (rank.get(row.name, len(rank)), row.name))
    return sorted(rows, key=lambda row: (-row.total_s, row.name))


def together(jobs: pl.DataFrame, name: str) -> Waiters:
    """Return how all jobs waited together.

    Parameters
    ----------
    jobs
        As ``with_reasons`` returns them.
    name
        What they are called.
    """
    return _waiters(name, jobs.select(_figures()).row(0, named=True))


def _figures() -> list[pl.Expr]:
    import polars as pl

    finished = pl.col("status") == "finished"
    return [
        pl.len().alias("jobs"),
        finished.sum().alias("finished"),
        pl.col("wait_s").filter(finished).mean().alias("mean_s"),
        pl.col("wait_s").max().fill_null(0.0).alias("longest_s"),
        pl.col("wait_s").sum().alias("total_s"),
        *(pl.col(reason).sum() for reason in REASONS),
    ]


def _waiters(name: str, row: dict[str, Any]) -> Waiters:
    return Waiters(
        name,
        row["jobs"],
        row["finished"],
        np.nan if row["mean_s"] is None else row["mean_s"],
        row["longest_s"],
        row["total_s"],
        {reason: row[reason] for reason in REASONS},
    )
