"""Evicting a pod, and what came of it: for queues, for gangs in part, for gangs without room."""

from __future__ import annotations

import logging
from enum import Enum

from bayplan.extender.service.calls import CallFailed, Calls, PodName

LOG = logging.getLogger("bayplan.extender.evict")


class Eviction(Enum):
    """What came of an eviction; metrics name it so."""

    DONE = "evicted"
    REFUSED = "refused"
    GONE = "gone"
    FAILED = "failed"


_BY_STATUS = {429: Eviction.REFUSED, 404: Eviction.GONE, 409: Eviction.GONE}
"""As pods/eviction answers: a budget allows no more; no such pod; the name is another pod's."""


async def evict(calls: Calls, pod: PodName) -> tuple[Eviction, str]:
    """Evict a pod; return what came of it, and why it is not evicted.

    Parameters
    ----------
    calls
        The API server.
    pod
        The pod, with its uid.
    """
    try:
        await calls.evict(pod)
    except CallFailed as failed:
        LOG.warning("not evicted", extra={"pod": pod.key, "why": str(failed)})
        return _BY_STATUS.get(failed.status, Eviction.FAILED), str(failed)
    return Eviction.DONE, ""
