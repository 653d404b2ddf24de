"""Whose turn it is: a round begins with what the owner sees, and ends with what it still finds so.

A state machine without I/O. ``look`` takes what a round goes by; ``lifting.serve`` works it out on
a copy, elsewhere; ``settle`` verifies on the owner what came of it, holds the room, and says what
is to be written. What it remembers are promises, each with an end: all else follows from what is
watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bayplan.extender.live.lifting import BEFORE
from bayplan.extender.live.owner import NOMINATED_S, Owner
from bayplan.extender.live.pacing import Pace
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.quota import Quota
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.rounds import Claim, Lift, Outcome, Queueing, Reclaim, Round, Unit
from bayplan.extender.live.standing import leave_room, may_leave
from bayplan.extender.live.units import GATE, units_of, unsized, waiting_pods
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.preemption.types import Guards

AGAIN_S = 10.0
"""A round is made at the latest after this time, whatever has changed, and a lift tried again."""

TOLD_S = 60.0
"""How long nobody is told a new reason why it waits."""

MOST_WAITING = 5_000
"""So many pods that wait are looked at, those that came first."""

MOST_LIFTED = 100
"""So many pods are lifted in a round, or one gang."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What is to be written.

    Attributes
    ----------
    lifts
        Pods whose gate is to be lifted, by unit.
    told
        Why a pod waits, by its uid.
    claims
        Whom a unit takes its guarantee back from; to be evicted where that is wished.
    """

    lifts: tuple[tuple[Seen, ...], ...] = ()
    told: tuple[tuple[Seen, str], ...] = ()
    claims: tuple[Claim, ...] = ()


@dataclass(slots=True)
class _Promise:
    uids: tuple[str, ...]
    until_s: float


@dataclass(slots=True)
class Turns:
    """Looks for whose turn it is.

    Attributes
    ----------
    owner, quota, settings
        The state, its queues, and how they are served.
    whys
        Why a unit waits, by its key, as the latest round found.
    n_waiting
        How many pods waited in each queue then.
    unsized
        A gated pod of each gang whose owner is to be asked for its size: no call will show it.
    """

    owner: Owner
    quota: Quota
    settings: Queueing
    whys: dict[str, str] = field(default_factory=dict)
    n_waiting: dict[str, int] = field(default_factory=dict)
    unsized: list[Seen] = field(default_factory=list)
    _stamp: tuple[int, int] = (-1, 0)
    _next_s: float = 0.0
    _units: dict[str, Unit] = field(default_factory=dict)
    _told: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lifted: dict[str, tuple[str, float]] = field(default_factory=dict)
    _reported: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _promises: dict[str, _Promise] = field(default_factory=dict)
    _pace: Pace = field(default_factory=Pace)

    def look(self, now_s: float) -> Round | None:
        """Return what a round goes by; None: nothing is new, or nobody waits."""
        owner, mirror = self.owner, self.owner.mirror
        if not mirror.started:
            return None
        self._forget_overdue(now_s)
        waiting = [seen for seen in waiting_pods(mirror) if seen.uid not in self._lifted]
        stamp = mirror.cluster.log.number, hash(tuple(map(id, waiting)))
        if stamp == self._stamp and now_s < self._next_s:
            return None
        self._stamp, self._next_s = stamp, now_s + AGAIN_S
        waiting = sorted(waiting, key=lambda seen: (bool(seen.created), seen.created))
        units = units_of(owner, waiting[:MOST_WAITING], now_s)
        self._units = {unit.key: unit for unit in units}
        self._count(units)
        self._reported = {k: uids for k, uids in self._reported.items() if k in self._units}
        self._keep_promises(now_s)
        self.unsized = unsized(owner, [seen for seen in waiting if seen.facts.gates])
        if not units:
            self.whys, self._told = {}, {}
            return None
        guards = self._guards(now_s)  # first: pods learn of their budgets
        cluster = mirror.cluster.copy()
        return Round(
            now_s,
            Engine(cluster, owner.engine.policy, seed=owner.engine.seed),
            self.quota.admission.beside(cluster),
            self.settings,
            dict(mirror.pods),
            tuple(self._units.values()),
            tuple(uid for uid, seen in mirror.pods.items() if seen.leaving and seen.node),
            {name: promise.uids for name, promise in self._promises.items()},
            guards,
            MOST_LIFTED,
        )

    def settle(self, outcome: Outcome, now_s: float) -> Actions:
        """Return what is to be done of what a round found, as far as it still holds."""
        self.whys = dict(outcome.whys)
        number = self.owner.mirror.cluster.log.number
        lifts = [seen for lift in outcome.lifts if (seen := self._lift(lift, now_s))]
        claims = [claim for claim in outcome.claims if self._holds(claim, now_s)]
        if not lifts and self._stamp[0] == number:  # to look is no change
            self._stamp = self.owner.mirror.cluster.log.number, self._stamp[1]
        return Actions(tuple(lifts), self._news(now_s), tuple(claims))

    def why(self, uid: str) -> str:
        """Return why a pod waits, as the latest round found; empty: nothing holds it here."""
        seen = self.owner.mirror.pods.get(uid)
        alone = self.whys.get(f"pod {uid}", "")
        return alone if seen is None else alone or self.whys.get(f"gang {seen.group}", "")

    def again(self, uid: str) -> None:
        """Note that a pod's gate could not be lifted: its turn is still to come."""
        self._lifted.pop(uid, None)

    # --- lifting --------------------------------------------------------------------------

    def _lift(self, lift: Lift, now_s: float) -> tuple[Seen, ...]:
        """Hold the room of a unit; return its pods whose gate is to be lifted, none without."""
        pods = self.owner.mirror.pods
        gated = [pods.get(uid) for uid in lift.unit.gated]
        if any(seen is None or seen.facts.gates != (GATE,) or seen.leaving for seen in gated):
            return ()
        found = tuple(seen for seen in gated if seen is not None)
        if not found or not (lift.unit.ready or self._hold(lift, found[0], now_s)):
            return ()
        for seen in found:
            self._lifted[seen.uid] = seen.api_uid, now_s + AGAIN_S
        return found

    def _hold(self, lift: Lift, first: Seen, now_s: float) -> bool:
        owner = self.owner
        if lift.unit.gang is not None:
            group = owner.plans.group(lift.unit.name)
            if group is None:
                return False
            nodes = owner.mirror.giving(first)  # there may be other nodes by now
            made = owner.plans.make(first, group, now_s, nodes, holds=True, lifting=GATE)
            return isinstance(made, Plan)
        (decision,) = lift.decisions
        if decision.placement is None or self.quota.over([decision]):
            return False
        node = decision.placement.node
        if node not in owner.mirror.reader.nodes:
            return False
        request = owner.mirror.reader.held_form(first, node, first.group)
        try:
            owner.mirror.hold(decision._replace(request=request), now_s + owner.settings.hold_s)
        except StateError:
            return False
        return True

    # --- reclaim --------------------------------------------------------------------------

    def _holds(self, claim: Claim, now_s: float) -> bool:
        """Whether a claim still holds, and may be carried out now; then room is kept for it."""
        if not self._stands(claim, now_s):
            return False
        if self.settings.reclaim is Reclaim.REPORT:
            known = self._reported.get(claim.unit.key)
            self._reported[claim.unit.key] = claim.uids
            return known != claim.uids
        most = self.settings.evictions_a_minute
        if not self._pace.allows(len(claim.uids), most, now_s):
            return False
        self._pace.spend(len(claim.uids), now_s)
        until_s = now_s + NOMINATED_S
        self._promises[claim.unit.key] = _Promise(claim.uids, until_s)
        if claim.unit.gang is None:
            (decision,) = claim.decisions
            assert decision.placement is not None
            self.owner.nominate(decision.request.uid, decision.placement.node, until_s)
        return True

    def _stands(self, claim: Claim, now_s: float) -> bool:
        """Whether the victims are there, owe what they have, and leave room that is enough."""
        mirror, cluster = self.owner.mirror, self.owner.mirror.cluster
        waits = [mirror.pods.get(request.uid) for request in claim.unit.requests]
        if any(seen is None or seen.node or seen.leaving for seen in waits):
            return False
        if not all(may_leave(mirror, uid) for uid in claim.uids):
            return False
        excess = dict(self.quota.admission.excess(claim.unit.requests))
        for pod in map(cluster.pods.__getitem__, claim.uids):
            if pod.request.queue != claim.unit.queue:
                milli = sum(grant.milli for grants in pod.placement.grants for grant in grants)
                excess[pod.request.queue] = excess.get(pod.request.queue, 0) - milli
        if min(excess.values(), default=0) < 0:
            return False
        if self.quota.over(claim.decisions, claim.uids):
            return False
        return leave_room(cluster, claim.uids, claim.decisions, now_s)

    def _keep_promises(self, now_s: float) -> None:
        """Give a gang its room as soon as those have left who made it; nominees are the owner's."""
        pods = self.owner.mirror.pods
        for key, promise in list(self._promises.items()):
            unit = self._units.get(key)
            if unit is None or unit.ready:
                del self._promises[key]
            elif unit.gang is not None and not unit.held_back:
                group = self.owner.plans.group(unit.name)
                if group is None or any(uid in pods for uid in promise.uids):
                    continue
                first = pods[unit.requests[0].uid]
                made = self.owner.plans.make(
                    first, group, now_s, unit.nodes, holds=True, lifting=GATE
                )
                if isinstance(made, Plan):
                    del self._promises[key]
                    self._units[key] = replace(unit, ready=True)

    def _guards(self, now_s: float) -> Guards | None:
        """Return what protects those who run; None where no queue is guaranteed anything."""
        if not any(map(any, self.quota.tree.guaranteed.values())):
            return None
        self.owner.mirror.learn_budgets(now_s)
        budgets = dict(self.owner.mirror.reader.budgets.allowed)
        return Guards(budgets, self.owner.plans.least_of_running(), self.settings.min_run_s)

    # --- what is said ---------------------------------------------------------------------

    def _news(self, now_s: float) -> tuple[tuple[Seen, str], ...]:
        """Return why gated pods wait, those whose reason is new and was not told just now."""
        told, news = {}, []
        for key, why in self.whys.items():
            unit = self._units.get(key)
            if unit is None or not unit.gated:
                continue
            what = BEFORE if why.endswith(BEFORE) else why  # who is before it changes all the time
            before = self._told.get(key)
            seen = self.owner.mirror.pods.get(unit.gated[0])
            if before is not None and (what == before[0] or now_s - before[1] < TOLD_S):
                told[key] = before
            elif seen is not None:
                told[key] = what, now_s
                news.append((seen, why))
        self._told = told
        return tuple(news)

    def _count(self, units: Sequence[Unit]) -> None:
        self.n_waiting = {}
        for unit in units:
            for request in unit.requests:
                if request.uid not in self.owner.mirror.holds:
                    self.n_waiting[request.queue] = self.n_waiting.get(request.queue, 0) + 1

    def _forget_overdue(self, now_s: float) -> None:
        pods = self.owner.mirror.pods
        for uid, (api_uid, until_s) in list(self._lifted.items()):
            seen = pods.get(uid)
            if seen is None or seen.api_uid != api_uid or not seen.facts.gates or until_s <= now_s:
                del self._lifted[uid]
        for name, promise in list(self._promises.items()):
            if promise.until_s <= now_s:
                del self._promises[name]
