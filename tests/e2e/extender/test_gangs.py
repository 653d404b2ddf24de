"""Gangs that race for room: each starts whole or not at all."""

from __future__ import annotations

import random
from time import monotonic

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, clear, events, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of
from .asking import gang, gang_of
from .auditing import Audit, audited
from .checks import check
from .running import Setup, extender

pytestmark = pytest.mark.controlplane

TIMEOUT_S = 8.0
HOLD_S = 6.0
N_GANGS, N_ROOM, N_MEMBERS, GPUS = 20, 10, 4, 4
"""A gang fills two nodes of eight GPUs."""


def setup(rollback: str) -> Setup:
    """Return an extender whose plans live so short that a test can see their end."""
    gangs: dict[str, object] = {"hold_s": HOLD_S, "settle_s": 0.5, "rollback": rollback}
    return Setup(config={"gangs": gangs}, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("rollback", ["report", "evict"])
def test_of_twenty_gangs_the_ten_that_fit_run_then_the_others(
    client: Client, plane: Plane, rollback: str
) -> None:
    add_nodes(client, *(plain(f"n{k:02}") for k in range(2 * N_ROOM)))
    names = [f"g{k:02}" for k in range(N_GANGS)]
    pods = [each for name in names for each in gang(name, N_MEMBERS, GPUS)]
    random.Random(20).shuffle(pods)
    with extender(plane, f"gangs-{rollback}", setup(rollback)) as running:
        with audited(plane, dict.fromkeys(names, N_MEMBERS)) as audit:
            client.create_all(pods)
            wait_for("ten gangs", lambda: len(whole(client)) == N_ROOM, 90.0)
            first = whole(client)
            created = [each["metadata"]["name"] for each in pods]
            check(client, running, created, audit)
            nobody_is_in_part(audit)
            end(client, first)
            wait_for("the other ten", lambda: len(whole(client)) == N_ROOM, 90.0)
            assert not first & whole(client)
            left = [name for name in created if name.rpartition("-")[0] not in first]
            check(client, running, left, audit)
            nobody_is_in_part(audit)
            assert set(audit.slowest_s) == set(names)
            slowest_s = max(audit.slowest_s.values())
            print(f"rollback = {rollback}: slowest from first to last {slowest_s:.2f} s")
        assert running.metric("bayplan_gangs_in_part_total") == 0
        clear(client)  # while somebody sees it


@pytest.mark.parametrize("rollback", ["report", "evict"])
def test_a_gang_that_loses_a_member_is_told_of_or_goes(
    client: Client, plane: Plane, rollback: str
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    with extender(plane, f"lost-{rollback}", setup(rollback)) as running:
        pods = gang(f"lost-{rollback}", N_MEMBERS, GPUS)
        names = [each["metadata"]["name"] for each in pods]
        run(client, *pods)
        client.delete("Pod", names[0])
        begun_s = monotonic()
        wait_for("an event", lambda: events(client, names[1], "BayplanGangInPart"))
        assert monotonic() - begun_s > HOLD_S - 1
        if rollback == "evict":
            wait_for("the end of the rest", lambda: not client.list("Pod", "default"))
            check(client, running, [])
        else:
            check(client, running, names[1:])
            assert len(client.list("Pod", "default")) == N_MEMBERS - 1
        assert running.metric("bayplan_gangs_in_part_total") >= 1
        clear(client)


def whole(client: Client) -> set[str]:
    """Return the gangs all of whose members are bound."""
    n: dict[str, int] = {}
    for each in client.list("Pod", "default"):
        n[gang_of(each)] = n.get(gang_of(each), 0) + bool(node_of(each))
    return {name for name, count in n.items() if count == N_MEMBERS}


def end(client: Client, gangs: set[str]) -> None:
    """Delete the pods of gangs."""
    for each in client.list("Pod", "default"):
        if gang_of(each) in gangs:
            client.delete("Pod", each["metadata"]["name"])


def nobody_is_in_part(audit: Audit) -> None:
    """No gang is in part, and none was for longer than members of one wait for each other."""
    assert audit.in_part_s(monotonic()) == {}
    assert all(took_s <= TIMEOUT_S for took_s in audit.slowest_s.values()), audit.slowest_s
