"""Whether victims that were found on a copy of the cluster are still what they were."""

from __future__ import annotations

from collections.abc import Iterable

from bayplan.extender.live.mirror import Mirror
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.events import Gone, Held
from bayplan.scheduler.types import Decision


def may_leave(mirror: Mirror, uid: str) -> bool:
    """Whether a pod runs, and is not leaving yet."""
    seen, pod = mirror.pods.get(uid), mirror.cluster.pods.get(uid)
    if seen is None or pod is None:
        return False
    return bool(seen.node) and not seen.leaving and pod.held_until_s is None


def leave_room(
    cluster: Cluster, uids: Iterable[str], decisions: Iterable[Decision], now_s: float
) -> bool:
    """Whether all decisions hold once some pods are gone; who is not there is gone already."""
    try:
        with cluster.trial():
            for uid in uids:
                if uid in cluster.pods:
                    cluster.apply(Gone(uid))
            for decision in decisions:
                cluster.apply(Held(decision, now_s))
    except StateError:
        return False
    return True
