"""How commands reach an extender that runs: its gRPC service, by the certificates of a client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayplan.extender.remote import Client
    from bayplan.extender.remote.decider import RemoteDecider


def client_of(
    at: str, ca: Path | None, certificate: Path | None, key: Path | None, server_name: str
) -> Client:
    """Return a client of a service.

    Parameters
    ----------
    at
        Host and port.
    ca, certificate, key, server_name
        As ``extender.remote.Tls``; without a CA plain HTTP/2 is spoken.

    Raises
    ------
    InputError
        A certificate cannot be read, or there are some without a CA.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what goes wrong is said once, by us
    from bayplan.extender.remote import Client, Tls
    from bayplan.scheduler.errors import InputError

    tls = None
    if ca is not None:
        tls = Tls(ca, certificate, key, server_name)
    elif certificate or key or server_name:
        raise InputError("certificates without --ca", fix="name what the server's is signed by")
    return Client(at, tls)


@contextmanager
def decided_at(
    at: str, ca: Path | None, certificate: Path | None, key: Path | None, server_name: str
) -> Iterator[RemoteDecider]:
    """Let a service decide, and give back at the end what it has kept.

    Parameters
    ----------
    at, ca, certificate, key, server_name
        As ``client_of``.
    """
    with client_of(at, ca, certificate, key, server_name) as client:
        from bayplan.extender.remote.decider import RemoteDecider

        with RemoteDecider(client, at) as decider:
            yield decider
