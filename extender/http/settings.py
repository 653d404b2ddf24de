"""How the extender is served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bayplan.scheduler.errors import InputError


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Certificates, as PEM files. Files that change are read again while the server runs."""

    certificate: Path
    """The server's certificate, followed by those between it and the root."""

    key: Path
    """Its private key, without a password."""

    client_ca: Path | None = None
    """What client certificates must be signed by; None asks clients for none."""

    poll_s: float = 5.0
    """How often the files are looked at. A kubelet renews a mounted secret within a minute."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The server and its limits."""

    host: str = "127.0.0.1"
    """The address to listen on: loopback fits a kube-scheduler in the same Pod."""

    port: int = 9443
    """The port; 0 takes a free one."""

    prefix: str = "/scheduler"
    """What stands before the verbs: the path of ``urlPrefix`` in kube-scheduler's configuration."""

    max_body_bytes: int = 32 * 1024 * 1024
    """The largest body. Names of 5,000 nodes are 0.2 MB; whole nodes are some 8 KB each."""

    call_s: float = 4.5
    """How long a call may take, its body included: less than kube-scheduler waits by default (5 s).
    A verb that runs on the loop without waiting is not cut short."""

    keep_alive_s: int = 120
    """How long an idle connection stays open: longer than Go's client keeps it (90 s), so that no
    call is sent into a connection that is being closed."""

    grace_s: int = 15
    """How long calls that are being answered may take after SIGTERM."""

    drain_s: float = 0.0
    """How long new calls are still taken after SIGTERM, while ``/readyz`` says no: behind a Service
    as long as its endpoints take to change; on loopback nothing."""

    tls: TlsSettings | None = None
    """Certificates; None serves plain HTTP."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises
        ------
        InputError
            One is outside its range.
        """
        if not self.prefix.startswith("/") or self.prefix.endswith("/"):
            raise InputError(f"prefix is {self.prefix!r}", fix="such as /scheduler")
        for name, least in (("max_body_bytes", 1), ("keep_alive_s", 1), ("port", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}", fix=f"from {least} on")
        if self.port > 65535:
            raise InputError(f"port is {self.port}", fix="at most 65535")
        if self.call_s <= 0 or self.grace_s < 0 or self.drain_s < 0:
            raise InputError(
                "a time limit is negative or zero", fix="give seconds for call_s, grace_s, drain_s"
            )
