"""Reads the body of a request, up to a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class TooLarge(Exception):
    """A body is larger than the limit."""


class Disconnected(Exception):
    """The client went away before its body was complete."""


async def read_body(
    headers: Iterable[tuple[bytes, bytes]], receive: Receive, max_bytes: int
) -> bytes:
    """Return the body of a request.

    Parameters
    ----------
    headers
        The request's, names in lower case.
    receive
        Where its parts come from (ASGI).
    max_bytes
        The limit. A length that is announced is looked at before anything is read.

    Raises
    ------
    TooLarge
        It is larger.
    Disconnected
        It never ended.
    """
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > max_bytes:
            raise TooLarge
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > max_bytes:
            raise TooLarge
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
