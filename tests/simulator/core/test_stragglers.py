"""GPUs that silently slow down: logs by hand, exact work, detection and quarantine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.sharing import Mps
from bayplan.simulator.core.detectors import DETECTORS
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Interruptions, Settings, Watching
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import (
    Events,
    Slowing,
    Source,
    Stragglers,
    Watch,
    World,
)

from .support import ends, job, node, speeds, table, told

HOUR_S = 3600.0


class Slow:
    """GPUs of node a that get a speed at a time: (time, GPU, factor)."""

    def __init__(self, *changes: tuple[float, int, float]) -> None:
        self._changes = changes

    def run(self, world: World) -> Events:
        for at_s, gpu, factor in self._changes:
            yield world.until(at_s)
            world.slow_gpu("a", gpu, factor)


def run(
    jobs: Sequence[dict[str, Any]],
    *sources: Source,
    gpus: int = 2,
    others: int = 0,
    watching: Watching | None = None,
    node_more: dict[str, Any] | None = None,
    sharing: Sequence[Any] = (),
    **settings: Any,
) -> Outcome:
    nodes = [node("a", gpus, *sharing, **(node_more or {}))]
    nodes += [node(f"b{k}", gpus, *sharing) for k in range(others)]
    asked = Settings(log=True, stragglers=watching or Watching(), speeds=speeds(), **settings)
    watch = [] if watching is None else [Watch(DETECTORS.make(watching.detector, asked), watching)]
    return Simulation(nodes, table(jobs), asked, Parts(sources=[*sources, *watch])).run()


# --- speed --------------------------------------------------------------------------------


def test_a_job_goes_at_the_speed_of_its_slowest_gpu() -> None:
    # 1000 at full speed, then the second GPU at 0.5 for 1000 s (500 of work), then the first at
    # 0.8 too: 0.5 still, 500 s (250). Then only the first: 0.8 for 250 of work takes 312.5 s.
    slow = Slow((1000, 1, 0.5), (2000, 0, 0.8), (2500, 1, 1.0))
    done = run([job("x", 2000.0, gpu_count=2)], slow)
    assert told(done) == [
        "0 arrive x", "0 start x a", "1000 slow a/1", "2000 slow a/0", "2500 sound a/1",
        "2812.5 finish x",
    ]  # fmt: skip
    assert done.jobs.rate_changes.tolist() == [2]
    assert done.jobs.work_done_s.tolist() == [2000.0]


def test_who_is_on_another_gpu_is_not_concerned() -> None:
    done = run([job("x", 2000.0), job("y", 2000.0)], Slow((1000, 1, 0.5)))
    assert ends(done) == [2000.0, 3000.0]


def test_who_starts_on_a_slow_gpu_is_slow_from_the_start_and_who_leaves_it_is_not() -> None:
    costs = Interruptions()
    jobs = [job("x", 1000.0), job("y", 500.0, arrival_s=1500.0), job("z", 100.0, arrival_s=4000.0)]
    slow = Slow((500, 0, 0.25), (3500, 0, 1.0))
    done = run(jobs, slow, gpus=1, interruptions=costs)
    # x: 500 + 500 / 0.25 = 2500. y: from 2500, 250 by 3500, and the other 250 by 3750.
    assert ends(done) == [2500.0, 3750.0, 4100.0]


def test_slow_gpus_and_neighbours_multiply() -> None:
    half = {"gpu_milli": 500}
    both = [job("x", 3000.0, **half), job("y", 3000.0, **half)]
    alone = run(both, gpus=1, sharing=[Mps()])
    slow = run(both, Slow((0, 0, 0.5)), gpus=1, sharing=[Mps()])
    assert ends(slow) == [pytest.approx(2.0 * end) for end in ends(alone)]


def test_anonymous_gpus_are_slow_too() -> None:
    jobs = [job("x", 1000.0), job("y", 1000.0)]
    done = run(jobs, Slow((500, 1, 0.5)), node_more={"anonymous_gpus": True})
    assert sorted(ends(done)) == [1000.0, 1500.0]


def test_energy_sees_the_same_schedule() -> None:
    from bayplan.simulator.core.grid import Grid

    slow = [(1000, 1, 0.5), (2000, 0, 0.8), (2500, 1, 1.0)]
    jobs = [job("x", 2000.0, gpu_count=2)]
    assert ends(run(jobs, Slow(*slow), grid=Grid((100.0,)))) == ends(run(jobs, Slow(*slow)))


def test_work_is_what_the_speeds_add_up_to() -> None:
    """A slow oracle: min over the GPUs of a step function, added up second by second."""
    rng = np.random.default_rng(7)
    changes = [
        (float(at), int(rng.integers(4)), float(rng.choice([0.25, 0.5, 0.8, 1.0])))
        for at in sorted(rng.choice(np.arange(1, 3000), 40, replace=False))
    ]
    factors, work = [1.0] * 4, 0.0
    for second in range(4000):
        for at, gpu, factor in changes:
            if at == second:
                factors[gpu] = factor
        work += min(factors)
    done = run([job("x", work, gpu_count=4)], Slow(*changes), gpus=4)
    assert ends(done) == [pytest.approx(4000.0)]


# --- detection ----------------------------------------------------------------------------

FOUND = Watching("progress", window_s=600.0, threshold=0.2, repair_h=1.0)


class One:
    """Draws of exactly the mean, and nothing that is unlikely."""

    def exponential(self) -> float:
        return 1.0

    def random(self, size: int | None = None) -> Any:
        return 0.5 if size is None else np.full(size, 0.5)


@pytest.fixture
def means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "rng", lambda self, *names: One())


@pytest.mark.usefixtures("means")
def test_a_straggler_is_found_quarantined_and_repaired() -> None:
    # Slow to 0.5 at 900 s. At 1200 s the window has 300 s of it: 25 % behind, above 20 %. The jobs
    # stay: x has done 900 + 150 by then and ends 1900 s later at half speed, at 3100 s. Then an
    # hour of repair. y cannot have the GPU before; there is no other.
    jobs = [job("x", 2000.0), job("y", 100.0, arrival_s=2000.0)]
    done = run(jobs, Slow((900, 0, 0.5)), gpus=1, watching=FOUND)
    assert told(done) == [
        "0 arrive x", "0 start x a", "900 slow a/0",
        "1200 suspect a/0", "1200 close a/0", "2000 arrive y",
        "3100 finish x",
        "6700 sound a/0", "6700 open a/0", "6700 start y a", "6800 finish y",
    ]  # fmt: skip
    assert (done.totals.alarms, done.totals.false_alarms) == (1, 0)
    assert done.totals.closed_gpu_s == 5500.0


@pytest.mark.usefixtures("means")
def test_its_jobs_go_on_elsewhere_with_what_they_saved() -> None:
    # x is stopped at 1200 s with 1050 done and saved; the restart costs 60 s, and 950 are left.
    watching = Watching("progress", 600.0, 0.2, 0.0, "restart", 1.0)
    costs = Interruptions(checkpoint_s=1000.0, restart_s=60.0)
    done = run(
        [job("x", 2000.0)], Slow((900, 0, 0.5)),
        gpus=1, others=1, watching=watching, interruptions=costs,
    )  # fmt: skip
    assert told(done)[2:] == [
        "900 slow a/0", "1200 suspect a/0", "1200 close a/0", "1200 preempt x a",
        "1200 start x b0", "2210 finish x",
    ]  # fmt: skip
    assert done.jobs.work_lost_s.tolist() == [0.0]
    assert done.jobs.preemptions.tolist() == [1]


@pytest.mark.usefixtures("means")
@pytest.mark.parametrize(
    ("factor", "threshold", "found_s"),
    [
        (0.5, 0.2, 1200),  # 25 % behind after 300 of 600 s
        (0.5, 0.25, 1800),  # not more than 25 %: at the next look
        (0.85, 0.2, None),  # never so much behind
        (0.75, 0.2, 1800),
    ],
)
def test_it_is_found_when_it_is_behind_by_more_than_the_threshold(
    factor: float, threshold: float, found_s: int | None
) -> None:
    watching = Watching("progress", 600.0, threshold)
    done = run([job("x", 9000.0)], Slow((900, 0, factor)), gpus=1, watching=watching)
    found = [entry.time_s for entry in done.log if entry.what == "suspect"]
    assert found == ([] if found_s is None else [found_s])


@pytest.mark.usefixtures("means")
class Looks:
    """A detector that suspects nobody, and notes when it looks."""

    every_s = 1.1

    def __init__(self) -> None:
        self.at_s: list[float] = []

    def suspects(self, floor: Floor, rng: np.random.Generator) -> list[tuple[str, int]]:
        assert floor.now_s not in self.at_s, "the clock stands still"
        self.at_s.append(floor.now_s)
        return []


def test_it_looks_once_at_a_time_whatever_is_rounded() -> None:
    # 15 x 1.1 / 1.1 is less than 15 as floats: the next multiple was the very same time.
    looks = Looks()
    run([job("x", 22.0)], Watch(looks, Watching("progress")))
    assert looks.at_s == pytest.approx([1.1 * k for k in range(1, 20)])


def test_nobody_is_looked_at_before_a_whole_window() -> None:
    done = run([job("x", 3000.0, arrival_s=700.0)], Slow((0, 0, 0.5)), gpus=1, watching=FOUND)
    # It starts at 700 s: of the looks, that at 1800 s is the first with a whole window.
    assert [entry.time_s for entry in done.log if entry.what == "suspect"] == [1800.0]


def test_false_alarms_come_at_their_rate() -> None:
    """20 GPUs, 1,000 looks, one in 50: 400 alarms on average, with a deviation of 20."""
    jobs = [job(f"x{k}", 600.0 * 1001) for k in range(20)]
    watching = Watching("progress", 600.0, 0.2, 0.02, "restart", 1e-9)
    done = run(jobs, gpus=20, watching=watching)
    # Who was stopped is looked at again after a whole window: every second look at most.
    assert done.totals.alarms == done.totals.false_alarms
    expected = 20 * 1000 / (1 + 0.02)
    assert done.totals.alarms == pytest.approx(0.02 * expected, rel=0.15)


def test_drawn_stragglers_are_slow_for_their_part_of_the_time() -> None:
    """Slow for 1 h in 5 on average to half: 90 % of the speed over many GPUs."""
    gpus = 64
    source = Stragglers([Slowing("a", gpus, mtbf_h=4.0, recover_h=1.0, factor=0.5)])
    jobs = [job(f"x{k}", 500 * HOUR_S) for k in range(gpus)]
    done = run(jobs, source, gpus=gpus)
    assert np.mean([500 * HOUR_S / end for end in ends(done)]) == pytest.approx(0.9, rel=0.01)


def test_a_seed_gives_the_same() -> None:
    def outcome(seed: int) -> Outcome:
        source = Stragglers([Slowing("a", 2, 2.0, 1.0, 0.5)])
        watching = Watching("progress", 600.0, 0.2, 0.01, "restart")
        return run(
            [job("x", 20 * HOUR_S, gpu_count=2)], source, others=1, watching=watching, seed=seed
        )

    assert outcome(1).log == outcome(1).log
    assert outcome(1).log != outcome(2).log


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"factor": 1.0}, "factor is 1.0; write a number between 0 and 1"),
        ({"factor": 0.0}, "factor is 0.0"),
        ({"mtbf_h": math.inf}, "mtbf_h is inf; write more than 0"),
        ({"recover_h": 0.0}, "recover_h is 0.0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, float], said: str) -> None:
    given = {"mtbf_h": 1.0, "recover_h": 1.0, "factor": 0.5} | wrong
    with pytest.raises(InputError, match=said):
        Stragglers([Slowing("a", 1, **given)])


def test_an_unknown_gpu_or_detector_is_refused() -> None:
    with pytest.raises(InputError, match="there is no GPU 7 of a node 'a'"):
        run([job("x", 10.0)], Slow((1, 7, 0.5)))
    with pytest.raises(InputError, match="unknown detector 'progres'; did you mean 'progress'"):
        DETECTORS.make("progres", Settings())
