"""How fast the API server is written to: a token bucket, and who takes the next token.

The bucket is that of client-go's ``flowcontrol`` (``qps`` and ``burst`` of
KubeSchedulerConfiguration's ``clientConnection``). Those that wait are served by priority, within
one by order.
"""

from __future__ import annotations

import asyncio
import heapq
from enum import IntEnum


class Priority(IntEnum):
    """Who goes first."""

    BIND = 0
    PATCH = 1
    EVENT = 2


class Bucket:
    """Tokens that come at a rate; knows no clock.

    Parameters
    ----------
    qps
        Tokens per second.
    burst
        Tokens that are saved at most.
    now_s
        When it is full.

    Raises
    ------
    ValueError
        The rate is not positive, or less than one token is ever there.
    """

    def __init__(self, qps: float, burst: int, now_s: float) -> None:
        if not qps > 0 or burst < 1:
            raise ValueError(f"qps {qps}, burst {burst}: give a positive qps and a burst from 1 on")
        self._qps = qps
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at_s = now_s

    def take(self, now_s: float) -> float:
        """Take a token and return 0, or return the seconds until there is one.

        Parameters
        ----------
        now_s
            Not before the last call.
        """
        self._tokens = min(self._burst, self._tokens + self._qps * (now_s - self._at_s))
        self._at_s = now_s
        # What a timer that is a rounding error early finds is a token.
        if self._tokens >= 1.0 - 1e-9:
            self._tokens = max(0.0, self._tokens - 1.0)
            return 0.0
        return (1.0 - self._tokens) / self._qps


class Budget:
    """A bucket on an event loop; whoever awaits ``turn`` gets one.

    Parameters
    ----------
    qps, burst
        See ``Bucket``.
    """

    def __init__(self, qps: float, burst: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._bucket = Bucket(qps, burst, self._loop.time())
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._serial = 0
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, priority: Priority) -> None:
        """Wait until it is the caller's turn.

        Parameters
        ----------
        priority
            Of the caller.
        """
        mine: asyncio.Future[None] = self._loop.create_future()
        self._serial += 1
        heapq.heappush(self._waiting, (priority, self._serial, mine))
        if self._timer is None:
            self._serve()
        await mine

    def _serve(self) -> None:
        self._timer = None
        while self._waiting:
            if self._waiting[0][2].done():  # it gave up
                heapq.heappop(self._waiting)
                continue
            wait_s = self._bucket.take(self._loop.time())
            if wait_s:
                self._timer = self._loop.call_later(wait_s, self._serve)
                return
            heapq.heappop(self._waiting)[2].set_result(None)
