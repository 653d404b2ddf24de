"""Answers HTTP requests: an ASGI application without a framework.

There are four verbs and six pages, all known by their path. Starlette's routing and request
objects would cost no time that could be measured (1.0 ms of CPU a call with 5,000 names, with and
without), but they would do nothing here either.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from bayplan.extender.http.body import (
    Disconnected,
    Message,
    Receive,
    Send,
    TooLarge,
    read_body,
)
from bayplan.extender.http.calls import Answer, Call, calls_of
from bayplan.extender.http.metrics import HttpMetrics
from bayplan.extender.http.pages import Pages
from bayplan.extender.http.replies import ALLOW, CLOSE, Reply, refused, send_reply
from bayplan.extender.http.settings import HttpSettings
from bayplan.extender.verbs import Verbs
from bayplan.extender.wire.decoding import Malformed

OTHER, GONE = "other", 499
"""The verb of requests to no known path, and the status of those whose client went away."""

log = logging.getLogger(__name__)


class _Route(NamedTuple):
    verb: str
    methods: frozenset[str]
    answer: Callable[[Message, Receive], Awaitable[Reply]]


_POST, _GET = frozenset({"POST"}), frozenset({"GET", "HEAD"})


class App:
    """The application.

    Parameters
    ----------
    verbs
        What answers the calls.
    settings
        The prefix of the paths, and limits.
    registry
        Where metrics are shown; others may add theirs.
    """

    def __init__(self, verbs: Verbs, settings: HttpSettings, registry: CollectorRegistry) -> None:
        self.settings = settings
        self.registry = registry
        self.pages = Pages(verbs, registry)
        self._metrics = HttpMetrics(registry)
        self._calls = {
            f"{settings.prefix}/{verb}": _Route(verb, _POST, self._caller(verb, call))
            for verb, call in calls_of(verbs).items()
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request.

        Parameters
        ----------
        scope, receive, send
            As ASGI has them; other scopes than ``http`` are not served.
        """
        if scope["type"] != "http":
            raise NotImplementedError(f"no {scope['type']} here")
        start = time.perf_counter()
        route = self._calls.get(scope["path"]) or self._page(scope["path"])
        status = GONE
        self._metrics.in_flight.inc()
        try:
            reply = await self._reply(route, scope, receive)
            await send_reply(reply, send, head=scope["method"] == "HEAD")
            status = reply.status
            self._metrics.sent.labels(route.verb).observe(len(reply.body))
        except Disconnected:
            log.info("the client went away", extra={"verb": route.verb})
        finally:
            self._metrics.in_flight.dec()
            taken_s = time.perf_counter() - start
            self._metrics.requests.labels(route.verb, status).inc()
            self._metrics.latency.labels(route.verb).observe(taken_s)
            if log.isEnabledFor(logging.DEBUG):
                extra = {"verb": route.verb, "status": status, "ms": round(1000 * taken_s, 3)}
                log.debug("answered", extra=extra)

    async def _reply(self, route: _Route, scope: Message, receive: Receive) -> Reply:
        if route.methods and scope["method"] not in route.methods:
            allowed = ", ".join(sorted(route.methods))
            return refused(405, f"use {allowed}", (ALLOW, allowed.encode()), CLOSE)
        try:
            return await route.answer(scope, receive)
        except asyncio.CancelledError:
            if not self.pages.stopping.is_set():
                raise
            # The server has no more time for it; a cancellation would reach the log as an error.
            log.warning("cut short: its time is over", extra={"verb": route.verb})
            return refused(503, "the extender is stopping", CLOSE)

    def _caller(self, verb: str, call: Call) -> Callable[[Message, Receive], Awaitable[Reply]]:
        limit_s, received = self.settings.call_s, self._metrics.received.labels(verb)

        async def answer(scope: Message, receive: Receive) -> Reply:
            body = None
            try:
                async with asyncio.timeout(limit_s) as deadline:
                    body = await read_body(scope["headers"], receive, self.settings.max_body_bytes)
                    received.observe(len(body))
                    return self._answered(verb, await call.answer(body))
            except TooLarge:
                text = f"the body is larger than {self.settings.max_body_bytes} bytes"
                return refused(413, text, CLOSE)
            except Malformed as error:
                return refused(400, str(error))
            except Disconnected:
                raise
            except Exception as error:
                if deadline.expired() and isinstance(error, TimeoutError):
                    text = f"{verb} took more than {limit_s:g} s"
                    if body is None:
                        return refused(408, text, CLOSE)
                    return self._failure(verb, "timeout", call.failed(text))
                return self._failure(verb, "internal", call.failed(_logged(verb, error)))

        return answer

    def _answered(self, verb: str, answer: Answer) -> Reply:
        if answer.error:
            return self._failure(verb, "refused", answer.body)
        return Reply(200, answer.body)

    def _failure(self, verb: str, kind: str, body: bytes) -> Reply:
        self._metrics.errors.labels(verb, kind).inc()
        return Reply(200, body)

    def _page(self, path: str) -> _Route:
        found = self.pages.find(path)
        if found is None:
            return _Route(OTHER, frozenset(), _nothing_here)
        verb, page = found

        async def answer(scope: Message, receive: Receive) -> Reply:
            try:
                return await page()
            except Exception as error:
                self._metrics.errors.labels(verb, "internal").inc()
                return refused(500, _logged(verb, error))

        return _Route(verb, _GET, answer)


async def _nothing_here(scope: Message, receive: Receive) -> Reply:
    return refused(404, "there is nothing at this path", CLOSE)


def _logged(verb: str, error: Exception) -> str:
    """Put an error into the log; return what the client is told of it."""
    code = secrets.token_hex(6)
    fields: dict[str, Any] = {"verb": verb, "id": code}
    log.error("%s failed", verb, exc_info=error, extra=fields)
    return f"internal error, see the log by id {code}"
