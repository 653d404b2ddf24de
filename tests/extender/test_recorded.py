"""What a real kube-scheduler sends to an extender, as recorded: the facts that we rely on.

Sources: ``extender/v1/types.go`` of k8s.io/kube-scheduler, and the recordings themselves, which
``tests/e2e/controlplane/record.py`` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = sorted(folder.name for folder in RECORDED.iterdir() if folder.is_dir())
KEYS = {
    "filter": ["Pod", "Nodes", "NodeNames"],
    "prioritize": ["Pod", "Nodes", "NodeNames"],
    "preempt": ["Pod", "NodeNameToVictims", "NodeNameToMetaVictims"],
    "bind": ["PodName", "PodNamespace", "PodUID", "Node"],
}
FIELDS = {  # which field has something, by form
    "nodes": {"filter": "Nodes", "prioritize": "Nodes", "preempt": "NodeNameToVictims"},
    "names": {"filter": "NodeNames", "prioritize": "NodeNames", "preempt": "NodeNameToMetaVictims"},
}

pytestmark = pytest.mark.parametrize("version", VERSIONS)


def calls(version: str, form: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((RECORDED / version).glob(f"{form}-*.json")):
        yield path.stem.rpartition("-")[2], json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("form", FIELDS)
def test_every_verb_was_called_with_the_keys_of_its_type(version: str, form: str) -> None:
    found = {verb: list(call["request"]) for verb, call in calls(version, form)}
    assert found == KEYS


@pytest.mark.parametrize("form", FIELDS)
def test_nodes_come_whole_or_by_name_and_the_other_field_is_null(version: str, form: str) -> None:
    other = FIELDS["names" if form == "nodes" else "nodes"]
    for verb, call in calls(version, form):
        if verb in other:
            assert call["request"][FIELDS[form][verb]]
            assert call["request"][other[verb]] is None


@pytest.mark.parametrize("form", FIELDS)
def test_prioritize_is_left_out_where_one_node_is_left(version: str, form: str) -> None:
    called = list(calls(version, form))
    for (verb, call), (after, _) in pairwise(called):
        if verb == "filter":
            kept = call["reply"]["NodeNames"] or call["reply"]["Nodes"]["items"]
            assert after == ("bind" if len(kept) == 1 else "prioritize")


@pytest.mark.parametrize("form", FIELDS)
def test_victims_that_a_budget_keeps_are_counted(version: str, form: str) -> None:
    (preempted,) = [call["request"] for verb, call in calls(version, form) if verb == "preempt"]
    proposed = preempted[FIELDS[form]["preempt"]]
    assert sorted(proposed) == ["whole-0", "whole-1"]
    for victims in proposed.values():
        assert list(victims) == ["Pods", "NumPDBViolations"]
        assert (len(victims["Pods"]), victims["NumPDBViolations"]) == (1, 1)


def test_whole_victims_are_pods_and_others_uids(version: str) -> None:
    for form, keys in (("nodes", {"metadata", "spec", "status"}), ("names", {"UID"})):
        for verb, call in calls(version, form):
            if verb == "preempt":
                for victims in call["request"][FIELDS[form]["preempt"]].values():
                    assert set(victims["Pods"][0]) == keys


def test_no_recording_holds_a_secret(version: str) -> None:
    for path in (RECORDED / version).glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert "Authorization" not in text
        assert "PRIVATE KEY" not in text
        assert "eyJ" not in text  # how a token begins
