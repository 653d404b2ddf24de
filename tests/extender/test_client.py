"""Writes against a stub API server: sent again when it helps, and never twice in effect."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.api import (
    About,
    ApiError,
    Client,
    Recorder,
    annotate_node,
    annotate_pod,
    bind,
    patch_node,
    recorder,
    series,
)
from bayplan.extender.api.patches import lift_gate
from bayplan.extender.api.served import server_version

from . import stub_world as paths
from .api_support import connected, until
from .stub_api import EVENTS, Fault, Stub, pod, running, stub_with

POD = "/api/v1/namespaces/default/pods/p0"
ABOUT = About("default", "p0", "uid-p0")
Story = Callable[[Client, CollectorRegistry], Awaitable[None]]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running(stub_with(nodes=2, pods=2)) as served:
        yield served


def told(stub: Stub, folder: Path, story: Story, qps: float = 1000.0, burst: int = 100) -> None:
    """Run a story with a client of a stub."""

    async def run() -> None:
        registry = CollectorRegistry()
        connection = connected(stub, folder)
        client = Client(connection, registry, qps=qps, burst=burst, rng=random.Random(1))
        try:
            await story(client, registry)
        finally:
            await client.close()
            connection.close()

    asyncio.run(run())


def bound(stub: Stub, name: str = "p0") -> str:
    thing = stub.world.get(paths.PODS, name, "default")
    assert thing is not None
    return str(thing["spec"].get("nodeName", ""))


def annotated(stub: Stub, path: str, name: str, space: str = "") -> dict[str, str]:
    thing = stub.world.get(path, name, space)
    assert thing is not None
    found: dict[str, str] = thing["metadata"]["annotations"]
    return found


def test_a_pod_is_bound_and_annotated_in_one_write(stub: Stub, tmp_path: Path) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        await bind(client, "default", "p0", "uid-p0", "n1", {"bayplan.io/gpu": "3"})

    told(stub, tmp_path, story)
    assert bound(stub) == "n1"
    assert annotated(stub, paths.PODS, "p0", "default") == {"bayplan.io/gpu": "3"}
    [asked] = stub.of("POST", "/binding")
    assert asked.path == f"{POD}/binding"
    assert asked.body == {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {
            "name": "p0",
            "namespace": "default",
            "uid": "uid-p0",
            "annotations": {"bayplan.io/gpu": "3"},
        },
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
    }


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Fault(503), 2),
        (Fault(429, retry_after="0"), 1),
        (Fault(500), 1),
        (Fault(cut=0), 1),  # it was bound, and the answer was lost
        (Fault(409, reason="Conflict"), 1),  # somebody else changed the pod in the same moment
    ],
)
def test_a_binding_that_fails_for_the_moment_is_sent_again(
    stub: Stub, tmp_path: Path, fault: Fault, times: int
) -> None:
    stub.fail(fault, POD, method="POST", times=times)

    async def story(client: Client, registry: CollectorRegistry) -> None:
        await bind(client, "default", "p0", "uid-p0", "n1")

    told(stub, tmp_path, story)
    assert bound(stub) == "n1"
    assert len(stub.of("POST", "/binding")) == times + 1


def test_a_pod_that_is_there_already_is_well(stub: Stub, tmp_path: Path) -> None:
    stub.world.put(paths.PODS, pod("p0", "n1"))

    async def story(client: Client, registry: CollectorRegistry) -> None:
        await bind(client, "default", "p0", "uid-p0", "n1")

    told(stub, tmp_path, story)
    assert len(stub.of("POST")) == 1


@pytest.mark.parametrize(
    ("name", "uid", "text"),
    [
        ("p0", "uid-p0", "pod default/p0: it is on node n0 already"),
        ("p1", "another", "another pod of that name is there"),
        ("p2", "uid-p2", "HTTP 404 NotFound"),
    ],
)
def test_a_pod_that_is_elsewhere_another_or_gone_is_an_error(
    stub: Stub, tmp_path: Path, name: str, uid: str, text: str
) -> None:
    stub.world.put(paths.PODS, pod("p0", "n0"))

    async def story(client: Client, registry: CollectorRegistry) -> None:
        with pytest.raises(ApiError, match=text):
            await bind(client, "default", name, uid, "n1")

    told(stub, tmp_path, story)
    assert bound(stub) == "n0"


def test_a_gate_is_taken_from_that_very_pod_and_from_no_other_place(
    stub: Stub, tmp_path: Path
) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        with suppress(ApiError):  # the stub knows no JSON patches: what is asked is looked at
            await lift_gate(client, "default", "p0", "bayplan.io/queue", uid="uid-p0")

    stub.fail(Fault(422, reason="Invalid"), POD, method="PATCH", times=1)
    told(stub, tmp_path, story)
    [asked] = stub.of("PATCH", POD)
    assert asked.headers["content-type"] == "application/json-patch+json"
    assert asked.path == POD
    assert asked.body == [
        {"op": "test", "path": "/metadata/uid", "value": "uid-p0"},
        {"op": "test", "path": "/spec/schedulingGates/0/name", "value": "bayplan.io/queue"},
        {"op": "remove", "path": "/spec/schedulingGates/0"},
    ]


def test_a_binding_that_stays_in_conflict_is_an_error_after_some_tries(
    stub: Stub, tmp_path: Path
) -> None:
    stub.fail(Fault(409, reason="Conflict"), POD, method="POST", times=99)

    async def story(client: Client, registry: CollectorRegistry) -> None:
        with pytest.raises(ApiError, match="409 Conflict"):
            await bind(client, "default", "p0", "uid-p0", "n1")

    told(stub, tmp_path, story)
    assert len(stub.of("POST")) == 3


def test_a_deadline_holds_and_says_what_was_wrong(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(503, message="busy"), POD, method="POST", times=99)
    stub.fail(Fault(delay_s=3.0), "/api/v1/nodes", method="PATCH")

    async def story(client: Client, registry: CollectorRegistry) -> None:
        started = time.monotonic()
        with pytest.raises(ApiError, match="busy"):
            await bind(client, "default", "p0", "uid-p0", "n1", deadline_s=0.5)
        with pytest.raises(ApiError, match=r"n0/status: not done in 0\.3 s"):
            await annotate_node(client, "n0", {"a": "b"}, deadline_s=0.3)
        assert time.monotonic() - started < 2.0

    told(stub, tmp_path, story)


def test_the_event_loop_goes_on_while_the_server_is_slow(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(delay_s=0.3), POD, method="POST")

    async def story(client: Client, registry: CollectorRegistry) -> None:
        ticks = 0
        binding = asyncio.ensure_future(bind(client, "default", "p0", "uid-p0", "n1"))
        while not binding.done():
            ticks += 1
            await asyncio.sleep(0.01)
        await binding
        assert ticks > 10

    told(stub, tmp_path, story)


def test_annotations_are_set_and_taken_away(stub: Stub, tmp_path: Path) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        await annotate_pod(client, "default", "p0", {"a": "1", "b": "2"})
        await annotate_pod(client, "default", "p0", {"a": None, "c": "3"}, uid="uid-p0")
        await annotate_node(client, "n0", {"x": "1"})

    told(stub, tmp_path, story)
    assert annotated(stub, paths.PODS, "p0", "default") == {"b": "2", "c": "3"}
    assert annotated(stub, paths.NODES, "n0") == {"x": "1"}
    assert {each.headers["content-type"] for each in stub.of("PATCH")} == {
        "application/merge-patch+json"
    }


def test_a_precondition_that_fails_is_an_answer_and_a_chance_conflict_is_not(
    stub: Stub, tmp_path: Path
) -> None:
    stub.fail(Fault(409, reason="Conflict"), "/api/v1/nodes/n1/status", method="PATCH")

    async def story(client: Client, registry: CollectorRegistry) -> None:
        with pytest.raises(ApiError, match="422 Invalid"):
            await annotate_pod(client, "default", "p0", {"a": "1"}, uid="other")
        with pytest.raises(ApiError, match="resourceVersion in precondition"):
            await annotate_node(client, "n0", {"a": "1"}, version="1")
        await annotate_node(client, "n1", {"a": "1"})

    told(stub, tmp_path, story)
    assert [each.path.split("/", 4)[-1] for each in stub.of("PATCH")] == [
        "default/pods/p0/status", "n0/status", "n1/status", "n1/status",
    ]  # fmt: skip


def test_a_node_is_changed_only_as_it_was_seen(stub: Stub, tmp_path: Path) -> None:
    seen = stub.world.get(paths.NODES, "n0")
    assert seen is not None
    version = seen["metadata"]["resourceVersion"]
    change = {"metadata": {"labels": {"a": None}}, "spec": {"unschedulable": True}}

    async def story(client: Client, registry: CollectorRegistry) -> None:
        await patch_node(client, "n0", change, version)
        with pytest.raises(ApiError, match="409"):
            await patch_node(client, "n0", change, version)

    told(stub, tmp_path, story)
    metadata = {"labels": {"a": None}, "resourceVersion": version}
    body = {"metadata": metadata, "spec": {"unschedulable": True}}
    assert [(each.path, each.body) for each in stub.of("PATCH")] == [
        (f"{paths.NODES}/n0", body)
    ] * 2  # the conflict is the answer
    assert change == {"metadata": {"labels": {"a": None}}, "spec": {"unschedulable": True}}


def test_names_cannot_change_the_path(stub: Stub, tmp_path: Path) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        with pytest.raises(ApiError, match="404"):
            await bind(client, "default/pods/p0/..", "../p0?x", "u", "n1")

    told(stub, tmp_path, story)
    assert (
        stub.asked[0].path == "/api/v1/namespaces/default%2Fpods%2Fp0%2F../pods/..%2Fp0%3Fx/binding"
    )


def test_requests_are_counted(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(503), POD, method="POST")

    async def story(client: Client, registry: CollectorRegistry) -> None:
        await bind(client, "default", "p0", "uid-p0", "n1")
        for code, times in (("503", 1.0), ("201", 1.0)):
            labels = {"operation": "bind", "code": code}
            assert registry.get_sample_value("bayplan_api_requests_total", labels) == times
        labels = {"priority": "bind"}
        assert registry.get_sample_value("bayplan_api_turn_seconds_count", labels) == 2

    told(stub, tmp_path, story)


def test_the_budget_holds_for_retries_too(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(500), POD, method="POST", times=3)

    async def story(client: Client, registry: CollectorRegistry) -> None:
        started = time.monotonic()
        await bind(client, "default", "p0", "uid-p0", "n1")
        # Four requests at two a second with a burst of one: three turns of half a second.
        assert time.monotonic() - started >= 1.4

    told(stub, tmp_path, story, qps=2.0, burst=1)


def test_the_version_of_the_server(stub: Stub, tmp_path: Path) -> None:
    assert server_version(connected(stub, tmp_path)) == (1, 37)


def events(stub: Stub) -> list[dict[str, object]]:
    import json

    return [json.loads(each.raw) for each in stub.world.things.get(EVENTS, {}).values()]


def test_an_event_is_written_and_counts_up(stub: Stub, tmp_path: Path) -> None:
    now = [1_700_000_000.25]

    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry, clock=lambda: now[0])
        notes.record(ABOUT, "FailedScheduling", "0/2 nodes", "Warning")
        await notes.flush()
        [event] = events(stub)
        assert event["metadata"]["name"] == f"p0.{1_700_000_000_250_000:x}.1"  # type: ignore[index]
        assert event | {"metadata": 0, "reportingInstance": 0} == {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": 0,
            "eventTime": "2023-11-14T22:13:20.250000Z",
            "reportingController": "bayplan.io/extender",
            "reportingInstance": 0,
            "action": "Scheduling",
            "reason": "FailedScheduling",
            "note": "0/2 nodes",
            "type": "Warning",
            "regarding": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": "default",
                "name": "p0",
                "uid": "uid-p0",
            },
        }
        for _ in range(3):
            now[0] += 1.0
            notes.record(ABOUT, "FailedScheduling", "0/2 nodes", "Warning")
            await notes.flush()
        [event] = events(stub)
        assert event["series"] == {"count": 2, "lastObservedTime": "2023-11-14T22:13:21.250000Z"}
        assert len(stub.of("PATCH")) == 1, "the others wait for the next refresh"
        await notes.close()

    told(stub, tmp_path, story)


def test_an_event_about_a_node_is_in_the_default_namespace(stub: Stub, tmp_path: Path) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry)
        notes.record(About("", "n0", "uid-n0", "Node"), "BayplanGpuQuarantined", "GPU 3", "Warning")
        await notes.flush()
        [event] = events(stub)
        assert event["metadata"]["namespace"] == "default"  # type: ignore[index]
        assert event["regarding"] == {
            "apiVersion": "v1", "kind": "Node", "name": "n0", "uid": "uid-n0",
        }  # fmt: skip
        await notes.close()

    told(stub, tmp_path, story)


def test_what_was_only_counted_is_written_in_the_end(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "REFRESH_S", 0.02)
    monkeypatch.setattr(series, "REFRESH_S", 0.02)

    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry)
        for _ in range(5):
            notes.record(ABOUT, "FailedScheduling", "0/2 nodes")
        await until(lambda: [e.get("series", {}).get("count") for e in events(stub)] == [5])  # type: ignore[attr-defined]
        await notes.close()

    told(stub, tmp_path, story)


def test_an_event_that_the_server_forgot_is_written_anew(stub: Stub, tmp_path: Path) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry)
        notes.record(ABOUT, "FailedScheduling", "0/2 nodes")
        await notes.flush()
        stub.world.things[EVENTS].clear()
        notes.record(ABOUT, "FailedScheduling", "0/2 nodes")
        await notes.flush()
        [event] = events(stub)
        assert event["series"]["count"] == 2  # type: ignore[index]
        await notes.close()

    told(stub, tmp_path, story)


def test_an_event_whose_answer_was_lost_is_there_once(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(cut=0), EVENTS, method="POST")

    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry)
        notes.record(ABOUT, "Scheduled", "on n1")
        await notes.flush()
        assert len(events(stub)) == 1
        assert registry.get_sample_value("bayplan_api_events_lost_total") == 0
        await notes.close()

    told(stub, tmp_path, story)


def test_events_that_are_refused_or_too_many_are_lost_and_counted(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "QUEUE", 3)
    stub.fail(Fault(403, reason="Forbidden"), EVENTS, method="POST")

    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry)
        for index in range(5):
            notes.record(ABOUT, "FailedScheduling", f"note {index}")
        await notes.flush()
        # Three find a place in the queue; one of them is refused.
        assert registry.get_sample_value("bayplan_api_events_lost_total") == 3
        assert len(events(stub)) == 2
        await notes.close()

    told(stub, tmp_path, story)


def test_long_notes_are_cut_between_characters(stub: Stub, tmp_path: Path) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry)
        notes.record(ABOUT, "R" * 500, "é" * 1000)
        await notes.flush()
        [event] = events(stub)
        assert len(str(event["note"]).encode()) <= 1024
        assert event["note"] == "é" * 510 + "…"  # 510 x 2 bytes, and 3
        assert len(str(event["reason"]).encode()) <= 128
        await notes.close()

    told(stub, tmp_path, story)


def test_bindings_overtake_events(stub: Stub, tmp_path: Path) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        notes = Recorder(client, registry)
        for index in range(10):
            notes.record(ABOUT, "FailedScheduling", f"note {index}")
        await asyncio.sleep(0)
        await bind(client, "default", "p0", "uid-p0", "n1")
        assert len(events(stub)) <= 2
        await notes.flush()
        assert len(events(stub)) == 10
        await notes.close()

    told(stub, tmp_path, story, qps=20.0, burst=1)


def test_a_time_that_is_over_ends_tries_but_does_not_undo_what_may_have_been_done(
    stub: Stub, tmp_path: Path
) -> None:
    async def story(client: Client, registry: CollectorRegistry) -> None:
        left = [1.0]
        within = client.within(lambda: left[0])

        async def late() -> None:
            with pytest.raises(ApiError) as refused:
                await annotate_pod(within, "default", "p0", {"a": "1"})
            assert refused.value.status == 503  # of the try that was sent

        stub.fail(Fault(503), POD, method="PATCH", times=100)
        trying = asyncio.create_task(late())
        await until(lambda: bool(stub.of("PATCH", "p0")))
        left[0] = 0.0
        await trying
        n = len(stub.of("PATCH", "p0"))
        with pytest.raises(ApiError, match="not sent") as refused:
            await bind(within, "default", "p0", "uid-p0", "n1")
        assert refused.value.status == 412
        assert (len(stub.of("PATCH", "p0")), stub.of("POST", "binding")) == (n, [])
        await bind(client, "default", "p0", "uid-p0", "n1")  # the client itself has no such time

    told(stub, tmp_path, story)
    assert bound(stub) == "n1"
