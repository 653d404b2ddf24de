"""The methods as gRPC calls: what was raised as a status, what was done as metrics."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from bayplan.extender.remote.methods import METHODS, SERVICE, Method
from bayplan.extender.rpc.gate import names_in
from bayplan.extender.rpc.numbers import RpcMetrics
from bayplan.extender.rpc.rooms import Foreign
from bayplan.extender.rpc.servicer import NotReady, Servicer, TooMany
from bayplan.scheduler.errors import Conflict, Duplicate, InvalidRequest, Unknown

LOG = logging.getLogger("bayplan.extender.rpc")

CODES: dict[type[Exception], grpc.StatusCode] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    Conflict: grpc.StatusCode.ABORTED,
    Duplicate: grpc.StatusCode.ALREADY_EXISTS,
    Unknown: grpc.StatusCode.NOT_FOUND,
    NotReady: grpc.StatusCode.UNAVAILABLE,
    Foreign: grpc.StatusCode.PERMISSION_DENIED,
    TooMany: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""Statuses by what was raised, as gRPC's guide to status codes means them: after ABORTED the client
decides again, after UNAVAILABLE it asks the very same again."""

Ask = Callable[[Any, str], Any]


def handler_of(servicer: Servicer, metrics: RpcMetrics) -> Any:
    """Return what gRPC calls for each method of the service.

    Parameters
    ----------
    servicer
        Who answers.
    metrics
        Where calls are counted.
    """
    handlers = {}
    for method in METHODS.values():
        ask: Ask = getattr(servicer, _snake(method.name))
        answer: Any = _streaming(method, ask, metrics) if method.streams else (
            _single(method, ask, metrics))  # fmt: skip
        make = grpc.unary_stream_rpc_method_handler if method.streams else (
            grpc.unary_unary_rpc_method_handler)  # fmt: skip
        handlers[method.name] = make(
            answer, method.asked.FromString, method.answered.SerializeToString
        )
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _single(
    method: Method, ask: Callable[[Any, str], Awaitable[Any]], metrics: RpcMetrics
) -> Callable[[Any, Any], Awaitable[Any]]:
    seen = metrics.of(method.name)

    async def answer(asked: Any, context: Any) -> Any:
        start_s = time.perf_counter()
        try:
            answered = await ask(asked, _client_of(context))
        except Exception as error:
            code, text = _status(method, error)
            seen.failed(code.name, time.perf_counter() - start_s)
            await context.abort(code, text)
        seen.answered(time.perf_counter() - start_s)
        return answered

    return answer


def _streaming(
    method: Method, ask: Callable[[Any, str], AsyncIterator[Any]], metrics: RpcMetrics
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    seen = metrics.of(method.name)

    async def answer(asked: Any, context: Any) -> AsyncIterator[Any]:
        start_s = time.perf_counter()
        try:
            async for each in ask(asked, _client_of(context)):
                yield each
        except Exception as error:
            code, text = _status(method, error)
            seen.failed(code.name, time.perf_counter() - start_s)
            await context.abort(code, text)
        seen.answered(time.perf_counter() - start_s)

    return answer


def _client_of(context: Any) -> str:
    """Return the name of a client as its certificate has it; empty without one."""
    names = names_in(context.auth_context())
    return names[0] if names else ""


def _status(method: Method, error: Exception) -> tuple[grpc.StatusCode, str]:
    """Return the status of a call that came to nothing, and what the client is told."""
    for kind, code in CODES.items():
        if isinstance(error, kind):
            return code, str(error)
    # As for HTTP: the client gets no more of it than by what to find it in the log.
    mark = secrets.token_hex(6)
    LOG.error("%s failed", method.name, exc_info=error, extra={"verb": method.name, "id": mark})
    return grpc.StatusCode.INTERNAL, f"internal error, see the log by id {mark}"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
