"""A replay's results as a table for the terminal: one line a policy, means over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bayplan.simulator.replay.sweep import Run
from bayplan.traces.console import plain

_WIDTH = 76


def by_policy(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs of each policy, policies in the order of their first run."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.policy, []).append(run)
    return grouped


def as_table(runs: Sequence[Run], load: float) -> Table:
    """Return the table, at most 80 columns wide."""
    last = round(100 * load)
    seeds = len({run.seed for run in runs})
    full = min(100, last)
    loads = sorted({full, last})
    table = Table(
        title=f"GPUs allocated and fragmented, % of capacity; {_seeds(seeds)}",
        caption=f"{fmean(run.pods for run in runs):,.0f} pods a run on average; where none arrives"
        " the last value stands",
        min_width=_WIDTH,
        box=SIMPLE_HEAD,  # its room goes to the numbers
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("policy", no_wrap=True)
    for heading in (
        *(f"allocated\nat {load} %" for load in loads),
        f"fragmented\nat {full} %",
        "pods\nplaced",
        "decide\ns/run",
    ):
        table.add_column(heading, justify="right")
    for policy, group in by_policy(runs).items():
        table.add_row(
            plain(policy),
            *(_spread([_until(run.allocated_pct, load) for run in group]) for load in loads),
            _spread([_until(run.fragmented_pct_of_capacity, full) for run in group]),
            f"{fmean(run.placed for run in group):.0f}",
            seconds(fmean(run.decide_s for run in group)),
        )
    return table


def seconds(value: float) -> str:
    """Return a time with as many digits as one looks at."""
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _seeds(n: int) -> str:
    return "1 seed" if n == 1 else f"mean ± sd of {n} seeds"


def _until(column: Sequence[float | None], load: int) -> float | None:
    """Return the value at a load, or the last one before it."""
    known = [value for value in column[: load + 1] if value is not None]
    return known[-1] if known else None


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{fmean(known):.2f}" + (f" ± {stdev(known):.2f}" if len(known) > 1 else "")
