"""Pods that a real kube-scheduler places as the engine decides."""

from __future__ import annotations

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, gpus_used, run
from ..controlplane.nodes import plain
from ..controlplane.pods import node_of, phase
from .asking import ours
from .checks import check
from .running import Extender

pytestmark = pytest.mark.controlplane


def test_whole_gpus_go_where_the_engine_packs_them(client: Client, shared: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    placed = run(client, ours("six", 6))
    at = node_of(placed["six"])
    placed = run(client, ours("two", 2))
    assert node_of(placed["two"]) == at  # best-fit fills it
    placed = run(client, ours("one", 1))
    assert node_of(placed["one"]) != at
    state = shared.page("/state")
    assert (state["nodes"], state["bound"], state["held"]) == (2, 3, 0)
    check(client, shared, ["six", "two", "one"])


def test_a_pod_without_room_waits_with_the_reason_and_runs_when_there_is_some(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"))
    run(client, ours("six", 6))
    client.create(ours("five", 5))
    wait_for("its event", lambda: events(client, "five", "FailedScheduling"))
    assert phase(client.get("Pod", "five")) == "Pending"
    client.delete("Pod", "six")
    wait_for("its node", lambda: node_of(client.get("Pod", "five")))
    assert gpus_used({"five": client.get("Pod", "five")}) == {"a": 5}
    check(client, shared, ["five"])
