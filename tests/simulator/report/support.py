"""What the tests of the report share: runs written as the command writes them, and read again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from bayplan.scheduler.types import Node
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.metrics import summarise
from bayplan.simulator.outputs import write_outputs
from bayplan.simulator.outputs.trace import trace_of
from bayplan.simulator.report import Run, read_run
from bayplan.simulator.scenario.ready import Ready
from bayplan.simulator.simulate.files import facts_of_run, files_of
from bayplan.traces.jobs import JobTable

from ..core.support import run, table  # noqa: TID252

MANY = 10**6


def write(
    folder: Path, nodes: Sequence[Node], outcome: Outcome, jobs: JobTable, **how: Any
) -> None:
    """Write a run's folder."""
    ready = Ready(list(nodes), jobs, Settings())
    write_outputs(
        folder,
        outcome,
        jobs,
        summarise(outcome, jobs),
        {"version": "0", "scenario": "", "complete": True} | how,
        more=files_of(ready, outcome, trace_of(outcome, jobs, 1000), folder),
        facts=facts_of_run(outcome, ["a note <of> it"]),
    )


def made(
    folder: Path,
    nodes: Sequence[Node],
    jobs: Sequence[Mapping[str, Any]],
    **settings: Any,
) -> Run:
    """Simulate jobs, write the folder, and read it."""
    settings = {"stints": MANY} | settings
    write(folder, nodes, run(nodes, jobs, **settings), table(jobs))
    return read_run(folder, folder.name)


class Text(HTMLParser):
    """A page as a tree is told: every tag with its attributes, and what stands where."""

    VOID = ("meta", "link", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.rows: dict[str, list[float]] = {}
        self._key = ""
        self.feed(html)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self._key = given.get("data-key") or ""
        if tag == "data" and self._key:
            self.rows.setdefault(self._key, []).append(float(given["value"] or "nan"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def figures(html: str) -> dict[str, list[float]]:
    """The figures of the table of all metrics, by key, one a run."""
    return Text(html).rows


def addresses(html: str) -> list[str]:
    """Everything in a page that a browser might fetch."""
    named = re.findall(r"""(?:src|href|srcset|action|data)=["']([^"'#][^"']*)["']""", html)
    return [*named, *re.findall(r"url\([^)]*\)|@import [^;]*", html)]
