"""The audit finds what it is there to find, without a control plane."""

from __future__ import annotations

from typing import Any

import pytest

from .asking import gang, ours
from .auditing import Audit

pytest.importorskip("kubernetes")

Object = dict[str, Any]
ROOM = {"a": {"nvidia.com/gpu": 8}}


def shown(pod: Object, node: str = "a", phase: str = "Running") -> Object:
    """Return a pod as the API server shows it once it is bound."""
    for each in pod["spec"]["containers"]:
        each["resources"]["requests"] = each["resources"]["limits"]
    uid = pod["metadata"]["name"]
    return pod | {
        "metadata": pod["metadata"] | {"uid": uid},
        "spec": pod["spec"] | {"nodeName": node},
        "status": {"phase": phase},
    }


def test_a_node_that_is_given_more_than_it_has_for_a_moment_is_found() -> None:
    audit = Audit(ROOM)
    audit.see("ADDED", shown(ours("x", 6)), 0.0)
    assert audit.overbooked == []
    audit.see("ADDED", shown(ours("y", 3)), 1.0)
    audit.see("DELETED", shown(ours("y", 3)), 2.0)
    assert audit.overbooked == ["a: 9 of 8 nvidia.com/gpu"]


def test_room_of_who_ended_or_is_in_no_list_any_more_is_free() -> None:
    audit = Audit(ROOM)
    audit.see("ADDED", shown(ours("x", 8)), 0.0)
    audit.see("MODIFIED", shown(ours("x", 8), phase="Succeeded"), 1.0)
    audit.see("ADDED", shown(ours("y", 8)), 2.0)
    audit.replace([shown(ours("z", 8))], 3.0)
    assert audit.overbooked == []
    assert audit.n_bound == 3


def test_how_long_a_gang_was_in_part_is_counted_from_its_first_member() -> None:
    audit = Audit(ROOM, {"g": 2})
    one, other = gang("g", 2, 1)
    audit.see("ADDED", shown(one), 5.0)
    assert audit.in_part_s(7.0) == {"g": 2.0}
    audit.see("ADDED", shown(other), 8.0)
    assert (audit.in_part_s(9.0), audit.slowest_s) == ({}, {"g": 3.0})
    audit.see("DELETED", shown(other), 10.0)  # it has started whole: what comes is no start
    assert audit.in_part_s(11.0) == {}
