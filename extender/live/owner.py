"""The owner of the live state: what is seen and what is asked come in, answers go out.

A state machine without I/O: every method takes the time, none waits. ``extender.service`` calls it
from one event loop, and does what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bayplan.extender.health.marking import Marker
from bayplan.extender.live import limiting, preempting
from bayplan.extender.live.asking import (
    BEST,
    Candidates,
    alone,
    best,
    candidates,
    filtered,
    mask,
    objection,
    scored,
)
from bayplan.extender.live.dra.inventory import KINDS as DEVICE_KINDS
from bayplan.extender.live.dra.judged import Judged
from bayplan.extender.live.dra.steering import Steering
from bayplan.extender.live.enforcing import Way
from bayplan.extender.live.helping import Helper
from bayplan.extender.live.koordinator import Inventory
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.plans import POD_GROUPS, NoPlan, Plan, Plans
from bayplan.extender.live.quota import Quota, is_vague
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.settings import Live
from bayplan.extender.names import NodeNames
from bayplan.extender.objects import version_of
from bayplan.extender.verbs import FilterAnswer, Scores, Victims, Why
from bayplan.extender.watch.kinds import KOORDINATOR_DEVICES
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest, StateError
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import Decision, Reason
from bayplan.traces.kubernetes.gangs import Group
from bayplan.traces.kubernetes.objects import Object, metadata_of, name_of
from bayplan.traces.kubernetes.resources import BadField

NODE, POD, BUDGET = "Node", "Pod", "PodDisruptionBudget"
DEVICE = KOORDINATOR_DEVICES
NEEDED = (NODE, POD)
"""Kinds without which nothing can be answered."""

EARLY_S = 30.0
"""How long a pod counts that a call has shown and no watch: longer than watches are late."""

NOMINATED_S = 120.0
"""How long room is looked for that victims leave: four times the grace that pods have."""

_NO_ROW = -2
"""Of a node that is not there; -1 is of a candidate that is not."""


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
    synced
        The kinds that have been listed.
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
        self.synced: set[str] = set()
        self._listed: dict[str, set[str]] = {}
        self._partial_since_s: dict[str, float] = {}
        self._whole: dict[str, tuple[int, int, int | None]] = {}
        self._nominated: dict[str, tuple[str, float]] = {}

    # --- what is seen ---------------------------------------------------------------------

    def replacing(self, kind: str) -> None:
        """Note that a whole list of a kind begins."""
        self._listed[kind] = set()

    def page(self, kind: str, things: Iterable[Object], now_s: float) -> None:
        """Let a part of the list be as it is shown."""
        listed = self._listed[kind]
        for thing in things:
            listed.add(_key(kind, thing))
            self.changed(kind, thing, now_s)

    def replaced(self, kind: str, now_s: float) -> None:
        """Let those be gone that were in no part of the list."""
        for name in sorted(self._known(kind) - self._listed.pop(kind, set())):
            self._forget(kind, name, now_s)
        self.synced.add(kind)
        self.steering.knows = self.synced.issuperset(DEVICE_KINDS)
        if not self.mirror.started and self.synced.issuperset(NEEDED):
            self.mirror.start(now_s)

    def changed(self, kind: str, thing: Object, now_s: float) -> None:
        """Let an object be as it is shown."""
        if kind == NODE:
            self.mirror.see_node(thing, now_s)
        elif kind == POD:
            self.mirror.see_pod(thing, now_s)
        elif kind == BUDGET:
            self.mirror.reader.see_budget(thing)
        elif kind in DEVICE_KINDS:
            self.steering.see(kind, thing, now_s)
        elif kind in POD_GROUPS:
            self.plans.see_pod_group(kind, thing)
            self._whole.clear()
        elif kind == DEVICE and (devices := self.mirror.reader.koordinator) is not None:
            self._renumber(devices.see(thing), now_s)

    def deleted(self, kind: str, thing: Object, now_s: float) -> None:
        """Let an object be gone."""
        if kind == POD:
            known = self.mirror.pods.get(_key(kind, thing))
            api_uid = str(metadata_of(thing).get("uid") or "")
            if known is not None and api_uid and known.api_uid != api_uid:
                return  # of a pod that another one has followed
        self._forget(kind, _key(kind, thing), now_s)

    def tick(self, now_s: float) -> None:
        """Let what was promised for too long be over."""
        self.plans.drop_overdue(now_s)
        self._hold_nominated(now_s)
        for uid in self.mirror.expired(now_s):
            self.mirror.release(uid, now_s)
        for uid, until_s in list(self.mirror.provisional.items()):
            if until_s <= now_s:
                self._forget(POD, uid, now_s)

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
            return self._only(at, among, f"the pod is being bound to {at}")
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
                return self._filter_member(seen, group, among, now_s, holds=holds)
            if self.quota is not None:
                return self._filter_within(self.quota, seen, among, now_s, holds=holds)
            return self._filter_alone(seen, among, now_s, holds=holds)
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
            return Scores(names, np.where(self._is(at, among), BEST, 0))
        if seen.group and (node := self.plans.follow(seen, now_s)):
            return scored(self.mirror, self.engine, seen, among, node)
        self._drop_hold(seen.uid, now_s)
        try:
            judged = self.steering.judged(seen, among) if seen.claims else None
            if isinstance(judged, str):
                return nobody
            choice = self._best(seen, among, judged, now_s)
            if choice.placement is None:
                return nobody
            if self.quota is not None and self.quota.over([choice]):
                return nobody
            node = choice.placement.node
            if judged is None:
                points = scored(self.mirror, self.engine, seen, among, node)
            else:
                points = judged.scores(self._fits(seen), self.mirror.cluster.row(node))
            self.mirror.hold(choice, now_s + self.settings.hold_s)
        except (InvalidRequest, StateError):
            return nobody
        return points

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
        self._drop_hold(seen.uid, now_s)
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
            self._nominated[seen.uid] = node, now_s + NOMINATED_S
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
        if group is None or self._n_bound(group) >= self.plans.least(group):
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
            self._drop_hold(uid, now_s)
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
        found, partial, whole = [], {}, {}
        for name, uids in self.mirror.groups.items():
            n_bound = sum(map(self.mirror.is_bound, uids))
            if not n_bound:
                continue
            # What each of thousands is takes long to say: it is asked again when something changed.
            as_it_is = len(uids), n_bound, self.plans.sizes.get(name)
            if self._whole.get(name) == as_it_is:
                whole[name] = as_it_is
                continue
            group = self.plans.group(name)
            if group is None or not 0 < self._n_bound(group) < self.plans.least(group):
                whole[name] = as_it_is
                continue
            partial[name] = since_s = self._partial_since_s.get(name, now_s)
            if now_s - since_s > self.settings.gangs.hold_s and name not in self.plans.plans:
                found.append((group, self._bound(group)))
        self._partial_since_s, self._whole = partial, whole
        return found

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
            fits = self._fits(seen)
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
        return found + [uid for uid, (at, _) in self._nominated.items() if at == node]

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
        read = self.mirror.pods.get(_key(POD, pod))
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

    def _filter_alone(
        self, seen: Seen, among: Candidates, now_s: float, *, holds: bool
    ) -> FilterAnswer:
        if holds:
            self._drop_hold(seen.uid, now_s)
            if self.settings.at_filter and (node := self._chosen(seen, among, now_s)):
                return FilterAnswer(NodeNames.of([node]), np.zeros(1, np.int64))
        answer = filtered(self.mirror, self.engine, seen, among)
        if holds and np.count_nonzero(answer.fits) == 1:  # nobody asks for scores of one node
            self._chosen(seen, among, now_s)
        return answer

    def _filter_within(
        self, quota: Quota, seen: Seen, among: Candidates, now_s: float, *, holds: bool
    ) -> FilterAnswer:
        """Answer for a pod whose queue has limits by GPU model, or may have."""
        request = alone(self.mirror, seen)
        if holds:
            self._drop_hold(seen.uid, now_s)
        closed = quota.closed(request)
        beside = limiting.without(among, quota.closed_rows(closed)) if closed else among
        if holds and self.settings.at_filter and (node := self._chosen(seen, beside, now_s)):
            return FilterAnswer(NodeNames.of([node]), np.zeros(1, np.int64))
        if is_vague(request) and seen.uid not in self.mirror.cluster.pods:
            choice = best(self.mirror, self.engine, seen, beside, now_s)
            if choice.placement is not None and (why := quota.over([choice])):
                return FilterAnswer.nowhere(among.names, why, lasting=True)
        answer = filtered(self.mirror, self.engine, seen, among)
        if closed:
            answer = limiting.with_reasons(answer, among, closed, self.mirror)
        if holds and np.count_nonzero(answer.fits) == 1:  # nobody asks for scores of one node
            self._chosen(seen, beside, now_s)
        return answer

    def _filter_member(
        self, seen: Seen, group: Group, among: Candidates, now_s: float, *, holds: bool
    ) -> FilterAnswer:
        node = self.plans.follow(seen, now_s)
        if node and self._suits(node, seen) and self._is(node, among).any():
            return self._only(node, among)
        if not node and self._n_bound(group) >= self.plans.least(group):
            return self._filter_growing(seen, among, now_s, holds=holds)
        standing = self.plans.plans.get(group.name)
        if standing is not None and not holds:
            return self._beside(standing, node, among)  # who only asks does not undo what stands
        # Where this member may not go, by what kube-scheduler alone looks at, its siblings need
        # not either: they are alike in most gangs.
        narrow = node or seen.claims or self.mirror.giving(seen) is not None
        nodes = mask(self.mirror, seen, among) if narrow else None
        plan = self.plans.make(seen, group, now_s, nodes, holds=holds)
        if isinstance(plan, NoPlan):
            if plan.waits:
                return FilterAnswer.failed_call(plan.why)
            return FilterAnswer.nowhere(among.names, plan.why)
        node = plan.nodes.get(seen.uid, "")
        if node and self._suits(node, seen) and self._is(node, among).any():
            return self._only(node, among)
        if node:
            self.plans.drop(group.name, now_s)
            nodes = mask(self.mirror, seen, among)
            again = self.plans.make(seen, group, now_s, nodes, holds=holds)
            if isinstance(again, Plan) and seen.uid in again.nodes:
                return self._only(again.nodes[seen.uid], among)
            why = again.why if isinstance(again, NoPlan) else "no room for this member"
            return FilterAnswer.nowhere(among.names, why)
        return self._beside(plan, "", among)

    def _filter_growing(
        self, seen: Seen, among: Candidates, now_s: float, *, holds: bool
    ) -> FilterAnswer:
        """Answer for a pod of a gang that runs already: it comes alone."""
        if holds:
            self._drop_hold(seen.uid, now_s)
        if self.quota is not None:
            return self._filter_within(self.quota, seen, among, now_s, holds=False)
        return filtered(self.mirror, self.engine, seen, among)

    def _beside(self, plan: Plan, node: str, among: Candidates) -> FilterAnswer:
        """Return that a plan has a pod on a node that is no candidate, or nowhere."""
        if node:
            return self._only(node, among)
        why = f"gang {plan.name} starts without this pod, which is beyond what it needs"
        return FilterAnswer.nowhere(among.names, why)

    def _suits(self, node: str, seen: Seen) -> bool:
        """Whether a node enforces what a pod asks for: its siblings may ask for something else."""
        giving = self.mirror.giving(seen)
        return giving is None or bool(giving[self.mirror.cluster.row(node)])

    def giver(self, uid: str, node: str) -> Way | None:
        """Return whose device plugin gives a pod its GPUs on a node, one pod at a time.

        None: nobody's, or that of somebody who takes many at a time.
        """
        seen = self.mirror.pods.get(uid)
        if seen is None or not (seen.asking or seen.way in (Way.HAMI, Way.VOLCANO)):
            return None
        way = Way.HAMI if seen.asking else seen.way
        return way if way is not None and self.mirror.reader.enforces(node, way) else None

    def _is(self, node: str, among: Candidates) -> BoolArray:
        """Return which candidates are a node (len(names),)."""
        cluster = self.mirror.cluster
        found: BoolArray = among.rows == (cluster.row(node) if node in cluster.nodes else _NO_ROW)
        return found

    def _only(self, node: str, among: Candidates, why: str = "") -> FilterAnswer:
        there = self._is(node, among)
        if there.any():  # that others do not pass needs no words where one does
            return FilterAnswer(NodeNames.of([node]), np.zeros(1, np.int64))
        why = why or f"the gang's plan has this pod on {node}"
        codes = np.where(there, 0, 1)
        return FilterAnswer(among.names, codes, (Why(why),))

    def _chosen(self, seen: Seen, among: Candidates, now_s: float) -> str:
        """Return the best node, which is held; empty where there is none."""
        judged = self.steering.judged(seen, among) if seen.claims else None
        if isinstance(judged, str):
            return ""
        choice = self._best(seen, among, judged, now_s)
        if choice.placement is None:
            return ""
        if self.quota is not None and self.quota.over([choice]):
            return ""
        try:
            self.mirror.hold(choice, now_s + self.settings.hold_s)
        except StateError:
            return ""
        return choice.placement.node

    def _best(self, seen: Seen, among: Candidates, judged: Judged | None, now_s: float) -> Decision:
        """Return where a pod goes: with claims, where most is kept of what devices there are."""
        if judged is not None:
            among = judged.cheapest(self._fits(seen))
        return best(self.mirror, self.engine, seen, among, now_s)

    def _fits(self, seen: Seen) -> BoolArray:
        """Return which rows (n_rows,) have room for a pod, but for the devices of its claims."""
        fits, giving = self.engine.feasible(alone(self.mirror, seen)), self.mirror.giving(seen)
        return fits if giving is None else fits & giving

    def nominate(self, uid: str, node: str, until_s: float) -> None:
        """Keep room on a node for a pod as soon as there is some, which others leave."""
        self._nominated[uid] = node, until_s

    def _hold_nominated(self, now_s: float) -> None:
        """Keep the room that victims have left for whom they left it."""
        for uid, (node, until_s) in list(self._nominated.items()):
            seen = self.mirror.pods.get(uid)
            if seen is None or seen.node or uid in self.mirror.assumed or until_s <= now_s:
                del self._nominated[uid]
            elif uid in self.mirror.holds:
                continue
            elif self._chosen(seen, candidates(self.mirror, NodeNames.of([node])), now_s):
                del self._nominated[uid]

    def _drop_hold(self, uid: str, now_s: float) -> None:
        if uid in self.mirror.holds:
            self.mirror.release(uid, now_s)

    def _bound(self, group: Group) -> list[str]:
        return [m.uid for m in group.members if self.mirror.is_bound(m.uid)]

    def _n_bound(self, group: Group) -> int:
        return len(self._bound(group))

    def _why(self, seen: Seen, among: Candidates) -> str:
        counts = filtered(self.mirror, self.engine, seen, among).counts()
        return counts[0][0] if counts else Reason.FITS.text

    def _known(self, kind: str) -> set[str]:
        if kind == NODE:
            return set(self.mirror.reader.nodes)
        if kind == POD:
            return set(self.mirror.pods) - set(self.mirror.provisional)
        if kind == BUDGET:
            return self.mirror.reader.budget_names
        if kind in DEVICE_KINDS:
            return self.steering.inventory.known(kind)
        if kind == DEVICE:
            devices = self.mirror.reader.koordinator
            return set() if devices is None else {*devices.devices, *devices.problems}
        return set(self.plans.pod_groups.get(kind, ()))

    def _forget(self, kind: str, name: str, now_s: float) -> None:
        if kind == NODE:
            self.mirror.forget_node(name, now_s)
            self.steering.forget_node(name)
        elif kind == POD:
            seen = self.mirror.pods.get(name)
            self.mirror.forget_pod(name, now_s)
            if seen is not None and seen.group:
                self.plans.forget(seen.group)
        elif kind == BUDGET:
            self.mirror.reader.forget_budget(name)
        elif kind in DEVICE_KINDS:
            self.steering.forget(kind, name, now_s)
        elif kind in POD_GROUPS:
            self.plans.pod_groups.get(kind, {}).pop(name, None)
            self._whole.clear()
        elif kind == DEVICE and (devices := self.mirror.reader.koordinator) is not None:
            self._renumber(devices.forget(name), now_s)

    def _renumber(self, node: Object | None, now_s: float) -> None:
        """Read a node anew whose Device has changed; None: it is not known yet, or has none."""
        if node is not None:
            self.mirror.renumber(node, now_s)


def _key(kind: str, thing: Object) -> str:
    if kind in (NODE, DEVICE):
        return str(metadata_of(thing).get("name") or "")
    if kind in DEVICE_KINDS:
        return name_of(thing)
    metadata = metadata_of(thing)
    return f"{metadata.get('namespace') or 'default'}/{metadata.get('name') or ''}"
