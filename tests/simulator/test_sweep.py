from __future__ import annotations

import json
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import active_children
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Event, NodeUp
from bayplan.scheduler.types import Decision, Reason, Request
from bayplan.simulator.replay.arrivals import arrival_order, node_order
from bayplan.simulator.replay.report import as_json
from bayplan.simulator.replay.settings import Experiment
from bayplan.simulator.replay.sweep import Packer, sweep
from bayplan.traces import nodes_from

from .support import mixed, node_table, pod_table

POLICIES = ["fgd", "random"]
SEEDS = [3, 1]


def results(workers: int) -> str:
    runs = sweep(mixed(), POLICIES, SEEDS, workers)
    return as_json([replace(run, decide_s=0.0) for run in runs], 1.3)


def test_the_results_do_not_depend_on_the_number_of_processes() -> None:
    assert results(1) == results(2)


def test_an_interrupted_sweep_leaves_no_workers_behind() -> None:
    runs = sweep(mixed(), POLICIES, range(200), 2)
    next(iter(runs))
    assert len(active_children()) == 2
    with pytest.raises(KeyboardInterrupt):
        runs.throw(KeyboardInterrupt)
    assert active_children() == []


def test_an_interrupt_while_workers_start_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = ProcessPoolExecutor.submit

    def interrupted(pool: ProcessPoolExecutor, *call: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return submit(pool, *call)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(sweep(mixed(), POLICIES, range(20), 2))
    assert active_children() == []
    # The workers do not see it, and the parent hears of the next one.
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_runs_come_in_the_order_of_policies_and_then_of_seeds() -> None:
    runs = json.loads(results(1))["runs"]
    assert [(run["policy"], run["seed"]) for run in runs] == [
        (policy, seed) for policy in POLICIES for seed in SEEDS
    ]


class Spy(Engine):
    """Writes down what it is asked and what it answers."""

    asked: list[Request]
    answers: list[Decision]

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.asked, self.answers = [], []
        SPIES.append(self)

    def decide(
        self, request: Request, now_s: float, nodes: Any = None, *, why: bool = True
    ) -> Decision:
        self.asked.append(request)
        self.answers.append(super().decide(request, now_s, nodes))
        return self.answers[-1]


class Refuses(Spy):
    """Finds room for nobody."""

    def decide(
        self, request: Request, now_s: float, nodes: Any = None, *, why: bool = True
    ) -> Decision:
        decision = super().decide(request, now_s, nodes)._replace(placement=None)
        self.answers[-1] = decision
        return decision


class OnlyEven(Spy):
    """Finds room for every second pod."""

    def decide(
        self, request: Request, now_s: float, nodes: Any = None, *, why: bool = True
    ) -> Decision:
        decision = super().decide(request, now_s, nodes)
        if len(self.asked) % 2:
            decision = self.answers[-1] = decision._replace(placement=None)
        return decision


SPIES: list[Spy] = []


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Cluster, Event]]:
    """Everything that any cluster is told."""
    SPIES.clear()
    events: list[tuple[Cluster, Event]] = []
    apply = Cluster.apply

    def spied(self: Cluster, event: Event) -> Any:
        events.append((self, event))
        return apply(self, event)

    monkeypatch.setattr(Cluster, "apply", spied)
    return events


