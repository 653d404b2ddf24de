"""Events of pods that wait: the very lines that ``bayplan why`` prints.

What would help is looked for on a copy of the cluster, in a worker, for several pods at a time and
never for long. Where that is late, an Event says the reason at once and a second one the rest. One
that says the same in substance as the last one about its pod is not written again for a while.

kube-scheduler asks for members one by one, and for those that were refused before the last had
come after seconds only: as soon as one of them is told why the whole gang waits, all are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

from bayplan.extender.live.owner import Owner
from bayplan.extender.service.answering import Answering
from bayplan.extender.service.calls import Calls, PodName
from bayplan.extender.service.question import Question, asked, subjects_of
from bayplan.scheduler.explaining.brief import Brief, Kind, Search, State, plain
from bayplan.scheduler.explaining.lines import text_of

LOG = logging.getLogger("bayplan.extender.telling")

PENDING = "BayplanPending"
"""The reason of the Events."""

SETTLE_S = 0.1
"""How long is waited for siblings before the first is looked at: one answer does for a gang."""
LATE_S = 1.0
"""After so long an Event says what is known."""
GROWS_S, MOST_GROWS_S = 0.5, 10.0
"""What passes by itself, such as members that are to come, is told when nobody new of the gang has
come for so long, or after so long at most: members are made one after the other."""
AGAIN_S = 300.0
"""After so long other numbers are worth another Event: kube-scheduler asks again as often."""
MOST_AT_ONCE = 20
"""Pods and gangs that are looked at on one copy."""
REST = 4.0
"""The worker rests so many times as long as it worked: kube-scheduler's calls share the CPU."""
MOST_REST_S = 5.0


@dataclass(slots=True)
class _Due:
    """A pod that is to be told of: ``why`` it was refused, since when.

    ``passing``: for something that comes by itself and soon; ``group`` is its gang, or itself.
    """

    pod: PodName
    why: str
    group: str
    passing: bool
    since_s: float


@dataclass(frozen=True, slots=True)
class _Told:
    """The last Event of a pod."""

    pod: PodName
    why: str
    brief: Brief
    text: str
    at_s: float


