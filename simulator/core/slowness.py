"""GPUs that are slower than they should be, and the jobs that they hold back."""

from __future__ import annotations

from collections.abc import Collection

from bayplan.simulator.core.book import Book
from bayplan.simulator.core.seats import Seats


class Slowness:
    """How fast each GPU is over a sound one, by its number in ``Seats``: 1 unless it is stated.

    A job goes at the speed of the slowest of its GPUs (all of them wait for each other in every
    step), on top of what neighbours leave it. Its speed without that is kept, and comes back to
    the last bit.

    Attributes
    ----------
    factors, since_s
        The GPUs that are slow: how fast each is, above 0 and below 1, and since when.
    """

    def __init__(self, book: Book, seats: Seats) -> None:
        self._book, self._seats = book, seats
        self.factors: dict[int, float] = {}
        self.since_s: dict[int, float] = {}
        self._sound: dict[int, float] = {}

    def begin(self, job: int) -> None:
        """Slow a job down that has just got its seats, if one of its GPUs is slow."""
        if self.factors:
            self._set(job)

    def end(self, job: int) -> None:
        """Forget a job that leaves."""
        self._sound.pop(job, None)

    def set(self, gpu: int, factor: float, now_s: float, jobs: Collection[int]) -> list[int]:
        """Let a GPU be slow from now on, or sound again (1); return the jobs that this concerns.

        Parameters
        ----------
        gpu
            Its number.
        factor
            How fast it is over a sound one.
        now_s
            The time.
        jobs
            Those with a seat on it.
        """
        if factor == 1.0:
            self.factors.pop(gpu, None)
            self.since_s.pop(gpu, None)
        else:
            self.factors[gpu] = factor
            self.since_s[gpu] = now_s
        return [job for job in sorted(jobs) if self._set(job)]

    def _set(self, job: int) -> bool:
        """Give a job the speed that its GPUs have now; False when that is the one it had."""
        gpus = self._seats.gpus_of(job)
        factor = min([self.factors.get(gpu, 1.0) for gpu in gpus], default=1.0)
        base = self._book.base
        before: float = base.item(job)
        sound = self._sound.pop(job, before)
        if factor < 1.0:
            self._sound[job] = sound
            sound *= factor
        base[job] = sound
        return before != sound
