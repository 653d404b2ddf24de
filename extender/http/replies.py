"""Replies to requests."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bayplan.extender.http.body import Send

JSON = b"application/json"
ALLOW, CLOSE = b"allow", (b"connection", b"close")

Headers = tuple[tuple[bytes, bytes], ...]


class Reply(NamedTuple):
    """A reply."""

    status: int
    body: bytes
    kind: bytes = JSON
    headers: Headers = ()


def json_reply(status: int, thing: object) -> Reply:
    """Return a reply with a thing as JSON.

    Parameters
    ----------
    status
        The HTTP status.
    thing
        What msgspec can encode.
    """
    return Reply(status, msgspec.json.encode(thing))


def refused(status: int, text: str, *headers: tuple[bytes, bytes]) -> Reply:
    """Return a reply that says what is wrong with a request.

    Parameters
    ----------
    status
        The HTTP status.
    text
        What is wrong.
    headers
        Further ones.
    """
    return Reply(status, msgspec.json.encode({"Error": text}), headers=headers)


async def send_reply(reply: Reply, send: Send, *, head: bool) -> None:
    """Send a reply.

    Parameters
    ----------
    reply
        The reply.
    send
        Where to (ASGI).
    head
        Whether its body is to be left out.
    """
    headers = [
        (b"content-type", reply.kind),
        (b"content-length", str(len(reply.body)).encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})
