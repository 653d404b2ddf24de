"""From bytes to objects: only what is read is kept, and nothing that is odd is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bayplan.extender.objects import SCHEMAS
from bayplan.extender.watch.lines import APPLIED, Decoder, Garbled, Line

PODS = Decoder(SCHEMAS["Pod"], "Pod")


def listed(*items: Any, **metadata: str) -> bytes:
    return json.dumps({"metadata": {"resourceVersion": "7"} | metadata, "items": items}).encode()


def event(kind: str, thing: Any) -> bytes:
    return json.dumps({"type": kind, "object": thing}).encode()


def test_fields_that_nobody_reads_are_not_made() -> None:
    pod = {
        "metadata": {"name": "p", "managedFields": [{"manager": "m"}], "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "env": [{"name": "X"}], "resources": {}}]},
        "status": {"phase": "Running", "containerStatuses": [{}], "podIP": "10.0.0.1"},
    }
    assert PODS.page(listed(pod, **{"continue": "t"})) == (
        [
            {
                "kind": "Pod",
                "metadata": {"name": "p", "labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "resources": {}}]},
                "status": {"phase": "Running"},
            }
        ],
        "7",
        "t",
    )


def test_a_heartbeat_of_a_node_changes_nothing() -> None:
    decoder = Decoder(SCHEMAS["Node"], "Node")

    def at(time: str) -> Line:
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": time}
        status = {"conditions": [ready], "images": [{"names": ["i"]}]}
        return decoder.line(event("MODIFIED", {"metadata": {}, "status": status}))

    assert at("2026-01-01T00:00:00Z") == at("2026-01-01T00:05:00Z")


def test_copies_of_whole_objects_in_annotations_are_dropped() -> None:
    thing = {"metadata": {"annotations": {APPLIED: "{...}", "mine": "1"}}}
    [found] = PODS.page(listed(thing)).things
    assert found["metadata"]["annotations"] == {"mine": "1"}


def test_the_specs_of_pod_groups_are_kept_whole_and_get_their_kind() -> None:
    spec = {"schedulingPolicy": {"gang": {"minCount": 4}}, "minMember": 3}
    [found] = (
        Decoder(SCHEMAS["PodGroup"], "PodGroup").page(listed({"metadata": {}, "spec": spec})).things
    )
    assert found == {"kind": "PodGroup", "metadata": {}, "spec": spec}


def test_an_object_with_a_field_of_another_type_is_kept_whole_and_the_others_restricted() -> None:
    odd = {"metadata": {"name": "odd"}, "spec": {"priority": "high", "hostname": "h"}}
    even = {"metadata": {"name": "even"}, "spec": {"priority": 3, "hostname": "h"}}
    assert PODS.page(listed(odd, even)).things == [
        odd | {"kind": "Pod"},
        {"kind": "Pod", "metadata": {"name": "even"}, "spec": {"priority": 3}},
    ]
    assert PODS.line(event("ADDED", odd)).thing == odd | {"kind": "Pod"}


def test_a_list_may_have_no_items() -> None:
    data = json.dumps({"metadata": {"resourceVersion": "7"}, "items": None}).encode()
    assert PODS.page(data) == ([], "7", "")


def test_lines_of_watches() -> None:
    thing = {"metadata": {"resourceVersion": "9"}}
    kept = thing | {"kind": "Pod"}
    assert [PODS.line(event(kind, thing)) for kind in ("ADDED", "MODIFIED", "DELETED")] == [
        ("ADDED", kept, "9", 0),
        ("MODIFIED", kept, "9", 0),
        ("DELETED", kept, "9", 0),
    ]
    assert PODS.line(event("BOOKMARK", thing)) == ("BOOKMARK", None, "9", 0)
    assert PODS.line(event("ERROR", {"code": 410, "reason": "Expired"})).code == 410


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"ADDED","object":{"metadata":',
        b"<html>",
        b"[]",
        event("RENAMED", {}),
        event("ADDED", [1]),
        event("BOOKMARK", {"no": "metadata"}),
    ],
)
def test_what_is_no_line_is_garbled(data: bytes) -> None:
    with pytest.raises(Garbled):
        PODS.line(data)


@pytest.mark.parametrize("data", [b"", b"<html>", b'{"items":[]}', b'{"metadata":{},"items":[]}'])
def test_what_is_no_list_is_garbled(data: bytes) -> None:
    with pytest.raises(Garbled):
        PODS.page(data)
