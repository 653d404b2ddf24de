"""What holds of a simulation in which everything happens at once."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from bayplan.scheduler.hardware import gpu_watts
from bayplan.simulator.core.results import Status
from bayplan.simulator.core.zones import zone_of

from .everything import (
    HOUR_S,
    Everything,
    Moment,
    Seen,
    digest_of,
    everything,
    looks_right,
    see,
    spans,
)  # fmt: skip

NEAR = 1e-9
STOPS = ("finish", "preempt", "kill", "lose")
RESIZED = ("grow", "shrink", "lose-pods")
ENDED = {
    Status.FINISHED: "finish", Status.CANCELLED: "cancel", Status.REJECTED: "reject",
    Status.FAILED: "fail",
}  # fmt: skip
ENDS = tuple(ENDED.values())


def near(value: float, scale: float = 0.0) -> object:
    return pytest.approx(value, rel=NEAR, abs=1e-9 + NEAR * scale)


def check_gpu_seconds(seen: Seen) -> None:
    """What was handed out is what jobs and replicas held, by who was where."""
    book, outcome = seen.simulation.book, seen.outcome
    held = dict.fromkeys(range(book.n_jobs), 0.0)
    busy = tenants = 0.0
    for moment, since, until in spans(seen):
        gpus: list[tuple[object, ...]] = []
        for job, places in moment.placements.items():
            for place in places:
                for grants in place.grants:
                    for grant in grants:
                        held[job] += (until - since) * grant.milli / 1000.0
                        gpu = grant.slot.gpu
                        one = (place.node, gpu) if gpu >= 0 else (place.node, gpu, job, len(gpus))
                        gpus.append(one)
        busy += (until - since) * len(set(gpus))
        tenants += (until - since) * len(gpus)
    totals = outcome.totals
    assert totals.allocated_gpu_s == near(sum(held.values()))
    assert totals.busy_gpu_s == near(busy)
    assert totals.tenant_gpu_s == near(tenants)
    found = [float(outcome.jobs.gpu_s[row]) for row in seen.first]
    assert found == [near(held[job]) for job in range(book.n_batch)]
    stints = outcome.stints
    assert stints is not None
    ends = np.where(np.isnan(stints.end_s), totals.end_s, stints.end_s)
    assert totals.allocated_gpu_s == near(
        float(((ends - stints.start_s) * stints.milli).sum()) / 1000.0
    )
    if outcome.services is not None:
        of_services = [3600.0 * each.gpu_h for each in outcome.services.totals]
        assert sum(of_services) == near(sum(held[j] for j in range(book.n_batch, book.n_jobs)))


def check_replicas(seen: Seen) -> None:
    """Requests are served, dropped or wait; replicas hold room as long as they are seen."""
    if seen.outcome.services is None:
        return
    end_s = seen.outcome.totals.end_s
    fleet = seen.simulation._fleet
    assert fleet is not None
    for crew, totals in zip(fleet.crews, seen.outcome.services.totals, strict=True):
        load = crew.service.load
        until = min(end_s, load.end_s)
        starts = [*load.start_s.tolist(), math.inf]
        offered = sum(
            rate * max(0.0, min(b, until) - a)
            for a, b, rate in zip(starts[:-1], starts[1:], load.per_s.tolist(), strict=True)
        )
        assert totals.offered == near(offered)
        assert totals.served + totals.dropped + totals.waiting == near(offered, offered)
        assert min(totals.served, totals.dropped, totals.waiting, totals.in_time) >= 0.0
        assert totals.in_time <= totals.served * (1.0 + NEAR) + NEAR
        held = sum(
            (b - a) * sum(job in moment.placements for job in crew.jobs)
            for moment, a, b in spans(seen)
        )
        assert 3600.0 * sum(totals.replica_h) == near(held)
        assert crew.asked <= crew.service.most


def check_work(seen: Seen) -> None:
    """What was asked for is done when a job is finished; sums are those of the jobs."""
    outcome, book = seen.outcome, seen.simulation.book
    jobs = outcome.jobs
    work = 0.0
    for job, row in enumerate(seen.first):
        done, lost = float(jobs.work_done_s[row]), float(jobs.work_lost_s[row])
        assert 0.0 <= done <= book.work_s[job]
        assert lost >= 0.0
        if jobs.status[row] == Status.FINISHED:
            assert done == book.work_s[job]
        most = sum(
            (b - a) * moment.rates[job] for moment, a, b in spans(seen) if job in moment.rates
        )
        assert done + lost <= most * (1.0 + NEAR) + NEAR
        work += (done + lost) * int(book.work_gpus[job])
    of_replicas = sum(
        (b - a) * rate * moment.gpus[job]
        for moment, a, b in spans(seen)
        for job, rate in moment.rates.items()
        if job >= book.n_batch
    )
    assert outcome.totals.effective_gpu_s == near(work + of_replicas)


def check_times(seen: Seen) -> None:
    """A job waits or runs from its arrival to its end, or to where time stopped."""
    jobs, book = seen.outcome.jobs, seen.simulation.book
    end_s = seen.outcome.totals.end_s
    for job, row in enumerate(seen.first):
        finish = float(jobs.finish_s[row])
        until = end_s if math.isnan(finish) else finish
        span = max(0.0, until - book.arrival_s[job])
        assert jobs.wait_s[row] + jobs.run_s[row] == near(span, until)
        held = sum(b - a for moment, a, b in spans(seen) if job in moment.placements)
        assert jobs.run_s[row] == near(held, until)
        assert min(jobs.wait_s[row], jobs.run_s[row], jobs.overhead_s[row]) >= 0.0
        assert jobs.overhead_s[row] <= jobs.run_s[row] * (1.0 + NEAR) + NEAR
        assert math.isnan(finish) == (jobs.status[row] == Status.UNFINISHED)


def check_energy(seen: Seen) -> None:
    """Joules, grams and prices add up from watts by zone and hour."""
    floor, totals = seen.simulation.floor, seen.outcome.totals
    if floor.energy is None:
        return
    grid = seen.simulation.settings.grid
    assert grid is not None
    known = seen.simulation.machines.known
    first_s = floor.meter.first_s
    idle = grams = price = 0.0
    energy = floor.energy
    for moment, a, b in cut_at_hours(seen, first_s):
        hour = int(a // HOUR_S)
        for name in moment.nodes:
            each = known[name]
            joules = (b - a) * each.gpu_count * gpu_watts(each.gpu_model)[0]
            zone = zone_of(each)
            carbon, cost = grid.carbon(zone), grid.price(zone)
            idle += joules
            grams += joules / 3.6e6 * carbon[hour % len(carbon)]
            price += joules / 3.6e6 * cost[hour % len(cost)]
    assert totals.idle_j == near(idle)
    assert totals.active_j >= -NEAR * max(1.0, idle)
    for area in energy._areas:
        running = list(floor.running)
        now_w = float((area.per_job_w[running] * floor.book.rate[running]).sum())
        assert area.active_w == near(now_w, 1e4)
    if not seen.simulation.settings.until_s and not totals.active_j:
        assert totals.co2_g == near(grams)
    assert totals.co2_g - totals.active_co2_g == near(grams, totals.co2_g)
    assert totals.energy_price - totals.active_price == near(price, abs(totals.energy_price) + 1.0)


def cut_at_hours(seen: Seen, first_s: float) -> list[tuple[Moment, float, float]]:
    found = []
    for moment, a, b in spans(seen):
        a = max(a, first_s)
        while a < b:
            until = min(b, (a // HOUR_S + 1.0) * HOUR_S)
            found.append((moment, a, until))
            a = until
    return found


def check_nodes(seen: Seen) -> None:
    """Times never go back, and who starts or grows does so on nodes that take pods."""
    log, known = seen.outcome.log, seen.simulation.machines.known
    times = [entry.time_s for entry in log]
    assert times == sorted(times)
    here = set(known) - {name for name in known if name.startswith("g")}
    shut: set[str] = set()
    for entry in log:
        what, where = entry.what, entry.detail
        if what == "start":
            assert not shut.intersection(where.split())
        if what in ("start", *RESIZED):
            assert here.issuperset(where.split()[0 if what == "start" else 3 :])
        elif what in ("up", "down"):
            (here.add if what == "up" else here.discard)(where)
            shut.discard(where)
        elif what in ("cordon", "drain"):
            shut.add(where)
    assert here == set(seen.simulation.floor.cluster.nodes)


def check_states(seen: Seen) -> None:
    """Who runs has started, who starts does not run, each job ends once, as its status says."""
    runs: set[str] = set()
    ended: dict[str, str] = {}
    for entry in seen.outcome.log:
        what, job = entry.what, entry.job
        assert job not in ended, f"{entry} after {ended[job]}"
        if what in STOPS or what in RESIZED:
            assert job in runs, entry
        if what == "start":
            assert job not in runs, entry
            runs.add(job)
        elif what in (*STOPS, *ENDS, "leave"):
            runs.discard(job)
        if what in ENDS:
            ended[job] = what
    status = seen.outcome.jobs.status
    for uid, row in zip(seen.simulation.book.uid, seen.first, strict=False):
        assert ended.get(uid) == ENDED.get(Status(int(status[row])))


def check_cluster(seen: Seen) -> None:
    """When all have ended the cluster is as it was, and its books agree."""
    floor = seen.simulation.floor
    floor.cluster.check()
    if not floor.running:
        assert not floor.cluster.pods
        assert (floor.seats.busy, floor.seats.taken, floor.meter.milli) == (0, 0, 0)
    if floor.columns.tracked:
        asks = np.zeros_like(floor.columns.used)
        for job in floor.running:
            kind = floor.book.classes[floor.book.class_list[job]]
            asks[floor.columns.queue_of[job]] += kind.cpu_milli, kind.memory_mib, kind.gpu_milli
        assert (floor.columns.used == asks).all()


CHECKS = [
    check_gpu_seconds, check_replicas, check_work, check_times, check_energy, check_nodes,
    check_states, check_cluster,
]  # fmt: skip


@settings(max_examples=settings().max_examples // 3)
@given(everything())
def test_nothing_is_lost_when_everything_happens(scene: Everything) -> None:
    seen = see(scene, looks_right)
    for check in CHECKS:
        check(seen)


@settings(max_examples=settings().max_examples // 12)
@given(everything())
def test_the_same_seed_gives_the_same_bytes(scene: Everything) -> None:
    assert digest_of(scene.simulation().run()) == digest_of(scene.simulation().run())


CODE = """
from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.simulator.core.everything import digest_of, everything

@seed(11)
@settings(max_examples=8, deadline=None, database=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))
@given(everything())
def go(scene):
    print(digest_of(scene.simulation().run()))

go()
"""


def digests(hash_seed: str) -> list[str]:
    """Simulations of the same scenes in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_hash_seed_of_a_process_changes_nothing() -> None:
    found = digests("1")
    assert len(set(found)) > 4
    assert digests("77") == found
