"""Which clients are served: those whose certificate has one of the names that are allowed.

gRPC's core has looked at the certificate by then: who has none, or one of a stranger, gets no
connection. It shows us the common name and each subject alternative name.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc

COMMON_NAME, ALTERNATIVE = "x509_common_name", "x509_subject_alternative_name"
AGAIN_S = 60.0
"""How long the log is silent about a name that was refused."""
MOST_REMEMBERED = 1000

LOG = logging.getLogger("bayplan.extender.rpc")

Handler = Any
"""A ``grpc.RpcMethodHandler``."""


def names_in(peer: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Return the names of a client's certificate, the common name first; empty without one.

    Parameters
    ----------
    peer
        What gRPC knows of the peer (``auth_context``).
    """
    found = [*peer.get(COMMON_NAME, ()), *peer.get(ALTERNATIVE, ())]
    return [each.decode(errors="replace") for each in found if each]


class Gate(grpc.aio.ServerInterceptor):
    """Lets calls pass of clients with an allowed name, whatever service they are for.

    Parameters
    ----------
    allowed
        The names.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed)
        self._told_s: dict[str, float] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler]], details: Any
    ) -> Handler:
        """Return the handler of a call, behind the gate.

        Parameters
        ----------
        continuation, details
            As gRPC has them.
        """
        handler = await continuation(details)
        if handler is None:
            return None
        if handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else (
                grpc.unary_stream_rpc_method_handler)  # fmt: skip
            behind = handler.stream_stream or handler.unary_stream
            answer: Any = self._streaming(behind)
        else:
            make = grpc.stream_unary_rpc_method_handler if handler.request_streaming else (
                grpc.unary_unary_rpc_method_handler)  # fmt: skip
            behind = handler.stream_unary or handler.unary_unary
            answer = self._single(behind)
        return make(answer, handler.request_deserializer, handler.response_serializer)

    def _single(self, behind: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Any]:
        async def answer(asked: Any, context: Any) -> Any:
            await self._check(context)
            return await behind(asked, context)

        return answer

    def _streaming(self, behind: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        async def answer(asked: Any, context: Any) -> Any:
            await self._check(context)
            async for each in behind(asked, context):
                yield each

        return answer

    async def _check(self, context: Any) -> None:
        names = names_in(context.auth_context())
        if self._allowed.isdisjoint(names):
            self._tell(", ".join(names) or "none")
            text = "the names in this client's certificate are not among grpc.clients"
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, text)

    def _tell(self, names: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s.get(names, -AGAIN_S) >= AGAIN_S:
            if len(self._told_s) >= MOST_REMEMBERED:
                self._told_s.clear()
            self._told_s[names] = now_s
            LOG.warning("a client was refused", extra={"names": names})
