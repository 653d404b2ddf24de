"""Without preemption: who waits is served in order, as far as there is room."""

from __future__ import annotations

from bayplan.simulator.core.floor import Floor


class Serve:
    """Serve the queue in its order.

    Jobs that do not fit are passed by those behind them; ``strict``: nobody passes the first.
    """

    settled = False

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict

    def run(self, floor: Floor) -> None:
        """Start whoever fits."""
        if not len(floor.waiting):
            return
        if not floor.waiting.keyed:
            self._sorted(floor)
        elif self._strict:
            self._strictly(floor)
        else:
            self._by_class(floor)

    def is_idle(self, floor: Floor) -> bool:
        """Whether all who wait, or strictly the first of them, are known not to fit."""
        waiting = floor.waiting
        if not waiting.keyed or not self._strict:
            return not waiting.has_open
        first = waiting.first_class()
        return first < 0 or waiting.is_blocked(waiting.head(first))

    def _by_class(self, floor: Floor) -> None:
        waiting = floor.waiting
        while (number := waiting.next_open()) >= 0:
            if not floor.try_start(waiting.head(number)):
                waiting.block(number)

    def _strictly(self, floor: Floor) -> None:
        waiting = floor.waiting
        while (number := waiting.first_open()) >= 0:
            if not floor.try_start(waiting.head(number)):
                waiting.block(number)
                return

    def _sorted(self, floor: Floor) -> None:
        waiting = floor.waiting
        for job in waiting.in_order(floor.now_s, blocked=self._strict).tolist():
            if not waiting.is_blocked(job):
                number = floor.book.class_of.item(job)
                if not waiting.is_hopeless(number) and floor.try_start(job):
                    continue
                waiting.block(number)
            if self._strict:
                return
