"""Makes grants from chosen GPUs, and shares equal ones: most placements are alike."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import ANONYMOUS, Grant, Slot

_MAX_GRANTS = 65_536


class GrantTable:
    """A bounded table of grants by (GPU, milli, MiB); emptied when it is full."""

    def __init__(self) -> None:
        self._grants: dict[tuple[int, int, int], Grant] = {}

    def grants(
        self, gpus: Sequence[int], milli: int, mib: int, anonymous: bool
    ) -> tuple[Grant, ...]:
        """Return ``milli`` and ``mib`` of each of ``gpus``; without index where ``anonymous``."""
        return tuple([self._grant(ANONYMOUS if anonymous else gpu, milli, mib) for gpu in gpus])

    def split(self, grants: tuple[Grant, ...], shape: Shape) -> tuple[tuple[Grant, ...], ...]:
        """Deal the grants of a shape out to its device requests, in order."""
        if len(shape.asks) == 1:
            return (grants,)
        dealt, start = [], 0
        for device in shape.asks:
            stop = start + device.ask.count
            dealt.append(grants[start:stop])
            start = stop
        return tuple(dealt)

    def _grant(self, gpu: int, milli: int, mib: int) -> Grant:
        key = (gpu, milli, mib)
        grant = self._grants.get(key)
        if grant is None:
            if len(self._grants) >= _MAX_GRANTS:
                self._grants.clear()
            grant = self._grants[key] = Grant(Slot(gpu), milli, mib)
        return grant
