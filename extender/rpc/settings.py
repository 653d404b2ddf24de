"""How the gRPC service is served."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayplan.extender.http.settings import TlsSettings


@dataclass(frozen=True, slots=True)
class RpcSettings:
    """The server and its limits."""

    host: str = "127.0.0.1"
    """The address to listen on."""

    port: int = 9444
    """The port; 0 takes a free one."""

    tls: TlsSettings | None = None
    """Certificates; None serves plain HTTP/2."""

    clients: frozenset[str] = field(default_factory=frozenset)
    """Names, in the certificate of a client (common name or subject alternative name), one of which
    it must have; none: whoever has a certificate that ``tls.client_ca`` has signed."""

    admins: frozenset[str] = field(default_factory=frozenset)
    """Names of clients that may release what others have committed."""

    most_members: int = 4096
    """Members of a gang; larger ones are refused (INVALID_ARGUMENT)."""

    most_hold_s: float = 0.0
    """How long room is kept at most unless it is committed again; 0: until it is released."""

    grace_s: float = 15.0
    """How long calls that are being answered may take after SIGTERM."""

    most_calls: int = 256
    """Calls at the same time; more are refused (RESOURCE_EXHAUSTED)."""

    most_watches: int = 32
    """Watches of decisions at the same time, which are calls that do not end."""

    tick_s: float = 0.5
    """How often it is looked whose time is over."""
