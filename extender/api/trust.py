"""What a configuration of ``kubernetes`` trusts and shows in TLS handshakes."""

from __future__ import annotations

import ssl
from typing import Any


def context_of(configuration: Any) -> ssl.SSLContext:
    """Return the TLS context of a connection, with what ``RESTClientObject`` gives to urllib3.

    Parameters
    ----------
    configuration
        A ``kubernetes.client.Configuration``.

    Raises
    ------
    OSError
        A file is missing, or holds no certificate or key.
    """
    trusted = getattr(configuration, "ca_cert_data", None)  # older ones have files only
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=trusted)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if configuration.assert_hostname is False or not configuration.verify_ssl:
        context.check_hostname = False
    if not configuration.verify_ssl:
        context.verify_mode = ssl.CERT_NONE
    if getattr(configuration, "disable_strict_ssl_verification", False):
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
