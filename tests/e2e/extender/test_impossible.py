"""A gang for which there is no room: searched for once, and all its pods are told why."""

from __future__ import annotations

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes
from ..controlplane.nodes import plain
from .asking import gang
from .running import Extender

pytestmark = pytest.mark.controlplane

MISSING, FOUND = "3 of 4 pods exist", "2 of 4 members find a place"
REFUSED = 'bayplan_decisions_total{result="unschedulable"}'


def test_all_pods_of_an_impossible_gang_are_told_and_it_is_searched_for_once(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    members = gang("late", 4, 8)  # 32 GPUs, where there are 16
    names = [each["metadata"]["name"] for each in members]
    client.create_all(members[:3])
    wait_for("Events of three pods", lambda: told(client, MISSING) == set(names[:3]))
    client.create_all(members[3:])
    wait_for("Events of all pods", lambda: told(client, FOUND) == set(names))
    wait_for("calls for all pods", lambda: shared.metric(REFUSED) >= len(names))
    assert shared.metric("bayplan_gang_plan_seconds_count") == 1


def told(client: Client, text: str) -> set[str]:
    """Return the pods with an Event that has a text."""
    found = client.list("Event", "default", fieldSelector="reason=BayplanPending")
    return {each["involvedObject"]["name"] for each in found if text in each["message"]}
