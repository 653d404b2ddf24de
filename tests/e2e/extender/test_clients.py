"""Clients of the gRPC service and a real kube-scheduler share one state."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bayplan.extender.remote import Client as Remote
from bayplan.extender.remote import Event, Standing
from bayplan.extender.remote.errors import RemoteError
from bayplan.scheduler.types import Decision, DeviceRequest, Request, WholeGpus

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, phase
from ..controlplane.process import free_ports
from .asking import ours
from .checks import check
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def serving(plane: Plane) -> Iterator[tuple[Extender, str]]:
    (port,) = free_ports(1)
    setup = Setup(config={"grpc": {"port": port}})
    with extender(plane, "clients", setup) as running:
        yield running, f"127.0.0.1:{port}"


def asking(uid: str, gpus: int) -> Request:
    return Request(uid, 1000, 1024, (DeviceRequest(WholeGpus(gpus)),))


def decided(remote: Remote, request: Request) -> Decision:
    """Return a decision, once the extender has seen what was made before."""

    def placed() -> Decision | None:
        decision = remote.decide(request)
        return decision if decision.placement is not None else None

    decision = wait_for("a decision", placed)
    assert decision is not None
    return decision


def test_a_pod_waits_for_room_that_a_client_has_and_gets_it_when_released(
    client: Client, serving: tuple[Extender, str]
) -> None:
    running, target = serving
    add_nodes(client, plain("a"))
    heard: list[Event] = []
    with Remote(target) as remote:

        def listen() -> None:
            try:
                for event in remote.watch():
                    heard.append(event)  # noqa: PERF402  # one by one, as they come
            except RemoteError:
                return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        remote.commit(decided(remote, asking("job", 6)))
        run(client, ours("two", 2))
        client.create(ours("four", 4))
        wait_for("its event", lambda: events(client, "four", "FailedScheduling"))
        assert phase(client.get("Pod", "four")) == "Pending"
        assert "too few GPUs" in remote.explain("default/four")
        standings = {each.uid: each.standing for each in remote.snapshot().pods}
        assert standings == {"job": Standing.COMMITTED, "default/two": Standing.BOUND}
        assert remote.decide(asking("more", 1)).placement is None
        assert remote.release("job") == ("job",)
        wait_for("its node", lambda: node_of(client.get("Pod", "four")))
        wait_for(
            "the watch",
            lambda: ("bound_to", "default/four") in [(each.kind, each.uid) for each in heard],
        )
    thread.join(10)
    kinds = [(each.kind, each.uid) for each in heard]
    for kind, uid in (("room_committed", "job"), ("waits", "default/four")):
        assert (kind, uid) in kinds
    check(client, running, ["two", "four"])


def test_committed_room_is_a_hold_that_a_crash_ends(
    client: Client, serving: tuple[Extender, str]
) -> None:
    running, target = serving
    add_nodes(client, plain("a"))
    with Remote(target) as remote:
        decision = decided(remote, asking("job", 8))
        remote.commit(decision)
        running.restart()
        again = decided(remote, asking("job", 8))
        assert remote.release("job") == ()
        assert again.rests_on[0][1] > decision.rests_on[0][1]
        remote.commit(again, hold_s=1.0)
        client.create(ours("p", 8))
        wait_for("its node, after the time of the room", lambda: node_of(client.get("Pod", "p")))
    check(client, running, ["p"])
