"""A plan for the terminal, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.plan.report import gpus_of, n_gpus
from bayplan.simulator.plan.results import Cause, Evicted, Placed, Plan, Waiting
from bayplan.traces.console import MIN_WIDTH, plain
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
        rows = [(e.request.uid, e.node, str(e.request.priority), _for(e)) for e in plan.evicted]
        yield from _table("evicted", ("pod", "node", "priority", "for"), rows, most, (2,))
        yield from _over_budget(plan.evicted)
    if plan.waiting:
        yield from _waiting(plan.waiting, most, len(plan.waiting) if everything else EXPLAINED)
    if problems:
        # The field in a column of its own would leave little of the width to what is wrong.
        found = [(f"{p.kind} {p.name}", f"{p.field}: {p.text}") for p in problems]
        yield from _table("problems", ("object", "problem"), found, most)


def _summary(plan: Plan) -> Text:
    free, after = (f"{milli / GPU_MILLI:,.1f}" for milli in (plan.before, plan.after))
    closed = f" ({plan.closed:,} take{'s' if plan.closed == 1 else ''} no pods)"
    parts = f" ({plan.parts:,} of them MIG instances or replicas)"
    lines = (
        f"{plan.nodes:,} node{_s(plan.nodes)}{closed if plan.closed else ''},"
        f" {plan.gpus:,} GPU{_s(plan.gpus)}{parts if plan.parts else ''},"
        f" {plan.bound:,} pod{_s(plan.bound)} running, {free} GPUs free.",
        f"Placed {len(plan.placed):,}, evicted {len(plan.evicted):,},"
        f" waiting {len(plan.waiting):,}; then {after} GPUs are free.",
    )
    return Text("\n").join(map(plain, lines))


def _for(evicted: Evicted) -> str:
    return f"{evicted.by} (with its gang)" if evicted.cause is Cause.GANG else evicted.by


def _over_budget(evicted: Sequence[Evicted]) -> Iterator[RenderableType]:
    """Yield a line if evictions go beyond disruption budgets."""
    over = [each for each in evicted if each.over_budget]
    if over:
        names = sorted({name for each in over for name in each.over_budget})
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        n = len(over)
        yield plain_lines(
            f"{n:,} eviction{_s(n)} beyond what disruption budgets allow now: {shown}"
        )
        yield Text()


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


def _waiting(waiting: Sequence[Waiting], most: int, texts: int) -> Iterator[RenderableType]:
    """Yield the waiting pods by why they wait, and what can be said of the most common kinds."""
    kinds: dict[tuple[str, str], list[Waiting]] = {}
    for each in waiting:
        reason = max(each.reasons, key=lambda pair: pair[1])[0].text if each.reasons else ""
        kinds.setdefault((_short(each), reason), []).append(each)
    rows = [
        (str(len(members)), _example(members), f"{why}: {reason}" if reason else why)
        for (why, reason), members in kinds.items()
    ]
    yield from _table("waiting", ("pods", "such as", "why"), rows, most, (0,))
    shown: set[str] = set()
    for members in sorted(kinds.values(), key=len, reverse=True):
        for each in members:
            _, _, body = each.text.partition("\n")
            if each.text and body not in shown and len(shown) < texts:
                shown.add(body)
                yield plain_lines(each.text)
                yield Text()


def _short(each: Waiting) -> str:
    """Return why a pod waits, without the names of members: gangs that lack the same are alike."""
    if each.gang and each.lacks_room:
        return f"no room for its gang: {each.why.partition(';')[0]}"
    return each.why


def plain_lines(text: str) -> Text:
    """Return lines as they stand but for long ones, those after the first indented.

    Parameters
    ----------
    text
        The lines.
    """
    head, *rest = text.splitlines()
    lines = [*_wrapped(head), *(part for line in rest for part in _wrapped(_INDENT + line))]
    return Text("\n").join(map(plain, lines))


def _wrapped(line: str) -> list[str]:
    body = line.lstrip(" ")
    indent = line[: len(line) - len(body)]
    further = f"{indent}   " if body[:1].isdecimal() else f"{indent}  "
    return wrap(
        body, MIN_WIDTH, initial_indent=indent, subsequent_indent=further, break_on_hyphens=False
    ) or [""]


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
