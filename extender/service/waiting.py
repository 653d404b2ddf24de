"""Pods that kube-scheduler was told no for: why, and waking them when the answer may be another.

kube-scheduler asks again when it sees the cluster change, and every five minutes
(``flushUnschedulableEntitiesLeftover``). It cannot see that a hold is over or that a gang has a
plan by now, and what it saw before we did (a pod that left, a node that came) it has asked for in
vain. A pod that changes it asks for at once, so an annotation is set: one write, one attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.plans import Plan
from bayplan.extender.service.calls import CallFailed, Calls, pod_of
from bayplan.traces.kubernetes import keys

LOG = logging.getLogger("bayplan.extender.waiting")

MOST_NUDGED = 20
"""Pods that are woken in a round."""
MOST_LOOKED_AT = 200
"""Pods that are looked at in a round."""
AGAIN_S = 60.0
"""How long the log is silent after a pod that could not be woken."""


@dataclass(slots=True)
class _Refusal:
    """Why a pod waits, and how often room had become free when that was so."""

    why: str
    n_released: int


class Waiting:
    """The pods that wait, those first whose answer is the oldest.

    Parameters
    ----------
    owner
        The state.
    calls
        The API server.
    clock
        The time of the owner.
    """

    def __init__(self, owner: Owner, calls: Calls, clock: Callable[[], float]) -> None:
        self._owner, self._calls, self._clock = owner, calls, clock
        self._refusals: dict[str, _Refusal] = {}
        self._failed_s = -AGAIN_S

    def refused(self, key: str, why: str) -> bool:
        """Note that a pod was refused; return whether the reason is a new one."""
        before = self._refusals.pop(key, None)
        self._refusals[key] = _Refusal(why, self._owner.mirror.n_released)
        return before is None or before.why != why

    @property
    def keys(self) -> list[str]:
        """The pods that wait."""
        return list(self._refusals)

    def why(self, key: str) -> str:
        """Return why a pod was refused; empty for one that was not."""
        refusal = self._refusals.get(key)
        return "" if refusal is None else refusal.why

    def forget(self, key: str) -> None:
        """Note that a pod waits no longer."""
        self._refusals.pop(key, None)

    async def wake(self) -> None:
        """Touch pods that were refused before room became free, if they may have some now.

        Of a gang one is enough: the others are woken when it has a plan.
        """
        mirror, woken = self._owner.mirror, set[str]()
        for key in list(islice(self._refusals, MOST_LOOKED_AT)):
            refusal = self._refusals.get(key)
            if refusal is None or refusal.n_released >= mirror.n_released:
                continue  # nothing is new, or it has been asked for meanwhile
            if len(woken) >= MOST_NUDGED:
                return
            seen = mirror.pods.get(key)
            if seen is None or seen.node:  # gone or bound, and no event has told us
                self.forget(key)
                continue
            # To the end: what holds of it now is known until room becomes free again.
            self._refusals[key] = _Refusal(self._refusals.pop(key).why, mirror.n_released)
            name = seen.group or key
            if name not in woken and self._owner.may_fit(key):
                woken.add(name)
                await self._touch(key)

    async def wake_members(self, plan: Plan) -> None:
        """Touch the members of a gang that were refused before it had a plan."""
        for key in [key for key in plan.nodes if key in self._refusals]:
            if key in self._refusals and self._owner.plans.plans.get(plan.name) is plan:
                await self._touch(key)

    async def _touch(self, key: str) -> None:
        seen = self._owner.mirror.pods.get(key)
        if seen is None or seen.node:
            return
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        try:
            await self._calls.touch(pod_of(key, seen.api_uid), keys.NUDGED, at)
        except CallFailed as failed:
            if self._clock() - self._failed_s >= AGAIN_S:  # without the right all fail
                self._failed_s = self._clock()
                LOG.warning("not touched", extra={"pod": key, "why": str(failed)})
