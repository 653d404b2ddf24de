"""Runs ``bayplan extender serve`` on a wall clock that jumps: SIGUSR1 an hour on, SIGUSR2 back.

The time of day of this process alone is another one: ``time.time`` and ``time.time_ns``, which the
extender, its log and its metrics read, are replaced before any of them is loaded. The monotonic
clocks go on, as they do when a machine's clock is set.
"""

from __future__ import annotations

import signal
import time
from types import FrameType

HOUR_S = 3600
_real, _real_ns = time.time, time.time_ns
_jumped_s = 0


def _time() -> float:
    return _real() + _jumped_s


def _time_ns() -> int:
    return _real_ns() + _jumped_s * 1_000_000_000


def _jump(number: int, frame: FrameType | None) -> None:
    global _jumped_s
    _jumped_s += HOUR_S if number == signal.SIGUSR1 else -HOUR_S


if __name__ == "__main__":
    time.time, time.time_ns = _time, _time_ns
    for _each in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(_each, _jump)
    from bayplan.cli import main

    main()
