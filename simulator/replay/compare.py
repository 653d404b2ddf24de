"""Sharing modes side by side, as tables for the terminal: means over the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bayplan.scheduler.types import Reason
from bayplan.simulator.replay.sweep import Run
from bayplan.simulator.replay.table import seconds
from bayplan.traces.console import plain

_WIDTH = 76
_LABEL = 24
Key = tuple[str, str]


def by_sharing(runs: Sequence[Run]) -> dict[Key, list[Run]]:
    """Return the runs of each (sharing, policy), in the order of their first run."""
    grouped: dict[Key, list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.sharing, run.policy), []).append(run)
    return grouped


def compare_tables(runs: Sequence[Run], load: float) -> tuple[Table, Table]:
    """Return what was placed and lost, and what was refused and why; at most 80 columns wide."""
    return _figures(runs, load), _refusals(runs)


def _figures(runs: Sequence[Run], load: float) -> Table:
    seeds = len({run.seed for run in runs})
    table = _table(
        f"GPUs at a load of {100 * load:.0f} %, in % of capacity; "
        + ("1 seed" if seeds == 1 else f"means of {seeds} seeds")
    )
    table.caption = "internal: taken, not asked for; external: free, of no use to a typical pod"
    policies = len({run.policy for run in runs}) > 1
    table.add_column(
        "sharing\n  policy" if policies else "sharing", overflow="fold"
    )  # an explicit layout can be long
    for heading in (
        "pods\nplaced",
        "pods\nrefused",
        "allo-\ncated",
        "internal\nfragments",
        "external\nfragments",
        "decide\ns/run",
    ):
        table.add_column(heading, justify="right")
    last = ""
    for (sharing, policy), group in by_sharing(runs).items():
        if policies and sharing != last:
            table.add_row(plain(sharing))
        last = sharing
        table.add_row(
            plain(f"  {policy}" if policies else sharing),
            f"{fmean(run.placed for run in group):.0f}",
            f"{fmean(run.pods - run.placed for run in group):.0f}",
            *(f"{fmean(each):.2f}" for each in zip(*map(_shares, group), strict=True)),
            seconds(fmean(run.decide_s for run in group)),
        )
    return table


def _shares(run: Run) -> tuple[float, float, float]:
    """Return allocated, internal and external fragmentation in percent of capacity."""
    amounts = run.gpu_allocated_milli, run.gpu_internal_milli, run.gpu_stranded_milli
    allocated, inside, outside = (100 * amount / run.gpu_capacity_milli for amount in amounts)
    return allocated, inside, outside


def _refusals(runs: Sequence[Run]) -> Table:
    table = _table("Refused pods, by what most nodes lacked that could have held them")
    table.add_column("sharing", overflow="fold", max_width=_LABEL)
    table.add_column("pods", justify="right", no_wrap=True)
    table.add_column("reason", ratio=1)
    for key, group in by_sharing(runs).items():
        for i, (reason, pods) in enumerate(_reasons(group)):
            label = " ".join(key) if len({run.policy for run in runs}) > 1 else key[0]
            table.add_row("" if i else plain(label), f"{pods:.0f}", reason.text)
    return table


def _reasons(group: Sequence[Run]) -> Iterator[tuple[Reason, float]]:
    """Return the mean number of refused pods by reason, the commonest first."""
    names = {name for run in group for name in run.refused}
    means = {Reason[name]: fmean(run.refused.get(name, 0) for run in group) for name in names}
    yield from sorted(means.items(), key=lambda item: (-item[1], item[0]))


def _table(title: str) -> Table:
    return Table(
        title=title, min_width=_WIDTH, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
