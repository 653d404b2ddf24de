"""Everybody anew: all jobs in the order of the policy, onto an empty cluster."""

from __future__ import annotations

from bayplan.simulator.core.floor import Floor


class Repack:
    """At each pass empty the cluster and place all jobs, running and waiting, in order.

    Who does not fit is passed by. Placing is a function of the jobs before in the order, so those
    up to the first difference to the last pass stay where they are, unless nodes have changed: to
    another job, to one that asks for something else, or to one that was stopped meanwhile. A job
    that finds its old place again has not been stopped; one that moves has (it is preempted,
    and starts at once elsewhere). Source: the event loop of the simulators of Tiresias (NSDI 2019)
    and Muri (SIGCOMM 2022).
    """

    settled = True

    def __init__(self) -> None:
        self._last: list[int] = []
        self._asked: list[int] = []
        self._placed: list[int] = []
        self._node_changes = 0

    def is_idle(self, floor: Floor) -> bool:
        """Look each time: who runs may have to go."""
        return False

    def run(self, floor: Floor) -> None:
        """Place all jobs in order."""
        order = floor.all_in_order()
        if floor.node_changes != self._node_changes:
            self._last, self._node_changes = [], floor.node_changes  # who was refused may fit now
        asked = [floor.book.class_list[job] for job in order]
        stopped = {job for job in self._placed if job not in floor.running}
        alike = 0
        for now, before, asks, asked_before in zip(
            order, self._last, asked, self._asked, strict=False
        ):
            if now != before or asks != asked_before or now in stopped:
                break
            alike += 1
        kept = set(order[:alike])
        moved = [job for job in self._placed if job not in kept and job in floor.running]
        for job in reversed(moved):
            floor.lift(job)
        refused: set[int] = {
            floor.book.class_of.item(job) for job in order[:alike] if job not in floor.running
        }
        for job in order[alike:]:
            number = floor.book.class_of.item(job)
            if number not in refused and not floor.put(job):
                refused.add(number)
        floor.drop_lifted()
        self._last, self._asked = order, asked
        self._placed = [job for job in order if job in floor.running]
