"""Jobs that grow and shrink: logs by hand, costs, losses, policies, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.arrays import FloatArray
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.partition import Path
from bayplan.scheduler.sharing import Mig
from bayplan.simulator.core.elastic.shares import Shares
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.core.progress import Exact
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.scaling import Scaling
from bayplan.simulator.core.settings import Interruptions, Reconfiguration
from bayplan.simulator.core.sources import Listed, NodeChange
from bayplan.simulator.core.speeds import Speeds
from bayplan.traces.columns import BadRow

from .scenes import arrays_of
from .support import ends, job, node, run, simulation, table, told

NAN = float("nan")


def elastic(name: str, work_s: float, pods: int, least: int, most: int, **more: Any) -> Any:
    """An elastic job whose pods have one GPU each."""
    return job(name, work_s, pods=pods, min_pods=least, max_pods=most, **more)


def gone_idle(nodes: Sequence[Any], jobs: Sequence[Any], **settings: Any) -> Outcome:
    """A run under ``idle`` without costs, but for what is given."""
    return run(nodes, jobs, **{"elasticity": "idle"} | settings)


def stints(outcome: Outcome) -> list[tuple[int, str, int, float, float]]:
    """Row, node, GPU, from, to."""
    found = outcome.stints
    assert found is not None
    where = [found.names[k] for k in found.node.tolist()]
    columns = (found.row, where, found.gpu, found.start_s, found.end_s)
    listed = (each.tolist() if isinstance(each, np.ndarray) else each for each in columns)
    return list(zip(*listed, strict=True))


TWO = (node("a", 4), node("b", 4))


def test_a_job_takes_what_is_idle_and_gives_it_back_for_who_waits() -> None:
    """Work 400 is stated for 2 GPUs: with 8 it goes at 4, with 4 at 2; a change takes 5 s.

    0-10: 40. 10-15: nothing, 15-30 at 2: 30. 30-35: nothing. The 330 that are left take 82.5 s.
    """
    outcome = run(
        TWO,
        [elastic("e", 400.0, 2, 1, 8), job("r", 20.0, arrival_s=10.0, gpu_count=4)],
        elasticity="idle",
        interruptions=Interruptions(resize_s=5.0),
        stints=100,
    )
    assert told(outcome) == [
        "0 arrive e",
        "0 start e a",
        "0 grow e 1 to 8 a b",
        "10 arrive r",
        "10 shrink e 8 to 4 a",
        "10 start r b",
        "30 finish r",
        "30 grow e 4 to 8 a b",
        "117.5 finish e",
    ]
    jobs, totals = outcome.jobs, outcome.totals
    assert jobs.resizes.tolist() == [2, 0]  # what it took when it started is no change
    assert jobs.overhead_s.tolist() == [10.0, 0.0]
    assert jobs.work_done_s.tolist() == [400.0, 20.0]
    assert jobs.run_s.tolist() == [117.5, 20.0]
    assert jobs.gpu_s.tolist() == [8 * 10 + 4 * 20 + 8 * 87.5, 80.0]
    assert totals.allocated_gpu_s == totals.busy_gpu_s == 860.0 + 80.0
    assert totals.effective_gpu_s == 400.0 * 2 + 20.0 * 4  # GPUs that work is stated for
    assert outcome.jobs.rate_changes.tolist() == [0, 0]
    whole = [("a", gpu) for gpu in range(4)], [("b", gpu) for gpu in range(4)]
    expected = [(0, *where, 0.0, 10.0) for where in (*whole[0], *whole[1])]
    expected += [(0, *where, 10.0, 30.0) for where in whole[0]]
    expected += [(1, *where, 10.0, 30.0) for where in whole[1]]
    expected += [(0, *where, 30.0, 117.5) for where in (*whole[0], *whole[1])]
    assert stints(outcome) == expected


def test_orders_see_the_gpu_seconds_that_a_job_held() -> None:
    """8 GPUs for 10 s, then 4 for 10 s."""
    found = simulation(
        TWO,
        [elastic("e", 400.0, 2, 1, 8), job("r", 20.0, arrival_s=10.0, gpu_count=4)],
        elasticity="idle",
        until_s=20.0,
    )
    found.run()
    pending = found.floor.columns.of(np.array([0, 1]), 20.0)
    assert pending.attained_gpu_s.tolist() == [120.0, 40.0]
    assert pending.attained_s.tolist() == [20.0, 10.0]
    assert pending.n_gpus.tolist() == [4, 4]


def test_without_elasticity_a_job_has_the_pods_that_it_states() -> None:
    jobs = [elastic("e", 400.0, 2, 1, 8), job("r", 20.0, arrival_s=10.0, gpu_count=4)]
    rigid = [each | {"min_pods": 0, "max_pods": 0} for each in jobs]
    assert told(run(TWO, jobs)) == told(run(TWO, rigid))
    assert arrays_of(run(TWO, jobs)) == arrays_of(run(TWO, rigid))


def test_without_elastic_jobs_an_elasticity_changes_nothing() -> None:
    jobs = [
        job(f"j{k}", 5.0 + k, arrival_s=2.0 * k, pods=1 + k % 3, gpu_count=1 + k % 2)
        for k in range(12)
    ]
    plain, idle = run(TWO, jobs), gone_idle(TWO, jobs)
    assert told(plain) == told(idle)
    assert arrays_of(plain) == arrays_of(idle)


def test_a_job_starts_with_fewer_pods_than_it_states() -> None:
    """Work 60 for 4 GPUs: 10 s on 2 are 5, the other 55 take as long on 4."""
    outcome = gone_idle([node("a", 4)], [job("a", 10.0, gpu_count=2), elastic("e", 60.0, 4, 2, 4)])
    assert told(outcome) == [
        "0 arrive a",
        "0 arrive e",
        "0 start a a",
        "0 start e a",
        "10 finish a",
        "10 grow e 2 to 4 a",
        "65 finish e",
    ]
    assert outcome.jobs.wait_s.tolist() == [0.0, 0.0]


def test_who_could_hold_only_the_fewest_pods_is_not_rejected() -> None:
    jobs = [elastic("e", 10.0, 4, 2, 8)]
    assert run([node("a", 2)], jobs).jobs.status.tolist() == [Status.REJECTED]
    assert ends(gone_idle([node("a", 2)], jobs)) == [20.0]


def test_a_job_of_shares_or_several_gpus_a_pod_changes_by_its_pods() -> None:
    """On 3 GPUs a pod of 2 GPUs more does not fit; of halves five more do."""
    big = elastic("e", 10.0, 1, 1, 3, gpu_count=2)
    assert told(gone_idle([node("a", 3)], [big]))[1:] == ["0 start e a", "10 finish e"]
    half = elastic("e", 10.0, 1, 1, 9, gpu_milli=500)
    grown = gone_idle([node("a", 3)], [half])
    assert told(grown)[2:] == ["0 grow e 1 to 6 a", f"{10 / 6:g} finish e"]
    assert grown.jobs.gpu_s.tolist() == [pytest.approx(3 * 10 / 6)]


def test_speeds_follow_the_points_of_a_type() -> None:
    """Points 1, 1.5 and 2 on 1, 2 and 4: over that on 2, 3 pods go at 1.75 / 1.5."""
    scaling = Scaling({"net": ((1, 1.0), (2, 1.5), (4, 2.0))}, serial=0.5)
    speeds = Speeds(scaling=scaling)
    jobs = [elastic("e", 7.0, 2, 1, 3, job_type="net")]
    assert ends(gone_idle([node("a", 4)], jobs, speeds=speeds)) == [pytest.approx(6.0)]
    # Half of it serial: 1 / (0.5 + 0.5 / n) is 4/3 with 2 and 8/5 with 4.
    jobs = [elastic("e", 6.0, 2, 1, 4, job_type="other")]
    assert ends(gone_idle([node("a", 4)], jobs, speeds=speeds)) == [pytest.approx(5.0)]


def test_a_change_costs_as_much_as_a_restart_if_nothing_else_is_said() -> None:
    """1 to 4 GPUs at 10: 3 + 2 × log2 4 = 7 s without work, then the 30 left at 4."""
    costs = Interruptions(restart_s=3.0, restart_log2_s=2.0, checkpoint_s=100.0)
    outcome = gone_idle(
        [node("a", 4)],
        [job("r", 10.0, gpu_count=3), elastic("e", 40.0, 1, 1, 4)],
        interruptions=costs,
    )
    assert ends(outcome) == [10.0, 17.0 + 30.0 / 4]
    assert outcome.jobs.overhead_s.tolist() == [0.0, 7.0]
    assert outcome.jobs.work_lost_s.tolist() == [0.0, 0.0]  # a change saves what was done


def test_who_is_changed_while_it_starts_up_does_not_start_up_sooner() -> None:
    """Changes at 10 and 12 take 5 s each, and the second does not add up with the first."""
    outcome = gone_idle(
        [node("a", 4)],
        [
            job("r", 10.0, gpu_count=1),
            job("q", 12.0, gpu_count=2),
            elastic("e", 37.0, 1, 1, 4),
        ],
        interruptions=Interruptions(resize_s=5.0),
    )
    assert told(outcome)[-4:] == [
        "10 grow e 1 to 2 a",
        "12 finish q",
        "12 grow e 2 to 4 a",
        "23.75 finish e",  # 10 done, none until 17, 27 left at 4
    ]
    assert outcome.jobs.overhead_s.tolist()[2] == 2.0 + 5.0


LOSS = {
    "interruptions": Interruptions(checkpoint_s=10.0, restart_s=5.0, restart_log2_s=1.0),
    "elasticity": "idle",
}


def test_a_job_goes_on_without_the_pods_of_a_lost_node() -> None:
    """25 s at 2 are 50, of which 40 were safe; 5 + log2 2 s later the 60 left go at 1."""
    outcome = run(
        [node("a", 2), node("b", 2)],
        [elastic("e", 100.0, 2, 1, 4)],
        more={"sources": [Listed([NodeChange(25.0, "b", "down")])]},
        **LOSS,
    )
    assert told(outcome)[2:] == [
        "0 grow e 1 to 4 a b",
        "25 lose-pods e 4 to 2 a",
        "25 down b",
        "91 finish e",
    ]
    jobs = outcome.jobs
    assert (jobs.failures[0], jobs.resizes[0], jobs.preemptions[0]) == (1, 0, 0)
    assert (jobs.work_lost_s[0], jobs.overhead_s[0]) == (10.0, 6.0)
    assert jobs.gpu_s[0] == 4 * 25.0 + 2 * 66.0


def test_a_job_that_too_few_pods_are_left_of_waits_again() -> None:
    """With 3 at least it waits for b, and starts with 3, which in that moment become 4."""
    changes = [NodeChange(25.0, "b", "down"), NodeChange(30.0, "b", "up")]
    outcome = run(
        [node("a", 2), node("b", 2)],
        [elastic("e", 100.0, 4, 3, 4)],
        more={"sources": [Listed(changes)]},
        **LOSS,
    )
    assert told(outcome)[2:] == [
        "0 grow e 3 to 4 a b",
        "25 lose e a b",
        "25 down b",
        "30 up b",
        "30 start e a b",
        "30 grow e 3 to 4 a b",
        "117 finish e",  # 20 were safe, 5 + log2 4 s, 80 left
    ]
    assert outcome.jobs.resizes.tolist() == [0]
    assert outcome.jobs.failures.tolist() == [1]


def test_a_job_that_is_withdrawn_leaves_all_of_its_pods() -> None:
    found = simulation(TWO, [elastic("e", 100.0, 2, 1, 8, cancel_s=10.0)], elasticity="idle")
    outcome = found.run()
    assert told(outcome)[-1] == "10 cancel e"
    assert outcome.jobs.gpu_s.tolist() == [80.0]
    assert outcome.jobs.work_done_s.tolist() == [40.0]
    assert not found.floor.cluster.pods
    assert found.floor.meter.milli == 0
    found.floor.cluster.check()


def test_pods_leave_first_where_a_job_has_fewest() -> None:
    """e has the GPU of a that the job a does not have, and both of b: its first pod is alone."""
    outcome = gone_idle(
        [node("a", 2), node("b", 2)],
        [job("a", 50.0), elastic("e", 400.0, 3, 1, 3), job("r", 20.0, arrival_s=10.0)],
    )
    assert [line for line in told(outcome) if "arrive" not in line][:6] == [
        "0 start a a",
        "0 start e a",
        "0 grow e 1 to 3 a b",
        "10 shrink e 3 to 2 b",
        "10 start r a",
        "30 finish r",
    ]


def test_pods_that_need_not_go_stay() -> None:
    """Pods are taken by one, two, four: of the seven, three are put back for who needs four."""
    outcome = gone_idle(
        [node("a", 8)],
        [elastic("e", 400.0, 1, 1, 8), job("r", 5.0, arrival_s=1.0, gpu_count=4)],
    )
    assert "1 shrink e 8 to 4 a" in told(outcome)


def test_numbers_of_pods_have_gaps_after_a_loss_and_are_used_again() -> None:
    """Pods 0 and 1 are on a, 2 and 3 on b: when a is lost 2 and 3 stay."""
    found = simulation(
        [node("a", 2), node("b", 2)],
        [elastic("e", 100.0, 2, 1, 4)],
        more={"sources": [Listed([NodeChange(5.0, "a", "down"), NodeChange(9.0, "a", "up")])]},
        elasticity="idle",
        until_s=7.0,
    )
    found.run()
    assert sorted(found.floor.cluster.pods) == ["e/2", "e/3"]
    gang, numbers = found.floor.pods.grown(0, 4)
    assert [each.uid for each in gang.roles[0].members] == ["e/2", "e/3", "e/0", "e/1"]
    assert numbers == {"e/2": 2, "e/3": 3, "e/0": 0, "e/1": 1}


def test_an_interval_keeps_jobs_from_being_changed() -> None:
    """Nothing happens at 20, but then e may be changed again; at 50 it has run 30 s since."""
    outcome = gone_idle(
        [node("a", 2)],
        [elastic("e", 60.0, 1, 1, 2), job("r", 30.0, arrival_s=5.0)],
        resize_interval_s=20.0,
    )
    assert told(outcome) == [
        "0 arrive e",
        "0 start e a",
        "0 grow e 1 to 2 a",
        "5 arrive r",
        "20 shrink e 2 to 1 a",
        "20 start r a",
        "40 finish e",
        "50 finish r",
    ]


def test_shrinking_goes_before_eviction() -> None:
    """The first of the high ones is made room for by pods beyond the fewest, the second not."""
    outcome = gone_idle(
        [node("a", 2)],
        [
            elastic("e", 100.0, 1, 1, 2),
            job("h", 10.0, arrival_s=10.0, priority=5),
            job("i", 10.0, arrival_s=12.0, priority=5),
        ],
        preemption="priority",
        interruptions=Interruptions(restart_s=1.0, resize_s=0.0),
    )
    assert told(outcome)[3:] == [
        "10 arrive h",
        "10 shrink e 2 to 1 a",
        "10 start h a",
        "12 arrive i",
        "12 preempt e a",
        "12 start i a",
        "20 finish h",
        "20 start e a",
        "22 finish i",
        "22 grow e 1 to 2 a",
        "60.5 finish e",  # 20 + 2 done at 12, one more from 21 to 22, 77 left at 2
    ]
    assert outcome.jobs.preemptions.tolist() == [1, 0, 0]
    assert outcome.jobs.resizes.tolist() == [2, 0, 0]


def test_the_first_of_a_strict_queue_is_served_before_all_others() -> None:
    """r needs 3 GPUs, which e does not give; s, which would fit, is behind it."""
    jobs = [
        elastic("e", 8.0, 2, 2, 4),
        job("r", 5.0, arrival_s=1.0, gpu_count=3),
        job("s", 5.0, arrival_s=1.0),
    ]
    strict = gone_idle([node("a", 4)], jobs, strict=True)
    assert outcome_starts(strict) == {"e": 0.0, "r": 4.0, "s": 4.0}
    loose = gone_idle([node("a", 4)], jobs)
    assert outcome_starts(loose)["s"] == 1.0


def outcome_starts(outcome: Outcome) -> dict[str, float]:
    """When each job first started."""
    return {entry.job: entry.time_s for entry in outcome.log if entry.what == "start"}


def shares_after(policy: str, jobs: Sequence[Any], **settings: Any) -> list[int]:
    """How many pods each has on 6 GPUs at 11, when all have come by 10."""
    found = simulation([node("a", 6)], jobs, elasticity=policy, until_s=11.0, **settings)
    found.run()
    return [len(found.floor.placements.get(k, ())) for k in range(len(jobs))]


def test_policies_share_out_by_their_rules() -> None:
    scaling = Scaling({"flat": ((1, 1.0), (2, 1.1), (6, 1.2)), "steep": ((1, 1.0), (6, 6.0))})
    three = [
        elastic("x", 1000.0, 1, 1, 6, job_type="flat"),
        elastic("y", 400.0, 1, 1, 6, arrival_s=5.0, job_type="steep"),
        elastic("z", 800.0, 1, 1, 6, arrival_s=10.0, job_type="steep"),
    ]
    shared = {
        policy: shares_after(policy, three, speeds=Speeds(scaling=scaling))
        for policy in ("idle", "equal-share", "marginal", "optimus")
    }
    assert shared == {
        "idle": [4, 1, 1],
        "equal-share": [2, 2, 2],
        "marginal": [1, 4, 1],  # each pod of y and of z adds 1; y comes first
        # Seconds saved by a pod: x 90 at first; y 199, 66, 33; z 400, 133, 67: z z y.
        "optimus": [1, 2, 3],
    }


def test_deadlines_are_met_first() -> None:
    """At 10 z has 40 s for 120: 3 pods. w has 10 s for 80, which 6 pods do not bring: none more."""
    jobs = [
        elastic("x", 1000.0, 1, 1, 6),
        elastic("w", 80.0, 1, 1, 6, arrival_s=10.0, deadline_s=20.0),
        elastic("z", 120.0, 1, 1, 6, arrival_s=10.0, deadline_s=50.0),
    ]
    assert shares_after("deadline", jobs) == [2, 1, 3]
    # Who waits gets pods beyond the fewest, but not those of a share that meets a deadline.
    tight = [
        elastic("z", 90.0, 1, 1, 6, deadline_s=18.0),
        job("r", 5.0, arrival_s=1.0, gpu_count=2),
    ]
    assert shares_after("deadline", tight) == [6, 0]
    assert shares_after("marginal", tight) == [6, 0]  # r is over at 6
    assert outcome_starts(run([node("a", 6)], tight, elasticity="marginal"))["r"] == 1.0
    assert outcome_starts(run([node("a", 6)], tight, elasticity="deadline"))["r"] == 15.0


def test_pods_do_not_move_between_equals() -> None:
    """At 10 y has 100 × 2 left, x 70 × 3: y comes first, and x keeps its third pod all the same."""
    jobs = [
        elastic("x", 100.0, 1, 1, 6),
        elastic("y", 120.0, 1, 1, 6),
        job("c", 1.0, arrival_s=10.0, gpu_count=0),
    ]
    found = run([node("a", 5)], jobs, elasticity="equal-share", ordering="srsf")
    assert [line for line in told(found) if "grow" in line or "shrink" in line] == [
        "0 grow x 1 to 3 a",
        "0 grow y 1 to 2 a",
        "33.3333 grow y 2 to 5 a",
    ]
    assert found.jobs.resizes.tolist() == [0, 1, 0]  # y, when x is over


class LastFirst:
    """A policy of somebody's own: the last of the queue takes all."""

    moves = True

    def worth(self, shares: Shares) -> FloatArray:
        return shares.job_of().astype(np.float64)


