"""``bayplan quota``: asks the extender what is free, and shows it in 80 columns."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from bayplan.scheduler.errors import InputError
from bayplan.traces.kubernetes.objects import Object

if TYPE_CHECKING:
    from rich.console import RenderableType

TIMEOUT_S = 10.0
OK = 200
GPU_MILLI = 1000

Files = tuple[Path | None, Path | None, Path | None]
"""What the server's certificate is signed by, a client's certificate, and its key."""


def show(namespace: str, address: str, files: Files, *, as_json: bool) -> int:
    """Print what is free; return the exit code.

    Parameters
    ----------
    namespace
        Whose queues are shown; empty for all.
    address
        The extender: ``http://HOST:PORT`` or ``https://``.
    files
        For https.
    as_json
        Whether to print the page as it is.

    Raises
    ------
    InputError
        The address is none, nobody answers there or somebody else, or a file cannot be used.
    """
    text = ask(namespace, address, files)
    if as_json:
        sys.stdout.write(text.rstrip() + "\n")
        return 0
    from bayplan.traces.console import console

    try:
        parts = list(tables(json.loads(text)))
    except (ValueError, LookupError, TypeError):
        fix = "name the address of an extender of this version"
        raise InputError(f"{address} answers with no page of quotas", fix=fix) from None
    screen = console()
    for part in parts:
        screen.print(part)
    return 0


def ask(namespace: str, address: str, files: Files) -> str:
    """Return the page of the extender, as JSON.

    Parameters
    ----------
    namespace, address, files
        As ``show`` has them.

    Raises
    ------
    InputError
        As ``show`` says.
    """
    connection = _connection(address, files)
    try:
        connection.request("GET", f"/quota/{quote(namespace, safe='')}" if namespace else "/quota")
        reply = connection.getresponse()
        text = reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        fix = "name it by --url, or run kubectl port-forward -n bayplan deployment/bayplan 9443"
        why = getattr(error, "strerror", None) or error
        raise InputError(f"no extender answers at {address} ({why})", fix=fix) from None
    finally:
        connection.close()
    if reply.status != OK:
        raise InputError(
            f"{address} has no page of quotas (status {reply.status})",
            fix="name the extender's address",
        )
    return text


def _connection(address: str, files: Files) -> http.client.HTTPConnection:
    fix = "write it as http://HOST:PORT or https://HOST:PORT"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or parts.path.strip("/"):
        raise InputError(f"--url is {address!r}", fix=fix)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    ca, certificate, key = files
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except OSError as error:
        named = ", ".join(str(file) for file in files if file is not None)
        raise InputError(f"certificates cannot be used ({error})", file=named) from None
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)


def tables(page: Object) -> Iterator[RenderableType]:
    """Yield what is printed of a page.

    Parameters
    ----------
    page
        As ``service.quota_page`` makes it.
    """
    from bayplan.traces.console import plain

    models = [
        (m["model"] or "unknown", f"{m['nodes']:,}", gpus(m["total"]), gpus(m["free"]),
         f"{m['whole']:,}", f"{m['largest']:,}")
        for m in page["models"]
    ]  # fmt: skip
    if not models:
        yield plain("No node has GPUs.")
    else:
        heads = ("GPUs", "nodes", "total", "free", "whole", "most on a node")
        yield _table(heads, models)
    if page["slices"]:
        slices = [
            (s["model"] or "unknown", s["slice"], f"{s['total']:,}", f"{s['free']:,}")
            for s in page["slices"]
        ]
        yield _table(("slices of", "resource", "total", "free"), slices, texts=2)
    if page["queues"]:
        whose = f"used by {page['namespace']}" if page["namespace"] else "used by all"
        queues = [
            (q["queue"], gpus(q["guaranteed"]), gpus(q["limit"]), gpus(q["used"]),
             gpus(q["yours"]), f"{q['waiting']:,}", gpus(_left(q)))
            for q in page["queues"]
        ]  # fmt: skip
        columns = ("queue, in GPUs", "guaranteed", "limit", "used", whose, "waiting", "left")
        yield _table(columns, queues)


def _left(queue: Object) -> int | None:
    room = queue["room"]
    return None if room is None else int(room)


def gpus(milli: int | None) -> str:
    """Return an amount of GPUs; a dash where there is none.

    Parameters
    ----------
    milli
        Thousandths of a GPU.
    """
    if milli is None:
        return "-"
    return f"{milli / GPU_MILLI:,.3f}".rstrip("0").rstrip(".")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> RenderableType:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from bayplan.traces.console import plain

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for k, head in enumerate(heads):
        table.add_column(head, justify="left" if k < texts else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    return table
