"""Requests on the event loop, on connections that are kept.

aiohttp takes 0.2 ms of CPU a request where urllib3 in a thread takes 0.6, and leaves the event loop
its turn. Lists and watches stay with urllib3: a hundred thousand pods are decoded in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

import aiohttp
from yarl import URL

from bayplan.extender.api.answers import Reply
from bayplan.extender.api.connection import (
    CONNECT_S,
    JSON,
    UNAUTHORIZED,
    Connection,
    Door,
    headers_of,
    secret_of,
)
from bayplan.extender.api.errors import ApiError, error_of
from bayplan.extender.aside import aside

LIMIT = 8

CREDENTIALS_S = 1.0
"""Credentials that a plugin or a file may replace are asked for at most so often."""


class Session:
    """Sends requests to one API server; belongs to one event loop.

    Parameters
    ----------
    connection
        Where to, and with which credentials.
    limit
        Requests at the same time; further ones wait.
    """

    def __init__(self, connection: Connection, limit: int = LIMIT) -> None:
        self._connection = connection
        self._turns = asyncio.Semaphore(limit)
        self._client: aiohttp.ClientSession | None = None
        self._secrets: dict[str, str] = {}
        self._secrets_until_s = 0.0

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str = JSON,
        timeout_s: float = 30.0,
    ) -> Reply:
        """Send a request and return the answer; see ``Connection.send``.

        Raises
        ------
        ApiError
            There is no answer, or one that is no 2xx.
        """
        async with self._turns:
            door = self._connection.door
            if door.proxied:  # urllib3 knows more proxies than aiohttp does: SOCKS
                send = self._connection.send
                return await aside(
                    send, method, path, body, content_type=content_type, timeout_s=timeout_s
                )
            what = f"{method} {path.partition('?')[0]}"
            sent = _Request(method, path, body, content_type, timeout_s)
            with _told(what):
                async with self._answered(door, sent) as (response, secret):
                    data = await response.read()
        if response.status // 100 == 2:
            return Reply(response.status, data)
        raise _refused(what, response, data, secret)

    async def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            await self._client.close()

    @asynccontextmanager
    async def _answered(
        self, door: Door, sent: _Request
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, str]]:
        """Give the answer and the credential that was sent, after a renewal where it helps."""
        response, secret = await self._asked(door, sent)
        if response.status == UNAUTHORIZED and await self._renewed(door):
            response.release()
            response, secret = await self._asked(self._connection.door, sent)
        async with response:
            yield response, secret

    async def _asked(self, door: Door, sent: _Request) -> tuple[aiohttp.ClientResponse, str]:
        secrets = await self._credentials()
        headers = headers_of(sent.body, sent.content_type) | {"Accept-Encoding": "identity"}
        response = await self._opened().request(
            sent.method,
            URL(door.host + sent.path, encoded=True),
            data=sent.body,
            headers=headers | secrets,
            timeout=aiohttp.ClientTimeout(None, sock_connect=CONNECT_S, sock_read=sent.timeout_s),
            allow_redirects=False,
            ssl=door.tls,
            server_hostname=door.server_name or None,
        )
        return response, secret_of(secrets)

    def _opened(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._client

    async def _credentials(self) -> dict[str, str]:
        if not self._connection.replaces_credentials:
            return self._connection.credentials()
        loop = asyncio.get_running_loop()
        if loop.time() >= self._secrets_until_s:
            self._secrets = await aside(self._connection.credentials)
            self._secrets_until_s = loop.time() + CREDENTIALS_S
        return self._secrets

    async def _renewed(self, refused: Door) -> bool:
        self._secrets_until_s = 0.0
        return await aside(self._connection.renew, refused)


class _Request(NamedTuple):
    method: str
    path: str
    body: bytes | None
    content_type: str
    timeout_s: float


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    # Of a host or token that cannot be sent come ValueErrors, of what is closed RuntimeErrors.
    except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
        # The text of some of these has the request in it.
        raise ApiError(f"{what}: no answer ({type(error).__name__})") from None


def _refused(what: str, response: aiohttp.ClientResponse, data: bytes, secret: str) -> ApiError:
    wished = response.headers.get("Retry-After", "")
    return error_of(what, response.status, wished, data, secret)
