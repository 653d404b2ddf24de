"""The owner of the live state: what is seen and what is asked come in, answers go out.

A state machine without I/O: every method takes the time, none waits. ``extender.service`` calls it
from one event loop, and does what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from bayplan.extender.health.marking import Marker
from bayplan.extender.live import limiting, preempting
from bayplan.extender.live.asking import (
    BEST,
    Candidates,
    best,
    candidates,
    filtered,
    is_at,
    objection,
    only,
    scored,
)
from bayplan.extender.live.dra.steering import Steering
from bayplan.extender.live.enforcing import Way
from bayplan.extender.live.helping import Helper
from bayplan.extender.live.intake import POD, Intake, key_of
from bayplan.extender.live.koordinator import Inventory
from bayplan.extender.live.members import Members
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.nominating import NOMINATED_S, Nominating
from bayplan.extender.live.partial import Partial
from bayplan.extender.live.placing import Placing
from bayplan.extender.live.plans import Plan, Plans
from bayplan.extender.live.quota import Quota
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.settings import Live
from bayplan.extender.names import NodeNames
from bayplan.extender.objects import version_of
from bayplan.extender.verbs import FilterAnswer, Scores, Victims
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest, StateError
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import Decision, Reason
from bayplan.traces.kubernetes.gangs import Group
from bayplan.traces.kubernetes.objects import Object
from bayplan.traces.kubernetes.resources import BadField

EARLY_S = 30.0
"""How long a pod counts that a call has shown and no watch: longer than watches are late."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A pod may be bound; ``already``: it is, by us or by somebody else, to that very node."""

    decision: Decision
    already: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A pod may not be bound, and why."""

    why: str


class Owner:
    """Decides for the live cluster.

    Attributes
    ----------
    mirror
        The cluster.
    plans
        The gangs.
    steering
        Where pods with claims of devices go.
    quota
        The queues; None: there are none.
    turn
        Returns why a gated pod is not let go yet, by its uid; empty: nobody here knows.
    helper
        Makes room for whole gangs; None: nobody does.
    """

    def __init__(self, settings: Live) -> None:
        self.settings = settings
        self.mirror = Mirror()
        self.mirror.reserved = settings.reserved
        if settings.koordinator:
            self.mirror.reader.koordinator = Inventory()
        if settings.health is not None:
            self.mirror.reader.health = Marker(settings.health)
        policy = make_policy(settings.placement)
        self.engine = Engine(self.mirror.cluster, policy, seed=settings.seed)
        self.plans = Plans(self.mirror, self.engine, settings.gangs)
        self.steering = Steering(self.mirror)
        self.quota = None if settings.queues is None else Quota(settings.queues, self.mirror)
        self.plans.over = None if self.quota is None else self.quota.over
        self.turn: Callable[[str], str] = lambda _uid: ""
        self.helper: Helper | None = None
        self._intake = Intake(self.mirror, self.plans, self.steering)
        self._placing = Placing(self.mirror, self.engine, self.steering, settings, self.quota)
        self._members = Members(self.mirror, self.plans, self._placing)
        self._nominating = Nominating(self.mirror, self._placing)
        self._partial = Partial(self.mirror, self.plans)

    # --- what is seen ---------------------------------------------------------------------

    @property
    def synced(self) -> Set[str]:
        """The kinds that have been listed."""
        return self._intake.synced

    def replacing(self, kind: str) -> None:
        """Note that a whole list of a kind begins."""
        self._intake.replacing(kind)

    def page(self, kind: str, things: Iterable[Object], now_s: float) -> None:
        """Let a part of the list be as it is shown."""
        self._intake.page(kind, things, now_s)

    def replaced(self, kind: str, now_s: float) -> None:
        """Let those be gone that were in no part of the list."""
        self._intake.replaced(kind, now_s)

    def changed(self, kind: str, thing: Object, now_s: float) -> None:
        """Let an object be as it is shown."""
        self._intake.changed(kind, thing, now_s)

    def deleted(self, kind: str, thing: Object, now_s: float) -> None:
        """Let an object be gone."""
        self._intake.deleted(kind, thing, now_s)

    def tick(self, now_s: float) -> None:
        """Let what was promised for too long be over."""
        self.plans.drop_overdue(now_s)
        self._nominating.hold(now_s)
        for uid in self.mirror.expired(now_s):
            self.mirror.release(uid, now_s)
        for uid, until_s in list(self.mirror.provisional.items()):
            if until_s <= now_s:
                self._intake.forget(POD, uid, now_s)

    # --- what is asked --------------------------------------------------------------------

    def filter(
        self, pod: Object, names: Sequence[str], now_s: float, *, holds: bool
    ) -> FilterAnswer:
        """Say which of some nodes may take a pod."""
        names = NodeNames.of(names)
        seen = self._asked(pod, now_s)
        if isinstance(seen, str):
            return FilterAnswer.failed_call(seen)
        if why := self.objection(seen):
            return FilterAnswer.nowhere(names, why, lasting=True)
        among = candidates(self.mirror, names)
        if at := self.mirror.assumed.get(seen.uid):
            return only(self.mirror, at, among, f"the pod is being bound to {at}")
        if not seen.claims:
            return self._filter(seen, among, now_s, holds=holds)
        judged = self.steering.judged(seen, among)
        if isinstance(judged, str):
            return FilterAnswer.failed_call(judged)
        return judged.joined(self._filter(seen, judged.left, now_s, holds=holds))

    def _filter(self, seen: Seen, among: Candidates, now_s: float, *, holds: bool) -> FilterAnswer:
        group = self.plans.group(seen.group) if seen.group else None
        if why := self.refused(seen, group):
            return FilterAnswer.nowhere(among.names, why, lasting=True)
        try:
            if group is not None:
                return self._members.filter(seen, group, among, now_s, holds=holds)
            return self._placing.filter(seen, among, now_s, holds=holds)
        except InvalidRequest as error:
            return FilterAnswer.nowhere(among.names, str(error), lasting=True)

    def prioritize(self, pod: Object, names: Sequence[str], now_s: float) -> Scores:
        """Return scores of nodes, the best of which is held for the pod."""
        names = NodeNames.of(names)
        nobody = Scores(names, np.zeros(len(names), np.int64))
        seen = self._asked(pod, now_s)
        if isinstance(seen, str) or self.objection(seen):
            return nobody
        among = candidates(self.mirror, names)
        if at := self.mirror.assumed.get(seen.uid):
            return Scores(names, np.where(is_at(self.mirror, at, among), BEST, 0))
        if seen.group and (node := self.plans.follow(seen, now_s)):
            return scored(self.mirror, self.engine, seen, among, node)
        found = self._placing.scores(seen, among, now_s)
        return nobody if found is None else found

    def preempt(self, pod: Object, among: Victims, now_s: float) -> Victims:
        """Return whom to evict for a pod, of some nodes; empty: nobody.

        The room is kept for it once they have left.
        """
        seen = self._asked(pod, now_s)
        if isinstance(seen, str) or self.objection(seen):
            return {}
        if seen.claims and not (among := self.steering.with_devices(seen, among)):
            return {}
        self.mirror.learn_budgets(now_s)
        self._placing.drop_hold(seen.uid, now_s)
        group = self.plans.group(seen.group) if seen.group else None
        if self.refused(seen, group):
            return {}  # nobody's leaving makes more of its share
        if group is not None and self._is_helped(group):
            return {}
        try:
            if group is not None:
                return preempting.chosen_for_member(
                    self.mirror, self.engine, self.plans, seen, group, among, now_s
                )
            found = preempting.chosen(self.mirror, self.engine, self.plans, seen, among, now_s)
        except InvalidRequest:
            return {}
        for node in found:
            self.nominate(seen.uid, node, now_s + NOMINATED_S)
        return found

    def _is_helped(self, group: Group) -> bool:
        """Whether others leave for a whole gang, and so for none of its members by itself."""
        if self.helper is None or self.plans.has_started(group):
            return False
        return self.helper.handles(group.name)

    def come(self, uid: str, api_uid: str, node: str, now_s: float) -> Plan | Refused | None:
        """Note that a pod has come to be bound; return the plan that it waits for, if any."""
        seen = self.mirror.pods.get(uid)
        if seen is None or (api_uid and seen.api_uid and seen.api_uid != api_uid):
            return Refused(f"pod {uid} is not known; it may be new, or gone")
        if seen.node or uid in self.mirror.assumed:
            return None
        if not seen.group:
            return None
        planned = self.plans.follow(seen, now_s)
        plan = self.plans.plans.get(seen.group)
        if plan is not None and planned:
            if planned != node:
                return Refused(f"gang {seen.group} is planned with this pod on {planned}")
            plan.arrived.add(uid)
            return plan
        group = self.plans.group(seen.group)
        if group is None or self.plans.has_started(group):
            return None
        return Refused(f"gang {seen.group} has no plan by now; it is made anew")

    def reserve(self, uid: str, node: str, now_s: float) -> Ready | Refused:
        """Let a pod have its room on a node, before the API is told."""
        seen = self.mirror.pods.get(uid)
        if seen is None:
            return Refused(f"pod {uid} is gone")
        pod = self.mirror.cluster.pods.get(uid)
        at = seen.node or self.mirror.assumed.get(uid, "")
        if at:
            if at != node or pod is None:
                return Refused(f"pod {uid} is bound already, to {at}")
            return Ready(Decision(pod.request, now_s, pod.placement), already=True)
        decision = self.plans.decision(uid, now_s)
        if decision is None or decision.placement is None or decision.placement.node != node:
            among = candidates(self.mirror, NodeNames.of([node]))
            self._placing.drop_hold(uid, now_s)
            decision = best(self.mirror, self.engine, seen, among, now_s)
            if decision.placement is None:
                return Refused(f"node {node} has no room any more: {self._why(seen, among)}")
            if self.quota is not None and (over := self.quota.over([decision])):
                return Refused(over)
        try:
            self.mirror.assume(decision, now_s)
        except StateError as error:
            return Refused(str(error))
        return Ready(decision)

    def take_back(self, uid: str, now_s: float) -> None:
        """Let a pod that the API did not bind have nothing; who was seen bound keeps its room."""
        seen = self.mirror.pods.get(uid)
        if uid in self.mirror.assumed and (seen is None or not seen.node):
            self.mirror.release(uid, now_s)

    def partial(self, now_s: float) -> list[tuple[Group, list[str]]]:
        """Return the gangs that are bound in part for longer than a plan lives, with who is."""
        return self._partial.gangs(now_s)

    def may_fit(self, uid: str) -> bool:
        """Whether some node may have room for a pod that waits; of a gang only a plan can tell."""
        seen = self.mirror.pods.get(uid)
        if seen is None or seen.node or self.objection(seen):
            return False
        if seen.group:
            return True
        if self.refused(seen, None):
            return False
        try:
            fits = self._placing.fits(seen)
            if not seen.claims:
                return bool(fits.any())
            judged = self.steering.judged_everywhere(seen)
            return not isinstance(judged, str) and bool((judged.left.rows >= 0).any())
        except InvalidRequest:
            return False

    def promised(self, node: str) -> list[str]:
        """Return the pods that are to have room on a node and are not seen there."""
        pods = self.mirror.cluster.pods
        found = [uid for uid, at in self.mirror.assumed.items() if at == node]
        found += [uid for uid in self.mirror.holds if pods[uid].placement.node == node]
        return found + self._nominating.on(node)

    def nominate(self, uid: str, node: str, until_s: float) -> None:
        """Keep room on a node for a pod as soon as there is some, which others leave."""
        self._nominating.nominate(uid, node, until_s)

    def giver(self, uid: str, node: str) -> Way | None:
        """Return whose device plugin gives a pod its GPUs on a node, one pod at a time.

        None: nobody's, or that of somebody who takes many at a time.
        """
        seen = self.mirror.pods.get(uid)
        if seen is None or not (seen.asking or seen.way in (Way.HAMI, Way.VOLCANO)):
            return None
        way = Way.HAMI if seen.asking else seen.way
        return way if way is not None and self.mirror.reader.enforces(node, way) else None

    def objection(self, seen: Seen) -> str:
        """Return why no node at all can take a pod as it and its gang are written."""
        why, mirror = objection(seen, self.settings), self.mirror
        if not why and seen.group and mirror.rivals:
            return mirror.rivals.contradiction(seen.group, mirror.groups, mirror.pods)
        return why

    def refused(self, seen: Seen, group: Group | None) -> str:
        """Return which rule of a queue keeps a pod out, or its gang; empty: none."""
        if self.quota is None:
            return ""
        return limiting.refused(self.quota, self.mirror, self.plans, seen, group)

    # --- inside ---------------------------------------------------------------------------

    def _asked(self, pod: Object, now_s: float) -> Seen | str:
        """Return the pod of a call, or why it cannot be answered now."""
        if not self.mirror.started:
            return "nodes and pods are not known yet"
        read = self.mirror.pods.get(key_of(POD, pod))
        if read is not None and read.version == version_of(pod) != "" and not read.node:
            return read
        try:
            seen = self.mirror.reader.see_pod(pod)
        except BadField as bad:
            return f"{bad.field}: {bad.text}"
        self.mirror.heed(now_s)
        if seen is None:
            return "the pod has ended"
        known = self.mirror.pods.get(seen.uid)
        if known is not None:
            if known.api_uid != seen.api_uid and known.api_uid and seen.api_uid:
                return f"another pod {seen.uid} is known; the watch is behind, or the call is"
            if known.node:
                return f"pod {seen.uid} is bound already, to {known.node}"
            return seen
        self.mirror.note_early(seen, now_s + EARLY_S)
        return seen

    def _why(self, seen: Seen, among: Candidates) -> str:
        counts = filtered(self.mirror, self.engine, seen, among).counts()
        return counts[0][0] if counts else Reason.FITS.text
