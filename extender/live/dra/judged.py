"""Candidates by what they are to the claims of a pod: who does at what cost, who does not, why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.extender.live.asking import BEST, Candidates
from bayplan.extender.verbs import FilterAnswer, Scores, Why
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.traces.kubernetes.dra.keeping import Cost

NO_ROW = -1
"""The row of a candidate that is as if it were not known."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Candidates by what they are to the claims of a pod.

    Attributes
    ----------
    among
        All of them.
    left
        The same, those that do not do as if they were not known.
    codes
        Of each (len(names),): 0 where it does, else the place of the reason in ``whys``, from 1.
    costs
        Of each.
    """

    among: Candidates
    left: Candidates
    codes: IntArray
    whys: tuple[Why, ...]
    costs: tuple[Cost, ...]

    def joined(self, answer: FilterAnswer) -> FilterAnswer:
        """Return an answer about what is ``left`` with the reasons of the others.

        Parameters
        ----------
        answer
            The answer.
        """
        if answer.error or answer.names is not self.among.names:
            return answer
        codes = np.where(self.codes, self.codes + len(answer.whys), answer.codes)
        return FilterAnswer(answer.names, codes, answer.whys + self.whys)

    @property
    def text(self) -> str:
        """Why candidates do not do, with how many."""
        each = np.bincount(self.codes, minlength=len(self.whys) + 1)[1:].tolist()
        return "; ".join(f"{n:,} × {why.text}" for n, why in zip(each, self.whys, strict=True))

    def cheapest(self, fits: BoolArray) -> Candidates:
        """Return of the candidates that do those that cost least, the others as if not known.

        Parameters
        ----------
        fits
            Which rows have room for what is no device (n_rows,).
        """
        open_ = self._open(fits)
        least = min((self.costs[k] for k in np.flatnonzero(open_).tolist()), default=None)
        chosen = [bool(ok) and cost == least for ok, cost in zip(open_, self.costs, strict=True)]
        return Candidates(self.left.names, np.where(chosen, self.left.rows, NO_ROW))

    def scores(self, fits: BoolArray, row: int) -> Scores:
        """Return a score of each candidate: 10 of the choice, less for what costs more.

        Parameters
        ----------
        fits
            As of ``cheapest``.
        row
            The choice.
        """
        open_ = self._open(fits)
        ranks = {
            cost: k for k, cost in enumerate(sorted({self.costs[k] for k in np.flatnonzero(open_)}))
        }
        last = max(len(ranks) - 1, 1)
        points = [
            (BEST - 1) * (last - ranks[cost]) // last if ok else 0
            for ok, cost in zip(open_.tolist(), self.costs, strict=True)
        ]
        found = np.array(points, np.int64)
        found[self.left.rows == row] = BEST
        return Scores(self.left.names, found)

    def _open(self, fits: BoolArray) -> BoolArray:
        return np.append(fits, False)[self.left.rows]
