"""Makes grants from chosen GPUs, and shares equal ones: most placements are alike."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.hardware.types import MigProfile
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import Grant, Slot

_MAX_GRANTS = 65_536


class GrantTable:
    """A bounded table of grants by slot, milli and MiB; emptied when it is full."""

    def __init__(self) -> None:
        self._grants: dict[tuple[int | str, ...], Grant] = {}
        self._sets: dict[tuple[int, ...], tuple[Grant, ...]] = {}

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

    def of_gpus(self, gpus: Sequence[int], milli: int, mib: int) -> tuple[Grant, ...]:
        """Return ``milli`` and ``mib`` of each of some GPUs; equal ones are the same object."""
        key = (milli, mib, *gpus)
        grants = self._sets.get(key)
        if grants is None:
            if len(self._sets) >= _MAX_GRANTS:
                self._sets.clear()
            grants = self._sets[key] = tuple([self.grant(gpu, milli, mib) for gpu in gpus])
        return grants

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
