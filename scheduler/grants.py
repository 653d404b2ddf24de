"""Makes grants from chosen GPUs, and shares equal ones: most placements are alike."""

from __future__ import annotations

from bayplan.scheduler.hardware.types import MigProfile
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import Grant, Slot

_MAX_GRANTS = 65_536


class GrantTable:
    """A bounded table of grants by slot, milli and MiB; emptied when it is full."""

    def __init__(self) -> None:
        self._grants: dict[tuple[int | str, ...], Grant] = {}

    def grant(
        self, gpu: int, milli: int, mib: int, start: int = 0, profile: MigProfile | None = None
    ) -> Grant:
        """Return ``milli`` and ``mib`` of a GPU, or of the MIG instance that is at ``start``."""
        key: tuple[int | str, ...] = (gpu, milli, mib)
        if profile is not None or start:
            key = (gpu, milli, mib, start, profile.name if profile else "")
        grant = self._grants.get(key)
        if grant is None:
            size, name = (profile.size, profile.name) if profile else (0, "")
            if len(self._grants) >= _MAX_GRANTS:
                self._grants.clear()
            grant = self._grants[key] = Grant(Slot(gpu, start, size, name), milli, mib)
        return grant

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
