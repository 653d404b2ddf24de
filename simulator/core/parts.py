"""The parts of a simulation: made by name from its settings, or given as objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.ordering import OrderingPolicy, make_ordering
from bayplan.scheduler.policies import PlacementPolicy, make_policy
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import Node
from bayplan.scheduler.workload import Workload
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.columns import Columns
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.machines import Machines
from bayplan.simulator.core.partitioning import PARTITIONERS, Partitioner
from bayplan.simulator.core.passes import PASSES, Pass
from bayplan.simulator.core.progress import PROGRESS, ProgressModel
from bayplan.simulator.core.services.fleet import Fleet
from bayplan.simulator.core.services.replicas import with_replicas
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.sources import Source
from bayplan.simulator.core.target import target_workload
from bayplan.simulator.core.triggers import TRIGGERS, Trigger
from bayplan.simulator.core.waiting import Waiting
from bayplan.traces.jobs import JobTable
from bayplan.traces.services import Service


@dataclass(frozen=True, slots=True)
class Parts:
    """Objects in place of the names in ``Settings``; None: by name.

    Each serves one simulation alone. ``preemption`` is a pass, ``workload`` the target of policies
    that aim at one (None: that of the trace). ``sources`` are what happens to the cluster by
    itself, ``groups`` what nodes cost, ``services`` what runs beside the jobs.
    """

    placement: PlacementPolicy | None = None
    ordering: OrderingPolicy | None = None
    preemption: Pass | None = None
    partitioning: Partitioner | None = None
    progress: ProgressModel | None = None
    trigger: Trigger | None = None
    workload: Workload | None = None
    sources: Sequence[Source] = ()
    groups: Sequence[Group] = ()
    services: Sequence[Service] = ()


class Assembly(NamedTuple):
    """A simulation's parts, put together."""

    floor: Floor
    machines: Machines
    scheme: Pass
    partitioner: Partitioner
    trigger: Trigger
    workload: Workload | None
    fleet: Fleet | None


def assemble(
    nodes: Sequence[Node],
    spare: Sequence[Node],
    jobs: JobTable,
    settings: Settings,
    parts: Parts,
) -> Assembly:
    """Put a simulation together; ``spare`` are nodes that are not there at the beginning.

    Raises
    ------
    InputError
        A name is in no registry.
    """
    workload = parts.workload
    every = (*nodes, *spare)
    has_mig = any(isinstance(sharing, Mig) for node in every for sharing in node.sharing)
    if settings.fragmentation or has_mig:
        workload = workload or target_workload(jobs)
    placement = parts.placement or _placement(settings.placement, workload, jobs)
    places = None
    if has_mig:
        rule = MigRule(settings.mig or MigRule.MAX_OPTIONS.value)
        places = Places(rule, workload.profile_mix if workload else None)
    cluster = Cluster(nodes)
    every_job = with_replicas(jobs, parts.services)
    book = Book(every_job, settings, len(every_job) - len(jobs))
    fleet = Fleet(parts.services, book, parts.groups) if parts.services else None
    columns = Columns(book, settings.half_life_s)
    # Policies that go by the sizes of past jobs are given those of the trace itself.
    history = (book.work_s * book.gpus)[: book.n_batch].tolist()
    ordering = parts.ordering or make_ordering(settings.ordering, history)
    waiting = Waiting(cluster, book, columns, ordering)
    # Keys are of jobs alone: then nobody asks what a queue uses.
    known = parts.preemption is None and settings.preemption != "fair-reclaim"
    columns.tracked = not (waiting.keyed and known)
    floor = Floor(
        every,
        Engine(cluster, placement, seed=settings.seed, places=places),
        book,
        columns,
        waiting,
        parts.progress or PROGRESS.make(settings.progress, settings),
        settings,
    )
    return Assembly(
        floor,
        Machines(floor, nodes, spare, parts.groups),
        parts.preemption or PASSES.make(settings.preemption, settings),
        parts.partitioning or PARTITIONERS.make(settings.partitioning, settings),
        parts.trigger or TRIGGERS.make(settings.trigger, settings),
        workload,
        fleet,
    )


def _placement(name: str, workload: Workload | None, jobs: JobTable) -> PlacementPolicy:
    try:
        return make_policy(name, workload)
    except InputError:
        # It aims at a workload, which takes a while to find in a large trace, or does not exist.
        if workload is not None:
            raise
        return make_policy(name, target_workload(jobs))
