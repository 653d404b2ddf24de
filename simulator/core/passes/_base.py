"""What a pass promises."""

from __future__ import annotations

from typing import Protocol

from bayplan.simulator.core.floor import Floor


class Pass(Protocol):
    """Hands out what is free, and takes from those who run where a policy says so.

    ``settled``: the work done of all running jobs is brought up to now before ``run``.
    """

    settled: bool

    def run(self, floor: Floor) -> None:
        """Start and stop jobs."""

    def is_idle(self, floor: Floor) -> bool:
        """Whether a pass now would do nothing, as far as is known without looking closely."""
