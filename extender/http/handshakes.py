"""TLS handshakes that tell both sides why they fail.

An event loop drops a connection whose handshake fails, and with it the alert that says why. By
TLS 1.3 a client has finished before its certificate is looked at: kube-scheduler's call would end
in ``EOF``, and its Events would say no more. Here the alert goes out first.
"""

from __future__ import annotations

import logging
import ssl
import time
from typing import Any

from bayplan.extender.http.metrics import TlsMetrics

AGAIN_S = 60.0
"""How long the log is silent about a reason that it has told."""
NONE_SHOWN = "PEER_DID_NOT_RETURN_A_CERTIFICATE"
"""OpenSSL's reason."""

log = logging.getLogger(__name__)


class Refusals:
    """Client certificates that were refused, as metric and log show them.

    Parameters
    ----------
    metrics
        Where they are counted.
    """

    def __init__(self, metrics: TlsMetrics) -> None:
        self._metrics = metrics
        self._told_s: dict[str, float] = {}

    def see(self, error: ssl.SSLError) -> None:
        """Count a handshake that failed for the client's certificate; others are not told of."""
        if isinstance(error, ssl.SSLCertVerificationError):
            why = error.verify_message
        elif error.reason == NONE_SHOWN:
            why = "none was shown"
        else:
            return
        self._metrics.refused.labels(why).inc()
        now_s = time.monotonic()
        if now_s - self._told_s.get(why, -AGAIN_S) >= AGAIN_S:
            self._told_s[why] = now_s
            log.warning("a client's certificate was refused", extra={"why": why})


class Handshake(ssl.SSLObject):
    """One side of a connection whose handshake, if it fails, sends its alert before it does."""

    outgoing: ssl.MemoryBIO
    refusals: Refusals
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake.

        Raises
        ------
        ssl.SSLError
            It failed, or it waits for the other side: after an alert, for its end.
        """
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.refusals.see(error)
            if not self.outgoing.pending:
                raise
            self._failure = error
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "an alert is sent") from None


class ListeningContext(ssl.SSLContext):
    """A context whose connections are ``Handshake``s; ``refusals`` has to be set."""

    sslobject_class = Handshake
    refusals: Refusals

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *more: Any,
                 **named: Any) -> ssl.SSLObject:  # fmt: skip
        """Return a connection, as ``ssl.SSLContext.wrap_bio`` does."""
        made = super().wrap_bio(incoming, outgoing, *more, **named)
        assert isinstance(made, Handshake)
        made.outgoing, made.refusals = outgoing, self.refusals
        return made
