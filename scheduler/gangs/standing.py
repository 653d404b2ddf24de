"""Whether a plan still stands: every placement fits, whatever has happened since."""

from __future__ import annotations

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs.types import GangPlan


def stands(cluster: Cluster, plan: GangPlan) -> bool:
    """Return whether every placement of a plan still fits, together with the others.

    A member that is in the cluster by now must be where the plan has it; one that the plan found
    there must still be there. A plan without decisions stands as long as the latter holds. Nodes
    whose version did not move are not looked at again. Labels are not: a node that moved to another
    domain keeps its members.
    """
    pods = cluster.pods
    if any(uid not in pods for uid in plan.bound):
        return False
    if all(_version(cluster, node) == version for node, version in plan.rests_on):
        return not any(decision.request.uid in pods for decision in plan.decisions)
    with cluster.trial():
        for decision in plan.decisions:
            pod = pods.get(decision.request.uid)
            if pod is not None:
                if pod.placement != decision.placement:
                    return False
                continue
            try:
                cluster.apply(Bound(decision, plan.now_s))
            except Conflict:
                return False
    return True


def _version(cluster: Cluster, name: str) -> int:
    if name not in cluster.nodes:
        return -1
    return cluster.view.version.item(cluster.row(name))
