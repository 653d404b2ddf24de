"""What comes of claims: whether they still hold, how many are carried out, whose room is kept.

A claim that is carried out is a promise, with an end: nobody else is evicted for the same pods, and
what its victims leave is kept for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bayplan.extender.live.nominating import NOMINATED_S
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.pacing import Pace
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.quota import Quota
from bayplan.extender.live.rounds import Claim, Queueing, Reclaim, Unit
from bayplan.extender.live.standing import leave_room, may_leave
from bayplan.extender.live.units import GATE, is_as_before
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.preemption.types import Guards


@dataclass(frozen=True, slots=True)
class _Promise:
    """Victims by uid, with the API's uid: one that comes anew by its old name is no victim."""

    victims: Mapping[str, str]
    until_s: float


@dataclass(slots=True)
class Claims:
    """Carries claims out.

    Attributes
    ----------
    owner, quota, settings
        The state, its queues, and how they are served.
    """

    owner: Owner
    quota: Quota
    settings: Queueing
    _reported: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _promises: dict[str, _Promise] = field(default_factory=dict)
    _pace: Pace = field(default_factory=Pace)

    def guards(self, now_s: float) -> Guards | None:
        """Return what protects those who run; None where no queue is guaranteed anything."""
        if not any(map(any, self.quota.tree.guaranteed.values())):
            return None
        self.owner.mirror.learn_budgets(now_s)
        budgets = dict(self.owner.mirror.reader.budgets.allowed)
        return Guards(budgets, self.owner.plans.least_of_running(), self.settings.min_run_s)

    @property
    def promised(self) -> dict[str, tuple[str, ...]]:
        """Victims that have not left yet, by the key of the unit that they leave for."""
        return {
            key: tuple(uid for uid in promise.victims if self._is_there(uid, promise))
            for key, promise in self._promises.items()
        }

    def forget(self, units: Collection[str], now_s: float) -> None:
        """Forget what was told of units that wait no longer, and promises whose time is over."""
        self._reported = {key: uids for key, uids in self._reported.items() if key in units}
        for key, promise in list(self._promises.items()):
            if promise.until_s <= now_s or key not in units:
                del self._promises[key]

    def keep(self, unit: Unit, now_s: float) -> bool:
        """Give a gang its room as soon as those have left who made it; say whether it has it.

        Nominees are the owner's.
        """
        promise = self._promises.get(unit.key)
        if promise is None or unit.gang is None or unit.held_back:
            return False
        plans = self.owner.plans
        group = plans.group(unit.name)
        if group is None or any(self._is_there(uid, promise) for uid in promise.victims):
            return False
        first = self.owner.mirror.pods[unit.requests[0].uid]
        try:
            made = plans.make(first, group, now_s, unit.nodes, holds=True, lifting=GATE)
        except InvalidRequest:
            return False
        if isinstance(made, Plan):
            del self._promises[unit.key]
        return isinstance(made, Plan)

    def done(self, key: str) -> None:
        """Note that a unit has its room: what was promised is kept."""
        self._promises.pop(key, None)

    def takes(self, claim: Claim, now_s: float) -> bool:
        """Whether a claim still holds, and may be carried out now; then room is kept for it."""
        if not self.stands(claim, now_s):
            return False
        if self.settings.reclaim is Reclaim.REPORT:
            known = self._reported.get(claim.unit.key)
            self._reported[claim.unit.key] = claim.uids
            return known != claim.uids
        if not self._pace.allows(len(claim.uids), self.settings.evictions_a_minute, now_s):
            return False
        self._pace.spend(len(claim.uids), now_s)
        until_s, pods = now_s + NOMINATED_S, self.owner.mirror.pods
        victims = {uid: pods[uid].api_uid for uid in claim.uids}
        self._promises[claim.unit.key] = _Promise(victims, until_s)
        if claim.unit.gang is None:
            (decision,) = claim.decisions
            assert decision.placement is not None
            self.owner.nominate(decision.request.uid, decision.placement.node, until_s)
        return True

    def withdraw(self, claim: Claim) -> None:
        """Note that nobody is evicted for a claim after all."""
        if self._promises.pop(claim.unit.key, None) is not None:
            self._pace.give_back(len(claim.uids))

    def stands(self, claim: Claim, now_s: float) -> bool:
        """Whether the victims are there, owe what they have, and leave room that is enough."""
        return (
            is_as_before(self.owner, claim.unit)
            and self._owe(claim)
            and self._leave_enough(claim, now_s)
        )

    def _owe(self, claim: Claim) -> bool:
        """Whether all victims run, and are beyond the guarantees of their queues."""
        mirror, cluster = self.owner.mirror, self.owner.mirror.cluster
        if not all(may_leave(mirror, uid) for uid in claim.uids):
            return False
        excess = dict(self.quota.admission.excess(claim.unit.requests))
        for pod in map(cluster.pods.__getitem__, claim.uids):
            if pod.request.queue != claim.unit.queue:
                milli = sum(grant.milli for grants in pod.placement.grants for grant in grants)
                excess[pod.request.queue] = excess.get(pod.request.queue, 0) - milli
        return min(excess.values(), default=0) >= 0

    def _leave_enough(self, claim: Claim, now_s: float) -> bool:
        """Whether there is room for a unit without the victims, and its queue lets it in then."""
        cluster = self.owner.mirror.cluster
        places = [each.placement for each in claim.decisions]
        if any(place is None or place.node not in cluster.nodes for place in places):
            return False
        if self.quota.over(claim.decisions, claim.uids):
            return False
        return leave_room(cluster, claim.uids, claim.decisions, now_s)

    def _is_there(self, uid: str, promise: _Promise) -> bool:
        seen = self.owner.mirror.pods.get(uid)
        return seen is not None and seen.api_uid == promise.victims[uid]
