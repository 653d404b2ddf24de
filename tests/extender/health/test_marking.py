"""What a node's object says of its GPUs; which GPUs that closes is in live/test_sick_gpus.py."""

from __future__ import annotations

import json

import pytest

from bayplan.extender.health.entries import Entry, named_by, read_entries, write_entries
from bayplan.extender.health.marking import Marker, Marks, has_gpus, read_marks
from bayplan.extender.health.settings import Judging
from bayplan.traces.kubernetes.nodes import read_node
from bayplan.traces.kubernetes.types import Problem
from extender_things import node

QUARANTINED, RELEASE = "bayplan.io/quarantined-gpus", "bayplan.io/release-gpus"
LOST = Entry("GPU-1", 1, "xid-79", "2026-11-28T21:00:00Z", "boot-1")


def test_the_annotation_is_for_people_and_programs() -> None:
    written = write_entries([Entry("GPU-9", 9, "xid-48", "then", released=True), LOST])
    assert written is not None
    assert json.loads(written) == [
        {
            "uuid": "GPU-1", "gpu": 1, "code": "xid-79", "since": "2026-11-28T21:00:00Z",
            "boot": "boot-1", "hint": "drain the node and reboot it",
        },
        {"uuid": "GPU-9", "gpu": 9, "code": "xid-48", "since": "then", "released": True},
    ]  # fmt: skip
    assert read_entries(written) == (LOST, Entry("GPU-9", 9, "xid-48", "then", released=True))
    assert write_entries([]) is None
    assert read_entries("") == ()


@pytest.mark.parametrize("text", ["3", "[1]", '[{"uuid": "GPU-1"}]', "GPU-1", "{}", "[{]"])
def test_an_annotation_of_another_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_entries(text)


@pytest.mark.parametrize(
    ("text", "is_named"),
    [("1", True), ("GPU-1", True), ("all", True), ("0, 1", True), ("11", False), ("GPU-11", False),
     ("", False)],
)  # fmt: skip
def test_a_person_names_gpus_by_uuid_or_number(text: str, is_named: bool) -> None:
    assert named_by(text, LOST) is is_named


def test_the_marks_of_a_node_are_all_that_it_says() -> None:
    thing = node("a", annotations={QUARANTINED: write_entries([LOST]), RELEASE: "1"})
    thing["metadata"]["resourceVersion"] = "7"
    thing["status"]["nodeInfo"] = {"bootID": "boot-1"}
    problems: list[Problem] = []
    assert read_marks(thing, "a", Judging(), problems) == Marks(
        (LOST,), (), "1", "boot-1", "7", "node-a"
    )
    assert not problems


def test_reasons_are_said_by_node_and_forgotten_with_it() -> None:
    marker = Marker(Judging(taints=frozenset({"bad"})))
    tainted = {**node("b"), "spec": {"taints": [{"key": "bad", "effect": "NoExecute"}]}}
    thing = node("a", annotations={QUARANTINED: write_entries([LOST])})
    for each in (tainted, thing):
        marker.see(each, read_node(each, []), [])
    assert list(marker.lines()) == [
        ("a", "GPU 1 (GPU-1) of node a: Xid 79, fallen off the bus, since 2026-11-28T21:00:00Z;"
              " drain the node and reboot it"),
        ("b", "all GPUs of node b: taint bad"),
    ]  # fmt: skip
    marker.forget("a")
    marker.forget("a")
    assert [name for name, _ in marker.lines()] == ["b"]


@pytest.mark.parametrize(
    ("gpus", "amounts", "has"),
    [(8, {}, True), (0, {}, False), (0, {"nvidia.com/mig-1g.10gb": "7"}, True)],
)
def test_nodes_with_gpus_or_parts_of_them_have_metrics(
    gpus: int, amounts: dict[str, str], has: bool
) -> None:
    assert has_gpus(read_node(node("a", gpus, amounts=amounts), []).node) is has
