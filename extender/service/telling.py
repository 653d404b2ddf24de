"""Events of pods that wait: the very lines that ``bayplan why`` prints.

What would help is looked for on a copy of the cluster, in a worker, for several pods at a time and
never for long. Where that is late, an Event says the reason at once and a second one the rest. One
that says the same in substance as the last one about its pod is not written again for a while.
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
AGAIN_S = 300.0
"""After so long other numbers are worth another Event: kube-scheduler asks again as often."""
MOST_AT_ONCE = 20
"""Pods and gangs that are looked at on one copy."""
REST = 4.0
"""The worker rests so many times as long as it worked: kube-scheduler's calls share the CPU."""
MOST_REST_S = 5.0


@dataclass(slots=True)
class _Due:
    """A pod that is to be told of: ``why`` it was refused."""

    pod: PodName
    why: str


@dataclass(frozen=True, slots=True)
class _Told:
    """The last Event of a pod."""

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
        self._worker: asyncio.Task[None] | None = None

    def refused(self, pod: PodName, why: str) -> None:
        """Let an Event be written soon about a pod that was refused, if it says anything new."""
        told = self._told.get(pod.key)
        is_new = told is None or self._clock() - told.at_s >= AGAIN_S
        if told is not None and not is_new and _is_alike(told.why, why):
            return
        due = self._due.get(pod.key)
        if due is not None:
            due.pod, due.why = pod, why
            return
        due = self._due[pod.key] = _Due(pod, why)
        loop = asyncio.get_running_loop()
        loop.call_later(LATE_S, self._late, pod.key, due)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())

    @property
    def keys(self) -> list[str]:
        """The pods that were told of, or are to be."""
        return [*self._due, *self._told]

    def forget(self, key: str) -> None:
        """Note that a pod waits no longer."""
        self._due.pop(key, None)
        self._told.pop(key, None)

    def _late(self, key: str, due: _Due) -> None:
        """Tell what is known; the rest follows."""
        if self._due.get(key) is due:
            brief = Brief(Kind.POD, key, State.WAITS, why=due.why, search=Search.UNDER_WAY)
            self._tell(due, brief)

    async def _work(self) -> None:
        await asyncio.sleep(SETTLE_S)
        while self._due:
            start_s = perf_counter()
            try:
                await self._look(self._next())
            except Exception:  # the next ones are to be told all the same
                LOG.exception("what pods wait for could not be worked out")
            await asyncio.sleep(min(REST * (perf_counter() - start_s), MOST_REST_S))

    def _next(self) -> dict[str, list[_Due]]:
        """Take those who wait longest, those of one gang together."""
        found: dict[str, list[_Due]] = {}
        for key, subject in subjects_of(self._owner, self._due).items():
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
            still = [due for due in taken if self._due.get(due.pod.key) is due]
            for due in still:
                del self._due[due.pod.key]
        for subject, brief in answers.items():
            for due in about[subject]:
                if due in still:
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
        self._told[key] = _Told(due.why, brief, text, now_s)
        self._calls.tell(due.pod, PENDING, text, warning=True)


def _is_alike(one: str, other: str) -> bool:
    return one == other or plain(one) == plain(other)
