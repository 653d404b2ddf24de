"""All metrics of one run, and who had what of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayplan.simulator.core.results import Outcome
from bayplan.simulator.metrics.catalogue import METRICS
from bayplan.simulator.metrics.figures import Figures, IntArray, figures_of
from bayplan.simulator.metrics.spread import mean, ratio, total
from bayplan.traces.jobs import JobTable


@dataclass(frozen=True, slots=True)
class Part:
    """What one queue or one user had of a run; times are those of finished jobs, NaN without."""

    name: str
    jobs: int
    finished: int
    gpu_h: float
    gpu_pct: float
    wait_mean_s: float
    jct_mean_s: float
    slowdown_mean: float


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """A value of each metric by its key, in the order of the catalogue; NaN where it says nothing.

    ``by_queue`` and ``by_user`` are there when any is named, in the order of their names.
    """

    values: dict[str, float]
    by_queue: tuple[Part, ...] = ()
    by_user: tuple[Part, ...] = ()

    def __getitem__(self, key: str) -> float:
        return self.values[key]


def summarise(outcome: Outcome, jobs: JobTable) -> Summary:
    """Return all metrics of a run.

    The rows of a gang count as one job. Waiting, completion and slowdown are those of finished
    jobs: read them beside how many did not finish. Percentiles are linear between sorted values.

    Parameters
    ----------
    outcome
        What a simulation found.
    jobs
        The table that it was given.

    Raises
    ------
    ValueError
        The two are not of one length.
    """
    figures = figures_of(outcome, jobs)
    return Summary(
        {metric.key: metric.of(figures) for metric in METRICS},
        _parts(figures, figures.queue),
        _parts(figures, figures.user),
    )


def _parts(figures: Figures, names: Sequence[str]) -> tuple[Part, ...]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    if not any(rows):
        return ()
    whole = total(figures.gpu_s)
    return tuple(
        _part(figures, name, np.array(rows[name], np.int64), whole) for name in sorted(rows)
    )


def _part(figures: Figures, name: str, rows: IntArray, whole: float) -> Part:
    done = rows[figures.finished[rows]]
    gpu_s = total(figures.gpu_s[rows])
    return Part(
        name,
        rows.size,
        done.size,
        gpu_s / 3600.0,
        100.0 * ratio(gpu_s, whole),
        mean(figures.wait_s[done]),
        mean(figures.jct_s[done]),
        mean(figures.slowdown[done]),
    )
