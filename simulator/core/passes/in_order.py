"""Preemption by the order of the queue: who comes first runs, and takes room from the last."""

from __future__ import annotations

from bayplan.scheduler.events import Gone, Returned
from bayplan.simulator.core.floor import Floor


class InOrder:
    """Jobs that run and jobs that wait stand in one order; running ones stay where they are.

    A waiting job that does not fit takes the room of running jobs behind it in the order, from the
    last on, as many as it needs: of those that had to make room the foremost go back when the
    job fits all the same. That makes SRTF, LAS or priorities preemptive. Jobs that are not
    preemptible, or have run for less than ``min_run_s``, give no room.
    """

    settled = True

    def __init__(self, min_run_s: float) -> None:
        self._min_run_s = min_run_s

    def is_idle(self, floor: Floor) -> bool:
        """Look each time: who runs may have to go."""
        return False

    def run(self, floor: Floor) -> None:
        """Start whoever fits or may take room."""
        if not len(floor.waiting):
            return
        order = floor.all_in_order()
        refused: set[int] = set()
        stopped = False
        for place, job in enumerate(order):
            number = floor.book.class_of.item(job)
            if job in floor.running or number in refused or self._starts(floor, job):
                continue
            behind = [j for j in reversed(order[place + 1 :]) if self._may_go(floor, j)]
            if make_room(floor, job, behind):
                stopped = True
                floor.freed()
            else:
                refused.add(number)
        if stopped:  # who was stopped may have left more room than was needed
            for job in floor.waiting.in_order(floor.now_s, blocked=False).tolist():
                self._starts(floor, job)

    def _starts(self, floor: Floor, job: int) -> bool:
        if floor.waiting.is_blocked(job):
            return False
        if floor.try_start(job):
            return True
        floor.waiting.block(floor.book.class_of.item(job))
        return False

    def _may_go(self, floor: Floor, job: int) -> bool:
        if job not in floor.running or not floor.book.preemptible.item(job):
            return False
        ran_s: float = floor.now_s - floor.book.stint_s.item(job)
        return ran_s >= self._min_run_s


def make_room(floor: Floor, job: int, candidates: list[int]) -> bool:
    """Stop as few of the candidates, the first ones first, as a job needs to start; start it.

    Returns False, and changes nothing, when all of them are not enough. Those from whose places
    new pods are kept are among them only when the others are not enough: they leave little that
    anybody may have.
    """
    back = [each for each in candidates if floor.may_come_back(each)]
    victims = _victims(floor, job, back)
    if victims is None and len(back) < len(candidates):
        victims = _victims(floor, job, candidates)
    if victims is None:
        return False
    for victim in victims:
        floor.stop(victim)
    started = floor.try_start(job)
    assert started, "the trial found room"
    return True


def _victims(floor: Floor, job: int, candidates: list[int]) -> list[int] | None:
    book = floor.book
    free = floor.free_milli() + sum(book.held_milli.item(each) for each in candidates)
    if free < floor.least_milli(job):
        return None
    with floor.cluster.trial():
        gone = _until_it_fits(floor, job, candidates)
        return None if gone is None else _reprieve(floor, job, gone)


def _until_it_fits(floor: Floor, job: int, candidates: list[int]) -> list[int] | None:
    gone: list[int] = []
    step = 1
    while len(gone) < len(candidates):
        for each in candidates[len(gone) : len(gone) + step]:
            for uid in floor.pods.uids(each):
                floor.cluster.apply(Gone(uid))
            gone.append(each)
        step *= 2
        if floor.decide(job) is not None:
            return gone
    return None


def _reprieve(floor: Floor, job: int, gone: list[int]) -> list[int]:
    """Put back whoever leaves enough room, the last to go first; return who stays away."""
    victims = []
    for each in reversed(gone):
        uids = floor.pods.uids(each)
        for uid in uids:
            floor.cluster.apply(Returned(uid))
        if floor.decide(job) is None:
            for uid in uids:
                floor.cluster.apply(Gone(uid))
            victims.append(each)
    return victims[::-1]
