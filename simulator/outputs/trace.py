"""A run as a file of trace events, for Perfetto and Chrome's viewer, written piece by piece.

The format is that of Chromium's Trace Event Format document: a process a node, a thread a GPU or
MIG instance, complete events (``X``) that are jobs, counters (``C``) of the queue and the GPUs.
Times are in microseconds of simulated time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np
import orjson

from bayplan.simulator.core.results import Outcome, Series, Totals
from bayplan.simulator.core.stints import IntArray, Stints
from bayplan.traces.jobs import JobTable

SCHEMA = "bayplan.trace/1"
MOST_EVENTS = 100_000
"""Events of a trace unless more are asked for: some 20 MB, which viewers open at once."""

CLUSTER = 1
"""The process of the counters; nodes are those after it, in their order."""

_MICROS = 1e6
_LARGEST = 2**53
"""Beyond it viewers, which read numbers as doubles, cannot tell microseconds apart."""

_PIECE = 1024
_PER_SAMPLE = 3
_Track = tuple[int, int, int, int, int]
_Event = dict[str, Any]


@dataclass(slots=True)
class _Lanes:
    """The threads of one GPU or instance: as many as jobs are on it together."""

    free_us: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def take(self, start_us: int, end_us: int) -> int:
        """Return the first lane that is free then, and fill it."""
        for lane, free_us in enumerate(self.free_us):
            if free_us <= start_us:
                self.free_us[lane] = end_us
                return lane
        self.free_us.append(end_us)
        return len(self.free_us) - 1


@dataclass(frozen=True, slots=True)
class Trace:
    """What is to be written, and from when on stints are missing; NaN: none is."""

    outcome: Outcome
    jobs: JobTable
    n_stints: int
    n_samples: int
    cut_s: float

    def pieces(self) -> Iterator[bytes]:
        """Yield the file."""
        cut_s = None if math.isnan(self.cut_s) else self.cut_s
        other = orjson.dumps({"schema": SCHEMA, "cut_s": cut_s}).decode()
        yield f'{{"displayTimeUnit":"ms","otherData":{other},"traceEvents":[\n'.encode()
        events = self._events()
        start = b""
        while batch := list(islice(events, _PIECE)):
            yield start + b",\n".join(map(orjson.dumps, batch))
            start = b",\n"
        yield b"\n]}\n"

    def _events(self) -> Iterator[_Event]:
        yield from _named("process", CLUSTER, 0, "cluster", CLUSTER)
        yield from _counters(self.outcome.series, self.outcome.totals, self.n_samples)
        if self.outcome.stints is not None:
            end_s = self.outcome.totals.end_s
            yield from _complete(self.outcome.stints, self.jobs, end_s, self.n_stints)


def trace_of(outcome: Outcome, jobs: JobTable, most: int = MOST_EVENTS) -> Trace:
    """Return a run's trace, of at most so many events: the first stints, and a thinner series.

    Parameters
    ----------
    outcome
        The run.
    jobs
        Its job table.
    most
        The most events.
    """
    series, stints = outcome.series, outcome.stints
    n_samples = min(series.time_s.size, most // (4 * _PER_SAMPLE))
    if stints is None:
        return Trace(outcome, jobs, 0, n_samples, outcome.totals.first_s)
    room = most - 2 - _PER_SAMPLE * n_samples
    costs = np.cumsum(_costs(stints, max(room, 0)))
    n = int(np.searchsorted(costs, room, side="right"))
    cut_s = float(stints.start_s[n]) if n < stints.row.size else stints.cut_s
    return Trace(outcome, jobs, n, n_samples, cut_s)


def _costs(stints: Stints, most: int) -> IntArray:
    """Return the events that each of the first stints brings: itself, and names of where it is."""
    seen: dict[_Track, _Lanes] = {}
    nodes: set[int] = set()
    costs = np.ones(min(stints.row.size, most), np.int64)
    for i, (track, start_us, end_us) in enumerate(_spans(stints, math.inf, costs.size)):
        lanes = seen.setdefault(track, _Lanes())
        before = len(lanes.free_us)
        lanes.take(start_us, end_us)
        costs[i] += 2 * (len(lanes.free_us) - before) + 2 * (track[0] not in nodes)
        nodes.add(track[0])
    return costs


def _spans(stints: Stints, end_s: float, n: int) -> Iterator[tuple[_Track, int, int]]:
    """Yield where the first stints are, and from when to when."""
    columns = (stints.node, stints.gpu, stints.slice_start, stints.slice_size, stints.profile)
    tracks = zip(*(column[:n].tolist() for column in columns), strict=True)
    ends = np.where(np.isnan(stints.end_s[:n]), end_s, stints.end_s[:n])
    times = zip(stints.start_s[:n].tolist(), ends.tolist(), strict=True)
    for track, (start_s, to_s) in zip(tracks, times, strict=True):
        yield track, _micros(start_s), _micros(to_s)


def _complete(stints: Stints, jobs: JobTable, end_s: float, n: int) -> Iterator[_Event]:
    lanes_of: dict[_Track, _Lanes] = {}
    threads: dict[int, int] = {}
    granted = zip(stints.row[:n].tolist(), stints.milli[:n].tolist(), strict=True)
    for (track, start_us, end_us), (row, milli) in zip(
        _spans(stints, end_s, n), granted, strict=True
    ):
        node = track[0]
        process = CLUSTER + 1 + node
        if node not in threads:
            threads[node] = 0
            yield from _named("process", process, 0, stints.names[node], process)
        lanes = lanes_of.setdefault(track, _Lanes())
        lane = lanes.take(start_us, end_us)
        if lane == len(lanes.threads):
            threads[node] += 1
            lanes.threads.append(threads[node])
            label = _label(stints, track, lane)
            yield from _named("thread", process, threads[node], label, _rank(track, lane))
        yield {
            "name": jobs.gang[row] or jobs.name[row],
            "cat": "stint",
            "ph": "X",
            "ts": start_us,
            "dur": end_us - start_us,
            "pid": process,
            "tid": lanes.threads[lane],
            "args": _args(jobs, row, milli),
        }


def _args(jobs: JobTable, row: int, milli: int) -> dict[str, Any]:
    named = {"user": jobs.user[row], "queue": jobs.queue[row], "type": jobs.job_type[row]}
    return {"milli": milli, **{name: text for name, text in named.items() if text}}


def _label(stints: Stints, track: _Track, lane: int) -> str:
    _, gpu, start, size, profile = track
    name = f"GPU {gpu}" if gpu >= 0 else "any GPU"
    if size:
        name += f", {stints.profiles[profile] or 'instance'} at {start}"
    return f"{name}, lane {lane + 1}" if lane else name


def _rank(track: _Track, lane: int) -> int:
    """Return where a thread stands in its node: by GPU, place on it, and lane."""
    _, gpu, start, size, _ = track
    return (((gpu + 1) * 64 + start) * 64 + size) * 1024 + min(lane, 1023)


def _named(what: str, process: int, thread: int, name: str, rank: int) -> Iterable[_Event]:
    common = {"ph": "M", "pid": process, "tid": thread, "ts": 0}
    return (
        {"name": f"{what}_name", **common, "args": {"name": name}},
        {"name": f"{what}_sort_index", **common, "args": {"sort_index": rank}},
    )


def _counters(series: Series, totals: Totals, n: int) -> Iterator[_Event]:
    """Yield who waits, who runs, and what is handed out; ``n`` of the samples, evenly spread."""
    if not n:
        return
    kept = np.unique(np.linspace(0, series.time_s.size - 1, n).round().astype(np.int64))
    percent = 100.0 / max(totals.capacity_milli, 1)
    # A sample is the state just before its time: it stands for the time since the one before.
    since = np.append(min(totals.first_s, *series.time_s[:1]), series.time_s[kept][:-1])
    columns = (
        since,
        series.waiting[kept],
        series.running[kept],
        (series.allocated_milli[kept] * percent).round(3),
    )
    for at_s, waiting, running, allocated in zip(*(c.tolist() for c in columns), strict=True):
        common = {"ph": "C", "ts": _micros(at_s), "pid": CLUSTER, "tid": 0}
        yield from chain(
            ({"name": "waiting", **common, "args": {"jobs": waiting}},),
            ({"name": "running", **common, "args": {"jobs": running}},),
            ({"name": "GPUs allocated", **common, "args": {"%": allocated}},),
        )


def _micros(seconds: float) -> int:
    return round(min(seconds * _MICROS, _LARGEST))
