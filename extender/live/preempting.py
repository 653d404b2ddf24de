"""Whom kube-scheduler evicts for a pod: its candidates, refined by what the engine sees of GPUs.

kube-scheduler proposes nodes, each with victims that its own filters would be content with, and
evicts those that stand in the answer. It sees numbers of devices: which of two pods has the GPU
that is needed, or the half that is missing on it, it cannot tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.extender.live.asking import alone
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.plans import Plans
from bayplan.extender.live.reading import Seen
from bayplan.extender.verbs import Victims
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.preemption import preempt
from bayplan.scheduler.preemption.types import Guards
from bayplan.traces.kubernetes.gangs import Group

BEST = 16
"""So many nodes are looked at in the end; those that tear a gang come last: all of it counts."""


def chosen(
    mirror: Mirror, engine: Engine, plans: Plans, seen: Seen, among: Victims, now_s: float
) -> Victims:
    """Return the best of some nodes with the victims there; empty: nobody is to be evicted.

    A node whose victims would take a gang's members on others with them is no candidate, since
    kube-scheduler evicts on one node only.
    """
    guards = Guards(dict(mirror.reader.budgets.allowed), plans.least_of_running())
    nodes: dict[str, tuple[str, ...]] = dict.fromkeys(among, ())
    found = preempt(engine, alone(mirror, seen), now_s, guards, initial=nodes, best=BEST)
    for each in found.nodes:
        if not each.elsewhere:
            return _answer(mirror, seen, among, each.node, each.uids, each.violations)
    return {}


def chosen_for_member(
    mirror: Mirror,
    engine: Engine,
    plans: Plans,
    seen: Seen,
    group: Group,
    among: Victims,
    now_s: float,
) -> Victims:
    """Return as ``chosen`` for a member of a gang: its part of what the whole gang needs.

    Where even evicting does not let all start that must, nobody is evicted for one of them.
    """
    guards = Guards(dict(mirror.reader.budgets.allowed), plans.least_of_running())
    gang = plans.gang(group.name)
    if gang is None:
        return {}
    found = engine.preempt_gang(gang, now_s, guards)
    decisions = found.plan.decisions if found.plan is not None else ()
    nodes = {d.request.uid: d.placement.node for d in decisions if d.placement is not None}
    node = nodes.get(seen.uid, "")
    pods = mirror.cluster.pods
    uids = [uid for uid in found.uids if pods[uid].placement.node == node]
    if node not in among or not uids:
        return {}
    return _answer(mirror, seen, among, node, uids, found.violations)


def _answer(
    mirror: Mirror, seen: Seen, among: Victims, node: str, uids: Sequence[str], violations: int
) -> Victims:
    known = {uid: mirror.pods[uid].api_uid for uid in uids if uid in mirror.pods}
    if len(known) < len(uids):
        return {}
    theirs, their_violations = among[node]
    if not _sees_more(seen):
        return {node: (tuple(known.values()), violations)}
    # They leave for what the engine does not look at, too: a port, a pod next to which it must not
    # be.
    every = dict.fromkeys([*known.values(), *theirs])
    return {node: (tuple(every), max(violations, their_violations))}


def _sees_more(seen: Seen) -> bool:
    """Whether kube-scheduler looks for more than room when it evicts for a pod."""
    wishes = seen.facts.template
    among_pods = wishes.pod_affinity or wishes.pod_anti_affinity or wishes.spread
    return bool(among_pods or wishes.unmodelled)
