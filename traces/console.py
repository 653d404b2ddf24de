"""Where tables and messages are printed, and texts of files made safe to print."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.text import Text

MIN_WIDTH = 80
"""Tables are never made for less: a cut figure is worse than a wrapped line."""


def console(*, stderr: bool = False) -> Console:
    """Return a console at least 80 columns wide, whatever the terminal says."""
    made = Console(stderr=stderr)
    if made.width < MIN_WIDTH:
        made.width = MIN_WIDTH
    return made


def plain(text: str) -> Text:
    """Return a text as it stands: no markup in it, and control characters written out."""
    return Text(text if text.isprintable() else repr(text)[1:-1])


def as_text(parts: Iterable[RenderableType]) -> str:
    """Return what is printed of some parts, 80 columns wide, without colours.

    Parameters
    ----------
    parts
        Tables, texts; strings are taken as they stand.
    """
    screen = Console(file=io.StringIO(), width=MIN_WIDTH, color_system=None)
    with screen.capture() as captured:
        for part in parts:
            screen.print(plain(part) if isinstance(part, str) else part)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())
