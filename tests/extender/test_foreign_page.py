"""Every key of docs/foreign-keys.md has a case on a real control plane."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bayplan.traces.kubernetes.schemes import SCHEMES

ROOT = Path(__file__).parents[2]
CASES = (ROOT / "tests/e2e/extender/test_foreign.py").read_text(encoding="utf-8")
PLACED = (ROOT / "tests/e2e/extender/test_plugins.py").read_text(encoding="utf-8")
OURS = ("Kubernetes", "Bayplan")
"""Whose own keys ``test_pod_groups.py`` and ``test_owners.py`` have."""


def shares() -> list[str]:
    """Return the words of the table of shares, without their values."""
    page = (ROOT / "docs/foreign-keys.md").read_text(encoding="utf-8")
    table = page.partition("## Shares of GPUs")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")]
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    return list(dict.fromkeys(span.partition(":")[0] for span in spans))


def test_the_words_of_the_table_are_found() -> None:
    assert {"volcano.sh/vgpu-number", "koordinator.sh/gpu", "gas-allow", "fpga"} <= set(shares())


@pytest.mark.parametrize("word", shares())
def test_a_share_has_a_case(word: str) -> None:
    assert word in CASES + PLACED


@pytest.mark.parametrize(
    "word",
    [word for s in SCHEMES if s.project not in OURS for word in (*s.words, *s.least)],
)
def test_what_names_a_gang_has_a_case(word: str) -> None:
    said = CASES.replace('f"{KOORDINATOR}/', '"gang.scheduling.koordinator.sh/')
    assert f'"{word}"' in said
