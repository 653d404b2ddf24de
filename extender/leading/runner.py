"""Reads and writes Leases for the election and the fence, and says what they allow."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Protocol

from bayplan.extender.leading.election import Election
from bayplan.extender.leading.fence import Fence
from bayplan.extender.leading.lease import Record
from bayplan.extender.leading.numbers import LeadingNumbers
from bayplan.extender.leading.settings import Leading
from bayplan.traces.kubernetes.objects import Object

LOG = logging.getLogger("bayplan.extender.leading")

LEADS = "LeaderElection"
"""The reason of Events, as client-go has it."""

AGAIN_S = 60.0
"""How long the log is silent after a failure like the one before."""
LOOK_S = 0.05
"""How often a bind that waits looks whether it may pass."""
RELEASE_S = 2.0
"""So long the Lease is given up at most at the end: else others wait until its time is over."""
JITTER = 0.2
"""Retries are so much later at most, by chance: contenders are not to come together for ever."""


class LeaseFailed(Exception):
    """A Lease could not be read or written; the text says why.

    Parameters
    ----------
    why
        In one line.
    conflict
        Whether somebody else has written meanwhile.
    """

    def __init__(self, why: str, *, conflict: bool = False) -> None:
        super().__init__(why)
        self.conflict = conflict


class LeaseCalls(Protocol):
    """Calls about Leases; each raises ``LeaseFailed``."""

    async def read(self, name: str, timeout_s: float) -> Record:
        """Return a Lease as it is now; one without a version is not there."""

    async def write(self, name: str, record: Record, timeout_s: float) -> Record:
        """Write a Lease on the version that was seen, or create it; return what is there."""

    def tell(self, name: str, uid: str, note: str) -> None:
        """Let an Event about a Lease be written, when there is time for it."""


def steady_s() -> float:
    """Return seconds that never jump and go on while the machine is suspended."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Runner:
    """Keeps to the Leases on the event loop.

    Parameters
    ----------
    settings
        Which, and as whom.
    calls
        The API server.
    numbers
        The metrics.
    clock
        Seconds that never jump.
    wall
        The time of day.
    """

    def __init__(
        self,
        settings: Leading,
        calls: LeaseCalls,
        numbers: LeadingNumbers,
        clock: Callable[[], float] = steady_s,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._calls, self._numbers = settings, calls, numbers
        self._clock, self._wall = clock, wall
        self.election = Election(settings.identity, settings.timing)
        self.fence = Fence(settings.host, settings.timing)
        self._led = False
        self._failed: dict[str, tuple[str, float]] = {}
        numbers.follow(self.leads, self.binds)

    # --- what it allows -------------------------------------------------------------------

    def leads(self) -> bool:
        """Whether this process is the one that acts by itself."""
        return self.election.leads(self._clock())

    def binds(self) -> bool:
        """Whether pods may be bound here."""
        return not self._settings.scheduler or self.fence.is_open(self._clock())

    def leading_left_s(self) -> float:
        """Return how long it leads still."""
        return self.election.until_s - self._clock()

    def binding_left_s(self) -> float:
        """Return how long pods may still be bound here."""
        return self.fence.closes_s - self._clock() if self._settings.scheduler else inf

    async def pass_fence(self) -> str:
        """Wait until pods may be bound here, if that comes soon; return why they may not be."""
        timing = self._settings.timing
        end_s = self._clock() + timing.gap_s + 3 * timing.retry_s
        while not self.binds():
            if self._clock() >= end_s:
                holder = self.fence.holder or "nobody, or nobody knows"
                return f"the Lease {self._settings.scheduler} has {holder}: another extender binds"
            await asyncio.sleep(LOOK_S)
        return ""

    def page(self) -> Object:
        """Return who leads, as ``/state`` shows it."""
        page: Object = {
            "identity": self._settings.identity,
            "leads": self.leads(),
            "leader": self.election.seen.holder,
        }
        if self._settings.scheduler:
            page |= {"binds": self.binds(), "scheduler": self.fence.holder}
        return page

    # --- what it does ---------------------------------------------------------------------

    async def run(self) -> None:
        """Go on until cancelled; then let others lead at once."""
        try:
            await asyncio.gather(self._often(self.look), self._often(self.contend))
        finally:
            self.election.until_s = -inf  # controllers are cancelled with us
            timeout_s = min(RELEASE_S, self._timeout_s())
            await self._try(self._settings.lease, self._write(timeout_s, wanted=False))

    async def look(self) -> None:
        """Look once who holds kube-scheduler's Lease."""
        if self._settings.scheduler:
            await self._try(self._settings.scheduler, self._look())

    async def contend(self) -> None:
        """Look once at our Lease, and renew it, take it or give it up."""
        await self._try(self._settings.lease, self._contend())
        self._note()

    async def _often(self, does: Callable[[], Awaitable[None]]) -> None:
        # Each by itself: a write that is slow is not to make the other one's looks late.
        draw = random.Random()
        while True:
            await does()
            await asyncio.sleep(self._settings.timing.retry_s * (1.0 + JITTER * draw.random()))

    async def _look(self) -> None:
        begun_s, before = self._clock(), self.fence.holder
        record = await self._calls.read(self._settings.scheduler, self._timeout_s())
        self.fence.see(record.holder, begun_s, self._clock())
        if record.holder != before:
            extra = {"lease": self._settings.scheduler, "holder": record.holder,
                     "beside": self.fence.is_ours(self._clock())}  # fmt: skip
            LOG.info("kube-scheduler's Lease has another holder", extra=extra)

    async def _contend(self) -> None:
        record = await self._calls.read(self._settings.lease, self._timeout_s())
        self.election.see(record, self._clock())
        self._note()
        beside = not self._settings.scheduler or self.fence.is_ours(self._clock())
        await self._write(self._timeout_s(), wanted=beside)

    async def _write(self, timeout_s: float, *, wanted: bool) -> None:
        record = self.election.write(self._clock(), self._wall(), wanted=wanted)
        self._note()
        if record is None:
            return
        begun_s = self._clock()
        try:
            there = await self._calls.write(self._settings.lease, record, timeout_s)
        except LeaseFailed as failed:
            if failed.conflict:
                return  # the next look shows who came first
            raise
        self.election.written(there, begun_s, self._clock())

    async def _try(self, name: str, work: Awaitable[None]) -> None:
        try:
            await work
        except LeaseFailed as failed:
            self._numbers.failed()
            said, when_s = self._failed.get(name, ("", 0.0))
            if str(failed) != said or self._clock() - when_s >= AGAIN_S:
                self._failed[name] = str(failed), self._clock()
                LOG.warning("a Lease cannot be kept", extra={"lease": name, "why": str(failed)})
        except Exception:  # who cannot tell does not lead: what it had ends by itself
            LOG.exception("a round of leading failed")

    def _note(self) -> None:
        """Tell when it has begun or ended to lead."""
        leads = self.leads()
        if leads == self._led:
            return
        self._led = leads
        extra = {"lease": self._settings.lease, "identity": self._settings.identity}
        if leads:
            self._numbers.begun()
            LOG.info("leads: controllers act here", extra=extra)
            note = f"{self._settings.identity} became leader"
            self._calls.tell(self._settings.lease, self.election.seen.uid, note)
        else:
            LOG.info("leads no longer: controllers rest", extra=extra)

    def _timeout_s(self) -> float:
        """Half of the time in which a renewal must be there, as client-go has it."""
        return self._settings.timing.renew_s / 2
