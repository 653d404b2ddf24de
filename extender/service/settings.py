"""What the service goes by, beside how pods are placed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayplan.extender.live.settings import Live


@dataclass(frozen=True, slots=True)
class Service:
    """How the service behaves.

    Attributes
    ----------
    bind_wait_s
        How long a member of a gang waits at its bind for the others: at most half of
        kube-scheduler's ``httpTimeout``.
    tick_s
        How often what was promised for too long is looked for.
    recompute_s
        How often the state is worked out anew and compared; 0: never.
    nudge
        Whether pods that wait are touched when there may be room for them, where kube-scheduler
        would let them wait for up to five minutes. It needs leave to patch the status of pods.
    """

    live: Live = field(default_factory=Live)
    bind_wait_s: float = 15.0
    tick_s: float = 0.5
    recompute_s: float = 300.0
    nudge: bool = True
