"""Without preemption: who waits is served in order, as far as there is room."""

from __future__ import annotations

from heapq import heappop, heappush

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
        first = waiting.first()
        return first is None or waiting.is_blocked(first[3])

    def _by_class(self, floor: Floor) -> None:
        waiting = floor.waiting
        heads = waiting.open_heads()
        while heads:
            entry, number = heappop(heads)
            if waiting.is_hopeless(floor.cluster, number) or not floor.try_start(entry[3]):
                waiting.block(number)
            elif (head := waiting.head(number)) is not None:
                heappush(heads, (head, number))

    def _strictly(self, floor: Floor) -> None:
        waiting = floor.waiting
        while (entry := waiting.first()) is not None:
            job = entry[3]
            if waiting.is_blocked(job):
                return
            number = floor.book.class_of.item(job)
            if waiting.is_hopeless(floor.cluster, number) or not floor.try_start(job):
                waiting.block(number)
                return

    def _sorted(self, floor: Floor) -> None:
        waiting = floor.waiting
        for job in waiting.in_order(floor.now_s, blocked=self._strict).tolist():
            if not waiting.is_blocked(job):
                number = floor.book.class_of.item(job)
                if not waiting.is_hopeless(floor.cluster, number) and floor.try_start(job):
                    continue
                waiting.block(number)
            if self._strict:
                return