class Telling:
    """Writes Events of pods that wait.

    Parameters
    ----------
    owner
        The state.
    calls
        The API server.
    answering
        Works answers out.
    clock
        The time of the owner.
    """

    def __init__(
        self, owner: Owner, calls: Calls, answering: Answering, clock: Callable[[], float]
    ) -> None:
        self._owner, self._calls, self._clock = owner, calls, clock
        self._answering = answering
        self._due: dict[str, _Due] = {}
        self._told: dict[str, _Told] = {}
        self._said: dict[str, str] = {}
        self._worker: asyncio.Task[None] | None = None

    def refused(self, pod: PodName, why: str, *, passing: bool = False) -> None:
        """Let an Event be written soon about a pod that was refused, if it says anything new.

        Parameters
        ----------
        pod, why
            The pod, and what was said.
        passing
            Whether it waits for something that comes by itself and soon.
        """
        told = self._told.get(pod.key)
        is_new = told is None or self._clock() - told.at_s >= AGAIN_S
        if told is not None and not is_new and _is_alike(told.why, why):
            return
        seen = self._owner.mirror.pods.get(pod.key)
        group = seen.group if seen is not None else ""
        self._put(pod, why, group or pod.key, passing)
        if group:
            self._tell_siblings(group, why, passing)

    @property
    def keys(self) -> list[str]:
        """The pods that were told of, or are to be."""
        return [*self._due, *self._told]

    def forget(self, key: str) -> None:
        """Note that a pod waits no longer."""
        self._due.pop(key, None)
        self._told.pop(key, None)

    def _put(self, pod: PodName, why: str, group: str, passing: bool) -> None:
        due, loop = self._due.get(pod.key), asyncio.get_running_loop()
        if due is not None and due.passing == passing and _is_alike(due.why, why):
            due.pod, due.why = pod, why
            return
        # Another one in its place: what is being worked out may be the answer to what was before.
        due = self._due[pod.key] = _Due(pod, why, group, passing, loop.time())
        if not passing:
            loop.call_later(LATE_S, self._late, pod.key, due)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())

    def _tell_siblings(self, group: str, why: str, passing: bool) -> None:
        """Let all members be told that were told another reason, where the gang has a new one."""
        if passing or f"gang {group}: " not in why:  # of the gang itself it is said so
            self._said.pop(group, None)
            return
        if self._said.get(group) == (said := plain(why)):
            return
        self._said[group] = said
        for uid in self._owner.mirror.groups.get(group, ()):
            due, told = self._due.get(uid), self._told.get(uid)
            if due is not None:
                self._put(due.pod, why, group, passing)
            elif told is not None and not _is_alike(told.why, why):
                self._put(told.pod, why, group, passing)

    def _late(self, key: str, due: _Due) -> None:
        """Tell what is known; the rest follows."""
        if self._due.get(key) is due:
            brief = Brief(Kind.POD, key, State.WAITS, why=due.why, search=Search.UNDER_WAY)
            self._tell(due, brief)

    async def _work(self) -> None:
        while self._due:
            await asyncio.sleep(SETTLE_S)
            if not (ready := self._ready()):
                continue
            start_s = perf_counter()
            try:
                await self._look(self._next(ready))
            except Exception:  # the next ones are to be told all the same
                LOG.exception("what pods wait for could not be worked out")
            await asyncio.sleep(min(REST * (perf_counter() - start_s), MOST_REST_S))
        self._said = {k: v for k, v in self._said.items() if k in self._owner.mirror.groups}

    def _ready(self) -> list[str]:
        """Return the pods that may be told now, those who wait longest first."""
        now_s, grew_s = asyncio.get_running_loop().time(), dict[str, float]()
        for due in self._due.values():
            if due.passing:
                grew_s[due.group] = max(due.since_s, grew_s.get(due.group, 0.0))
        return [
            key
            for key, due in self._due.items()
            if not due.passing
            or now_s - grew_s[due.group] >= GROWS_S
            or now_s - due.since_s >= MOST_GROWS_S
        ]

    def _next(self, ready: list[str]) -> dict[str, list[_Due]]:
        """Take the first of those that may be told, those of one gang together."""
        found: dict[str, list[_Due]] = {}
        for key, subject in subjects_of(self._owner, ready).items():
            if subject in found or len(found) < MOST_AT_ONCE:
                found.setdefault(subject, []).append(self._due[key])
        return found

    async def _look(self, about: Mapping[str, list[_Due]]) -> None:
        now_s, questions = self._clock(), dict[str, Brief | Question]()
        try:
            for subject, pods in about.items():
                try:
                    questions[subject] = asked(self._owner, subject, now_s)
                except KeyError:  # gone meanwhile
                    for due in pods:
                        self.forget(due.pod.key)
            answers = await self._answering.all_of(questions)
        finally:  # also where that fails: else the same would come up again at once, for ever
            taken = [due for pods in about.values() for due in pods]
            still = {due.pod.key for due in taken if self._due.get(due.pod.key) is due}
            for key in still:
                del self._due[key]
        for subject, brief in answers.items():
            for due in about[subject]:
                if due.pod.key in still:
                    self._tell(due, brief)

    def _tell(self, due: _Due, brief: Brief) -> None:
        if brief.state in (State.BOUND, State.KEPT):
            return
        key, now_s, text = due.pod.key, self._clock(), text_of(brief)
        told = self._told.get(key)
        if told is not None and told.text == text:
            self._told[key] = replace(told, why=due.why, at_s=now_s)
            return
        is_alike = told is not None and told.brief.substance == brief.substance
        if told is not None and is_alike and now_s - told.at_s < AGAIN_S:
            self._told[key] = replace(told, why=due.why)
            return
        self._told[key] = _Told(due.pod, due.why, brief, text, now_s)
        self._calls.tell(due.pod, PENDING, text, warning=True)


def _is_alike(one: str, other: str) -> bool:
    return one == other or plain(one) == plain(other)
