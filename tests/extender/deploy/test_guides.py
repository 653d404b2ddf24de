"""What the guides quote is there: messages of the code, metrics, keys, files, values, anchors.

A message is a text in backticks with a space in it that is no command. ``PLACEHOLDERS`` stand for
what is filled in, and ``…`` for what follows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from bayplan.extender.config.keys import KEYS
from extender_metrics import registered
from kustomizing import DEPLOY

ROOT = DEPLOY.parents[1]
GUIDES = ("troubleshooting.md", "upgrading.md")
COMMANDS = ("kubectl ", "helm ", "bayplan ", "--")
FILLED = "\0"
PLACEHOLDERS = r"\b(?:NAME|NODE|KIND|REASON|VERB|RESOURCE|HOST|PORT|KEY|ID|PLUGIN|WHOSE|N)(?![A-Z])"


def guide(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def spans(name: str) -> list[str]:
    """Return what is in backticks, outside of blocks."""
    text = re.sub(r"^ *```.*?^ *```$", "", guide(name), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


@cache
def said() -> str:
    """Return all texts of the code, with a mark where values are filled in."""
    texts = []
    for folder in ("extender", "scheduler", "traces"):
        for path in (ROOT / folder).rglob("*.py"):
            texts += list(_texts(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(texts)


def _texts(tree: ast.AST) -> Iterator[str]:
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (x.value if isinstance(x, ast.Constant) else FILLED for x in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
            yield re.sub(r"%[sd]|%\.\d+f", FILLED, node.value)


def pattern(message: str) -> str:
    """Return a message with marks for what is filled in."""
    return re.sub(PLACEHOLDERS, FILLED, message.removesuffix("…").strip())


def messages(name: str) -> list[str]:
    return [
        span
        for span in spans(name)
        if " " in span
        and not span.startswith(COMMANDS)
        and not re.match(r"[\w.]+ = |[\w]+: \w+$", span)
    ]


@pytest.mark.parametrize("message", messages("troubleshooting.md") + messages("upgrading.md"))
def test_a_message_that_is_quoted_is_one_of_the_code(message: str) -> None:
    assert pattern(message) in said()


def test_messages_are_found_and_misspelt_ones_are_not() -> None:
    assert len(messages("troubleshooting.md")) > 30
    assert pattern("gang NAME: waiting N/N") in said()
    assert pattern("gang NAME: wating N/N") not in said()
    assert pattern("gang is waiting") not in said()


@pytest.mark.parametrize("name", GUIDES)
def test_metrics_alerts_and_keys_are_there(name: str) -> None:
    series = {re.sub(r"_(bucket|sum|count)$", "", each) for each in registered()}
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
    alerts = {each["alert"] for group in rules["spec"]["groups"] for each in group["rules"]}
    keys, tables = {key.path for key in KEYS}, {key.table for key in KEYS}
    for span in spans(name):
        if re.fullmatch(r"bayplan_\w+", span):
            assert span in series
        elif re.fullmatch(r"Bayplan\w+", span):
            assert (
                span in alerts or f'"{span}"' in (ROOT / "extender/service/service.py").read_text()
            )
        elif match := re.match(r"([a-z]+)\.([a-z_]+)\b", span):
            assert match[1] not in tables or match[0] in keys


def test_every_alert_has_a_place_in_the_guide() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
    alerts = {each["alert"] for group in rules["spec"]["groups"] for each in group["rules"]}
    assert alerts <= set(spans("troubleshooting.md"))


@pytest.mark.parametrize("name", GUIDES)
def test_values_of_the_chart_and_files_are_there(name: str) -> None:
    values = yaml.safe_load((DEPLOY / "chart" / "values.yaml").read_text(encoding="utf-8"))
    for span in spans(name):
        if match := re.fullmatch(r"(kubeScheduler|serviceMonitor)\.([\w.]+)", span):
            at = values[match[1]]
            for part in match[2].split("."):
                at = at[part]
        if span.startswith("extender/deploy"):
            assert (ROOT / span).exists()


@pytest.mark.parametrize("name", [*GUIDES, "extender.md"])
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", guide(name)):
        file, _, anchor = target.partition("#")
        page = ROOT / "docs" / (file or name)
        assert page.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in titles}
            assert anchor in anchors, target


@pytest.mark.parametrize("name", GUIDES)
def test_commands_of_bayplan_take_these_words(name: str) -> None:
    from bayplan.cli import app

    words = re.findall(r"bayplan extender (\w+)", Path(ROOT / "docs" / name).read_text())
    assert words
    for word in words:
        app.parse_args(["extender", word, "--help"], print_error=False, exit_on_error=False)
