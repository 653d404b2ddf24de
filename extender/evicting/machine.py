"""What is to be done next so that a gang without room gets some. One gang at a time.

A state machine without I/O, on the event loop of the owner. What takes long (``searching``) is
worked out on copies, elsewhere, and verified here before anybody is evicted.

    looked for --> victims are found --> they are told, unit by unit --> all have left --> planned
        |                                    |              |
        v                                    v              v
    nothing helps                      it found room    given up
"""

from __future__ import annotations

from bayplan.extender.evicting import candidates
from bayplan.extender.evicting.candidates import Short
from bayplan.extender.evicting.help import (
    Help,
    Victim,
    is_there,
    units_of,
    victim_of,
)
from bayplan.extender.evicting.keeping import Kept
from bayplan.extender.evicting.looking import AGAIN_S, Looking
from bayplan.extender.evicting.news import News, Result, listed
from bayplan.extender.evicting.rests import Rests
from bayplan.extender.evicting.searching import Case, Doubt, Found, Judged, Verdict
from bayplan.extender.evicting.settings import Evicting
from bayplan.extender.evicting.verifying import may_go, protected
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.pacing import Pace
from bayplan.extender.live.plans import NoPlan, Plan
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.standing import may_leave
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest
from bayplan.traces.kubernetes.objects import Object

RETRY_S = 5.0
"""After so long an eviction is tried again that was refused."""
SETTLE_S = 1.0
"""So long after the last has left the gang is planned: kube-scheduler has seen it leave by then."""


