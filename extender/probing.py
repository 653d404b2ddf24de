"""Asks the extender of this machine whether it is well: the probes of its Pod, which is closed."""

from __future__ import annotations

import http.client
import ssl
import sys
from pathlib import Path

from bayplan.extender.config.reading import Values, read_config

TIMEOUT_S = 3.0
ANYWHERE = ("0.0.0.0", "::", "")
"""Addresses that are listened on and cannot be called."""


def probe(path: str, config: Path | None) -> int:
    """Print what a page says; return 0 if its status is 200, else 1.

    Parameters
    ----------
    path
        The page.
    config
        The configuration file of the extender; None: all defaults.

    Raises
    ------
    InputError
        The configuration cannot be used.
    """
    values = read_config(config)
    path = path if path.startswith("/") else f"/{path}"
    try:
        status, text = ask(path, values)
    except OSError as error:
        where = f"{values['server.host']} port {values['server.port']}"
        sys.stderr.write(f"bayplan: no answer from {where} ({error.strerror or error})\n")
        return 1
    sys.stdout.write(text.rstrip() + "\n")
    return 0 if status == http.client.OK else 1


def ask(path: str, values: Values) -> tuple[int, str]:
    """Return status and text of a page of the extender of this machine.

    Parameters
    ----------
    path
        The page.
    values
        The extender's configuration.

    Raises
    ------
    OSError
        Nobody answers, or not in HTTP.
    """
    connection = _connection(values)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP: {error!r}") from None
    finally:
        connection.close()


def _connection(values: Values) -> http.client.HTTPConnection:
    host, port = str(values["server.host"]), int(values["server.port"])
    host = "localhost" if host in ANYWHERE else host
    certificate = str(values["tls.certificate"])
    if not certificate:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    # The name in the certificate is that of the Service; who answers is this very machine.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if values["tls.client_ca"]:
        context.load_cert_chain(certificate, str(values["tls.key"]))
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
