"""Checkpoints that take time: intervals by Young and Daly, schedules by hand, overhead."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.core.hazards import Hazards
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.progress import PROGRESS, Exact, Saving
from bayplan.simulator.core.progress.saving import daly_s, young_s
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Interruptions, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import Failing, Faults, Listed, NodeChange

from .support import ends, job, node, table, told

HOUR_S = 3600.0
ONE_IN_50_000_S = Hazards(per_node={"a": 1.0 / 50_000.0})


def run(
    jobs: list[dict[str, Any]], costs: Interruptions, hazards: Hazards, *changes: Any, gpus: int = 1
) -> Outcome:
    sources = [Listed([NodeChange(*change) for change in changes])]
    parts = Parts(sources=sources, hazards=hazards)
    asked = Settings(log=True, interruptions=costs)
    return Simulation([node("a", gpus)], table(jobs), asked, parts).run()


def test_young_and_daly_by_hand() -> None:
    # √(2 × 100 × 50,000) = √10,000,000 = 3162.28.
    assert young_s(100.0, 50_000.0) == pytest.approx(3162.2777)
    # x = 100 / 100,000 = 0.001: 3162.2777 × (1 + 0.0316228 / 3 + 0.001 / 9) - 100 = 3095.96.
    assert daly_s(100.0, 50_000.0) == pytest.approx(3162.2777 * (1 + 0.0105409 + 0.0001111) - 100)
    assert daly_s(100.0, 50.0) == 50.0  # a save takes twice the MTTF
    assert young_s(100.0, math.inf) == daly_s(100.0, math.inf) == math.inf


@pytest.mark.parametrize("mttf_s", [2_000.0, 20_000.0, 500_000.0])
def test_dalys_interval_is_the_best(mttf_s: float) -> None:
    """Expected time over work for exponential failures: Daly's equation 20, without restarts.

    M (exp((T + d) / M) - 1) / T, at its least within a thousandth of it at Daly's T.
    """
    save_s = 60.0

    def cost(interval_s: float) -> float:
        return mttf_s * math.expm1((interval_s + save_s) / mttf_s) / interval_s

    best = min(cost(10.0 * k) for k in range(1, 4000))
    assert cost(daly_s(save_s, mttf_s)) == pytest.approx(best, rel=1e-3)
    assert cost(daly_s(save_s, mttf_s)) <= cost(young_s(save_s, mttf_s)) * (1 + 1e-12)


def test_a_job_saves_at_youngs_interval_and_pays_for_it() -> None:
    # MTTF 50,000 s and 25 s a save: √(2 × 25 × 50,000) = 1581.14 s of work, then 25 s. A period
    # is 1606.14 s. Down at 5000 s: three periods have passed, 3 × 1581.14 = 4743.42 of work are
    # safe; the speed was 1581.14 / 1606.14.
    costs = Interruptions(checkpoint="young", save_s=25.0)
    interval = math.sqrt(2.0 * 25.0 * 50_000.0)
    period = interval + 25.0
    done = run(
        [job("x", 10_000.0)], costs, ONE_IN_50_000_S, (5000.0, "a", "down"), (6000.0, "a", "up")
    )
    safe = 3 * interval
    end = 6000.0 + (10_000.0 - safe) * period / interval
    assert told(done) == [
        "0 arrive x", "0 start x a", "5000 lose x a", "5000 down a", "6000 up a", "6000 start x a",
        f"{end:g} finish x",
    ]  # fmt: skip
    assert ends(done) == [pytest.approx(end)]
    assert done.jobs.work_lost_s.tolist() == [pytest.approx(5000.0 * interval / period - safe)]
    # All the time that it had room and did not work: 25 s in each period.
    held = 5000.0 + end - 6000.0
    assert done.jobs.overhead_s.tolist() == [pytest.approx(held * 25.0 / period)]


def test_a_fixed_interval_costs_its_saves_too() -> None:
    # 900 s of work, then 100 s: 2000 of work take 2000 × 1000 / 900.
    costs = Interruptions(checkpoint_s=900.0, save_s=100.0)
    done = run([job("x", 2000.0)], costs, Hazards())
    assert ends(done) == [pytest.approx(2000.0 * 1000.0 / 900.0)]


def test_the_rate_of_failures_grows_with_nodes_and_gpus() -> None:
    # 8 GPUs at one in 80,000 s each and the node at one in 10,000 s: one in 5,000 s.
    hazards = Hazards(per_node={"a": 1e-4}, per_gpu={"a": 1 / 80_000.0})
    costs = Interruptions(checkpoint="young", save_s=10.0)
    interval = math.sqrt(2.0 * 10.0 * 5000.0)
    done = run([job("x", 10_000.0, gpu_count=8)], costs, hazards, gpus=8)
    assert ends(done) == [pytest.approx(10_000.0 * (interval + 10.0) / interval)]
    interval = math.sqrt(2.0 * 10.0 / (1e-4 + 1 / 80_000.0))
    done = run([job("x", 10_000.0)], costs, hazards, gpus=8)
    assert ends(done) == [pytest.approx(10_000.0 * (interval + 10.0) / interval)]


@pytest.mark.parametrize("checkpoint", ["young", "daly"])
def test_who_never_fails_never_saves(checkpoint: str) -> None:
    costs = Interruptions(checkpoint=checkpoint, save_s=10.0)
    assert ends(run([job("x", 10_000.0)], costs, Hazards())) == [10_000.0]


def test_shares_of_one_gpu_count_it_once() -> None:
    from bayplan.scheduler.types import Grant, Placement, Slot

    grant = Grant(Slot(0), GPU_MILLI // 2, 0)
    other = Grant(Slot(-1), GPU_MILLI, 0)
    hazards = Hazards(per_gpu={"a": 0.5, "b": 1.0})
    assert hazards.mttf_s([Placement("a", ((grant,), (grant,)), (0, 0))]) == 2.0
    assert hazards.mttf_s([Placement("b", ((other, other),), (0,)), Placement("c")]) == 0.5
    assert hazards.mttf_s([Placement("c")]) == math.inf


def test_the_best_interval_wastes_least() -> None:
    """One node, up 5 h on average: Daly's job ends before those with far other intervals."""

    def end(costs: Interruptions) -> float:
        total = 0.0
        for seed in range(4):
            sources = [Faults([Failing("a", 5.0, 1e-6)])]
            parts = Parts(sources=sources, hazards=Hazards({"a": 1 / (5.0 * HOUR_S)}))
            asked = Settings(interruptions=costs, seed=seed)
            done = Simulation([node("a", 1)], table([job("x", 400 * HOUR_S)]), asked, parts).run()
            total += ends(done)[0]
        return total

    daly = end(Interruptions(checkpoint="daly", save_s=120.0))
    assert daly < end(Interruptions(checkpoint_s=400.0, save_s=120.0))
    assert daly < end(Interruptions(checkpoint_s=8000.0, save_s=120.0))


def test_only_who_needs_it_leaves_the_faster_model() -> None:
    def model(**costs: Any) -> object:
        return type(PROGRESS.make("exact", Settings(interruptions=Interruptions(**costs))))

    assert model() is model(checkpoint_s=10.0) is model(save_s=5.0) is Exact
    assert model(checkpoint_s=10.0, save_s=5.0) is model(checkpoint="daly", save_s=5.0) is Saving


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"checkpoint": "young"}, "save_s is 0; write how long one takes"),
        ({"checkpoint": "yong", "save_s": 1.0}, "choose from fixed, young, daly"),
    ],
)
def test_costs_that_make_no_sense_are_refused(costs: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        PROGRESS.make("exact", Settings(interruptions=Interruptions(**costs)))
