"""The parts of a simulation: made by name from its settings, or given as objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
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
from bayplan.simulator.core.deciding import Decider
from bayplan.simulator.core.deferral import DEFERRALS, DeferralPolicy
from bayplan.simulator.core.deferral.holding import Holding
from bayplan.simulator.core.deferral.sites import Sites
from bayplan.simulator.core.elastic.policies import ELASTICITY, Elasticity
from bayplan.simulator.core.elastic.resizing import Resizer
from bayplan.simulator.core.elastic.sizes import Sizes
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.hazards import Hazards
from bayplan.simulator.core.machines import Machines
from bayplan.simulator.core.partitioning import PARTITIONERS, Partitioner
from bayplan.simulator.core.passes import PASSES, Pass
from bayplan.simulator.core.progress import PROGRESS, ProgressModel, Saves
from bayplan.simulator.core.services.fleet import Fleet
from bayplan.simulator.core.services.replicas import with_replicas
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.sources import Source
from bayplan.simulator.core.target import target_workload
from bayplan.simulator.core.triggers import TRIGGERS, Trigger
from bayplan.simulator.core.waiting import Waiting
from bayplan.traces.jobs import JobTable
from bayplan.traces.services import Service

NOBODY = "none"
"""The elasticity under which jobs have the pods that they state."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Objects in place of the names in ``Settings``; None: by name.

    Each serves one simulation alone. ``preemption`` is a pass, ``workload`` the target of policies
    that aim at one (None: that of the trace). ``sources`` are what happens to the cluster by
    itself, ``groups`` what nodes cost, ``hazards`` how often it is to be expected that they fail,
    ``services`` what runs beside the jobs. ``decider`` decides in place of the engine.
    """

    placement: PlacementPolicy | None = None
    ordering: OrderingPolicy | None = None
    preemption: Pass | None = None
    partitioning: Partitioner | None = None
    progress: ProgressModel | None = None
    trigger: Trigger | None = None
    deferral: DeferralPolicy | None = None
    elasticity: Elasticity | None = None
    workload: Workload | None = None
    sources: Sequence[Source] = ()
    groups: Sequence[Group] = ()
    hazards: Hazards | None = None
    services: Sequence[Service] = ()
    decider: Decider | None = None


class Assembly(NamedTuple):
    """A simulation's parts, put together."""

    floor: Floor
    machines: Machines
    scheme: Pass
    partitioner: Partitioner
    trigger: Trigger
    workload: Workload | None
    holding: Holding | None
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
    elasticity = _elasticity(settings, parts)
    sizes = None
    if elasticity is not None:
        sizes = Sizes(book, settings.speeds, settings.interruptions)
    columns = Columns(book, settings.half_life_s)
    columns.elastic = sizes is not None
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
    floor.decider = parts.decider
    scheme = parts.preemption or PASSES.make(settings.preemption, settings)
    if elasticity is not None and sizes is not None:
        scheme = _elastic(floor, sizes, elasticity, scheme)
    if settings.interruptions.checkpoint != "fixed":
        floor.hazards = parts.hazards or Hazards()
    return Assembly(
        floor,
        Machines(floor, nodes, spare, parts.groups),
        scheme,
        parts.partitioning or PARTITIONERS.make(settings.partitioning, settings),
        parts.trigger or TRIGGERS.make(settings.trigger, settings),
        workload,
        _holding(floor, every, settings, parts),
        fleet,
    )


def _holding(
    floor: Floor, nodes: Sequence[Node], settings: Settings, parts: Parts
) -> Holding | None:
    """Return who holds jobs back, and let jobs be sent where they cost least; None: neither."""
    policy = parts.deferral or DEFERRALS.make(settings.deferral, settings)
    if policy is None:
        return None
    is_shifting = settings.deferring.across_zones
    sites = Sites(floor, nodes, parts.groups, policy, is_shifting=is_shifting)
    if is_shifting:
        floor.chooser = sites.decide
    return Holding(floor, sites)


def _elasticity(settings: Settings, parts: Parts) -> Elasticity | None:
    if parts.elasticity is None and settings.elasticity == NOBODY:
        return None
    if settings.backfill or (parts.preemption is None and settings.preemption == "repack"):
        raise InputError(
            "elastic jobs go neither with backfilling nor with repack",
            fix="set elasticity, or the other, to none",
        )
    return parts.elasticity or ELASTICITY.make(settings.elasticity, settings)


def _elastic(floor: Floor, sizes: Sizes, elasticity: Elasticity, scheme: Pass) -> Pass:
    settings = floor.settings
    if not isinstance(floor.progress, Saves):
        raise InputError(
            f"jobs cannot be elastic under the progress model {settings.progress!r}",
            fix="choose one that can save work, such as exact",
        )
    sizes.number_pods(floor.pods)
    resizer = Resizer(scheme, elasticity, sizes, settings.resize_interval_s, strict=settings.strict)
    floor.sizes, floor.goes_on = sizes, partial(resizer.lose, floor)
    return resizer


def _placement(name: str, workload: Workload | None, jobs: JobTable) -> PlacementPolicy:
    try:
        return make_policy(name, workload)
    except InputError:
        # It aims at a workload, which takes a while to find in a large trace, or does not exist.
        if workload is not None:
            raise
        return make_policy(name, target_workload(jobs))
