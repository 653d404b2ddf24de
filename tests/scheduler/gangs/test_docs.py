"""The example of the user documentation prints what the page says."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "gangs.md"


def block(text: str, language: str) -> str:
    return text.split(f"```{language}\n")[1].split("```")[0]


def test_the_example_prints_what_the_page_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    printed = StringIO()
    with redirect_stdout(printed):
        exec(block(text, "python"), {"__name__": "example"})
    assert printed.getvalue() == block(text, "text")
