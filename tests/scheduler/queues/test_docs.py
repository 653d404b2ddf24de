"""The worked example of the user documentation says what the code says."""

from __future__ import annotations

import tomllib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from bayplan.scheduler import queues

PAGE = Path(__file__).parents[3] / "docs" / "queues.md"


def block(text: str, language: str) -> str:
    return text.split(f"```{language}\n")[1].split("```")[0]


def test_the_worked_example_prints_what_the_page_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = {name: getattr(queues, name) for name in queues.__all__}
    printed = StringIO()
    with redirect_stdout(printed):
        exec(block(text, "python"), names | {"tomllib": tomllib, "FILE": block(text, "toml")})
    assert printed.getvalue() == block(text, "text")


def test_the_table_of_fields_is_that_of_the_reader() -> None:
    from bayplan.scheduler.queues.reading import FIELDS

    text = PAGE.read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(FIELDS)
