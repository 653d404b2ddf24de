"""What a progress model promises."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.simulator.core.book import Book


class ProgressModel(Protocol):
    """How work advances between two events, and what stopping it costs.

    A model alone writes the columns ``done_s``, ``rate``, ``since_s``, ``ready_s``, ``lost_s`` and
    ``overhead_s`` of a book, for running jobs; one object serves one simulation. Attributes:

    ``every_pass``
        Whether all running jobs are settled before each pass and predicted anew after it. Else
        only those are whose rates change.
    ``tolerance``
        Ends that are this near each other, relative to the time, are one event.
    """

    every_pass: bool
    tolerance: float

    def start_cost_s(self, book: Book, job: int) -> float:
        """Return for how long a job that starts now would do no work."""

    def begin(self, book: Book, job: int, now_s: float) -> None:
        """Note that a job starts, or starts again; its rate follows by ``change``."""

    def settle(self, book: Book, jobs: IntArray, now_s: float) -> None:
        """Bring ``done_s`` of running jobs up to now."""

    def change(self, book: Book, jobs: IntArray, rates: FloatArray, now_s: float) -> FloatArray:
        """Settle jobs, give them new rates, and return when each is expected to finish: (n,)."""

    def stop(self, book: Book, job: int, now_s: float) -> None:
        """Settle a job that is preempted or killed, and undo the work that is lost."""

    def complete(self, book: Book, job: int, now_s: float) -> None:
        """Settle a job whose predicted end has come: it is finished."""


@runtime_checkable
class Saves(Protocol):
    """What a progress model has too whose jobs can save their work when they are told to."""

    def save(self, book: Book, job: int, now_s: float) -> None:
        """Settle a running job, and call all that it has done safe."""
