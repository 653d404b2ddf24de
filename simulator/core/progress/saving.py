"""Checkpoints that take time, at an interval that goes by how often what a job runs on fails."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.timing import change_rates_each, settle_each
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.progress.exact import Exact
from bayplan.simulator.core.settings import Interruptions

Interval = Callable[[float, float], float]
"""Returns the seconds of work between two saves, of the cost of one and the MTTF."""

NEVER_S = 1e18
"""Of an interval so long that nothing is ever saved; the kernels divide by it."""


def young_s(save_s: float, mttf_s: float) -> float:
    """Return the interval between checkpoints √(2 × save × MTTF), seconds of work.

    References
    ----------
    J. W. Young, "A first order approximation to the optimum checkpoint interval",
    Communications of the ACM 17(9), 1974.
    """
    return math.sqrt(2.0 * save_s * mttf_s)


def daly_s(save_s: float, mttf_s: float) -> float:
    """Return the interval of higher order, seconds of work between two saves.

    With x = save / (2 × MTTF), √(2 × save × MTTF) × (1 + √x / 3 + x / 9) − save; where a save
    takes 2 × MTTF or more, the MTTF.

    References
    ----------
    J. T. Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps",
    Future Generation Computer Systems 22(3), 2006, equation 37.
    """
    if save_s >= 2.0 * mttf_s:
        return mttf_s
    if mttf_s == math.inf:
        return math.inf
    part = save_s / (2.0 * mttf_s)
    return young_s(save_s, mttf_s) * (1.0 + math.sqrt(part) / 3.0 + part / 9.0) - save_s


INTERVALS: dict[str, Interval] = {"young": young_s, "daly": daly_s}
"""By the name of ``interruptions.checkpoint``; ``fixed`` is none of them."""


class Saving(Exact):
    """Work as ``Exact`` has it, with a save of ``save_s`` after each interval of work.

    The time that saves take is spread evenly: between them and in them a job goes at
    interval / (interval + save) of its speed, and what it has done at the end of each interval and
    save is safe. The interval is worked out when a stint begins, of the MTTF of what it is on.

    Raises
    ------
    InputError
        ``checkpoint`` is unknown, or goes by the cost of a save, and that is 0.
    """

    def __init__(self, costs: Interruptions) -> None:
        super().__init__(costs)
        self._save_s = float(costs.save_s)
        self._interval: Interval = INTERVALS.get(costs.checkpoint, self._fixed)
        if costs.checkpoint not in ("fixed", *INTERVALS):
            names = ", ".join(("fixed", *INTERVALS))
            raise InputError(
                f"there is no interval of checkpoints {costs.checkpoint!r}",
                fix=f"choose from {names}",
            )
        if costs.checkpoint != "fixed" and not costs.save_s > 0.0:
            raise InputError(
                f"checkpoint {costs.checkpoint!r} goes by what a save costs, and save_s is 0",
                fix="write how long one takes",
            )

    def _fixed(self, save_s: float, mttf_s: float) -> float:
        return self.checkpoint_s

    def begin(self, book: Book, job: int, now_s: float) -> None:
        """Work out the interval, and slow the job down by what its saves take.

        Replicas of services have nothing to save.
        """
        super().begin(book, job, now_s)
        if job >= book.n_batch:
            return
        interval_s = min(self._interval(self._save_s, book.mttf_s.item(job)), NEVER_S)
        book.period_s[job] = interval_s + self._save_s
        book.base[job] *= interval_s / (interval_s + self._save_s)

    def settle(self, book: Book, jobs: IntArray, now_s: float) -> None:
        """Add rate × time."""
        settle_each(
            jobs,
            float(now_s),
            book.period_s,
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
        change_rates_each(
            jobs,
            rates,
            float(now_s),
            book.period_s,
            book.work_s,
            book.done_s,
            book.safe_s,
            book.rate,
            book.since_s,
            book.ready_s,
            finish,
        )
        return finish

    def _book_overhead(self, book: Book, job: int, now_s: float) -> None:
        super()._book_overhead(book, job, now_s)
        if job >= book.n_batch:
            return
        worked_s = now_s - max(book.ready_s.item(job), book.stint_s.item(job))
        if worked_s > 0.0:
            book.overhead_s[job] += worked_s * self._save_s / book.period_s.item(job)


def model_of(costs: Interruptions) -> Exact:
    """Return the model for some costs: the faster one where saves take no time.

    Parameters
    ----------
    costs
        Of interruptions.

    Raises
    ------
    InputError
        They contradict each other.
    """
    if costs.checkpoint == "fixed" and not (costs.checkpoint_s and costs.save_s):
        return Exact(costs)
    return Saving(costs)
