"""What holds of every simulation: nothing is lost, and nothing comes from nowhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import pytest
from hypothesis import given, settings

from bayplan.simulator.core.results import LogEntry, Status

from .scenes import Run, Scene, arrays_of, milli_of, scenes, watch

NEAR = 1e-9
RESIZED = ("grow", "shrink", "lose-pods")
STOPS = ("finish", "preempt", "cancel", "kill", "lose")


def near(value: float) -> object:
    return pytest.approx(value, rel=NEAR, abs=1e-9)


def check_times(run: Run) -> None:
    """A job waits or runs from its arrival to its end, or to where time stopped."""
    jobs, arrival = run.outcome.jobs, run.simulation.book.arrival_s
    now = run.outcome.totals.end_s
    for k, row in enumerate(run.first):
        finish = float(jobs.finish_s[row])
        until = now if math.isnan(finish) else finish
        assert jobs.wait_s[row] + jobs.run_s[row] == near(max(0.0, until - arrival[k]))
        assert min(jobs.wait_s[row], jobs.run_s[row], jobs.overhead_s[row]) >= 0.0
        assert jobs.overhead_s[row] <= jobs.run_s[row] + NEAR
        assert math.isnan(finish) == (jobs.status[row] == Status.UNFINISHED)


def check_work(run: Run) -> None:
    """Work done and lost is rate by time, and what is asked for when a job is finished."""
    jobs, book = run.outcome.jobs, run.simulation.book
    effective = 0.0
    for k, row in enumerate(run.first):
        done, lost = float(jobs.work_done_s[row]), float(jobs.work_lost_s[row])
        if jobs.status[row] == Status.FINISHED:
            assert done == book.work_s[k]
        assert 0.0 <= done <= book.work_s[k]
        stints = run.noted.stints.get(k, [])
        assert done + lost == near(sum(s.work(0.0, run.outcome.totals.end_s) for s in stints))
        assert lost == near(run.noted.lost.get(k, 0.0))
        effective += (done + lost) * int(book.work_gpus[k])
    assert run.outcome.totals.effective_gpu_s == near(effective)


def check_cluster(run: Run) -> None:
    """When all have ended the cluster is as it was, and its books agree."""
    floor = run.simulation.floor
    floor.cluster.check()
    if run.outcome.totals.end_s < math.inf and not floor.running:
        view = floor.cluster.view
        free, capacity = milli_of(floor)
        assert (free == capacity).all()
        alive = view.alive[: view.n_rows]
        assert (view.cpu_free_milli == view.cpu_milli)[: view.n_rows][alive].all()
        assert not floor.cluster.pods
        assert (floor.seats.busy, floor.seats.taken, floor.meter.milli) == (0, 0, 0)
    settings = run.simulation.settings
    if settings.until_s is None and settings.partitioning == "none":
        assert not floor.running
        assert not len(floor.waiting)
        assert (run.outcome.jobs.status != Status.UNFINISHED).all()


def check_log(run: Run) -> None:
    """The log alone gives starts, ends, preemptions, run times."""
    book, jobs = run.simulation.book, run.outcome.jobs
    entries: dict[str, list[LogEntry]] = {uid: [] for uid in book.uid}
    for entry in of_jobs(run):
        entries[entry.job].append(entry)
    times = [entry.time_s for entry in run.outcome.log]
    assert times == sorted(times)
    for uid, row in zip(book.uid, run.first, strict=True):
        what = [entry.what for entry in entries[uid]]
        starts = [entry.time_s for entry in entries[uid] if entry.what == "start"]
        stops = [e.time_s for e in entries[uid] if e.what in STOPS]
        ran = len(starts) > 0 and jobs.status[row] in (Status.UNFINISHED, Status.CANCELLED)
        if ran and len(stops) < len(starts):
            stops.append(run.outcome.totals.end_s)
        assert stopped_by("preempt", entries[uid]) == jobs.preemptions[row]
        lost = stopped_by("lose", entries[uid]) + stopped_by("lose-pods", entries[uid])
        assert lost == jobs.failures[row]
        moments = moments_of(("grow", "shrink"), entries[uid])
        lost_at = moments_of(("lose-pods",), entries[uid])
        assert len(moments - lost_at) == jobs.resizes[row]
        assert what.count("kill") == jobs.oom_kills[row]
        assert (what[-1:] == ["finish"]) == (jobs.status[row] == Status.FINISHED)
        assert same(first_start(entries[uid]), float(jobs.start_s[row]))
        # A job that was withdrawn while it waited has a stop without a start: it is the last.
        spans = [stop - start for start, stop in zip(starts, stops, strict=False)]
        assert float(jobs.run_s[row]) == near(sum(spans))


def stopped_by(what: str, entries: list[LogEntry]) -> int:
    """How often it stopped a job that had run: one that started at that moment was never there."""
    return len(moments_of((what,), entries))


def moments_of(what: Sequence[str], entries: list[LogEntry]) -> set[float]:
    """When they befell a job that had run."""
    started_s, found = math.nan, set()
    for entry in entries:
        if entry.what == "start":
            started_s = entry.time_s
        elif entry.what in what and started_s < entry.time_s:
            found.add(entry.time_s)
    return found


def first_start(entries: list[LogEntry]) -> float:
    """When it first started and was still there in the next moment, or came to its end."""
    then = [e for e in entries if e.what in ("start", *STOPS)]
    for entry, after in zip_longest(then, then[1:]):
        sent_back = after and after.what in ("preempt", "lose") and after.time_s == entry.time_s
        if entry.what == "start" and not sent_back:
            return entry.time_s
    return math.nan


def of_jobs(run: Run) -> list[LogEntry]:
    """What the log says of jobs; the rest is about nodes."""
    return [entry for entry in run.outcome.log if entry.job]


def same(time: float, other: float) -> bool:
    return time == other or (math.isnan(time) and math.isnan(other))


def check_integrals(run: Run) -> None:
    """What was handed out, busy and taken, by a replay of the log."""
    times = sorted({entry.time_s for entry in run.outcome.log} | {run.outcome.totals.end_s})
    by_time: dict[float, list[LogEntry]] = {}
    for entry in of_jobs(run):
        by_time.setdefault(entry.time_s, []).append(entry)
    number = {uid: k for k, uid in enumerate(run.simulation.book.uid)}
    where: dict[int, list[tuple[tuple[object, ...], int]]] = {}
    allocated = busy = tenants = 0.0
    held: dict[int, float] = dict.fromkeys(number.values(), 0.0)
    for now, then in zip(times, [*times[1:], times[-1]], strict=True):
        for entry in by_time.get(now, []):
            job = number[entry.job]
            if entry.what == "start":
                where[job] = []
            elif entry.what not in ("arrive", *RESIZED):
                where.pop(job, None)
        for job in where:
            if job in run.watched.places.get(now, {}):
                where[job] = _grants(run, now, job)
        span = then - now
        gpus = [gpu for grants in where.values() for gpu, _ in grants]
        for job, grants in where.items():
            held[job] += span * sum(milli for _, milli in grants) / 1000.0
        allocated += span * sum(m for grants in where.values() for _, m in grants) / 1000.0
        busy += span * len(set(gpus))
        tenants += span * len(gpus)
    totals = run.outcome.totals
    assert totals.allocated_gpu_s == near(allocated)
    assert totals.busy_gpu_s == near(busy)
    assert totals.tenant_gpu_s == near(tenants)
    found = [float(run.outcome.jobs.gpu_s[row]) for row in run.first]
    assert found == [near(held[job]) for job in range(len(run.first))]
    assert sum(found) == near(totals.allocated_gpu_s)


def _grants(run: Run, now: float, job: int) -> list[tuple[tuple[object, ...], int]]:
    """The GPUs of a job, and what it has of them; one that is anonymous is its own."""
    found: list[tuple[tuple[object, ...], int]] = []
    for placement in run.watched.places[now][job]:
        for grants in placement.grants:
            for grant in grants:
                gpu: tuple[object, ...] = (placement.node, grant.slot.gpu)
                found.append((gpu if grant.slot.gpu >= 0 else (*gpu, job, len(found)), grant.milli))
    return found


def check_series(run: Run) -> None:
    """Samples are of what the log says was just before their time."""
    series = run.outcome.series
    steps = np.diff(series.time_s)
    assert (steps > 0).all()
    waiting: set[str] = set()
    running: set[str] = set()
    entries = of_jobs(run)
    killed = bool(run.outcome.jobs.oom_kills.any())  # nobody says when they come back
    for k, time in enumerate(series.time_s.tolist()):
        while entries and entries[0].time_s < time:
            entry = entries.pop(0)
            (running.add if entry.what in ("start", *RESIZED) else running.discard)(entry.job)
            comes = entry.what in ("arrive", "preempt", "lose")
            (waiting.add if comes else waiting.discard)(entry.job)
        assert series.running[k] == len(running)
        assert killed or series.waiting[k] == len(waiting)
        assert (series.allocated_milli[k] > 0) <= bool(running)
        assert series.busy_gpus[k] <= min(series.tenants[k], run.outcome.totals.n_gpus)


def check_nodes(run: Run) -> None:
    """GPUs that were there, by a replay of the log, and nobody on a node that is not."""
    gpus = {node.name: node.gpu_count for node in run.simulation.machines.known.values()}
    here, since_s, there = set(gpus), 0.0, 0.0
    totals = run.outcome.totals
    for entry in (*run.outcome.log, LogEntry(totals.end_s, "end", "")):
        began_s = max(since_s, totals.first_s)
        there += sum(gpus[name] for name in here) * max(0.0, entry.time_s - began_s)
        since_s = entry.time_s
        if entry.what == "start":
            assert here.issuperset(entry.detail.split())
        elif entry.what in ("up", "down"):
            (here.add if entry.what == "up" else here.discard)(entry.detail)
    assert here == set(run.simulation.floor.cluster.nodes)
    if totals.end_s >= totals.first_s:
        assert totals.there_gpu_s == near(there)


def check_sizes(run: Run) -> None:
    """Elastic jobs have as many pods as they may, and count them as the log does."""
    sizes, book = run.simulation.floor.sizes, run.simulation.book
    if sizes is None:
        return
    for places in run.watched.places.values():
        for job, pods in places.items():
            if sizes.is_elastic(job):
                assert sizes.least[job] <= len(pods) <= sizes.most[job]
    has: dict[str, int] = {}
    least = dict(zip(book.uid, sizes.least.tolist(), strict=True))
    for entry in of_jobs(run):
        if entry.what == "start":
            has[entry.job] = least[entry.job]
        elif entry.what in RESIZED:
            before, _, after, *_ = entry.detail.split()
            assert has[entry.job] == int(before)
            assert (int(after) > int(before)) == (entry.what == "grow")
            has[entry.job] = int(after)


CHECKS = [
    check_times, check_work, check_cluster, check_log, check_integrals, check_series, check_nodes,
    check_sizes,
]  # fmt: skip


@settings(max_examples=settings().max_examples // 3)
@given(scenes())
def test_nothing_is_lost(scene: Scene) -> None:
    run = watch(scene)
    for check in CHECKS:
        check(run)


@settings(max_examples=settings().max_examples // 6)
@given(scenes(come_and_go=True))
def test_nothing_is_lost_with_a_node(scene: Scene) -> None:
    run = watch(scene)
    for check in CHECKS:
        check(run)


@settings(max_examples=settings().max_examples // 3)
@given(scenes(elastic=True) | scenes(elastic=True, come_and_go=True))
def test_nothing_is_lost_when_jobs_grow_and_shrink(scene: Scene) -> None:
    run = watch(scene)
    for check in CHECKS:
        check(run)


@settings(max_examples=settings().max_examples // 12)
@given(scenes() | scenes(come_and_go=True) | scenes(elastic=True, come_and_go=True))
def test_the_same_seed_gives_the_same_bytes(scene: Scene) -> None:
    once, again = watch(scene), watch(scene)
    assert arrays_of(once.outcome) == arrays_of(again.outcome)
    assert once.outcome.totals == again.outcome.totals
    assert once.outcome.log == again.outcome.log


@settings(max_examples=settings().max_examples // 8)
@given(scenes())
def test_passes_that_are_left_out_would_have_done_nothing(scene: Scene) -> None:
    """But for last bits: some passes settle everybody's work."""
    found, expected = watch(scene).outcome.log, watch(scene, may_idle=False).outcome.log
    assert [entry[1:] for entry in found] == [entry[1:] for entry in expected]
    assert [entry.time_s for entry in found] == [near(entry.time_s) for entry in expected]
