"""What is asked of whoever makes room for gangs; there may be nobody."""

from __future__ import annotations

from typing import Protocol

from bayplan.traces.kubernetes.objects import Object


class Helper(Protocol):
    """Makes room for whole gangs by evicting others."""

    def handles(self, gang: str) -> bool:
        """Whether a gang that has not started is helped, and kube-scheduler is to evict nobody."""

    def note(self, gang: str) -> str:
        """Return what is done for a gang, or why nothing can be; empty: it was not looked at."""

    def page(self) -> Object:
        """Return what is under way, for ``/state``."""
