"""Whose turn it is: a round begins with what the owner sees, and ends with what it still finds so.

A state machine without I/O. ``look`` takes what a round goes by; ``lifting.serve`` works it out on
a copy, elsewhere; ``settle`` verifies on the owner what came of it, holds the room, and says what
is to be written. What it remembers are promises, each with an end: all else follows from what is
watched.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

from bayplan.extender.live.claiming import Claims
from bayplan.extender.live.lifting import BEFORE
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.quota import Quota
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.rounds import Claim, Lift, Outcome, Queueing, Round, Unit
from bayplan.extender.live.units import (
    GATE,
    is_as_before,
    is_ready,
    still_there,
    units_of,
    unsized,
    waiting_pods,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest, StateError

AGAIN_S = 10.0
"""A round is made at the latest after this time, whatever has changed, and a lift tried again."""

TOLD_S = 60.0
"""How long nobody is told a new reason why it waits."""

MOST_WAITING = 5_000
"""So many pods that wait are looked at, those that came first."""

AT_ONCE = 128
"""So many pods that wait are looked at between two pauses: some 2 ms."""

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
    claims
        What comes of claims.
    """

    owner: Owner
    quota: Quota
    settings: Queueing
    whys: dict[str, str] = field(default_factory=dict)
    n_waiting: dict[str, int] = field(default_factory=dict)
    unsized: list[Seen] = field(default_factory=list)
    claims: Claims = field(init=False)
    _stamp: tuple[int, int] = (-1, 0)
    _next_s: float = 0.0
    _units: dict[str, Unit] = field(default_factory=dict)
    _told: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lifted: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin without promises."""
        self.claims = Claims(self.owner, self.quota, self.settings)

    def look(self, now_s: float) -> Round | None:
        """Return what a round goes by, looked for at once."""
        looking = self.looking(now_s)
        while True:
            try:
                next(looking)
            except StopIteration as found:
                round_: Round | None = found.value
                return round_

    def looking(self, now_s: float) -> Generator[None, None, Round | None]:
        """Look for what a round goes by, with pauses in which the state may move on.

        Returns
        -------
        Round or None
            All of it as it is at the end; None: nothing is new, or nobody waits.
        """
        owner, mirror = self.owner, self.owner.mirror
        if not mirror.started:
            return None
        self._forget_overdue(now_s)
        every, leaving = waiting_pods(mirror)
        waiting = [seen for seen in every if seen.uid not in self._lifted]
        stamp = mirror.cluster.log.number, hash(tuple(map(id, waiting)))
        if stamp == self._stamp and now_s < self._next_s:
            return None
        self._stamp, self._next_s = stamp, now_s + AGAIN_S
        waiting = sorted(waiting, key=lambda seen: (bool(seen.created), seen.created))
        made, n_pods = [], 0
        for unit in units_of(owner, waiting[:MOST_WAITING], now_s):
            made.append(unit)
            n_pods += len(unit.requests)
            if n_pods >= AT_ONCE:
                n_pods = 0
                yield
        guards = self.claims.guards(now_s) if made else None  # pods learn of their budgets
        yield
        units = still_there(owner, made, waiting)
        self._units = {unit.key: unit for unit in units}
        self._count(units)
        self.claims.forget({unit.key for unit in made}, now_s)
        for unit in units:
            if unit.ready:
                self.claims.done(unit.key)
            elif self.claims.keep(unit, now_s):
                self._units[unit.key] = replace(unit, ready=True)
        self.unsized = unsized(owner, [seen for seen in waiting if seen.facts.gates])
        if not units:
            self.whys, self._told = {}, {}
            return None
        cluster = mirror.cluster.copy()
        return Round(
            now_s,
            Engine(cluster, owner.engine.policy, seed=owner.engine.seed),
            self.quota.admission.beside(cluster),
            self.settings,
            dict(mirror.pods),
            tuple(self._units.values()),
            tuple(leaving),
            self.claims.promised,
            guards,
            MOST_LIFTED,
        )

    def settle(self, outcome: Outcome, now_s: float) -> Actions:
        """Return what is to be done of what a round found, as far as it still holds."""
        self.whys = dict(outcome.whys)
        number = self.owner.mirror.cluster.log.number
        lifts = [seen for lift in outcome.lifts if (seen := self._lift(lift, now_s))]
        claims = [claim for claim in outcome.claims if self.claims.takes(claim, now_s)]
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
        if not found or not is_as_before(self.owner, lift.unit):
            return ()
        if not (is_ready(self.owner, lift.unit) if lift.unit.ready else self._hold(lift, now_s)):
            return ()
        for seen in found:
            self._lifted[seen.uid] = seen.api_uid, now_s + AGAIN_S
        return found

    def _hold(self, lift: Lift, now_s: float) -> bool:
        owner = self.owner
        first = owner.mirror.pods[lift.unit.requests[0].uid]
        try:
            if lift.unit.gang is not None:
                group = owner.plans.group(lift.unit.name)
                nodes = owner.mirror.giving(first)  # there may be other nodes by now
                return group is not None and isinstance(
                    owner.plans.make(first, group, now_s, nodes, holds=True, lifting=GATE), Plan
                )
            (decision,) = lift.decisions
            node = "" if decision.placement is None else decision.placement.node
            if node not in owner.mirror.cluster.nodes:
                return False
            request = owner.mirror.reader.held_form(first, node, first.group)
            decision = decision._replace(request=request)
            if self.quota.over([decision]):
                return False
            owner.mirror.hold(decision, now_s + owner.settings.hold_s)
        except (InvalidRequest, StateError):
            return False
        return True

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
