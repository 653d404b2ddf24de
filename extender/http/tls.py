"""The server's certificates, which are replaced while it runs.

Each connection takes the context that is current when it begins, by the callback that TLS servers
have for choosing a certificate by name (it is called for clients that send none, too). A context
is built whole and then swapped: a file that is broken, or half written, changes nothing, and a
client CA that is gone is trusted no longer.
"""

from __future__ import annotations

import logging
import ssl
from typing import TypeVar

from cryptography import x509

from bayplan.extender.http.files import files_of, stamp_of, why_unusable
from bayplan.extender.http.handshakes import ListeningContext, Refusals
from bayplan.extender.http.metrics import TlsMetrics
from bayplan.extender.http.settings import TlsSettings
from bayplan.scheduler.errors import InputError

log = logging.getLogger(__name__)

Context = TypeVar("Context", bound=ssl.SSLContext)


class Certificates:
    """The certificates as they are now.

    Parameters
    ----------
    settings
        The files.
    metrics
        Where their end and their reloads are shown.

    Raises
    ------
    InputError
        They cannot be used.
    """

    def __init__(self, settings: TlsSettings, metrics: TlsMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._stamp = stamp_of(self._settings)
        try:
            self._current = self._load()
        except (OSError, ValueError) as error:
            files = ", ".join(str(path) for path in files_of(self._settings))
            raise InputError(
                f"the certificates cannot be used ({why_unusable(error)})", file=files
            ) from None
        self.context = _context(settings.client_ca is not None, ListeningContext)
        self.context.refusals = Refusals(metrics)
        self.context.sni_callback = self._choose

    def reload_changed(self) -> None:
        """Read the files again if any of them is not the one that was read last."""
        if stamp_of(self._settings) != self._stamp:
            self.reload()

    def reload(self) -> None:
        """Read the files again; what cannot be used leaves everything as it is."""
        self._stamp = stamp_of(self._settings)
        try:
            self._current = self._load()
        except (OSError, ValueError) as error:
            self._metrics.reloads.labels("failed").inc()
            log.error(
                "new certificates cannot be used; the old ones stay",
                extra={"why": why_unusable(error)},
            )
        else:
            self._metrics.reloads.labels("ok").inc()
            log.info("new certificates are in use")

    def _load(self) -> ssl.SSLContext:
        settings = self._settings
        context = _context(settings.client_ca is not None, ssl.SSLContext)
        # An empty password: a key that needs one is an error, not a question on the terminal.
        context.load_cert_chain(settings.certificate, settings.key, password="")
        if settings.client_ca is not None:
            context.load_verify_locations(settings.client_ca)
        first = x509.load_pem_x509_certificates(settings.certificate.read_bytes())[0]
        self._metrics.expires.set(first.not_valid_after_utc.timestamp())
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current


def _context(asks_clients: bool, kind: type[Context]) -> Context:
    context = kind(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # A resumed session would not be checked against a client CA that changed; connections are
    # kept alive for long, so that resuming saves nothing.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if asks_clients:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
