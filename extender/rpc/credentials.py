"""The certificates of the gRPC server, which are replaced while it runs.

gRPC asks at each handshake whether there are others. As for HTTP, files that are broken or half
written change nothing.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import grpc

from bayplan.extender.http.settings import TlsSettings
from bayplan.scheduler.errors import InputError

LOG = logging.getLogger("bayplan.extender.rpc")

Stamp = tuple[tuple[int, int, int] | None, ...]


class Reloading:
    """The certificate configuration as the files have it.

    Parameters
    ----------
    tls
        The files.

    Raises
    ------
    InputError
        They cannot be used.
    """

    def __init__(self, tls: TlsSettings) -> None:
        self._tls = tls
        self._stamp = self._look()
        try:
            self.first = self._load()
        except (OSError, ValueError) as error:
            files = ", ".join(str(path) for path in self._files())
            raise InputError(
                f"the certificates cannot be used ({_why(error)})", file=files
            ) from None

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the certificates if they are others than before; called at each handshake."""
        stamp = self._look()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            found = self._load()
        except (OSError, ValueError) as error:
            LOG.error(
                "new certificates cannot be used; the old ones stay", extra={"why": _why(error)}
            )
            return None
        LOG.info("new certificates are in use")
        return found

    def _load(self) -> grpc.ServerCertificateConfiguration:
        tls = self._tls
        # gRPC takes what it is given, and fails at the first client; this fails now.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key, password="")
        ca = None if tls.client_ca is None else tls.client_ca.read_bytes()
        if tls.client_ca is not None:
            context.load_verify_locations(tls.client_ca)
        pair = tls.key.read_bytes(), tls.certificate.read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=ca)

    def _files(self) -> list[Path]:
        tls = self._tls
        files = [tls.certificate, tls.key]
        return files if tls.client_ca is None else [*files, tls.client_ca]

    def _look(self) -> Stamp:
        """Return what tells each file from the one that replaces it; None where there is none."""
        return tuple(map(_stamp, self._files()))


def credentials_of(tls: TlsSettings) -> grpc.ServerCredentials:
    """Return the credentials of a server; clients must have a certificate if there is a client CA.

    Parameters
    ----------
    tls
        The files.

    Raises
    ------
    InputError
        They cannot be used.
    """
    certificates = Reloading(tls)
    return grpc.dynamic_ssl_server_credentials(
        certificates.first,
        certificates.fetch,  # type: ignore[arg-type]  # None: as before
        require_client_authentication=tls.client_ca is not None,
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
