"""Two Pods: the leader is killed in the middle of gangs, clocks jump, controllers change hands."""

from __future__ import annotations

import json
import os
import random
import signal
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest

from bayplan.traces.kubernetes.times import seconds_of

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, events, pods_by_name, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, pod
from .asking import gang, gang_of, ours
from .auditing import audited
from .checks import check
from .pairs import OURS, SPACE, THEIRS, Pair, kill, paired
from .running import Extender
from .storm import MEMBERS, Storm

pytestmark = pytest.mark.controlplane

ROUNDS = 20
HOLD_S = 10.0
LIMIT_S = 30.0
"""So long a gang may be in part: a plan's time, and a takeover before it."""
CONFIG: dict[str, dict[str, object]] = {
    "gangs": {"hold_s": HOLD_S, "rollback": "evict"},
    "placement": {"hold_s": 6.0},
}
JUMPING = (str(Path(__file__).parent / "jumping.py"), "extender", "serve")
GATE = "bayplan.io/queue"
ON, BACK = signal.SIGUSR1, signal.SIGUSR2
JUMPS = ((ON, 1), (BACK, 0), (BACK, -1))
"""By an hour each, and where the clocks are then."""


@pytest.fixture
def pair(plane: Plane) -> Iterator[Pair]:
    queues = plane.folder / "queues-of-a-pair.toml"
    queues.write_text("[queues.own]\nguaranteed = { gpu = 1000 }\n", encoding="utf-8")
    keys = {"file": str(queues), "lift": True}
    with paired(plane, {**CONFIG, "queues": keys}, JUMPING) as started:
        yield started


def kill_amid(pods: Pair, leader: Extender, storm: Storm) -> tuple[str, int]:
    """Create pods, and kill the leader once it keeps room for a gang and not all are bound.

    Returns
    -------
    tuple
        The gang, and how many of it had come to be bound; empty where all were too soon.
    """
    # All of them: bindings are under way then.
    name, least = f"gang{storm.n + 1:04}", storm.draw.choice((0, 4, 8, 12, MEMBERS))
    creating = Thread(target=storm.create, args=(1, 2))
    creating.start()
    end_s = monotonic() + 60.0
    there = -1
    while monotonic() < end_s and there < least:
        plans = {each["name"]: each["there"] for each in leader.page("/state")["gangs"]}
        if f"default/{name}" in plans:
            there = plans[f"default/{name}"]
        elif there >= 0:
            break  # all are bound, or it is planned anew
    kill(leader)
    creating.join()
    n_bound = sum(gang_of(each) == name and bool(node_of(each))
                  for each in pods.plane.client.list("Pod", "default"))  # fmt: skip
    return (name, n_bound) if n_bound < MEMBERS else ("", MEMBERS)


def has_room(leader: Extender) -> bool:
    return bool(leader.page("/state")["idle_gpus"] >= 2 * MEMBERS)


def told_to_lead(client: Client, lease: str) -> set[str]:
    """Return who was told to have become leader, by Events of a Lease."""
    found = client.list("Event", SPACE, fieldSelector="reason=LeaderElection")
    return {each["message"].partition(" ")[0] for each in found
            if each["involvedObject"]["name"] == lease}  # fmt: skip


def shows_that_it_leads(pod: Extender) -> bool:
    names = "bayplan_leading", "bayplan_leading_scheduler"
    return [pod.metric(name) for name in names] == [1.0, 1.0]


def leads_in(pod: Extender) -> int:
    """Return how often an extender has told its log that it leads."""
    return pod.process.log.read_text(errors="replace").count("leads: controllers act here")


def test_a_leader_that_is_killed_between_hold_and_bind_of_a_gang_loses_nothing_twenty_times(
    client: Client, pair: Pair
) -> None:
    add_nodes(client, *(plain(f"n{k:02}") for k in range(12)))
    leader = pair.leader()
    storm = Storm(leader, random.Random(4))
    amid: list[int] = []
    takeovers_s: list[float] = []
    with audited(pair.plane, storm.least) as audit:
        while len(amid) < ROUNDS:
            storm.end_some(audit)
            wait_for("room", partial(has_room, leader))
            name, n_bound = kill_amid(pair, leader, storm)
            begun_s = monotonic()
            if name:
                amid.append(n_bound)
            other, known = pair.other(leader), leads_in(pair.other(leader))
            starting = pair.start(leader)
            storm.extender = pair.leader(apart_from=leader)
            takeovers_s.append(monotonic() - begun_s)
            assert storm.extender is other
            wait_for("its metrics", partial(shows_that_it_leads, other))
            assert leads_in(other) > known
            storm.wait(audit)
            check(client, other, storm.names, audit)
            starting.result()
            assert not pair.other(other).page("/state")["leading"]["binds"]
            leader = other
        slowest_s = max(audit.slowest_s.values())
        print(f"bound at the kill: {sorted(amid)}; takeovers {min(takeovers_s):.1f} to"
              f" {max(takeovers_s):.1f} s; slowest gang {slowest_s:.1f} s;"
              f" {storm.n_evicted} evicted")  # fmt: skip
        assert slowest_s <= LIMIT_S
        assert min(amid) == 0  # some before any was bound
        # The one that waits knows as much as the one that leads.
        check(client, pair.other(leader), storm.names, audit)
    for lease in (OURS, THEIRS):
        assert len(told_to_lead(client, lease)) == 1 + len(takeovers_s)
    assert pair.lease(OURS)["leaseTransitions"] >= len(takeovers_s)


def n_pods(extender: Extender) -> int:
    return int(extender.page("/state")["pods"])


