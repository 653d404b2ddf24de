"""Services over time: what came, what was served, and what could have been."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bayplan.simulator.report.plots import BELOW, Plot, over_time
from bayplan.simulator.report.room import FloatArray
from bayplan.simulator.report.run import Run

MOST_SERVICES = 6
"""Services that are drawn: the first ones."""

_PER_S = "requests a second"


def service_plots(runs: Sequence[Run]) -> Iterator[Plot | None]:
    """Yield a plot a service: of one run rates and capacity, of several what was in time in each.

    Parameters
    ----------
    runs
        Those of the page; runs without services have no curve.
    """
    names = [name for run in runs for name in _names(run)]
    for number, name in enumerate(list(dict.fromkeys(names))[:MOST_SERVICES]):
        found = [(look, _only(run, name)) for look, run in enumerate(runs) if name in _names(run)]
        if len(runs) == 1:
            ((_, run),) = found
            lines = [
                ("offered", BELOW, run, _column(run, "offered_per_s")),
                ("served", 0, run, _column(run, "served_per_s")),
                ("capacity", 1, run, _column(run, "capacity_per_s")),
            ]
            yield over_time(f"service-{number}", f"Service {name}", _PER_S, lines)
            continue
        lines = [(run.name, look, run, _column(run, "in_time_pct")) for look, run in found]
        title = f"Service {name}: in time"
        yield over_time(f"service-{number}", title, "% of requests", lines, least_high=100.0)


def _names(run: Run) -> list[str]:
    if run.services is None:
        return []
    names: list[str] = run.services["service"].unique(maintain_order=True).to_list()
    return names


def _only(run: Run, name: str) -> Run:
    """Return a run whose series is that of a service."""
    assert run.services is not None
    return replace(run, series=run.services.filter(run.services["service"] == name))


def _column(run: Run, name: str) -> FloatArray:
    values: FloatArray = run.series[name].fill_null(float("nan")).to_numpy()
    return values
