"""GPU time that each queue has used, where old use counts less.

A milli-GPU-second that is ``half_life_s`` old counts half (Slurm's ``PriorityDecayHalfLife``,
KAI's time-based fair share). Between two changes the use is constant, so that the integral is
exact: ``value × 2^(-dt/h) + milli × h/ln 2 × (1 − 2^(-dt/h))``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError, StateError


@dataclass(slots=True)
class _Since:
    """What a queue has used up to a time, and what it uses from then on."""

    time_s: float
    milli: int = 0
    value: float = 0.0


class DecayedUsage:
    """Milli-GPU-seconds used by each queue, with a half-life.

    Parameters
    ----------
    half_life_s
        After this time a use counts half; None: for ever the same.

    Raises
    ------
    InputError
        A half-life that is not above 0.
    """

    def __init__(self, half_life_s: float | None = None) -> None:
        if half_life_s is not None and not 0 < half_life_s < math.inf:
            raise InputError(
                f"a half-life of {half_life_s} s", fix="give more than 0, or none for no decay"
            )
        self.half_life_s = half_life_s
        self._queues: dict[str, _Since] = {}

    def change(self, now_s: float, queue: str, milli: int) -> None:
        """Let a queue use ``milli`` milli-GPU more from now on (negative: less).

        Raises
        ------
        StateError
            A time before the queue's latest change, or less than nothing in use.
        """
        since = self._queues.get(queue) or _Since(now_s)
        if now_s < since.time_s:
            raise StateError(
                f"queue {queue}: {now_s} s is before its latest change, {since.time_s} s"
            )
        if since.milli + milli < 0:
            raise StateError(f"queue {queue} uses {since.milli} milli-GPU, {-milli} cannot go")
        since.value = self._at(since, now_s)
        since.time_s = now_s
        since.milli += milli
        self._queues[queue] = since

    def at(self, now_s: float) -> dict[str, float]:
        """Return the decayed milli-GPU-seconds of each queue that ever used any, sorted by name.

        Raises
        ------
        StateError
            A time before the latest change.
        """
        late = max((since.time_s for since in self._queues.values()), default=-math.inf)
        if now_s < late:
            raise StateError(f"{now_s} s is before the latest change, {late} s")
        return {queue: self._at(self._queues[queue], now_s) for queue in sorted(self._queues)}

    def _at(self, since: _Since, now_s: float) -> float:
        passed = now_s - since.time_s
        if self.half_life_s is None:
            return since.value + since.milli * passed
        # expm1: for short times, 1 − 2^(-x) would lose its digits.
        halvings = math.log(2) * passed / self.half_life_s
        weight = -math.expm1(-halvings) * self.half_life_s / math.log(2)
        return since.value * math.exp(-halvings) + since.milli * weight