def test_what_is_called_by_a_kube_scheduler_that_was_killed_is_not_bound_by_its_extender(
    client: Client, pair: Pair
) -> None:
    """Three of four wait at the barrier of an extender whose kube-scheduler is gone."""
    add_nodes(client, plain("a"), plain("b"))
    leader = pair.leader()
    leader.scheduler.kill()
    other = pair.leader(apart_from=leader)
    state = leader.page("/state")["leading"]
    assert (state["leads"], state["binds"]) == (False, False)
    assert state["scheduler"].startswith("pod-") != ""
    before = leader.metric("bayplan_bindings_total")
    waits = client.create(pod("late", 1, scheduler="nobody"))
    asked = {"PodName": "late", "PodNamespace": "default", "Node": "a",
             "PodUID": waits["metadata"]["uid"]}  # fmt: skip
    wait_for("both watches", lambda: {n_pods(leader), n_pods(other)} == {1})
    said = call(leader, "bind", asked)["Error"]
    assert said == f"the Lease {THEIRS} has {state['scheduler']}: another extender binds"
    assert leader.metric("bayplan_bindings_total") == before + 1
    assert not node_of(client.get("Pod", "late"))
    assert call(other, "bind", asked)["Error"] == ""
    wait_for("its node", lambda: node_of(client.get("Pod", "late")) == "a")
    leader.scheduler.start()
    check(client, other, ["late"])


def test_gates_are_lifted_by_the_leader_alone_and_by_the_next_one(
    client: Client, pair: Pair
) -> None:
    add_nodes(client, plain("a"))
    leader = pair.leader()
    gated = {"labels": {GATE: "own"}, "schedulingGates": [{"name": GATE}]}
    run(client, ours("first", 1, **gated))
    leader.scheduler.stop()  # it gives up its Lease as it ends
    client.create(ours("second", 1, **gated))
    other = pair.leader(apart_from=leader)
    wait_for("its node", lambda: node_of(client.get("Pod", "second")))
    assert lifted(leader) == ["default/first"]
    assert lifted(other) == ["default/second"]
    leader.scheduler.start()
    check(client, other, ["first", "second"])


def test_clocks_that_jump_by_an_hour_change_nothing(client: Client, pair: Pair) -> None:
    add_nodes(client, *(plain(f"n{k}") for k in range(8)))
    leader = pair.leader()
    storm = Storm(leader, random.Random(5))
    leases = {name: pair.lease(name) for name in (OURS, THEIRS)}
    with audited(pair.plane, storm.least) as audit:
        for k, (jump, hours) in enumerate(JUMPS):
            storm.names.append(f"hold{k}")
            keep_room(client, leader, f"hold{k}")
            storm.create(gangs=1, singles=2)
            for each in pair.pods:
                os.kill(each.process.pid, jump)
            sleep(1.2)  # two looks for what is over
            assert held(leader, f"hold{k}")
            wait_for("the end of the hold", partial(is_free, leader, f"hold{k}"))
            wait_for("all", partial(all_but_held, client))
            event = told_to_wait(client, f"waits{k}")
            assert abs(ahead_h(event) - hours) < 0.1  # it did jump
            assert audit.in_part_s(monotonic()) == {}
            storm.end_some(audit)
        sleep(6)  # longer than a Lease lasts that nobody renews
        check(client, leader, storm.names, audit)
        check(client, pair.other(leader), storm.names, audit)
    assert max(audit.slowest_s.values()) <= HOLD_S
    for name, before in leases.items():
        after = pair.lease(name)
        assert after["renewTime"] != before["renewTime"]
        same = ("holderIdentity", "leaseTransitions", "acquireTime")
        assert [after[key] for key in same] == [before[key] for key in same]
    assert leader.metric("bayplan_leading_begun_total") == 1


def keep_room(client: Client, leader: Extender, name: str) -> None:
    """Let an extender keep room for a pod that no kube-scheduler will have bound."""
    asked = {"Pod": client.create(pod(name, 8, scheduler="nobody")), "Nodes": None,
             "NodeNames": ["n0", "n1"]}  # fmt: skip
    assert call(leader, "filter", asked)["Error"] == ""
    assert call(leader, "prioritize", asked)
    wait_for("its hold", lambda: held(leader, name))


def told_to_wait(client: Client, name: str) -> Object:
    """Return the Event of a member that waits for others; it is gone then."""
    client.create(gang(name, 4, 1)[0])
    (told,) = wait_for("its event", lambda: events(client, f"{name}-0", "BayplanPending"))
    client.delete("Pod", f"{name}-0")
    return told


def ahead_h(event: Object) -> float:
    """Return how many hours the clock of who wrote an Event is ahead of the API server's."""
    wrote, stored = event["eventTime"], event["metadata"]["creationTimestamp"]
    return ((seconds_of(wrote) or 0.0) - (seconds_of(stored) or 0.0)) / 3600


def held(pod: Extender, name: str) -> bool:
    return "held" in pod.page(f"/explain/default/{name}")


def is_free(pod: Extender, name: str) -> bool:
    return not held(pod, name)


def lifted(pod: Extender) -> list[str]:
    lines = pod.process.log.read_text(errors="replace").splitlines()
    return [str(json.loads(line)["pod"]) for line in lines if '"gate lifted"' in line]


def all_but_held(client: Client) -> bool:
    pods = pods_by_name(client).items()
    return all(node_of(each) for name, each in pods if not name.startswith("hold"))


def call(pod: Extender, verb: str, asked: Object) -> Object:
    """Call an extender as a kube-scheduler does."""
    request = urllib.request.Request(
        f"{pod.address}/scheduler/{verb}", json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as reply:
        found = json.loads(reply.read())
    return found if isinstance(found, dict) else {"scores": found}
