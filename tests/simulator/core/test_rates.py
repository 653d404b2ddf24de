"""When jobs end whose speed depends on where they are and on who is beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.sharing import Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.speed import Demand, Share, SharingMode, SpeedSettings, slowdowns
from bayplan.scheduler.types import Node
from bayplan.simulator.core.locality import RACK_LABEL
from bayplan.simulator.core.settings import Interruptions, Locality

from .fluid import Tenant, finish_times
from .support import ends, job, node, run, speeds

NEAR = 1e-12
DEMANDS = {
    "all": Demand(),
    "train": Demand(0.8, 0.7, 0.5, 0, 0.1, 0.6, 0.7, 1.0, 0.4, 0.3),
    "infer": Demand(0.3, 0.2, 0.1, 0, 0.3, 0.2, 0.1, 0.5, 0.1, 0.2),
    "copy": Demand(1.0, 0.5, 0.9, 0, 0.8, 0.9, 0.6, 2.0, 0.0, 0.9),
}
PARAMETERS = SpeedSettings(client_cost=0.01, collision=0.9)
SHARED: dict[SharingMode, Sharing] = {
    "mps": Mps(), "timeslice": TimeSlicing(), "hami": Hami(), "mig": Mig(),
}  # fmt: skip
PROFILES = {
    "1g.10gb": Share(14 / 108, 1 / 8),
    "1g.20gb": Share(14 / 108, 2 / 8),
    "2g.20gb": Share(28 / 108, 2 / 8),
}


def test_two_tenants_by_hand() -> None:
    """``a`` alone until 10, both until ``b`` is done, ``a`` alone again."""
    a, b = DEMANDS["train"], DEMANDS["copy"]
    mode = [job("a", 30.0, job_type="train", gpu_milli=500)]
    mode += [job("b", 5.0, arrival_s=10.0, job_type="copy", gpu_milli=400)]
    outcome = run([node("n0", 1, Mps())], mode, speeds=speeds(DEMANDS))
    shares = [Share(0.5), Share(0.4)]
    alone = slowdowns("mps", [a], shares[:1])[0]
    slow_a, slow_b = slowdowns("mps", [a, b], shares).tolist()
    assert min(alone, slow_a, slow_b) > 1.0
    end_b = 10.0 + 5.0 * slow_b
    done_a = 10.0 / alone + 5.0 * slow_b / slow_a
    assert ends(outcome) == pytest.approx([end_b + (30.0 - done_a) * alone, end_b], rel=NEAR)
    assert outcome.jobs.rate_changes.tolist() == [2, 0]
    assert outcome.jobs.wait_s.tolist() == [0.0, 0.0]


@st.composite
def tenants(draw: st.DrawFn, mode: SharingMode) -> tuple[list[dict[str, object]], list[Tenant]]:
    """Jobs for one GPU that all start when they arrive, and what they are to the fluid."""
    jobs, fluid = [], []
    for k in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(DEMANDS)))
        arrival, work = draw(st.sampled_from((0.0, 1.0, 2.5, 7.0))), draw(st.floats(0.5, 20.0))
        milli = draw(st.sampled_from((100, 200, 250)))
        profile = draw(st.sampled_from(sorted(PROFILES)[:1])) if mode == "mig" else ""
        share = replace(PROFILES[profile], instance=k) if profile else Share(milli / 1000)
        jobs.append(
            job(f"j{k}", work, arrival_s=arrival, job_type=kind, mig_profile=profile,
                gpu_milli=1000 if profile else milli)
        )  # fmt: skip
        fluid.append(Tenant(arrival, work, DEMANDS[kind], share))
    return jobs, fluid


@pytest.mark.parametrize("mode", sorted(SHARED))
@settings(max_examples=40)
@given(data=st.data())
def test_tenants_of_a_gpu_go_as_the_speed_model_says(
    mode: SharingMode, data: st.DataObject
) -> None:
    jobs, fluid = data.draw(tenants(mode))
    outcome = run([node("n0", 1, SHARED[mode])], jobs, speeds=speeds(DEMANDS, PARAMETERS))
    assert ends(outcome) == pytest.approx(finish_times(mode, fluid, PARAMETERS), rel=1e-9)


def test_mig_neighbours_matter_through_what_they_share() -> None:
    jobs = [
        job("a", 10.0, job_type="copy", mig_profile="2g.20gb"),
        job("b", 10.0, arrival_s=3.0, job_type="copy", mig_profile="1g.20gb"),
        job("c", 10.0, arrival_s=9.0, job_type="train", mig_profile="1g.10gb"),
    ]
    outcome = run([node("n0", 1, Mig())], jobs, speeds=speeds(DEMANDS))
    fluid = [
        Tenant(each["arrival_s"], 10.0, DEMANDS[each["job_type"]],
               replace(PROFILES[each["mig_profile"]], instance=k))
        for k, each in enumerate(jobs)
    ]  # fmt: skip
    assert ends(outcome) == pytest.approx(finish_times("mig", fluid, SpeedSettings()), rel=NEAR)
    assert outcome.jobs.rate_changes[0] > 0


def test_clients_of_one_mig_instance_share_it_and_their_neighbours_do_not() -> None:
    sharing = Mig(((0, "3g.40gb"), (4, "3g.40gb")), Mps())
    jobs = [job(f"j{k}", 10.0, job_type="train", gpu_milli=200) for k in range(3)]
    outcome = run([node("n0", 1, sharing)], jobs, speeds=speeds(DEMANDS))
    train, part = DEMANDS["train"], Share(42 / 108, 4 / 8)
    fluid = [Tenant(0.0, 10.0, train, replace(part, instance=k)) for k in (0, 0, 4)]
    expected = finish_times("mig", fluid, SpeedSettings())
    assert sorted(ends(outcome)) == pytest.approx(sorted(expected), rel=NEAR)
    assert len(set(ends(outcome))) == 2


@pytest.mark.parametrize("sharing", [(), (Mps(),), (TimeSlicing(),)])
def test_a_job_goes_as_fast_as_on_its_slowest_gpu(sharing: Sequence[Sharing]) -> None:
    """``b`` is beside ``a`` on one of its two GPUs until it ends.

    Two clients with half of the multiprocessors each meet at the power limit alone.
    """
    jobs = [
        job("a", 20.0, gpu_count=2, gpu_milli=500),
        job("b", 2.0, arrival_s=4.0, gpu_milli=500),
    ]
    outcome = run([node("n0", 2, *sharing)], jobs, speeds=speeds())
    slow = {(): 1.0, (Mps(),): (0.18 + 0.82 * 2.0) ** 0.5, (TimeSlicing(),): 2.0 * 1.11}[
        tuple(sharing)
    ]
    assert ends(outcome) == pytest.approx([20.0 + 2.0 * slow - 2.0, 4.0 + 2.0 * slow], rel=NEAR)


def test_pods_of_one_job_on_one_gpu_slow_each_other_down() -> None:
    outcome = run(
        [node("n0", 1, TimeSlicing())], [job("a", 10.0, pods=2, gpu_milli=500)], speeds=speeds()
    )
    assert ends(outcome) == pytest.approx([10.0 * 2.0 * 1.11], rel=NEAR)


def test_speed_is_by_type_and_model_then_by_model_then_one() -> None:
    nodes = [node("n0", 1, gpu_model="T4"), node("n1", 1, gpu_model="L4"), node("n2", 1)]
    by_type = {("bert", "T4"): 0.25, ("gpt", "L4"): 3.0}
    jobs = [
        job(f"{kind}-{model}", 6.0, arrival_s=100.0 * k, job_type=kind, gpu_models=model)
        for k, (kind, model) in enumerate(
            (kind, model) for kind in ("bert", "gpt") for model in ("T4", "L4", "A100-80GB")
        )
    ]
    given_speeds = speeds(by_type=by_type, by_model={"T4": 0.5, "L4": 2.0})
    outcome = run(nodes, jobs, speeds=given_speeds)
    assert outcome.jobs.run_s.tolist() == pytest.approx([24.0, 3.0, 6.0, 12.0, 2.0, 6.0])


def test_the_slowest_model_and_the_network_hold_all_back() -> None:
    def rack(name: str, at: str, model: str = "A100-80GB") -> Node:
        return node(name, 1, gpu_model=model, labels=((RACK_LABEL, at),))

    def time_of(pods: int, *nodes: Node) -> float:
        outcome = run(
            nodes,
            [job("g", 12.0, pods=pods)],
            speeds=speeds(by_model={"T4": 0.5, "A100-80GB": 2.0}),
            locality=Locality(across_nodes=0.75, across_racks=0.6),
        )
        return ends(outcome)[0]

    assert time_of(2, node("n0", 2)) == pytest.approx(6.0)
    assert time_of(2, rack("n0", "r"), rack("n1", "r")) == pytest.approx(6.0 / 0.75)
    assert time_of(2, rack("n0", "r"), rack("n1", "s")) == pytest.approx(6.0 / 0.6)
    assert time_of(2, rack("n0", "r"), rack("n1", "r", "T4")) == pytest.approx(24.0 / 0.75)
    assert time_of(3, rack("n0", "r"), rack("n1", "s"), rack("n2", "s", "T4")) == (
        pytest.approx(24.0 / 0.6)
    )


def test_pods_without_gpus_have_no_gpus_speed() -> None:
    fast = speeds(by_model={"A100-80GB": 4.0})
    jobs = [
        job("cpu", 8.0, gpu_count=0, cpu_milli=1_000),
        job("worker", 8.0, gang="g"),
        job("driver", 8.0, gang="g", gpu_count=0, cpu_milli=1_000),
    ]
    assert ends(run([node("n0", 1)], jobs, speeds=fast)) == [8.0, 2.0, 2.0]


# --- interruptions -----------------------------------------------------------------------------

INTERRUPTED = [
    job("low", 20.0, gpu_count=2),
    job("high", 3.0, arrival_s=11.0, priority=1, gpu_count=2),
]


def interrupted(costs: Interruptions, **more: object) -> list[float]:
    """When ``low`` ends; its work lost; its overhead."""
    outcome = run(
        [node("n0", 2)],
        INTERRUPTED,
        ordering="priority",
        preemption="priority",
        interruptions=costs,
        **more,
    )
    jobs = outcome.jobs
    assert jobs.preemptions.tolist() == [1, 0]
    return [float(each[0]) for each in (jobs.finish_s, jobs.work_lost_s, jobs.overhead_s)]


def test_without_costs_nothing_is_lost() -> None:
    assert interrupted(Interruptions()) == [23.0, 0.0, 0.0]


def test_a_stop_takes_a_job_back_to_its_last_checkpoint() -> None:
    # 11 s are done, 8 are safe: 12 are left, of which none is lost again.
    assert interrupted(Interruptions(checkpoint_s=4.0)) == [26.0, 3.0, 0.0]
    assert interrupted(Interruptions(checkpoint_s=11.0)) == [23.0, 0.0, 0.0]
    assert interrupted(Interruptions(checkpoint_s=50.0)) == [34.0, 11.0, 0.0]


def test_a_restart_takes_its_time_by_the_number_of_gpus() -> None:
    costs = Interruptions(restart_s=5.0, restart_log2_s=0.5)
    assert interrupted(costs) == [23.0 + 5.5, 0.0, 5.5]
    outcome = run([node("n0", 2)], INTERRUPTED, ordering="priority", preemption="priority",
                  interruptions=costs, until_s=16.0)  # fmt: skip
    assert outcome.jobs.overhead_s.tolist() == [2.0, 0.0]
    assert outcome.jobs.work_done_s.tolist() == [11.0, 3.0]


def test_work_is_lost_at_the_rates_that_it_was_done_at() -> None:
    """``a`` at full speed to 3, at half to 9 beside ``b``, alone to 10; stopped by ``c`` at 11.

    Checkpoints are at 4 and 8: of 3 + 3 + 2 = 8 done, 3 + 2.5 were safe at 8.
    """
    half = SpeedSettings(switch_cost=0.0)
    jobs = [
        job("a", 20.0, gpu_milli=400),
        job("b", 3.0, arrival_s=3.0, gpu_milli=400, priority=1),
        job("c", 1.0, arrival_s=11.0, priority=1),
    ]
    outcome = run(
        [node("n0", 1, TimeSlicing())],
        jobs,
        ordering="priority",
        preemption="priority",
        speeds=speeds(sharing=half),
        interruptions=Interruptions(checkpoint_s=4.0),
    )
    assert ends(outcome) == pytest.approx([12.0 + 20.0 - 5.5, 9.0, 12.0])
    assert outcome.jobs.work_lost_s.tolist() == pytest.approx([2.5, 0.0, 0.0])
    assert outcome.jobs.work_done_s.tolist() == [20.0, 3.0, 1.0]
    assert outcome.totals.effective_gpu_s == pytest.approx(26.5)


def test_checkpoints_count_from_when_work_begins() -> None:
    """``low`` goes on at 14, works from 16 on, has checkpoints at 20 and 24, is stopped at 23."""
    jobs = [*INTERRUPTED, job("again", 1.0, arrival_s=23.0, priority=1, gpu_count=2)]
    outcome = run(
        [node("n0", 2)],
        jobs,
        ordering="priority",
        preemption="priority",
        interruptions=Interruptions(checkpoint_s=4.0, restart_s=2.0),
    )
    # 8 safe at 11, 4 more at 20: 8 are left from 24 + 2 on.
    assert ends(outcome)[0] == 34.0
    assert outcome.jobs.work_lost_s[0] == 3.0 + 3.0
    assert outcome.jobs.overhead_s[0] == 4.0
    assert outcome.jobs.run_s[0] == 11.0 + 9.0 + 10.0


def test_a_stop_before_work_begins_loses_nothing() -> None:
    jobs = [*INTERRUPTED, job("again", 1.0, arrival_s=15.0, priority=1, gpu_count=2)]
    outcome = run(
        [node("n0", 2)],
        jobs,
        ordering="priority",
        preemption="priority",
        interruptions=Interruptions(restart_s=3.0),
    )
    # 11 done; 14 to 15 of a restart; anew from 16 to 19; the other 9 from there.
    assert ends(outcome)[0] == 28.0
    assert outcome.jobs.overhead_s[0] == 1.0 + 3.0
    assert outcome.jobs.work_lost_s[0] == 0.0


def test_more_tenants_than_anybody_has_made_seats_for() -> None:
    """1,000 on the one GPU and 200 on the other, that all take turns."""
    jobs = [job(f"j{k}", 1.0, gpu_milli=1) for k in range(1_200)]
    ideal = speeds(sharing=SpeedSettings(switch_cost=0.0))
    outcome = run([node("n0", 2, TimeSlicing(replicas=1_000))], jobs, speeds=ideal)
    assert sorted(ends(outcome)) == pytest.approx([200.0] * 200 + [1_000.0] * 1_000)
    assert outcome.totals.tenant_gpu_s == pytest.approx(200.0 * 200 + 1_000.0 * 1_000)
    assert outcome.totals.busy_gpu_s == pytest.approx(1_200.0)
