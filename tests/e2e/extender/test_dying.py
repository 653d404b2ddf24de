"""Nodes, API servers and extenders that die and come back while pods are placed."""

from __future__ import annotations

import random
from time import sleep

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.nodes import plain
from ..controlplane.pods import node_of
from .asking import gang, ours
from .auditing import audited
from .checks import check
from .running import Extender, Setup
from .storm import Storm

pytestmark = pytest.mark.controlplane

SETUP = Setup(
    config={"gangs": {"hold_s": 10.0, "rollback": "evict"}},
    timeout_s=8.0,
)


def test_a_node_that_is_lost_and_back_has_what_it_had(client: Client, shared: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    run(client, ours("left", 8), ours("right", 6))
    lost = node_of(client.get("Pod", "left"))
    client.delete("Node", lost)
    wait_for("a state without it", lambda: shared.page("/state")["nodes"] == 1)
    client.create(ours("waits", 4))
    wait_for("its event", lambda: events(client, "waits", "FailedScheduling"))
    add_nodes(client, plain(lost))
    wait_for("a state with it", lambda: shared.page("/state")["nodes"] == 2)
    # The pod of the node that was lost is still there: its GPUs are not free.
    assert shared.page("/state")["idle_gpus"] == 2
    check(client, shared, ["left", "right", "waits"])
    assert not node_of(client.get("Pod", "waits"))
    client.delete("Pod", "left")
    wait_for("its node", lambda: node_of(client.get("Pod", "waits")) == lost)
    check(client, shared, ["right", "waits"])


def test_a_gang_whose_node_is_lost_before_it_is_bound_goes_elsewhere(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"), plain("c"))
    pods = gang("moves", 4, 4)
    client.create_all(pods[:3])  # three wait for the fourth
    first = pods[0]["metadata"]["name"]
    wait_for("its event", lambda: events(client, first, "BayplanPending"))
    client.delete("Node", "a")
    placed = run(client, *pods[3:])
    names = [each["metadata"]["name"] for each in pods]
    wait_for("all", lambda: all(node_of(client.get("Pod", name)) for name in names))
    placed = check(client, shared, names)
    assert {node_of(placed[name]) for name in names} == {"b", "c"}


def test_an_api_server_that_dies_in_the_middle_loses_nobody(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, *(plain(f"n{k}") for k in range(10)))
    storm = Storm(shared, random.Random(1))
    with audited(shared.plane, storm.least) as audit:
        storm.create(gangs=5, singles=30)
        sleep(0.3)
        storm.kill_api_server()
        storm.wait(audit)
        check(client, shared, storm.names, audit)


def test_an_extender_that_dies_ten_times_goes_by_what_is_there(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, *(plain(f"n{k}") for k in range(12)))
    storm = Storm(shared, random.Random(2))
    with audited(shared.plane, storm.least) as audit:
        for _ in range(10):
            storm.create(gangs=2, singles=2)
            sleep(storm.draw.uniform(0.0, 0.5))
            storm.kill_extender()
            storm.end_some(audit)
        storm.wait(audit)
        check(client, shared, storm.names, audit)


def test_an_extender_that_starts_anew_has_the_same_state(client: Client, shared: Extender) -> None:
    add_nodes(client, *(plain(f"n{k}") for k in range(6)))
    draw = random.Random(3)
    run(client, *(ours(f"p{k:02}", draw.choice((1, 2, 3))) for k in range(20)))
    names = [f"p{k:02}" for k in range(20)]
    check(client, shared, names)
    before = shared.page("/state"), [shared.page(f"/explain/default/{name}") for name in names]
    shared.restart()
    assert shared.page("/state") == before[0]
    assert [shared.page(f"/explain/default/{name}") for name in names] == before[1]
    check(client, shared, names)
