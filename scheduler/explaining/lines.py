"""The short answer in words: at most 12 lines of 80 columns, and 1,024 bytes.

So many bytes a note of an Event may have (``events.k8s.io/v1``, ``NoteLengthLimit`` of the API
server's validation), and a terminal has so many columns.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from bayplan.scheduler.explaining.brief import Brief, Count, Kind, Search, State
from bayplan.scheduler.explaining.words import name, names, plural

MOST_LINES, MOST_COLUMNS, MOST_BYTES = 12, 80, 1024

_MOST_SAID = 8
"""Lines before those about what would help, so that there is room for some."""
_MOST_REASONS, _MOST_NOTES, _MOST_GPUS = 3, 3, 16
_ROWS, _ROWS_OF_WHY = 2, 4
"""The most rows that a sentence is folded into; reasons in words name what to do, at their end."""


def lines_of(brief: Brief) -> list[str]:
    """Return an answer as lines.

    Parameters
    ----------
    brief
        The answer.
    """
    head, *more = _said(brief)
    said = _folded(head, "  ", _ROWS_OF_WHY if _is_in_head(brief) else _ROWS)
    if brief.why and not _is_in_head(brief):
        said += _folded(_sentence(brief.why), "  ", _ROWS_OF_WHY)
    said = [*said, *(row for line in more for row in _folded(line, "  "))][:_MOST_SAID]
    return _cut(said + _helps(brief, MOST_LINES - len(said)))


def text_of(brief: Brief) -> str:
    """Return the same as one text: what is printed, and the note of an Event.

    Parameters
    ----------
    brief
        The answer.
    """
    return "\n".join(lines_of(brief))


def _said(brief: Brief) -> Iterator[str]:
    yield _pod_head(brief) if brief.kind is Kind.POD else _gang_head(brief)
    if brief.kind is Kind.GANG and brief.asks and brief.state is State.WAITS:
        yield f"Each member asks for {brief.asks}."
    if brief.left:
        yield _left(brief)
    if brief.reasons:
        yield _reasons(brief.reasons)
    if brief.nearest:
        yield f"Nearest: {brief.nearest}"
    yield from map(_sentence, brief.notes[:_MOST_NOTES])


def _pod_head(brief: Brief) -> str:
    who, where = f"Pod {name(brief.name)}", names(brief.nodes)
    if brief.gpus:
        listed = ", ".join(map(str, brief.gpus[:_MOST_GPUS]))
        where += f", {'GPU' if len(brief.gpus) == 1 else 'GPUs'} {listed}"
    if brief.state is State.BOUND:
        return f"{who} is on {where}."
    if brief.state is State.KEPT:
        return f"{who} is about to start: room is kept for it on {where}."
    if brief.state is State.FITS:
        return f"{who} waits, and would fit now: on {where}."
    return f"{who} waits: it asks for {brief.asks}." if brief.asks else f"{who} waits."


def _gang_head(brief: Brief) -> str:
    who, members = f"Gang {name(brief.name)}", f"{brief.placed:,} of {brief.size:,} members"
    on = f" on {plural(len(brief.nodes), 'node')}: {names(brief.nodes)}" if brief.nodes else ""
    if brief.state is State.BOUND:
        return f"{who} has started: {members} are bound{on}."
    if brief.state is State.KEPT:
        return f"{who} is about to start: room is kept for {members}{on}."
    if brief.state is State.FITS:
        return f"{who} waits, and would fit now: {members}{on}."
    if _is_in_head(brief):
        return f"{who} waits: {brief.why}"
    must = f", {brief.least:,} must start together" if brief.least else ""
    return f"{who} waits: {members} find a place{must}."


def _is_in_head(brief: Brief) -> bool:
    """Whether the reason of a gang is one that comes before all looking for places."""
    return brief.kind is Kind.GANG and brief.state is State.WAITS and brief.search is Search.NONE


def _left(brief: Brief) -> str:
    first = f"The first without a place is {name(brief.left)}"
    if brief.left_fits:
        return f"{first}; by itself it fits {plural(brief.left_fits, 'node')}, which siblings take."
    return f"{first}; by itself it fits no node."


def _reasons(counts: Sequence[Count]) -> str:
    nodes = plural(sum(count.nodes for count in counts), "node")
    if len(counts) == 1:
        return f"{nodes}: {counts[0].text}"
    parts = [f"{count.nodes:,} × {count.text}" for count in counts[:_MOST_REASONS]]
    if len(counts) > _MOST_REASONS:
        parts.append(plural(len(counts) - _MOST_REASONS, "more reason"))
    return f"{nodes}: {'; '.join(parts)}"


def _helps(brief: Brief, room: int) -> list[str]:
    """Return the lines about what would help, at most ``room`` of them."""
    if brief.search is Search.NONE:
        return []
    if brief.search is Search.UNDER_WAY:
        return ["What would help is still being looked for."]
    if not brief.advice:
        return ["No change was found that would help."]
    each = [_folded(f"  {n}. {advice.text}", "     ") for n, advice in enumerate(brief.advice, 1)]
    shown, used = 0, 1
    for rows in each:
        rest = shown + 1 < len(each)  # whose number takes a line
        if used + len(rows) + rest > room:
            break
        shown, used = shown + 1, used + len(rows)
    lines = ["What would help, the gentlest first:"]
    lines += [row for rows in each[:shown] for row in rows]
    return lines + ([f"  and {len(each) - shown} more"] if shown < len(each) else [])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _folded(line: str, indent: str, rows: int = _ROWS) -> list[str]:
    """Return a line in rows; what does not fit is left out at the end."""
    shown = "".join(each if each.isprintable() else "?" for each in line)
    return textwrap.wrap(
        shown,
        MOST_COLUMNS,
        subsequent_indent=indent,
        break_on_hyphens=False,
        max_lines=rows,
        placeholder=" …",
    )


def _cut(lines: list[str]) -> list[str]:
    """Leave out lines at the end, beyond the bytes that a note may have."""
    size = -1
    for n, line in enumerate(lines):
        size += len(line.encode()) + 1
        if size > MOST_BYTES:
            return lines[:n]
    return lines
