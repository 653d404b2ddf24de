"""The asynchronous door for writes: never blocks the event loop, and never exceeds the budget."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram

from bayplan.extender.api.answers import Reply
from bayplan.extender.api.budget import Budget, Priority
from bayplan.extender.api.connection import JSON, Connection
from bayplan.extender.api.errors import ApiError, TooLate
from bayplan.extender.api.retry import TRANSIENT, wait_before_retry
from bayplan.extender.api.session import LIMIT, Session

QPS, BURST = 100.0, 200
"""Twice what kube-scheduler's ``clientConnection`` has by default: a bind takes two writes."""

DEADLINE_S = 10.0

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Client:
    """Sends requests; belongs to the running event loop.

    Parameters
    ----------
    connection
        The API server.
    registry
        Where metrics go.
    qps, burst
        The budget.
    limit
        Requests at the same time.
    rng
        For jitter.
    """

    def __init__(
        self,
        connection: Connection,
        registry: CollectorRegistry,
        *,
        qps: float = QPS,
        burst: int = BURST,
        limit: int = LIMIT,
        rng: random.Random | None = None,
    ) -> None:
        self._session = Session(connection, limit)
        self._budget = Budget(qps, burst)
        self._rng = rng or random.Random()
        self._left_s: Callable[[], float] | None = None
        self._requests = Counter(
            "bayplan_api_requests",
            "Requests to the API server, by what they do and the status; 0 is no answer",
            ("operation", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "bayplan_api_request_seconds",
            "How long the API server took",
            ("operation",),
            registry=registry,
            buckets=_BUCKETS,
        )
        self._waited = Histogram(
            "bayplan_api_turn_seconds",
            "How long requests waited for their turn in the client's own budget",
            ("priority",),
            registry=registry,
            buckets=_BUCKETS,
        )

    def within(self, left_s: Callable[[], float]) -> Client:
        """Return this client for requests that have a time of their own: none is sent after it.

        Parameters
        ----------
        left_s
            Returns how long requests may still be sent; up to 0: no more. They fail then.
        """
        other = copy(self)
        other._left_s = left_s
        return other

    def apart(self, connection: Connection, *, qps: float, burst: int, limit: int) -> Client:
        """Return a client with connections and a budget of its own: what must wait for nobody.

        It has the metrics of this one, and is closed by itself.

        Parameters
        ----------
        connection
            The API server.
        qps, burst, limit
            As those of a client.
        """
        other = copy(self)
        other._session, other._budget = Session(connection, limit), Budget(qps, burst)
        return other

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        priority: Priority = Priority.PATCH,
        deadline_s: float = DEADLINE_S,
        content_type: str = JSON,
        again: frozenset[int] = TRANSIENT,
    ) -> Reply:
        """Send a request, again after transient errors, and return the answer.

        Parameters
        ----------
        operation
            What it does, for metrics.
        method, path, body, content_type
            The request.
        priority
            Who goes first where many wait.
        deadline_s
            So long it may take in all.
        again
            See ``wait_before_retry``.

        Raises
        ------
        ApiError
            It failed. One without a status may have been carried out all the same.
        """
        loop = asyncio.get_running_loop()
        if self._left_s is not None:
            deadline_s = min(deadline_s, max(0.0, self._left_s()))
        end_s = loop.time() + deadline_s
        data = None if body is None else msgspec.json.encode(body)
        last: ApiError | None = None
        attempt = 0
        try:
            async with asyncio.timeout_at(end_s):
                while True:
                    attempt += 1
                    try:
                        return await self._once(
                            operation, priority, method, path, data, content_type, deadline_s
                        )
                    except TooLate as late:
                        raise last or late from None
                    except ApiError as error:
                        last = error
                    left_s = end_s - loop.time()
                    wait_s = wait_before_retry(
                        last, attempt, left_s, self._rng.random(), again=again
                    )
                    if wait_s is None:
                        raise last
                    await asyncio.sleep(wait_s)
        except TimeoutError:
            why = f"; before that {last}" if last else ""
            raise ApiError(f"{method} {path}: not done in {deadline_s:g} s{why}") from None

    async def close(self) -> None:
        """End all connections; requests in flight are not waited for."""
        await self._session.close()

    async def _once(
        self,
        operation: str,
        priority: Priority,
        method: str,
        path: str,
        data: bytes | None,
        content_type: str,
        timeout_s: float,
    ) -> Reply:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        await self._budget.turn(priority)
        if self._left_s is not None and self._left_s() <= 0:
            raise TooLate(f"{method} {path}: not sent, another leads by now")
        sent_s = loop.time()
        self._waited.labels(priority.name.lower()).observe(sent_s - start_s)
        code = 0
        try:
            reply = await self._session.send(
                method, path, data, content_type=content_type, timeout_s=timeout_s
            )
            code = reply.status
            return reply
        except ApiError as error:
            code = error.status
            raise
        finally:
            self._seconds.labels(operation).observe(loop.time() - sent_s)
            self._requests.labels(operation, str(code)).inc()
