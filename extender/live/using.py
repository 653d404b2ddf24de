"""What queues have used over time, as far as the pods that are there tell."""

from __future__ import annotations

from collections.abc import Mapping

from bayplan.extender.live.reading import Seen
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.ordering import FairShare, QueueUse, use_of
from bayplan.scheduler.queues import DecayedUsage, QueueTree
from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.kubernetes.times import seconds_of

LEAST_WEIGHT = 1e-6
"""Of a queue of weight 0, which is to have only what others leave: orders need some weight."""


def use_over_time(
    cluster: Cluster, tree: QueueTree, pods: Mapping[str, Seen], now_s: float
) -> dict[str, QueueUse]:
    """Return what each queue uses and has used, with its weight.

    Pods that have ended count no more: what is known is a function of what is there, so that a
    restart forgets nothing.
    """
    weights = {name: max(queue.weight, LEAST_WEIGHT) for name, queue in tree.queues.items()}
    since = []
    for uid, pod in cluster.pods.items():
        milli = sum(grant.milli for grants in pod.placement.grants for grant in grants)
        seen = pods.get(uid)
        if milli and seen is not None:
            started_s = seconds_of(seen.facts.start)
            start_s = now_s if started_s is None else min(started_s, now_s)
            since.append((start_s, pod.request.queue, milli))
    decayed = DecayedUsage(FairShare().half_life_s)
    for start_s, queue, milli in sorted(since):
        decayed.change(start_s, queue, milli)
    used = decayed.at(now_s)
    return {
        name: use._replace(usage_gpu_s=used.get(name, 0.0) / GPU_MILLI, usage_at_s=now_s)
        for name, use in use_of(cluster, weights).items()
    }
