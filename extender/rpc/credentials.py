"""The certificates of the gRPC server, which are replaced while it runs.

gRPC asks at each handshake whether there are others. As for HTTP, files that are broken or half
written change nothing.
"""

from __future__ import annotations

import logging
import ssl

import grpc

from bayplan.extender.http.files import files_of, stamp_of, why_unusable
from bayplan.extender.http.settings import TlsSettings
from bayplan.scheduler.errors import InputError

LOG = logging.getLogger("bayplan.extender.rpc")


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
        self._stamp = stamp_of(self._tls)
        try:
            self.first = self._load()
        except (OSError, ValueError) as error:
            files = ", ".join(str(path) for path in files_of(self._tls))
            raise InputError(
                f"the certificates cannot be used ({why_unusable(error)})", file=files
            ) from None

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the certificates if they are others than before; called at each handshake."""
        stamp = stamp_of(self._tls)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            found = self._load()
        except (OSError, ValueError) as error:
            LOG.error(
                "new certificates cannot be used; the old ones stay",
                extra={"why": why_unusable(error)},
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
