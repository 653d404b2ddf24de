"""Runs of policies × seeds, on one process or several; the results do not depend on how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.compiled import warm
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import FIRST_SHORTAGE, Decision, Reason, Request
from bayplan.scheduler.workload import typical_workload
from bayplan.simulator.collecting import no_collection
from bayplan.simulator.compiling import groups_of
from bayplan.simulator.replay.arrivals import arrival_order, node_order
from bayplan.simulator.replay.metrics import columns, series
from bayplan.simulator.replay.pack import pack
from bayplan.simulator.replay.settings import Experiment
from bayplan.simulator.sharing import Cut
from bayplan.simulator.workers import spread
from bayplan.traces import nodes_from, requests_from

MakeEngine = Callable[..., Engine]


@dataclass(frozen=True, slots=True)
class Run:
    """One policy under one seed. Columns are in percent along the load axis; see ``metrics``.

    ``sharing`` is how the GPUs were shared, empty for ungoverned ones. At the end the placed pods
    had asked for ``gpu_allocated_milli`` and had taken ``gpu_taken_milli``;
    ``gpu_internal_milli`` is what each took beyond what it asked for (internal fragmentation),
    ``gpu_stranded_milli`` what is free and of no use to a typical pod, or to none (external
    fragmentation, by compute). ``refused`` counts pods by what most of the nodes
    lacked that could have held them.
    """

    policy: str
    seed: int
    sharing: str
    pods: int
    placed: int
    gpu_capacity_milli: int
    gpu_allocated_milli: int
    gpu_taken_milli: int
    gpu_internal_milli: int
    gpu_stranded_milli: int
    refused: dict[str, int]
    arrived_pct: list[float | None]
    allocated_pct: list[float | None]
    fragmented_pct_of_capacity: list[float | None]
    fragmented_pct_of_idle: list[float | None]
    decide_s: float


class Packer:
    """An experiment made ready: requests and target workload, once for all runs.

    Parameters
    ----------
    cut
        How the GPUs are shared.
    make_engine
        What makes the engine of a run; tests put a spy there.
    """

    def __init__(
        self, experiment: Experiment, cut: Cut | None = None, make_engine: MakeEngine = Engine
    ) -> None:
        self.experiment = experiment
        self._cut = cut or experiment.cuts[0]
        self._make_engine = make_engine
        self._nodes = self._cut.nodes(nodes_from(experiment.nodes))
        self._requests = requests_from(experiment.pods)
        self._demand = experiment.pods.gpu_count * experiment.pods.gpu_milli
        self._workload = typical_workload(self._requests)
        self._places = Places(experiment.places, self._workload.profile_mix)

    def run(self, policy: str, seed: int) -> Run:
        """Pack the arrivals of a seed by a policy, and measure."""
        with no_collection():
            return self._run(policy, seed)

    def _run(self, policy: str, seed: int) -> Run:
        rows = arrival_order(self.experiment, seed)
        names = node_order(self.experiment, seed).tolist()
        cluster = Cluster(self._nodes[i] for i in names)
        empty = cluster.copy()
        engine = self._make_engine(
            cluster, make_policy(policy, self._workload), seed=seed, places=self._places
        )
        requests = [_arrival(self._requests[row], i) for i, row in enumerate(rows.tolist())]
        decisions, decide_s = pack(engine, cluster, requests)
        measured = series(empty, decisions, self._demand[rows], self._workload)
        return Run(
            policy=policy,
            seed=seed,
            sharing=self._cut.label,
            pods=len(requests),
            placed=sum(decision.placement is not None for decision in decisions),
            gpu_capacity_milli=measured.capacity,
            gpu_allocated_milli=int(measured.allocated[-1:].sum()),  # 0 without arrivals
            gpu_taken_milli=measured.taken_milli,
            gpu_internal_milli=measured.internal_milli,
            gpu_stranded_milli=measured.stranded_milli,
            refused=_refused(decisions),
            **columns(measured, self.experiment.load),
            decide_s=decide_s,
        )

    def unschedulable(self) -> dict[Reason, int]:
        """Return how many pods of the trace fit no node of the empty cluster, by main reason."""
        cluster = Cluster(self._nodes)
        engine = self._make_engine(cluster, make_policy("first-fit"))
        counts: dict[Reason, int] = {}
        for request in self._requests:
            if not np.any(engine.feasible(request)):
                reason = nearest(engine.explain(request)[0].reasons)
                counts[reason] = counts.get(reason, 0) + 1
        return counts


def nearest(reasons: Sequence[tuple[Reason, int]]) -> Reason:
    """Return what the nodes that come nearest to holding a request lack: the last reason."""
    return reasons[-1][0]


def main_reason(reasons: Sequence[tuple[Reason, int]]) -> Reason:
    """Return what most of the nodes lack that could hold a request one day, the last among equals.

    Where none could, what those lack that come nearest.
    """
    shortages = [(n, reason) for reason, n in reasons if reason >= FIRST_SHORTAGE]
    return max(shortages)[1] if shortages else nearest(reasons)


def _refused(decisions: Sequence[Decision]) -> dict[str, int]:
    refused = [d for d in decisions if d.placement is None and d.reasons]
    counts = Counter(main_reason(decision.reasons) for decision in refused)
    return {reason.name: counts[reason] for reason in sorted(counts)}


def _arrival(pod: Request, number: int) -> Request:
    # A pod may arrive several times, so its uid has the number of the arrival. Times and queues
    # play no part here; ``dataclasses.replace`` takes eight times as long.
    return Request(
        f"{pod.uid}#{number}",
        pod.cpu_milli,
        pod.memory_mib,
        pod.devices,
        pod.resources,
        pod.node_labels,
    )


def kernel_groups(experiment: Experiment, policies: Sequence[str]) -> tuple[str, ...]:
    """Return the groups of kernels that the runs of an experiment call."""
    groups = groups_of(policies)
    if any(cut.sharing for cut in experiment.cuts):
        groups.add("governed")
    return ("decide", *sorted(groups))


def sweep(
    experiment: Experiment, policies: Sequence[str], seeds: Sequence[int], workers: int = 1
) -> Generator[Run, None, None]:
    """Run every cut, policy and seed, and yield the runs in that order as they finish."""
    cuts = range(len(experiment.cuts))
    tasks = [(cut, policy, seed) for cut in cuts for policy in policies for seed in seeds]
    if workers <= 1 or len(tasks) == 1:
        packers = _Packers(experiment)
        for task in tasks:
            yield packers.run(*task)
        return
    # Compiled before the workers start, so that they load and do not all compile.
    groups = kernel_groups(experiment, policies)
    warm(groups)
    yield from spread(tasks, partial(_start, experiment, groups), _run, workers)


class _Packers:
    """The packers of an experiment's cuts, each made at its first run."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._packers: dict[int, Packer] = {}

    def run(self, cut: int, policy: str, seed: int) -> Run:
        if cut not in self._packers:
            self._packers[cut] = Packer(self._experiment, self._experiment.cuts[cut])
        return self._packers[cut].run(policy, seed)


_packers: _Packers | None = None


def _start(experiment: Experiment, groups: Sequence[str]) -> None:
    global _packers
    warm(groups)  # from the cache; or else the first run of each policy would be timed with loading
    _packers = _Packers(experiment)


def _run(cut: int, policy: str, seed: int) -> Run:
    assert _packers is not None
    return _packers.run(cut, policy, seed)
