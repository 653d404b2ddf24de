"""Queues on a real control plane: gates, limits, guarantees, and the page of what is free."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from time import sleep

import pytest

from bayplan.scheduler.ordering import Progress, make_ordering, pending_of
from bayplan.scheduler.types import Request
from bayplan.traces.kubernetes.times import seconds_of

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, events, pods_by_name, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of
from .asking import GROUP, LEAST, ours
from .auditing import audited
from .checks import check
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

GATE, OTHER_GATE = "bayplan.io/queue", "kueue.x-k8s.io/admission"
QUEUES = """
[queues.own]
guaranteed = { gpu = 6000 }

[queues.other]
guaranteed = { gpu = 2000 }

[queues.small]
limit = { gpu = 3000 }
"""


@pytest.fixture(scope="module")
def running(plane: Plane) -> Iterator[Extender]:
    file = plane.folder / "queues-of-a-config-map.toml"
    file.write_text(QUEUES, encoding="utf-8")
    keys = {"file": str(file), "lift": True, "reclaim": "evict"}
    with extender(plane, "queues", Setup({"queues": keys}, timeout_s=10.0)) as started:
        yield started


@pytest.fixture(autouse=True)
def _classes(client: Client) -> None:
    """Have a priority that is above others."""
    if "first" not in {each["metadata"]["name"] for each in client.list("PriorityClass")}:
        kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
        client.create({**kind, "value": 100, "metadata": {"name": "first"},
                       "preemptionPolicy": "Never"})  # fmt: skip


def gated(name: str, gpus: int, queue: str, *gates: str, first: bool = False,
          labels: dict[str, str] | None = None) -> Object:  # fmt: skip
    """Return a pod that waits for its turn in a queue."""
    labels = {GATE: queue} | (labels or {})
    more = {"priorityClassName": "first"} if first else {}
    named = [{"name": gate} for gate in gates or (GATE,)]
    return ours(name, gpus, labels=labels, schedulingGates=named, **more)


def gates_of(client: Client, name: str) -> list[str]:
    spec = client.get("Pod", name)["spec"]
    return [gate["name"] for gate in spec.get("schedulingGates", [])]


def lifted(running: Extender) -> list[str]:
    """Return the pods whose gate was lifted so far, in order."""
    lines = running.process.log.read_text(errors="replace").splitlines()
    found = [json.loads(line) for line in lines if '"gate lifted"' in line]
    return [str(each["pod"]).partition("/")[2] for each in found]


def all_told(client: Client, *names: str) -> bool:
    return all(events(client, name, "BayplanQueued") for name in names)


def test_gates_are_lifted_in_the_engines_order_as_soon_as_there_is_room(
    client: Client, running: Extender
) -> None:
    add_nodes(client, plain("a"))
    run(client, ours("busy", 8))
    waiting = [gated(f"p{k}", 1 + k % 2, "own", first=k in (3, 4)) for k in range(5)]
    names = [each["metadata"]["name"] for each in waiting]
    for each in waiting:
        client.create(each)
    wait_for("their reasons", lambda: all_told(client, *names))
    before = len(lifted(running))
    pods = pods_by_name(client)
    jobs = [
        Request(f"default/{name}", priority=pods[name]["spec"]["priority"], queue="own")
        for name in names
    ]
    since = {
        job.uid: Progress(seconds_of(pods[name]["metadata"]["creationTimestamp"]) or 0.0)
        for job, name in zip(jobs, names, strict=True)
    }
    order = make_ordering("priority").order(pending_of(jobs, since), 0.0)
    wanted = [names[row] for row in order.tolist()]
    assert wanted[:2] == ["p3", "p4"]
    with audited(running.plane) as audit:
        client.delete("Pod", "busy")
        wait_for("all", lambda: all(node_of(client.get("Pod", name)) for name in names))
        assert lifted(running)[before:] == wanted
        check(client, running, names, audit)


def test_who_is_over_the_limit_of_its_queue_is_told_so_in_an_event(
    client: Client, running: Extender
) -> None:
    add_nodes(client, plain("a"))
    run(client, ours("there", 2, labels={GATE: "small"}))
    client.create(ours("over", 2, labels={GATE: "small"}))
    client.create(gated("gated", 2, "small"))
    said = "queue: queue small uses 2 of its limit of 3 GPUs; 2 asked, 1 left"
    pending = "Queue small uses 2 of its limit of 3 GPUs; 2 asked, 1 left"
    wait_for("its event", lambda: pending in str(_messages(client, "over", "BayplanPending")))
    wait_for("its event", lambda: said in _messages(client, "gated", "BayplanQueued"))
    scheduler = wait_for("kube-scheduler's", lambda: events(client, "over", "FailedScheduling"))
    assert said in scheduler[0]["message"]
    assert gates_of(client, "gated") == [GATE]
    client.delete("Pod", "there")
    wait_for("room", lambda: any(node_of(client.get("Pod", each)) for each in ("over", "gated")))
    sleep(2)
    placed = [each for each in ("over", "gated") if node_of(client.get("Pod", each))]
    assert len(placed) == 1  # three GPUs are not enough for both
    check(client, running, ["over", "gated"])


def test_what_was_borrowed_is_taken_back_for_who_is_guaranteed_it(
    client: Client, running: Extender
) -> None:
    add_nodes(client, plain("a"))
    borrowers = [ours(f"b{k}", 2, labels={GATE: "other"}) for k in range(4)]
    run(client, *borrowers)
    client.create(gated("mine", 4, "own"))
    wait_for("its node", lambda: node_of(client.get("Pod", "mine")))
    left = sorted(set(pods_by_name(client)) - {"mine"})
    assert len(left) == 2, left
    assert "other" in running.text("/metrics").partition("bayplan_queue_reclaimed_pods_total{")[2]
    (told,) = _messages(client, "mine", "BayplanReclaim")
    assert told.startswith("queue own is within its guarantee; default/b")
    check(client, running, ["mine", *left])


def test_a_pod_with_the_gate_of_somebody_else_is_theirs_until_they_let_it_go(
    client: Client, running: Extender
) -> None:
    add_nodes(client, plain("a"))
    client.create(gated("both", 1, "own", OTHER_GATE, GATE))
    client.create(gated("theirs", 1, "own", OTHER_GATE))
    client.create(gated("mine", 1, "own"))
    wait_for("ours", lambda: node_of(client.get("Pod", "mine")))
    wait_for("its reason", lambda: all_told(client, "both"))
    sleep(2)
    assert (gates_of(client, "both"), gates_of(client, "theirs")) == (
        [OTHER_GATE, GATE],
        [OTHER_GATE],
    )
    client.patch("Pod", "both", {"spec": {"schedulingGates": [{"name": GATE}]}})
    wait_for("its node", lambda: node_of(client.get("Pod", "both")))
    assert gates_of(client, "theirs") == [OTHER_GATE]
    check(client, running, ["both", "theirs", "mine"])


def test_a_gang_is_let_go_whole_also_after_a_restart(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"))
    run(client, ours("busy", 4))
    labels = {GROUP: "g", LEAST: "3"}
    names = [f"g-{k}" for k in range(3)]
    client.create_all(gated(name, 2, "own", labels=labels) for name in names)
    wait_for("its reason", lambda: any(all_told(client, name) for name in names))
    running.restart()
    sleep(2)
    assert [gates_of(client, name) for name in names] == [[GATE]] * 3
    with audited(running.plane, {"g": 3}) as audit:
        client.delete("Pod", "busy")
        wait_for("all", lambda: all(node_of(client.get("Pod", name)) for name in names))
        check(client, running, names, audit)


def test_a_user_without_rights_sees_what_is_free(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"))
    run(client, ours("there", 3, labels={GATE: "own"}))
    command = [sys.executable, "-m", "bayplan", "quota", "--url", running.address]
    told = subprocess.run(
        [*command, "--namespace", "default"], capture_output=True, text=True, check=True
    ).stdout
    assert max(map(len, told.splitlines())) <= 80
    assert "own" in told
    assert "other" not in told
    page = json.loads(
        subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout
    )
    (own,) = [each for each in page["queues"] if each["queue"] == "own"]
    assert (own["used"], own["room"], page["models"][0]["whole"]) == (3000, 5000, 5)
    check(client, running, ["there"])


def _messages(client: Client, pod: str, reason: str) -> list[str]:
    found = [str(each["message"]) for each in events(client, pod, reason)]
    return [text.removeprefix("waits: ").removeprefix("1 node: ") for text in found]
