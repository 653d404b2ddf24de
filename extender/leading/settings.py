"""What leading goes by."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a Lease holds; defaults are those of client-go and kube-scheduler.

    Source: ``LeaseDuration``, ``RenewDeadline`` and ``RetryPeriod`` of client-go's
    ``tools/leaderelection``.

    Attributes
    ----------
    lease_s
        So long after the last renewal that was seen nobody else takes a Lease; whole seconds.
    renew_s
        So long after its last renewal its holder acts: less than ``lease_s``.
    retry_s
        How often it is renewed, and looked at.
    """

    lease_s: int = 15
    renew_s: float = 10.0
    retry_s: float = 2.0

    @property
    def gap_s(self) -> float:
        """Between the end of who led and the begin of who leads next: what was sent arrives."""
        return self.lease_s - self.renew_s


@dataclass(frozen=True, slots=True)
class Leading:
    """How it is found out who leads.

    Attributes
    ----------
    namespace, lease
        The Lease of those who act by themselves.
    scheduler
        The Lease of kube-scheduler in the same namespace; empty: it is not looked at.
    host
        The name of this host: kube-scheduler's identity begins with it.
    identity
        Ours; no other process has it.
    """

    namespace: str
    lease: str
    scheduler: str
    host: str
    identity: str
    timing: Timing = field(default_factory=Timing)
