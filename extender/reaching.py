"""Asks a running extender why a pod or a gang waits: its page ``/explain``."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.explaining.brief import Brief

TIMEOUT_S = 30.0
MOST_BYTES = 4 << 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SERVED = "kubectl -n bayplan port-forward deployment/bayplan 9443, or name --url"


@dataclass(frozen=True, slots=True)
class Server:
    """Where an extender is: ``ca`` signs its certificate, and it asks for ``certificate``."""

    url: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class _Page(msgspec.Struct):
    """The part of the page that is read; of one with an error, that."""

    why: Brief | None = None
    error: str = msgspec.field(default="", name="Error")


def brief_at(server: Server, name: str) -> Brief:
    """Return what an extender says of a pod or gang.

    Parameters
    ----------
    server
        The extender.
    name
        ``namespace/name``.

    Raises
    ------
    InputError
        There is no answer, no such pod or gang, or what answers is no extender.
    """
    status, data = _asked(server, f"/explain/{quote(name)}")
    try:
        page = msgspec.json.decode(data, type=_Page)
    except msgspec.DecodeError as error:
        raise InputError(f"{server.url}: no page of an extender ({error})", fix=SERVED) from None
    if status == http.client.NOT_FOUND and page.error:
        raise InputError(page.error, fix="write NAMESPACE/NAME")
    if status != http.client.OK or page.why is None:
        said = page.error or "it does not say why"
        raise InputError(f"{server.url}: status {status}: {said}", fix="see its log")
    return page.why


def _asked(server: Server, path: str) -> tuple[int, bytes]:
    connection, prefix = _connection(server)
    try:
        connection.request("GET", prefix + path)
        reply = connection.getresponse()
        return reply.status, reply.read(MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or repr(error)
        raise InputError(f"no answer from {server.url} ({why})", fix=SERVED) from None
    finally:
        connection.close()


def _connection(server: Server) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection, and the path that pages are below."""
    try:
        parts = urlsplit(server.url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError(f"--url is {server.url!r}: {error}", fix=SERVED) from None
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"--url is {server.url!r}", fix="write http://HOST:PORT")
    prefix = parts.path.rstrip("/")
    if parts.scheme == "http":
        if server.ca or server.certificate or server.key:
            raise InputError("certificates for http", fix="write --url https://HOST:PORT")
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S), prefix
    context = _context(server, host)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context), prefix


def _context(server: Server, host: str) -> ssl.SSLContext:
    for path in (server.ca, server.certificate, server.key):
        if path is not None and not path.is_file():
            raise InputError("no such file", file=path, fix="check the path")
    try:
        context = ssl.create_default_context(cafile=server.ca)
        if server.certificate is not None:
            context.load_cert_chain(server.certificate, server.key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"the certificates cannot be used ({error})", fix="write PEM") from None
    # Behind a port-forward the certificate has the name of the Service, and we call this machine.
    context.check_hostname = host not in LOOPBACK
    return context
