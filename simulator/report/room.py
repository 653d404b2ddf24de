"""How much room the GPUs that a job may use had, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

    from bayplan.simulator.report.run import Run

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_STEPS = 20_000
"""Of the time, above which levels are taken as their means over this many even parts."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What is free of single GPUs, milli: all of their ``capacity`` (n_gpus,) at the beginning.

    ``before`` and ``after`` each change (n_changes,), which is at ``time_s[which]`` of the room.
    """

    capacity: IntArray
    which: IntArray
    before: IntArray
    after: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """Levels over time: each array of levels is (n,), from ``time_s[i]`` to ``time_s[i + 1]``.

    ``milli`` is free of all GPUs together; ``changes`` are those of each GPU, None where nobody
    knows which GPU was taken.
    """

    time_s: FloatArray
    milli: FloatArray
    changes: Changes | None = None

    def parts(self, milli: int) -> FloatArray | None:
        """Return how many parts of so many milli-GPU, each on one GPU, could be had: (n,).

        None where it is not known.
        """
        if (own := self.changes) is None:
            return None
        change = np.zeros(self.time_s.size)
        np.add.at(change, own.which, own.after // milli - own.before // milli)
        levels: FloatArray = (own.capacity // milli).sum() + np.cumsum(change)[:-1]
        return levels

    def between(self, levels: FloatArray, time_s: FloatArray) -> FloatArray:
        """Return the means of levels between some times."""
        if time_s is self.time_s:
            return levels
        total = np.concatenate([[0.0], np.cumsum(levels * np.diff(self.time_s))])
        means: FloatArray = np.diff(np.interp(time_s, self.time_s, total)) / np.diff(time_s)
        return means


def room_of(run: Run, models: str) -> Room:
    """Return the room on GPUs of some models.

    It is exact where all stints are known, else as good as samples of the whole cluster are.

    Parameters
    ----------
    run
        The run.
    models
        Names with ``|`` between them; empty: any.
    """
    stints, nodes = run.whole_stints, run.nodes
    if stints is None:
        return _sampled(run)
    named = [name.strip() for name in models.split("|") if name.strip()]
    usable = nodes.filter(nodes["gpu_model"].is_in(named)) if named else nodes
    if named:
        stints = stints.filter(stints["node"].is_in(usable["name"].to_list()))
    if run.away is not None:
        stints = _with_absences(stints, usable, run.away)
    first_s, end_s = run.span_s
    start = stints["start_s"].to_numpy()
    stop = stints["end_s"].fill_null(end_s).to_numpy()
    milli = stints["milli"].to_numpy().astype(np.int64)
    times = np.concatenate([start, stop])
    changes = np.concatenate([-milli, milli])
    time, which = np.unique(np.append(times, [first_s, end_s]), return_inverse=True)
    which = which[:-2].astype(np.int64)
    change = np.zeros(time.size, np.int64)
    np.add.at(change, which, changes)
    free = int(usable["gpu_capacity_milli"].sum()) + np.cumsum(change)[:-1].astype(np.float64)
    if (stints["gpu"] < 0).any():  # the device plugin picks: nobody knows which
        return Room(time, free)
    gpu, capacity = _gpus(usable, stints)
    before, after, order = _each(np.tile(gpu, 2), which, changes, capacity)
    return Room(time, free, Changes(capacity, which[order], before, after))


def _with_absences(stints: pl.DataFrame, nodes: pl.DataFrame, away: pl.DataFrame) -> pl.DataFrame:
    """Return stints, and one for each GPU while its node was not there: nobody can have it then."""
    import polars as pl

    gpus = nodes.filter(pl.col("gpu_count") > 0).select(
        node="name",
        gpu=pl.int_ranges("gpu_count"),
        milli=pl.col("gpu_capacity_milli") // pl.col("gpu_count"),
    )
    absent = away.join(gpus, on="node", maintain_order="left").explode("gpu")
    absent = absent.rename({"from_s": "start_s", "until_s": "end_s"})
    columns = ["node", "gpu", "milli", "start_s", "end_s"]
    kinds = {name: stints.schema[name] for name in columns}
    return pl.concat([stints.select(columns), absent.select(columns).cast(kinds)])  # type: ignore[arg-type]


def _gpus(nodes: pl.DataFrame, stints: pl.DataFrame) -> tuple[IntArray, IntArray]:
    """Return the GPU of each stint, numbered through, and what each GPU hands out."""
    count = nodes["gpu_count"].to_numpy().astype(np.int64)
    offset = np.cumsum(count) - count
    number = dict(zip(nodes["name"].to_list(), offset.tolist(), strict=True))
    base = np.array([number[name] for name in stints["node"].to_list()], np.int64)
    each = nodes["gpu_capacity_milli"].to_numpy() // np.maximum(count, 1)
    return base + stints["gpu"].to_numpy(), np.repeat(each, count).astype(np.int64)


def _each(
    gpu: IntArray, which: IntArray, changes: IntArray, capacity: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Return what was free of its GPU before and after each change, and the order of these."""
    order = np.lexsort((which, gpu)).astype(np.int64)
    gpu, changes = gpu[order], changes[order]
    total = np.cumsum(changes)
    starts = np.flatnonzero(np.diff(gpu, prepend=-1))
    base = np.repeat(total[starts] - changes[starts], np.diff(np.append(starts, gpu.size)))
    after = capacity[gpu] + total - base
    return after - changes, after, order


def _sampled(run: Run) -> Room:
    series = run.series
    time = np.concatenate([[run.span_s[0]], series["time_s"].to_numpy()])
    capacity, gpus = (float(run.nodes[name].sum()) for name in ("gpu_capacity_milli", "gpu_count"))
    there = capacity / max(gpus, 1.0) * series["gpus"].to_numpy()
    return Room(time, there - series["allocated_milli"].to_numpy())
