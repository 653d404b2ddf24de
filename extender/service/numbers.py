"""Metrics of what is decided; those of calls and of watches are where these are made."""

from __future__ import annotations

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bayplan.extender.live.dra.inventory import Counts
from bayplan.extender.live.owner import Owner
from bayplan.extender.verbs import FilterAnswer, Victims
from bayplan.scheduler.types import GPU_MILLI


class Numbers:
    """The metrics of the service.

    Parameters
    ----------
    registry
        Where they are registered.

    Attributes
    ----------
    planning
        How long plans of gangs take.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "bayplan_decisions", "Answers to filter, by result.", ["result"], registry=registry
        )
        self._bindings = Counter(
            "bayplan_bindings", "Calls to bind, by result.", ["result"], registry=registry
        )
        self._preemptions = Counter(
            "bayplan_preemptions", "Answers to preempt, by result.", ["result"], registry=registry
        )
        self._victims = Counter(
            "bayplan_preemption_victims", "Pods that were named as victims.", registry=registry
        )
        self._holds = Gauge("bayplan_holds", "Pods that room is held for.", registry=registry)
        self._gangs = Gauge("bayplan_gangs_planned", "Gangs with a plan.", registry=registry)
        self.planning = Histogram(
            "bayplan_gang_plan_seconds",
            "How long the engine took to plan a gang, or to find that it cannot start.",
            registry=registry,
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
        )
        self._at_barrier = Gauge(
            "bayplan_gang_members_waiting", "Pods that wait at their bind.", registry=registry
        )
        self._in_part = Counter(
            "bayplan_gangs_in_part", "Gangs that stayed bound in part.", registry=registry
        )
        self._gpus = Gauge(
            "bayplan_gpus",
            "GPUs of the nodes, and parts of GPUs that pass for them, by state.",
            ["state"],
            registry=registry,
        )
        self._stranded = Gauge(
            "bayplan_stranded_gpus",
            "Idle GPU compute on GPUs that somebody has a share of: whole GPUs cannot use it.",
            registry=registry,
        )
        self._devices = Gauge(
            "bayplan_devices",
            "Devices that drivers publish, by state; blocked: their GPU has too little left.",
            ["state"],
            registry=registry,
        )
        self._crowded = Gauge(
            "bayplan_pods_crowded", "Pods that run where they do not fit.", registry=registry
        )
        self._drift = Gauge(
            "bayplan_state_drift_nodes",
            "Nodes whose live state differed from the latest recompute.",
            registry=registry,
        )
        self._recomputes = Counter(
            "bayplan_state_recomputes", "Recomputes of the state.", registry=registry
        )

    def filtered(self, answer: FilterAnswer) -> None:
        """Count an answer."""
        result = "error" if answer.error else "fits" if answer.somewhere else "unschedulable"
        self._decisions.labels(result).inc()

    def preempted(self, found: Victims) -> None:
        """Count an answer."""
        self._preemptions.labels("victims" if found else "nobody").inc()
        self._victims.inc(sum(len(uids) for uids, _ in found.values()))

    def bound(self, why: str) -> None:
        """Count a call to bind, by what went wrong."""
        self._bindings.labels("refused" if why else "bound").inc()

    def partial(self, name: str) -> None:
        """Count a gang that stayed in part."""
        self._in_part.inc()

    def recomputed(self, n_different: int) -> None:
        """Note a recompute."""
        self._recomputes.inc()
        self._drift.set(n_different)

    def look_at(self, owner: Owner, n_at_barrier: int) -> None:
        """Bring the gauges up to date."""
        view = owner.mirror.cluster.view
        rows = slice(view.n_rows)
        slots = slice(view.n_slots)
        free, capacity = view.slot_free_milli[slots], view.slot_capacity[slots]
        shared = free[(free > 0) & (free < capacity)]
        idle = int(view.idle_milli[rows].sum()) // GPU_MILLI
        total = sum(node.gpu_count for node in owner.mirror.cluster.nodes.values())
        self._holds.set(len(owner.mirror.holds))
        self._gangs.set(len(owner.plans.plans))
        self._at_barrier.set(n_at_barrier)
        self._gpus.labels("idle").set(idle)
        self._gpus.labels("used").set(total - idle)
        self._stranded.set(float(np.sum(shared)) / GPU_MILLI)
        inventory = owner.steering.inventory
        counts = [inventory.counts(node) for node in inventory.nodes]
        for k, state in enumerate(Counts._fields):
            self._devices.labels(state).set(sum(each[k] for each in counts))
        self._crowded.set(len(owner.mirror.crowded()))
