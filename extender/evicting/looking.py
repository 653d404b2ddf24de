"""Which gang is looked at next, what that goes by, and whether what was found still holds."""

from __future__ import annotations

from collections.abc import Container, Iterable

from bayplan.extender.evicting import candidates
from bayplan.extender.evicting.candidates import Short
from bayplan.extender.evicting.news import News, Result, listed
from bayplan.extender.evicting.searching import Case, Found
from bayplan.extender.evicting.settings import Evicting
from bayplan.extender.live.nominating import NOMINATED_S
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.standing import leave_room, may_leave
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.preemption.types import Guards

AGAIN_S = 15.0
"""After so long it is looked again for a gang that nothing helped."""


class Looking:
    """Remembers since when gangs find no room, and what was found.

    Parameters
    ----------
    owner
        The state.
    settings
        What it goes by.

    Attributes
    ----------
    n_short
        Gangs that find no room, when it was last looked.
    unsized
        A pod of each gang whose owner is to be asked for its size: no call may show it.
    notes
        What is said of a gang, by its name.
    """

    def __init__(self, owner: Owner, settings: Evicting) -> None:
        self._owner, self._settings = owner, settings
        self.n_short = 0
        self.unsized: list[Seen] = []
        self.notes: dict[str, str] = {}
        self._since_s: dict[str, float] = {}
        self._next_s: dict[str, float] = {}
        self._leaving_s: dict[str, float] = {}

    def look(self, now_s: float, apart: Container[str], *, busy: bool) -> Case | None:
        """Return the gang whose turn it is; None: it is none's, or others leave for one already.

        Those in ``apart`` have no turn.
        """
        if not self._owner.mirror.started:
            return None
        owner, schedulers = self._owner, self._settings.schedulers
        waiting = candidates.waiting_gangs(owner)
        self.unsized = [seen for seen in waiting.values() if owner.plans.unsized(seen)]
        short = candidates.short_of_room(owner, waiting, schedulers, now_s)
        self._count(short, now_s)
        if busy:
            return None
        wait_s = self._settings.wait_s
        due = [
            each
            for each in short
            if each.name not in apart
            and now_s - self._since_s[each.name] >= wait_s
            and self._next_s.get(each.name, now_s) <= now_s
        ]
        if not due:
            return None
        self._next_s[due[0].name] = now_s + AGAIN_S
        return self._case(due[0], now_s)

    def short(self, name: str, now_s: float, *, limits: bool = True) -> Short | None:
        """Return a gang if it finds no room; without ``limits`` also where its queue is full."""
        schedulers = self._settings.schedulers
        return candidates.short_of(self._owner, name, schedulers, now_s, limits=limits)

    def stop(self) -> None:
        """Forget what was seen, but for how long gangs are left alone: nobody looks any longer."""
        self.n_short, self.unsized = 0, []
        self.notes.clear()
        self._since_s.clear()

    def rest(self, name: str, until_s: float) -> None:
        """Let a gang not be looked at before a time."""
        self._next_s[name] = until_s

    def _case(self, short: Short, now_s: float) -> Case:
        owner, mirror = self._owner, self._owner.mirror
        mirror.learn_budgets(now_s)
        guards = Guards(dict(mirror.reader.budgets.allowed), owner.plans.least_of_running())
        engine = Engine(mirror.cluster.copy(), owner.engine.policy, seed=owner.engine.seed)
        nodes = mirror.giving(short.first)
        leaving = self.about_to_leave(now_s)
        late = tuple(sorted(set(self._leaving_s) - set(leaving)))
        return Case(short.gang, engine, nodes, guards, leaving, late, now_s)

    def about_to_leave(self, now_s: float) -> tuple[str, ...]:
        """Return the pods whose room is about to come; who is late with leaving is none."""
        pods = self._owner.mirror.pods
        leaving = [uid for uid, seen in pods.items() if seen.leaving and seen.node]
        self._leaving_s = {uid: self._leaving_s.get(uid, now_s) for uid in leaving}
        return tuple(u for u, since_s in self._leaving_s.items() if now_s - since_s < NOMINATED_S)

    def holds(self, short: Short, found: Found, now_s: float) -> bool:
        """Whether all who are to leave may do so, and leave room that is enough."""
        owner, mirror = self._owner, self._owner.mirror
        if not all(may_leave(mirror, uid) for uid in found.uids):
            return False
        pods = mirror.cluster.pods
        if any(pods[uid].request.priority >= short.priority for uid in found.uids):
            return False
        waiting = {r.uid for role in short.gang.roles for r in role.members}
        if not all(d.request.uid in waiting for d in found.decisions):
            return False
        if owner.quota is not None and owner.quota.over(found.decisions, found.uids):
            return False
        leaving = self.about_to_leave(now_s)
        return leave_room(mirror.cluster, {*found.uids, *leaving}, found.decisions, now_s)

    def kept_back(self, short: Short, found: Found) -> News | None:
        """Return that budgets keep those who would have to leave, where that is new."""
        pods = self._owner.mirror.cluster.pods
        names = {name for uid in found.uids if uid in pods
                 for name in pods[uid].request.disruption_budgets}  # fmt: skip
        why = (
            f"gang {short.name} would have room if {listed(found.uids)} left, which disruption"
            f" budgets do not allow now: {listed(sorted(names))}"
        )
        return self.noted(short, why, Result.KEPT_BACK)

    def noted(self, short: Short, why: str, result: Result | None = None) -> News | None:
        """Remember why nothing is done; return it where that is new, and worth being told."""
        known = self.notes.get(short.name)
        self.notes[short.name] = why
        if known == why or result is None:
            return None
        return News(short.name, short.first, result, why)

    def _count(self, short: Iterable[Short], now_s: float) -> None:
        """Forget gangs that wait no longer, but for how long they are left alone."""
        names = {each.name for each in short}
        self.n_short = len(names)
        self._since_s = {name: self._since_s.get(name, now_s) for name in names}
        self.notes = {name: note for name, note in self.notes.items() if name in names}
        self._next_s = {
            name: at_s for name, at_s in self._next_s.items() if name in names or at_s > now_s
        }