def test_a_policy_may_be_an_object() -> None:
    jobs = [elastic("x", 100.0, 1, 1, 6), elastic("y", 100.0, 1, 1, 6, arrival_s=10.0)]
    found = run([node("a", 6)], jobs, more={"elasticity": LastFirst()})
    assert told(found)[:6] == [
        "0 arrive x",
        "0 start x a",
        "0 grow x 1 to 6 a",
        "10 arrive y",
        "10 shrink x 6 to 5 a",
        "10 start y a",
    ]
    assert told(found)[6:8] == ["10 shrink x 5 to 1 a", "10 grow y 1 to 5 a"]


def test_measuring_energy_changes_nothing_and_counts_the_gpus_held() -> None:
    """8 GPUs for 20 s, of work for 2 GPUs: all that a busy GPU draws is drawn on all of them."""
    jobs = [elastic("e", 80.0, 2, 1, 8)]
    plain, measured = gone_idle(TWO, jobs), gone_idle(TWO, jobs, grid=Grid((0.0,)))
    rigid = run(TWO, [job("e", 20.0, pods=8)], grid=Grid((0.0,)))
    assert told(plain) == told(measured)
    assert measured.totals.active_j == pytest.approx(rigid.totals.active_j)
    assert measured.totals.active_j > 0.0


