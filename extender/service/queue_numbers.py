"""Metrics of queues."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from bayplan.extender.live.quota import Quota
from bayplan.extender.live.turns import Turns
from bayplan.scheduler.queues import GPU
from bayplan.scheduler.types import GPU_MILLI


class QueueNumbers:
    """The metrics of queues.

    Parameters
    ----------
    registry
        Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gpus = Gauge(
            "bayplan_queue_gpus",
            "GPUs of a queue with all queues in it: used, guaranteed, borrowed, limit.",
            ["queue", "what"],
            registry=registry,
        )
        self._waiting = Gauge(
            "bayplan_queue_pods_waiting",
            "Pods that wait in a queue itself, gated or not.",
            ["queue"],
            registry=registry,
        )
        self._lifted = Counter(
            "bayplan_queue_gates_lifted", "Gates that were lifted, by result.", ["result"],
            registry=registry,
        )  # fmt: skip
        self._reclaims = Counter(
            "bayplan_queue_reclaimed_pods",
            "Pods that borrowed what another queue took back, by result.",
            ["queue", "result"],
            registry=registry,
        )

    def lifted(self, result: str) -> None:
        """Count a gate that was lifted, or could not be."""
        self._lifted.labels(result).inc()

    def reclaimed(self, queue: str, result: str) -> None:
        """Count a pod that had to make room, could not be made to, or was only named."""
        self._reclaims.labels(queue, result).inc()

    def look_at(self, quota: Quota, turns: Turns) -> None:
        """Bring the gauges up to date."""
        usage, tree = quota.admission.usage, quota.tree
        none: tuple[int | None, ...] = (None,) * len(tree.names)
        for position, name in enumerate(tree.names):
            if not name:
                continue
            used = usage.used(name, GPU)
            guaranteed = tree.guaranteed.get(GPU, none)[position] or 0
            shown: dict[str, int | None] = {
                "used": used,
                "guaranteed": guaranteed,
                "borrowed": max(0, used - guaranteed),
                "limit": tree.limits.get(GPU, none)[position],
            }
            for what, milli in shown.items():
                if milli is not None:
                    self._gpus.labels(name, what).set(milli / GPU_MILLI)
            self._waiting.labels(name).set(turns.n_waiting.get(name, 0))
