"""The page: one HTML file without scripts that asks no network for anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from bayplan import __version__
from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.report.grid import MOST_ROWS, grid_of
from bayplan.simulator.report.plots import BELOW, Heat, Plot, distribution, heat, over_time
from bayplan.simulator.report.room import FloatArray
from bayplan.simulator.report.run import Run
from bayplan.simulator.report.services import service_plots
from bayplan.simulator.report.tables import (
    HEADLINES,
    LongWait,
    Waited,
    differing,
    groups_of,
    long_waits,
    rows_of,
    waited,
)
from bayplan.simulator.report.waiting import (
    REASONS,
    SAID,
    Waiters,
    by,
    longest,
    together,
    with_reasons,
)

MOST_RUNS = 12
LONGEST = 10
_MOST_PARTS = 15
_ROWS_OF_ALL = 384
"""Rows of all grids of a page together: each is some kilobytes."""

_ROUNDING = 1e-9
"""Of all waiting, below which a reason is nobody's."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Table:
    """Who waited by one thing; ``left_out`` are further ones that waited less."""

    title: str
    heading: str
    rows: list[Waited]
    left_out: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Who waited in one run, and all of them together; ``reasons`` are those that anybody had."""

    run: Run
    tables: list[Table]
    longest: list[LongWait]
    reasons: tuple[str, ...]
    everybody: Waiters


def page(runs: Sequence[Run]) -> str:
    """Return the report of a run, or of several side by side: same runs, same bytes.

    Parameters
    ----------
    runs
        At least one; names are told apart by the caller.
    """
    waits = [_waits(run) for run in runs]
    return _template().render(
        runs=runs,
        several=len(runs) > 1,
        headlines=rows_of(runs, HEADLINES),
        groups=groups_of(runs),
        differing=differing(runs),
        distributions=[p for p in _distributions(runs) if p],
        series=[p for p in (*_series(runs), *service_plots(runs)) if p],
        heats=_heats(runs),
        waits=waits,
        all_waits=Table("All jobs", "run", waited([w.everybody for w in waits], len(waits))[0], 0),
        reasons=_reasons(waits),
        version=__version__,
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _distributions(runs: Sequence[Run]) -> Iterator[Plot | None]:
    yield distribution(runs, "wait_s", "wait", "waited")
    yield distribution(runs, "jct_s", "time from arrival to end", "from arrival to end")


def _series(runs: Sequence[Run]) -> Iterator[Plot | None]:
    """Yield what happened over time: of one run a plot a kind, of several a curve a run."""
    of_gpus = [("allocated", _allocated), ("effective", _effective)]
    of_jobs = [("waiting", _waiting), ("running", _running)]
    of_pieces = [("fragmented", _fragmented), ("MIG places blocked", _blocked)]
    if len(runs) == 1:
        run = runs[0]

        def lines(kinds: Any) -> list[tuple[str, int, Run, FloatArray]]:
            return [(name, look, run, of(run)) for look, (name, of) in enumerate(kinds)]

        # Often the same: a wider line below can be seen beside a narrower one above.
        gpus = [("busy", BELOW, run, _busy(run)), *lines(of_gpus)]
        yield over_time("gpus", "GPUs", "% of the GPUs", gpus, least_high=100.0)
        yield over_time("queue", "Queue", "jobs", lines(of_jobs))
        yield over_time("pieces", "Fragmentation", "%", lines(of_pieces))
        return
    titles = {"allocated": "GPUs allocated", "effective": "GPUs effective",
              "waiting": "Jobs waiting", "fragmented": "GPUs fragmented",
              "MIG places blocked": "MIG places blocked"}  # fmt: skip
    for name, of in (*of_gpus, *of_jobs[:1], *of_pieces):
        curves = [(run.name, look, run, of(run)) for look, run in enumerate(runs)]
        is_share = (name, of) in of_gpus
        label = "jobs" if name == "waiting" else "% of the GPUs"
        label = "% of the places" if of is _blocked else label
        high = 100.0 if is_share else 0.0
        yield over_time(name.split()[0], titles[name], label, curves, least_high=high)


def _column(run: Run, name: str) -> FloatArray:
    values: FloatArray = run.series[name].cast(float).fill_null(float("nan")).to_numpy()
    return values


def _capacity(run: Run) -> FloatArray:
    return np.maximum(GPU_MILLI * _column(run, "gpus"), 1.0)


def _allocated(run: Run) -> FloatArray:
    return 100.0 * _column(run, "allocated_milli") / _capacity(run)


def _effective(run: Run) -> FloatArray:
    return 100.0 * _column(run, "effective_milli") / _capacity(run)


def _busy(run: Run) -> FloatArray:
    return 100.0 * _column(run, "busy_gpus") / np.maximum(_column(run, "gpus"), 1)


def _fragmented(run: Run) -> FloatArray:
    return 100.0 * _column(run, "fragmentation_milli") / _capacity(run)


def _blocked(run: Run) -> FloatArray:
    return 100.0 * _column(run, "mig_blocked")


def _waiting(run: Run) -> FloatArray:
    return _column(run, "waiting")


def _running(run: Run) -> FloatArray:
    return _column(run, "running")


def _heats(runs: Sequence[Run]) -> list[Heat]:
    most = min(MOST_ROWS, _ROWS_OF_ALL // len(runs))
    found = (heat(f"heat-{i}", run, grid_of(run, most)) for i, run in enumerate(runs))
    return [each for each in found if each]


def _reasons(waits: Sequence[Waits]) -> list[tuple[str, str]]:
    """Return the reasons that the page has to explain, with what they mean."""
    return [(r, SAID[r]) for r in REASONS if any(r in each.reasons for each in waits)]


def _waits(run: Run) -> Waits:
    jobs = with_reasons(run)
    least_s = _ROUNDING * float(jobs["wait_s"].sum())
    seen = tuple(reason for reason in REASONS if float(jobs[reason].sum()) > least_s)
    tables = []
    for column, title, heading in (
        ("size", "By what jobs ask for", "asks for"),
        ("queue", "By queue", "queue"),
        ("user", "By user", "user"),
    ):
        rows = by(jobs, column)
        if column == "size" or any(row.name for row in rows):
            tables.append(Table(title, heading, *waited(rows, _MOST_PARTS)))
    shown = long_waits(longest(jobs, LONGEST), run.span_s[0])
    return Waits(run, tables, shown, seen, together(jobs, run.name))