def test_new_instances_hold_a_growing_job_up_and_old_ones_do_not() -> None:
    """Each new MIG instance takes its time; those that a job keeps are there."""
    nodes = [node("a", 1, Mig())]
    jobs = [
        job("r", 100.0, mig_profile="3g.40gb"),
        elastic("e", 1000.0, 1, 1, 2, mig_profile="3g.40gb"),
        job("q", 10.0, arrival_s=150.0, mig_profile="3g.40gb"),
    ]
    outcome = gone_idle(
        nodes,
        jobs,
        reconfiguration=Reconfiguration(Path.NVML.value),
        interruptions=Interruptions(resize_s=0.0),
    )
    made_s = float(outcome.jobs.overhead_s[0])
    assert made_s > 0.0
    # One at the start; none when it shrinks for q; one for each time it grows, by the same rule.
    grown = sum(entry.what == "grow" for entry in outcome.log)
    assert [e.what for e in outcome.log if e.job == "e"][2:5] == ["grow", "shrink", "grow"]
    assert outcome.jobs.overhead_s[1] == pytest.approx(made_s * (1 + grown))


def test_what_does_not_go_with_elastic_jobs_is_refused() -> None:
    jobs = [elastic("e", 10.0, 1, 1, 2)]
    with pytest.raises(InputError, match="neither with backfilling nor with repack"):
        gone_idle(TWO, jobs, backfill="easy")
    with pytest.raises(InputError, match="neither with backfilling nor with repack"):
        gone_idle(TWO, jobs, preemption="repack")
    with pytest.raises(InputError, match="neither with backfilling nor with repack"):
        run(TWO, jobs, more={"elasticity": LastFirst()}, backfill="conservative")
    with pytest.raises(InputError, match="unknown elasticity 'idel'; did you mean 'idle'"):
        run(TWO, jobs, elasticity="idel")

    class Forgetful(Exact):
        save = None  # type: ignore[assignment]

    with pytest.raises(InputError, match="cannot be elastic under the progress model"):
        gone_idle(TWO, jobs, more={"progress": Forgetful(Interruptions())})
    with pytest.raises(InputError, match="'e/1' is named as a pod of job 'e'"):
        gone_idle(TWO, [*jobs, job("e/1", 1.0)])


@pytest.mark.parametrize(
    ("bounds", "problem"),
    [
        ({"pods": 2, "min_pods": 3}, "min_pods is 3, above pods 2"),
        ({"pods": 2, "max_pods": 1}, "max_pods is 1, below pods 2"),
        ({"max_pods": 2, "gpu_count": 0}, "an elastic job has gpu_count 0"),
        ({"max_pods": 2, "gang": "g"}, "an elastic job is a role of a gang"),
    ],
)
def test_bounds_that_cannot_be_are_refused(bounds: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRow, match=problem):
        table([job("e", 1.0, **bounds)])


def test_bounds_that_are_the_pods_are_none() -> None:
    jobs = table([job("e", 1.0, pods=2, min_pods=2, max_pods=2, gang="g")])
    assert not jobs.elastic().any()
