"""Work at a rate that is constant between changes, integrated exactly: nothing gets lost."""

from __future__ import annotations

import math

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.timing import change_rates, settle
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.settings import Interruptions


class Exact:
    """Work done is rate × time; a stopped job goes back to its last checkpoint.

    Checkpoints are ``checkpoint_s`` apart, counted from when the stint began to do work; a job
    that starts again first pays for it without progress. Work is conserved: what was asked for is
    what was done when a job finishes, and what was undone is booked as lost.
    """

    every_pass = False
    tolerance = 0.0

    def __init__(self, costs: Interruptions) -> None:
        self._costs = costs
        self.checkpoint_s = float(costs.checkpoint_s)

    def begin(self, book: Book, job: int, now_s: float) -> None:
        """Let a job that was stopped before start with its restart cost."""
        book.since_s[job] = now_s
        book.ready_s[job] = now_s + self.start_cost_s(book, job)
        book.safe_s[job] = book.done_s.item(job)

    def start_cost_s(self, book: Book, job: int) -> float:
        """Return the restart cost of a job that was stopped before, 0 for others."""
        stops = book.preemptions.item(job), book.oom_kills.item(job), book.failures.item(job)
        if not any(stops):
            return 0.0
        gpus = max(1.0, book.gpus.item(job))
        return self._costs.restart_s + self._costs.restart_log2_s * math.log2(gpus)

    def settle(self, book: Book, jobs: IntArray, now_s: float) -> None:
        """Add rate × time."""
        settle(
            jobs,
            float(now_s),
            self.checkpoint_s,
            book.work_s,
            book.done_s,
            book.safe_s,
            book.rate,
            book.since_s,
            book.ready_s,
        )

    def change(self, book: Book, jobs: IntArray, rates: FloatArray, now_s: float) -> FloatArray:
        """Settle at the old rates, and predict by the new ones."""
        finish = np.empty(jobs.size)
        change_rates(
            jobs,
            rates,
            float(now_s),
            self.checkpoint_s,
            book.work_s,
            book.done_s,
            book.safe_s,
            book.rate,
            book.since_s,
            book.ready_s,
            finish,
        )
        return finish

    def stop(self, book: Book, job: int, now_s: float) -> None:
        """Undo what was done since the last checkpoint."""
        self.settle(book, np.array([job]), now_s)
        self._book_overhead(book, job, now_s)
        lost = book.done_s.item(job) - book.safe_s.item(job)
        if lost > 0.0:
            book.lost_s[job] += lost
            book.done_s[job] = book.safe_s[job]

    def save(self, book: Book, job: int, now_s: float) -> None:
        """Make a checkpoint now; the others stay where they are."""
        self.settle(book, np.array([job]), now_s)
        book.safe_s[job] = book.done_s[job]

    def complete(self, book: Book, job: int, now_s: float) -> None:
        """Call the work done: the end was predicted, and only rounding is between."""
        self._book_overhead(book, job, now_s)
        book.done_s[job] = book.work_s.item(job)

    def _book_overhead(self, book: Book, job: int, now_s: float) -> None:
        ready, start = book.ready_s.item(job), book.stint_s.item(job)
        if ready > start:
            book.overhead_s[job] += min(now_s, ready) - start
