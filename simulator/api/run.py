"""One simulation, and what came out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.simulator.api.scenario import Given, Scenario, scenario_from
from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.metrics import Part, Summary, summarise
from bayplan.simulator.metrics.figures import Figures, figures_of
from bayplan.simulator.outputs import write_outputs
from bayplan.simulator.outputs.parquet import job_frame, series_frame, service_frame
from bayplan.simulator.outputs.services import services_text
from bayplan.simulator.outputs.text import summary_text
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.ready import Ready, made_ready
from bayplan.simulator.scenario.values import nearest
from bayplan.simulator.simulate.notes import about_jobs, about_runs, facts_of
from bayplan.simulator.simulate.running import described, kernel_groups, run
from bayplan.traces.console import as_text
from bayplan.traces.files import PathLike

if TYPE_CHECKING:
    import polars as pl

    from bayplan.simulator.api.picture import Picture

DRAWN = {
    "wait": ("wait_s", "wait, seconds"),
    "delay": ("delay_s", "from arrival to first start, seconds"),
    "jct": ("jct_s", "completion time, seconds"),
    "slowdown": ("slowdown", "slowdown"),
    "rho": ("rho", "finish-time fairness rho"),
}
"""Figures of jobs that have a distribution, and what an axis of them is called."""

_MOST_LINES = 8


def simulate(scenario: Given = None, *, seed: int | None = None) -> Run:
    """Run jobs through a cluster in simulated time, as ``bayplan simulate`` does.

    Parameters
    ----------
    scenario
        What to run: a scenario, its file, its tables, or None for the built-in trace.
    seed
        In place of ``run.seed``.

    Raises
    ------
    InputError
        Anything that is wrong with it.
    KeyboardInterrupt
        It was stopped.
    """
    made = scenario_from(scenario)
    if seed is not None:
        made = made.set("run.seed", seed)
    ready = made_ready(made.usable())
    compile_kernels(kernel_groups(ready))
    outcome, complete = run(ready)
    if not complete:
        raise KeyboardInterrupt
    return Run(made, ready, outcome)


class Run:
    """What a simulation found. ``print`` shows what ``bayplan simulate`` does.

    Attributes
    ----------
    scenario
        What was run.
    summary
        Every metric by its key (see docs/metrics.md); NaN where one says nothing.
    """

    def __init__(self, scenario: Scenario, ready: Ready, outcome: Outcome) -> None:
        self.scenario = scenario
        self._ready = ready
        self._outcome = outcome
        self._summary = summarise(outcome, ready.jobs)
        self.summary = dict(self._summary.values)

    @cached_property
    def jobs(self) -> pl.DataFrame:
        """A row a row of the job table: its columns, then what became of it."""
        return job_frame(self._ready.jobs, self._outcome.jobs)

    @cached_property
    def timeseries(self) -> pl.DataFrame:
        """A row a sample of the cluster."""
        return series_frame(self._outcome.series)

    @property
    def by_queue(self) -> pl.DataFrame:
        """What each queue had; no rows where none is named."""
        return _parts(self._summary.by_queue)

    @property
    def by_user(self) -> pl.DataFrame:
        """What each user had; no rows where none is named."""
        return _parts(self._summary.by_user)

    @cached_property
    def services(self) -> pl.DataFrame:
        """A row a service: what became of its requests and replicas; no rows without services."""
        import polars as pl

        services = self._outcome.services
        return pl.DataFrame([asdict(each) for each in services.totals] if services else [])

    @cached_property
    def service_series(self) -> pl.DataFrame:
        """A row a service and sample; no rows without services."""
        import polars as pl

        services = self._outcome.services
        return service_frame(services) if services else pl.DataFrame()

    @property
    def notes(self) -> list[str]:
        """What a reader must know: jobs that could not run, what was taken for granted."""
        ready, outcome = self._ready, self._outcome
        about = about_runs([facts_of(ready)])
        return [*doubts(ready), *about_jobs(outcome, ready.jobs), *about]

    @property
    def plot(self) -> RunPlots:
        """Its pictures."""
        return RunPlots(self._ready, self._outcome)

    def save(self, folder: PathLike) -> None:
        """Write the summary, the jobs and the time series, as ``bayplan simulate --out`` does.

        What that writes beside them, such as the report, needs more than a run keeps.

        Parameters
        ----------
        folder
            The folder: new, or that of an earlier run.

        Raises
        ------
        InputError
            It cannot be written, or holds other things.
        """
        how = described(self.scenario.usable()) | {"complete": True}
        write_outputs(folder, self._outcome, self._ready.jobs, self._summary, how)

    def __str__(self) -> str:
        services = self._outcome.services
        shown = services_text(services) if services else ()
        return as_text([*summary_text(self._summary), *shown, *self.notes])

    def __repr__(self) -> str:
        return _brief(self._summary)


class RunPlots:
    """Pictures of a run."""

    def __init__(self, ready: Ready, outcome: Outcome) -> None:
        self._ready = ready
        self._outcome = outcome

    def timeline(self) -> Picture:
        """Draw the cluster over time: what is allocated and effective, who waits and runs."""
        from bayplan.simulator.api.picture import Picture
        from bayplan.simulator.outputs.plot import run_figure

        return Picture(run_figure(self._outcome.series, self._outcome.totals))

    def cdf(self, figure: str = "wait", by: str | None = None) -> Picture:
        """Draw which share of the jobs that finished has at most so much of something.

        Parameters
        ----------
        figure
            ``wait``, ``delay``, ``jct``, ``slowdown`` or ``rho``.
        by
            ``queue`` or ``user``: a line each, those with most jobs; None: one line.

        Raises
        ------
        InputError
            There is no such figure, or nothing to tell jobs apart by.
        """
        from bayplan.simulator.api.picture import Picture
        from bayplan.simulator.outputs.cdf import cdf_figure

        if figure not in DRAWN:
            raise InputError(f"cdf: there is no figure {figure!r}", fix=nearest(figure, DRAWN))
        if by not in (None, "queue", "user"):
            raise InputError(f"cdf: by={by!r}", fix="choose from 'queue', 'user', None")
        name, label = DRAWN[figure]
        found = figures_of(self._outcome, self._ready.jobs)
        values = np.where(found.finished, getattr(found, name), np.nan)
        lines = _rows_by(found, by)
        return Picture(cdf_figure({line: values[rows] for line, rows in lines.items()}, label))


def _rows_by(figures: Figures, by: str | None) -> dict[str, list[int]]:
    """Return the jobs of each line: those of most names only, the rest together."""
    names: Sequence[str] = [""] * len(figures.finished)
    if by is not None:
        names = figures.queue if by == "queue" else figures.user
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name or ("(none)" if by else ""), []).append(row)
    largest = sorted(rows, key=lambda name: (-len(rows[name]), name))
    if len(largest) <= _MOST_LINES:
        return {name: rows[name] for name in sorted(rows)}
    kept = sorted(largest[: _MOST_LINES - 1])
    others = [row for name in largest[_MOST_LINES - 1 :] for row in rows[name]]
    return {name: rows[name] for name in kept} | {"all others": others}


def _parts(parts: Sequence[Part]) -> pl.DataFrame:
    import polars as pl

    text, whole = ("name",), ("jobs", "finished")
    types = {
        name: pl.String if name in text else pl.Int64 if name in whole else pl.Float64
        for name in Part.__dataclass_fields__
    }
    return pl.DataFrame([asdict(part) for part in parts], schema=types)


def _brief(summary: Summary) -> str:
    jobs, finished = summary["jobs"], summary["finished"]
    return (
        f"<bayplan.Run: {jobs:,.0f} jobs, {finished:,.0f} finished,"
        f" mean completion {summary['jct_mean_s']:,.0f} s>"
    )
