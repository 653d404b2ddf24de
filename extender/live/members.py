"""Which nodes may take a member of a gang: the one that the gang's plan has for it."""

from __future__ import annotations

from bayplan.extender.live.asking import Candidates, is_at, mask, only
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.placing import Placing
from bayplan.extender.live.plans import NoPlan, Plan, Plans
from bayplan.extender.live.reading import Seen
from bayplan.extender.verbs import FilterAnswer
from bayplan.traces.kubernetes.gangs import Group


class Members:
    """Answers for members of gangs; plans those that have no plan."""

    def __init__(self, mirror: Mirror, plans: Plans, placing: Placing) -> None:
        self._mirror, self._plans, self._placing = mirror, plans, placing

    def filter(
        self, seen: Seen, group: Group, among: Candidates, now_s: float, *, holds: bool
    ) -> FilterAnswer:
        """Say which candidates may take a member; with ``holds`` its gang's room is held.

        Raises
        ------
        InvalidRequest
            The engine cannot take what the gang asks for.
        """
        node = self._plans.follow(seen, now_s)
        if self._may_go(node, seen, among):
            return self._only(node, among)
        if not node and self._plans.has_started(group):
            if holds:  # it comes alone
                self._placing.drop_hold(seen.uid, now_s)
            return self._placing.filter(seen, among, now_s, holds=False)
        standing = self._plans.plans.get(group.name)
        if standing is not None and not holds:
            return self._beside(standing, node, among)  # who only asks does not undo what stands
        # Where this member may not go, by what kube-scheduler alone looks at, its siblings need
        # not either: they are alike in most gangs.
        narrow = node or seen.claims or self._mirror.giving(seen) is not None
        nodes = mask(self._mirror, seen, among) if narrow else None
        plan = self._plans.make(seen, group, now_s, nodes, holds=holds)
        if isinstance(plan, NoPlan):
            if plan.waits:
                return FilterAnswer.failed_call(plan.why)
            return FilterAnswer.nowhere(among.names, plan.why)
        node = plan.nodes.get(seen.uid, "")
        if self._may_go(node, seen, among):
            return self._only(node, among)
        if node:
            return self._again(seen, group, among, now_s, holds=holds)
        return self._beside(plan, "", among)

    def _again(
        self, seen: Seen, group: Group, among: Candidates, now_s: float, *, holds: bool
    ) -> FilterAnswer:
        """Plan a gang with this member among its candidates: its plan had it on another node."""
        self._plans.drop(group.name, now_s)
        nodes = mask(self._mirror, seen, among)
        plan = self._plans.make(seen, group, now_s, nodes, holds=holds)
        if isinstance(plan, Plan) and seen.uid in plan.nodes:
            return self._only(plan.nodes[seen.uid], among)
        why = plan.why if isinstance(plan, NoPlan) else "no room for this member"
        return FilterAnswer.nowhere(among.names, why)

    def _may_go(self, node: str, seen: Seen, among: Candidates) -> bool:
        """Whether a planned node is a candidate and enforces what the pod asks for.

        Its siblings may ask for something else.
        """
        if not node:
            return False
        giving = self._mirror.giving(seen)
        if giving is not None and not giving[self._mirror.cluster.row(node)]:
            return False
        return bool(is_at(self._mirror, node, among).any())

    def _only(self, node: str, among: Candidates) -> FilterAnswer:
        return only(self._mirror, node, among, f"the gang's plan has this pod on {node}")

    def _beside(self, plan: Plan, node: str, among: Candidates) -> FilterAnswer:
        """Return that a plan has a pod on a node that is no candidate, or nowhere."""
        if node:
            return self._only(node, among)
        why = f"gang {plan.name} starts without this pod, which is beyond what it needs"
        return FilterAnswer.nowhere(among.names, why)
