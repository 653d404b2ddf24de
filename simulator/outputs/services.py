"""The services of a run for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from bayplan.simulator.core.services.outcome import ServiceOutcome, ServiceTotals
from bayplan.simulator.outputs.numbers import decimals, number
from bayplan.simulator.outputs.text import table_of
from bayplan.traces.console import plain


def services_text(services: ServiceOutcome) -> Iterator[RenderableType]:
    """Yield what became of requests and replicas, at most 80 columns wide.

    Parameters
    ----------
    services
        Those of a run.
    """
    totals = services.totals
    requests = [
        ("requests", _written([each.offered for each in totals])),
        ("in time,\n%", _written([each.in_time_pct for each in totals])),
        ("dropped", _written([each.dropped for each in totals])),
        ("mean,\ns", [number(each.latency_mean_s) for each in totals]),
        ("p99,\ns", [number(each.latency_p99_s) for each in totals]),
        ("target", [_target(each) for each in totals]),
    ]
    scaled = [f"{each.scale_ups:,}, {each.scale_downs:,}" for each in totals]
    lost = [each.preemptions + each.failures + each.oom_kills for each in totals]
    replicas = [
        ("most", _written([each.most_replicas for each in totals])),
        ("replica-\nhours", _written([sum(each.replica_h) for each in totals])),
        ("by alter-\nnatives", _written([sum(each.replica_h[1:]) for each in totals])),
        ("GPU-h", _written([each.gpu_h for each in totals])),
        ("scaled\nup, down", scaled),
        ("lost\nroom", _written(lost)),
    ]
    if any(each.cost for each in totals):
        replicas.append(("cost", _written([each.cost for each in totals])))
    names = [each.name for each in totals]
    yield _table("Services: requests", names, requests)
    yield _table("Services: replicas", names, replicas)


def _target(each: ServiceTotals) -> str:
    met = "met" if each.met else "missed"
    return f"{each.measure} ≤ {number(each.target_s)} s {met}"


def _written(values: Sequence[float]) -> list[str]:
    places = decimals(values)
    return [number(value, places) for value in values]


def _table(
    title: str, names: Sequence[str], columns: Sequence[tuple[str, Sequence[str]]]
) -> RenderableType:
    table = table_of(title)
    table.add_column("service", overflow="fold", max_width=16)
    for heading, _ in columns:
        table.add_column(heading, justify="right", overflow="fold")
    for name, *cells in zip(names, *(cells for _, cells in columns), strict=True):
        table.add_row(plain(name), *cells)
    return table