@pytest.mark.parametrize("engine", [Spy, Refuses, OnlyEven])
@pytest.mark.parametrize("policy", ["fgd", "random", "worst-fit"])
def test_pods_are_placed_by_decide_and_apply_and_in_no_other_way(
    engine: type[Spy], policy: str, applied: list[tuple[Cluster, Event]]
) -> None:
    experiment = mixed()
    run = Packer(experiment, make_engine=engine).run(policy, 4)
    (spy,) = SPIES
    order = arrival_order(experiment, 4).tolist()
    # Every arrival is asked for once, in its order, and is what the trace says.
    names = [f"{experiment.pods.name[row]}#{i}" for i, row in enumerate(order)]
    assert [request.uid for request in spy.asked] == names
    assert [request.cpu_milli for request in spy.asked] == [
        int(experiment.pods.cpu_milli[row]) for row in order
    ]
    # The cluster hears of its nodes, and of each placement that the engine answered, once.
    assert {id(cluster) for cluster, _ in applied} == {id(spy.cluster)}
    events = [event for _, event in applied]
    n_nodes = len(experiment.nodes)
    nodes = nodes_from(experiment.nodes)
    ranks = node_order(experiment, 4).tolist()
    assert events[:n_nodes] == [NodeUp(nodes[row]) for row in ranks]
    placed = [answer for answer in spy.answers if answer.placement is not None]
    assert events[n_nodes:] == [Bound(answer, 0.0) for answer in placed]
    # What is reported is what was applied.
    demand = {
        f"{name}#{i}": int(experiment.pods.gpu_count[row] * experiment.pods.gpu_milli[row])
        for i, (row, name) in enumerate((row, experiment.pods.name[row]) for row in order)
    }
    assert (run.pods, run.placed) == (len(order), len(placed))
    assert set(spy.cluster.pods) == {answer.request.uid for answer in placed}
    assert run.gpu_allocated_milli == sum(demand[uid] for uid in spy.cluster.pods)
    assert run.gpu_allocated_milli == run.gpu_capacity_milli - int(
        spy.cluster.view.idle_milli.sum()
    )
    share = {Spy: run.placed > 0, Refuses: run.placed == 0, OnlyEven: run.placed > 0}
    assert share[engine]


def test_an_engine_that_refuses_all_leaves_everything_at_zero() -> None:
    run = Packer(mixed(), make_engine=Refuses).run("fgd", 1)
    assert run.placed == run.gpu_allocated_milli == 0
    assert {value for value in run.allocated_pct if value is not None} == {0.0}


def test_the_random_policy_draws_from_the_seed() -> None:
    # The same arrivals and nodes: only the engine's own draws are left to differ.
    order, nodes = np.arange(8, dtype=np.int64), np.arange(4, dtype=np.int64)
    experiment = mixed(
        arrivals=dict.fromkeys(range(9), order), node_orders=dict.fromkeys(range(9), nodes)
    )
    SPIES.clear()
    packer = Packer(experiment, make_engine=Spy)
    for seed in range(9):
        packer.run("random", seed)
    packer.run("random", 0)
    placements = [tuple(answer.placement for answer in spy.answers) for spy in SPIES]
    assert placements[0] == placements[9]
    assert len(set(placements)) > 1


def test_pods_that_fit_no_node_of_the_empty_cluster_are_counted_by_reason() -> None:
    pods = pod_table([(1_000, 1, 500), (1_000, 9, 1_000), (1_000, 9, 1_000), (99_000, 0, 0)])
    counts = Packer(Experiment(node_table([4, 2]), pods)).unschedulable()
    assert counts == {Reason.GPU_COUNT: 2, Reason.CPU_CAPACITY: 1}
    assert Packer(mixed()).unschedulable() == {}


def test_the_reason_that_counts_is_that_of_the_nodes_that_come_nearest() -> None:
    # One node has too few GPUs; the other has enough, and not the CPU.
    pods = pod_table([(99_000, 3, 1_000)])
    counts = Packer(Experiment(node_table([4, 2]), pods)).unschedulable()
    assert counts == {Reason.CPU_CAPACITY: 1}


def test_a_load_at_which_no_pod_is_left_is_a_run_without_pods() -> None:
    pods = pod_table([(1_000, 1, 1_000)] * 2)
    run = Packer(Experiment(node_table([1]), pods, load=0.5)).run("fgd", 0)
    assert (run.pods, run.placed, run.gpu_allocated_milli) == (0, 0, 0)
    assert run.allocated_pct == [None] * 51
