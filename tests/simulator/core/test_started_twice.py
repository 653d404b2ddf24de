"""Jobs that start, are stopped and start again at one moment, elsewhere."""

from __future__ import annotations

import pytest

from bayplan.scheduler.sharing import Mps
from bayplan.simulator.core.seats import Seats

from .support import ends, job, node, run, simulation, speeds, told


def test_it_runs_at_the_rate_of_the_place_where_it_stays() -> None:
    nodes = [node("n0", 1, cpu_milli=8_000), node("n1", 1, Mps(), cpu_milli=4_000)]
    jobs = [
        job("s", 40.0, gpu_milli=500, cpu_milli=3_000),
        job("fill", 1.0, cpu_milli=5_000),  # keeps n0 until 1
        job("a", 10.0, arrival_s=1.0, gpu_milli=500, cpu_milli=1_000),
    ]
    boss = job("b", 30.0, cpu_milli=8_000, priority=5)
    how = {"preemption": "priority", "placement": "worst-fit", "speeds": speeds()}
    # b comes first, so that a has no choice; or at once, and a is moved from n0, where it is alone.
    direct = run(nodes, [*jobs, boss | {"arrival_s": 0.5}], **how)
    moved = run(nodes, [*jobs, boss | {"arrival_s": 1.0}], **how)
    assert "1 preempt a n0" in told(moved)
    assert ends(moved)[2] == ends(direct)[2] > 11.0


def test_it_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[list[int]] = []
    advance = Seats.advance_alone

    def watched(seats: Seats, jobs: list[int], *rest: object) -> None:
        timed.append(list(jobs))
        advance(seats, jobs, *rest)  # type: ignore[arg-type]  # handed on as they come

    monkeypatch.setattr(Seats, "advance_alone", watched)
    nodes = [node("n0", 1, cpu_milli=8_000), node("n1", 1, cpu_milli=4_000)]
    jobs = [job("a", 10.0, cpu_milli=1_000), job("b", 5.0, cpu_milli=8_000, priority=5)]
    done = simulation(nodes, jobs, preemption="priority", placement="worst-fit").run()
    assert "0 preempt a n0" in told(done)
    assert ends(done) == [10.0, 5.0]
    assert sorted(timed[0]) == [0, 1]
