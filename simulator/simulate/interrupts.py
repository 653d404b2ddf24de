"""Ctrl-C that waits for a good moment: a simulation is stopped between two events."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class Interrupts:
    """Whether somebody wants to stop."""

    def __init__(self) -> None:
        self._came = False

    def came(self, number: int, frame: object) -> None:
        """Take note; the second time, stop at once."""
        if self._came:
            raise KeyboardInterrupt
        self._came = True

    def check(self) -> None:
        """Stop here if somebody wants to.

        Raises
        ------
        KeyboardInterrupt
            Somebody does.
        """
        if self._came:
            raise KeyboardInterrupt


@contextmanager
def patient() -> Iterator[Interrupts]:
    """Hold Ctrl-C back until ``check`` is called; a second one is not held back."""
    interrupts = Interrupts()
    if current_thread() is not main_thread():  # there no handler may be set
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, interrupts.came)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
