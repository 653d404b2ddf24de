"""A plan for the terminal, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.plan.report import gpus_of, n_gpus
from bayplan.simulator.plan.results import Placed, Plan, Waiting
from bayplan.traces.console import plain
from bayplan.traces.kubernetes import Problem

ROWS = 20
"""Rows of a table, unless all are asked for."""

EXPLAINED = 3
_INDENT = "  "


def as_tables(
    plan: Plan, problems: Sequence[Problem], *, everything: bool = False
) -> Iterator[RenderableType]:
    """Yield what is to be printed.

    Parameters
    ----------
    plan
        The plan.
    problems
        What could not be used.
    everything
        Whether to show all rows.
    """
    most = max(len(plan.placed), len(plan.evicted), len(plan.waiting), len(problems), ROWS)
    most = most if everything else ROWS
    yield _summary(plan)
    if plan.placed:
        yield from _placed(plan.placed, most)
    if plan.evicted:
        rows = [(e.request.uid, e.node, str(e.request.priority), e.by) for e in plan.evicted]
        yield from _table("evicted", ("pod", "node", "priority", "for"), rows, most, (2,))
    if plan.waiting:
        yield from _waiting(plan.waiting, most)
    if problems:
        found = [(f"{p.kind} {p.name}", p.field, p.text) for p in problems]
        yield from _table("problems", ("object", "field", "problem"), found, most)


def _summary(plan: Plan) -> Text:
    free, after = (f"{milli / GPU_MILLI:,.1f}" for milli in (plan.before, plan.after))
    return plain(
        f"{plan.nodes:,} node{_s(plan.nodes)}, {plan.gpus:,} GPU{_s(plan.gpus)},"
        f" {plan.bound:,} pod{_s(plan.bound)} running, {free} GPUs free."
        f" Placed {len(plan.placed):,}, evicted {len(plan.evicted):,},"
        f" waiting {len(plan.waiting):,}; {after} GPUs free then."
    )


def _s(n: int) -> str:
    return "" if n == 1 else "s"


def _placed(placed: Sequence[Placed], most: int) -> Iterator[RenderableType]:
    rows = [
        (
            each.request.uid,
            each.placement.node,
            _gpus(each),
            f"{each.gang} ({len(each.evicts)})" if each.evicts else each.gang,
        )
        for each in placed
    ]
    evicts = any(each.evicts for each in placed)
    heading = "gang (evicts)" if evicts else "gang"
    return _table("placed", ("pod", "node", "GPUs", heading), rows, most)


def _gpus(placed: Placed) -> str:
    gpus = gpus_of(placed.placement)
    if not gpus:
        return "-"
    if None in gpus:
        return f"{len(gpus)} any"
    return ",".join(map(str, gpus))


def _waiting(waiting: Sequence[Waiting], most: int) -> Iterator[RenderableType]:
    """Yield the waiting pods by why they wait, and what can be said of the most common kinds."""
    kinds: dict[tuple[str, str], list[Waiting]] = {}
    for each in waiting:
        reason = max(each.reasons, key=lambda pair: pair[1])[0].text if each.reasons else ""
        kinds.setdefault((each.why, reason), []).append(each)
    rows = [
        (str(len(members)), _example(members), f"{why}: {reason}" if reason else why)
        for (why, reason), members in kinds.items()
    ]
    yield from _table("waiting", ("pods", "such as", "why"), rows, most, (0,))
    shown: set[str] = set()
    for members in sorted(kinds.values(), key=len, reverse=True):
        for each in members:
            _, _, body = each.text.partition("\n")
            if each.text and body not in shown and len(shown) < EXPLAINED:
                shown.add(body)
                yield plain_lines(each.text)
                yield Text()


def plain_lines(text: str) -> Text:
    """Return lines as they stand, those after the first indented.

    Parameters
    ----------
    text
        The lines.
    """
    head, *rest = text.splitlines()
    return Text("\n").join([plain(head), *(plain(_INDENT + line) for line in rest)])


def _example(members: Sequence[Waiting]) -> str:
    first = members[0].request
    gpus = n_gpus(first)
    return f"{first.uid} ({gpus} GPU{_s(gpus)})" if gpus else first.uid


def _table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    most: int,
    right: Iterable[int] = (),
) -> Iterator[RenderableType]:
    more = len(rows) - most
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    numbers = set(right)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index in numbers else "left", overflow="fold")
    for row in rows[:most]:
        table.add_row(*map(plain, row))
    yield table
    if more > 0:  # no caption: it would be wrapped to the width of the table
        yield plain(f"… and {more:,} more; --all shows them")
        yield Text()