class Machine:
    """Makes room for gangs; see ``extender.live.helping.Helper``.

    Parameters
    ----------
    owner
        The state.
    settings
        What it goes by.

    Attributes
    ----------
    help
        The gang that others leave for; None: there is none.
    rests
        Gangs that were evicted in part before a help was over.
    """

    def __init__(self, owner: Owner, settings: Evicting) -> None:
        self._owner, self._settings = owner, settings
        self._looking = Looking(owner, settings)
        self.help: Help | None = None
        self.rests = Rests(owner)
        self._pace = Pace()

    # --- what others ask ------------------------------------------------------------------

    def handles(self, gang: str) -> bool:
        """Whether a gang that has not started is helped, and kube-scheduler is to evict nobody."""
        return candidates.handled(self._owner, gang, self._settings.schedulers)

    def note(self, gang: str) -> str:
        """Return what is done for a gang, or why nothing can be; empty: it was not looked at."""
        return self._looking.notes.get(gang, "")

    def page(self) -> Object:
        """Return what is under way."""
        page: Object = {}
        if (now := self.help) is not None:
            page = {
                "gang": now.name,
                "to_evict": now.left,
                "leaving": sorted(now.told),
                "refused": now.why,
            }
        if self.rests:
            page["in_part"] = self.rests.page()
        return page

    @property
    def n_short(self) -> int:
        """Gangs that found no room, when it was last looked."""
        return self._looking.n_short

    @property
    def unsized(self) -> list[Seen]:
        """A pod of each gang whose owner is to be asked for its size."""
        return self._looking.unsized

    # --- looking --------------------------------------------------------------------------

    def look(self, now_s: float) -> Case | None:
        """Return the gang whose turn it is to be looked at; None: it is none's."""
        return self._looking.look(now_s, self.rests.gangs, busy=self.help is not None)

    def begin(self, found: Found, now_s: float) -> News | None:
        """Begin what was found, if it still holds; return what is to be told, if anything."""
        name = found.gang.name
        short = self._short(name, now_s)
        if self.help is not None or short is None or name in self.rests.gangs:
            return None
        if not found.decisions:
            return self._looking.noted(short, f"evicting does not help: {found.why}")
        if not found.uids:
            self._looking.notes.pop(name, None)
            return None
        if found.violations:
            return self._looking.kept_back(short, found)
        if not self._looking.holds(short, found, now_s):
            self._looking.rest(name, now_s + RETRY_S)  # the cluster has gone on
            return None
        return self._begun(short, found, now_s)

    def _begun(self, short: Short, found: Found, now_s: float) -> News:
        mirror = self._owner.mirror
        victims = [victim_of(mirror, uid) for uid in found.uids]
        units = units_of(mirror, victims)
        used = {d.placement.node for d in found.decisions if d.placement is not None}
        coming = [
            victim_of(mirror, uid)
            for uid in self._looking.about_to_leave(now_s)
            if uid in mirror.cluster.pods and mirror.pods[uid].node in used
        ]
        until_s = now_s + self._settings.hold_s
        kept = Kept(mirror, short.name, found.decisions[0].request.queue)
        leaving = [*found.uids, *(each.uid for each in coming)]
        kept.begin(found.decisions, leaving, now_s, until_s)
        told = {each.uid: each for each in coming}
        self.help = Help(short.name, short.priority, found, kept, units, told, until_s)
        n = len(found.uids)
        what = f"{n} pods of lower priority leave" if n > 1 else "a pod of lower priority leaves"
        why = f"{what} for gang {short.name}: {listed(found.uids)}"
        self._looking.notes[short.name] = why
        return News(short.name, short.first, Result.BEGUN, why)

    # --- evicting -------------------------------------------------------------------------

    def doubt(self, now_s: float) -> Doubt | None:
        """Return the question whether the next unit still has to leave; None: none is due."""
        now = self.help
        if now is None or now.over or now.begun or not now.units or now_s < now.again_s:
            return None
        unit = now.units[0]
        if not self._pace.allows(len(unit), self._settings.evictions_a_minute, now_s):
            return None
        short = self._short(now.name, now_s)
        if short is None:
            return None
        mirror, engine = self._owner.mirror, self._owner.engine
        copy = Engine(mirror.cluster.copy(), engine.policy, seed=engine.seed)
        others = [victim.uid for other in now.units[1:] for victim in other]
        others += [*now.told, *now.kept.uids]
        nodes = mirror.giving(short.first)
        uids = tuple(victim.uid for victim in unit)
        return Doubt(short.gang, copy, nodes, uids, tuple(others), now_s)

    def decided(self, doubt: Doubt, judged: Judged, now_s: float) -> None:
        """Go by what came of a doubt: the unit begins to leave, stays, or all is given up."""
        now = self.help
        if now is None or not now.units or now.over:
            return
        unit = now.units[0]
        if tuple(victim.uid for victim in unit) != doubt.unit:
            return
        if judged.verdict is Verdict.VAIN:
            now.over = "its room went to others"
        elif judged.verdict is Verdict.SPARED:
            del now.units[0]
            self._unrefused(now)
            # It goes elsewhere than was thought: that is to be kept from now on.
            now.kept.release(now_s)
            now.kept.begin(judged.decisions, [*now.left, *now.told], now_s, now.until_s)
        elif why := protected(self._owner, unit, now_s):
            self._refused(now, why, now_s)
        elif not may_go(self._owner, unit):
            now.over = "who was to leave is not what it was"
        else:
            del now.units[0]
            now.begun, now.unit = unit, (*unit, *self.rests.take_over(unit))
            self._pace.spend(len(unit), now_s)

    def next_victim(self, now_s: float) -> Victim | None:
        """Return who is to be evicted now: that very pod is there, and is not leaving yet."""
        self.rests.settle()
        for each in self._under_way():
            if (victim := self._next_of(each, now_s)) is not None:
                return victim
        return None

    def helping(self, victim: Victim) -> Help | None:
        """Return for whom a pod that is due is to leave; None: it is not due any more."""
        return next((each for each in self._under_way() if victim in each.begun), None)

    def evicted(self, victim: Victim, now_s: float) -> None:
        """Note that the API server evicts a pod."""
        now = self.helping(victim)
        if now is None:
            return
        self._let_go(now, victim)
        now.n_evicted += 1
        self._unrefused(now)
        self._stepped(now, now_s)
        if now.over:
            self._pace.spend(1, now_s)
            self._need_not_tell(victim)

    def refused(self, victim: Victim, why: str, now_s: float) -> None:
        """Note that the API server does not evict a pod, for some reason."""
        now = self.helping(victim)
        if now is not None:
            self._refused(now, why, now_s)

    def _under_way(self) -> list[Help]:
        return [*self.rests, *filter(None, [self.help])]

    def _need_not_tell(self, victim: Victim) -> None:
        """Note that somebody is evicted already who is to leave for the gang that is helped."""
        now = self.help
        if now is not None and any(victim in unit for unit in now.units):
            now.units = [tuple(v for v in unit if v != victim) for unit in now.units]
            now.units = [unit for unit in now.units if unit]
            now.told[victim.uid] = victim

    def _next_of(self, now: Help, now_s: float) -> Victim | None:
        if now_s < now.again_s:
            return None
        if now.over and not self._pace.allows(1, self._settings.evictions_a_minute, now_s):
            return None
        while now.begun:
            victim = now.begun[0]
            if is_there(self._owner.mirror, victim) and may_leave(self._owner.mirror, victim.uid):
                return victim
            self._let_go(now, victim)
            self._unrefused(now)
        return None

    def _let_go(self, now: Help, victim: Victim) -> None:
        now.begun = tuple(each for each in now.begun if each != victim)
        now.told[victim.uid] = victim

    def _refused(self, now: Help, why: str, now_s: float) -> None:
        now.again_s = now_s + (RETRY_S if not now.over else 6 * RETRY_S)
        now.why = why
        now.refused_s = now_s if now.refused_s is None else now.refused_s

    def _unrefused(self, now: Help) -> None:
        """Forget a refusal: who was refused is evicted, or need not be any more."""
        now.refused_s, now.why = None, ""

    # --- how it goes on -------------------------------------------------------------------

    def step(self, now_s: float) -> News | None:
        """Look whether a gang has its room by now, or is to be given up; return what is told."""
        now = self.help
        if now is None:
            return None
        self._see(now, now_s)
        if now.over:
            return self._end(now, Result.GIVEN_UP, now.over, now_s)
        plan = self._owner.plans.plans.get(now.name)
        if plan is not None:
            return self._end(now, Result.ELSEWHERE, "it has found room", now_s, plan)
        short = self._short(now.name, now_s)
        if short is None:
            return self._end(now, Result.GIVEN_UP, "it waits for room no longer", now_s)
        if not (now.units or now.begun or now.told):
            now.whole_s = now_s if now.whole_s is None else now.whole_s
            return self._plan(now, short, now_s) if now_s - now.whole_s >= SETTLE_S else None
        late = self._late(now, now_s)
        return self._end(now, Result.GIVEN_UP, late, now_s) if late else None

    def _late(self, now: Help, now_s: float) -> str:
        """Return why it has taken too long; empty: it has not."""
        if now.refused_s is not None and now_s - now.refused_s >= self._settings.refused_s:
            return now.why
        if now_s < now.until_s:
            return ""
        waits = f"{listed(sorted(now.told))} did not leave" if now.told else "nobody else left"
        return f"{waits} within {self._settings.hold_s:.0f} s"

    def stop(self, now_s: float) -> None:
        """Give up what is under way, without a word: another process goes on, and knows better.

        Gangs in part it finds as such: see ``gangs.rollback``.
        """
        if self.help is not None:
            self.help.kept.release(now_s)
            self.help = None
        self.rests.clear()
        self._looking.stop()

    def _see(self, now: Help, now_s: float) -> None:
        """Take note of who has left, told or by itself."""
        mirror = self._owner.mirror
        n = len(now.told) + sum(map(len, now.units))
        now.told = {uid: v for uid, v in now.told.items() if is_there(mirror, v)}
        units = [tuple(v for v in unit if is_there(mirror, v)) for unit in now.units]
        if units and not units[0] and not now.begun:
            self._unrefused(now)
        now.units = [unit for unit in units if unit]
        if len(now.told) + sum(map(len, now.units)) < n:
            self._stepped(now, now_s)

    def _stepped(self, now: Help, now_s: float) -> None:
        now.until_s = now_s + self._settings.hold_s
        now.kept.extend(now.until_s)

    def _plan(self, now: Help, short: Short, now_s: float) -> News:
        """Let the members hold the room that was kept for all of them."""
        owner = self._owner
        group = owner.plans.group(now.name)
        assert group is not None  # it finds no room
        now.kept.release(now_s)
        nodes = owner.mirror.giving(short.first)
        try:
            made = owner.plans.make(short.first, group, now_s, nodes, holds=True)
        except InvalidRequest as error:  # its members have come to ask for something else
            return self._end(now, Result.GIVEN_UP, str(error), now_s)
        if isinstance(made, NoPlan):
            return self._end(now, Result.GIVEN_UP, made.why, now_s)
        return self._end(now, Result.MADE, "its room is there", now_s, made)

    def _end(
        self, now: Help, result: Result, why: str, now_s: float, plan: Plan | None = None
    ) -> News:
        """End a help; of a unit that is in part the rest follows."""
        now.kept.release(now_s)
        now.units.clear()
        now.over, self.help = why, None
        if now.in_part:
            self.rests.add(now)
        was_hard = now.n_evicted or now.refused_s is not None
        self._looking.rest(now.name, now_s + (self._settings.cooldown_s if was_hard else AGAIN_S))
        note = f"gang {now.name}: {why}"
        if result is Result.GIVEN_UP:
            note = f"nobody leaves for gang {now.name} any longer: {why}"
        self._looking.notes[now.name] = note
        waiting = [r.uid for role in now.found.gang.roles for r in role.members]
        first = next(filter(None, map(self._owner.mirror.pods.get, waiting)), None)
        return News(now.name, first, result, note, plan)

    def _short(self, name: str, now_s: float) -> Short | None:
        """Return a gang that finds no room; what is kept for it counts in its queue already."""
        is_helped = self.help is not None and self.help.name == name
        return self._looking.short(name, now_s, limits=not is_helped)
