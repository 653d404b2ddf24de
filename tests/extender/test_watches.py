"""Watches against a stub API server: in step, and in step again after whatever happens."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from bayplan.extender.watch import Watches, lines, machine, stream
from bayplan.extender.watch.kinds import (
    BUDGETS,
    DEVICE_KINDS,
    KINDS,
    KOORDINATOR_DEVICES,
    NODES,
    OF_KOORDINATOR,
    POD_GROUPS,
    PODS,
    followed,
)
from bayplan.traces.kubernetes.objects import Object

from . import stub_world as paths
from .api_support import Mirror, connected, until
from .stub_api import Fault, Stub, node, pod, running, stub_with

PLUGIN_POD_GROUPS = "PodGroup.scheduling.x-k8s.io"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(machine, "LOOK_S", 0.05)


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running(stub_with(nodes=3, pods=5)) as served:
        yield served


class Followed:
    """Watches that run, what they told, and what they counted."""

    def __init__(self, stub: Stub, folder: Path, mirror: Mirror | None = None) -> None:
        self.mirror = mirror or Mirror()
        self.registry = CollectorRegistry()
        self.watches = Watches(connected(stub, folder), self.mirror, self.registry)

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"bayplan_watch_{name}", labels) or 0.0


@asynccontextmanager
async def following(stub: Stub, folder: Path) -> AsyncIterator[Followed]:
    followed = Followed(stub, folder)
    followed.watches.start()
    try:
        await asyncio.wait_for(followed.watches.synced(), 20)
        # What is done to watches is done to open ones.
        await until(lambda: stub.watched >= {paths.NODES, paths.PODS})
        yield followed
    finally:
        await followed.watches.stop()


def test_all_is_listed_and_then_followed(stub: Stub, tmp_path: Path) -> None:
    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            assert seen.mirror.names(NODES) == ["n0", "n1", "n2"]
            assert seen.mirror.names(PODS) == ["p0", "p1", "p2", "p3", "p4"]
            assert seen.watches.not_ready() == []
            stub.world.put(paths.PODS, pod("p9", "n1"))
            stub.world.delete(paths.NODES, "n2")
            await until(lambda: "p9" in seen.mirror.names(PODS))
            await until(lambda: seen.mirror.names(NODES) == ["n0", "n1"])
            assert seen.counted("events_total", kind=PODS, type="ADDED") == 1
            assert seen.counted("events_total", kind=NODES, type="DELETED") == 1
            assert seen.counted("listed_total", kind=PODS) == 5
            assert seen.counted("synced", kind=PODS) == 1
            assert seen.counted("stale_seconds", kind=PODS) < 20

    asyncio.run(story())


def test_pods_are_listed_after_what_they_are_read_by(stub: Stub, tmp_path: Path) -> None:
    async def story() -> Followed:
        async with following(stub, tmp_path) as seen:
            return seen

    calls = asyncio.run(story()).mirror.calls
    begun = calls.index(("replacing", PODS))
    (pods,) = (kind for kind in KINDS if kind.name == PODS)
    groups = {kind.name for kind in KINDS if kind.kind == "PodGroup"}
    assert set(pods.after) == {NODES, "PriorityClass", KOORDINATOR_DEVICES, *groups}
    assert all(calls.index(("replaced", name)) < begun for name in pods.after)


def test_pages_are_followed_to_the_end(stub: Stub, tmp_path: Path) -> None:
    for index in range(5, 1203):
        stub.world.put(paths.PODS, pod(f"p{index}"))

    async def story() -> Followed:
        async with following(stub, tmp_path) as seen:
            return seen

    seen = asyncio.run(story())
    assert len(seen.mirror.names(PODS)) == 1203
    asked = stub.of("GET", paths.PODS, limit="500")
    assert [bool(each.query.get("continue")) for each in asked] == [False, True, True]
    assert seen.mirror.count("page", PODS) == 10 + 10 + 5  # slices of 50


def test_many_kinds_are_listed_in_pages_at_the_same_time(stub: Stub, tmp_path: Path) -> None:
    for index in range(3, 1100):
        stub.world.put(paths.NODES, node(f"n{index}"))
    for index in range(700):
        stub.world.put(paths.CLASSES, node(f"c{index}"))
        stub.world.put(paths.PLUGIN_GROUPS, node(f"g{index}"))

    async def story() -> Followed:
        async with following(stub, tmp_path) as seen:
            return seen

    known = asyncio.run(story()).mirror.known
    absent = {each.name: 0 for each in KINDS if each.kind == "PodGroup"}
    assert {kind: len(things) for kind, things in known.items()} == absent | {
        NODES: 1100,
        "PriorityClass": 700,
        "PodDisruptionBudget": 0,
        PLUGIN_POD_GROUPS: 700,
        POD_GROUPS: 0,
        PODS: 5,
        # Their APIs are not served.
        **dict.fromkeys((kind.name for kind in (*DEVICE_KINDS, OF_KOORDINATOR)), 0),
    }


def test_kinds_of_devices_are_followed_only_where_that_is_wished() -> None:
    assert followed(devices=True, koordinator=True) == KINDS
    assert {*KINDS} - {*followed(devices=False, koordinator=True)} == {*DEVICE_KINDS}
    assert {*KINDS} - {*followed(devices=True)} == {OF_KOORDINATOR}


def test_a_pod_that_finishes_is_deleted(stub: Stub, tmp_path: Path) -> None:
    stub.world.put(paths.PODS, pod("old", phase="Failed"))

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            assert "old" not in seen.mirror.names(PODS)
            stub.world.put(paths.PODS, pod("p0", phase="Succeeded"))
            await until(lambda: "p0" not in seen.mirror.names(PODS))
            assert seen.counted("events_total", kind=PODS, type="DELETED") == 1

    asyncio.run(story())


def test_a_broken_watch_resumes_after_the_last_bookmark(stub: Stub, tmp_path: Path) -> None:
    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            stub.world.bookmark(paths.NODES)
            at = str(stub.world.version)
            await until(lambda: seen.counted("events_total", kind=NODES, type="BOOKMARK") == 1)
            stub.cut_streams()
            await until(lambda: bool(stub.of("GET", paths.NODES, resourceVersion=at)))
            stub.world.put(paths.NODES, node("late"))
            await until(lambda: "late" in seen.mirror.names(NODES))
            assert seen.mirror.count("replacing", NODES) == 1, "nothing was listed again"
            assert seen.counted("reconnects_total", kind=NODES) >= 1

    asyncio.run(story())


@pytest.mark.parametrize("by_line", [False, True])
def test_what_was_missed_is_learned_by_a_new_list(
    stub: Stub, tmp_path: Path, by_line: bool
) -> None:
    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            error = json.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}})
            gone = Fault(line=error.encode() + b"\n") if by_line else Fault(410)
            # The second watch fails: whatever happens meanwhile is in no watch.
            stub.fail(gone, paths.PODS, {"watch": "true"})
            stub.fail(Fault(503), paths.PODS, {"limit": "500"}, times=3)
            stub.cut_streams()
            await until(lambda: len(stub.of("GET", paths.PODS, limit="500")) > 1)
            stub.world.delete(paths.PODS, "p0", "default")
            stub.world.put(paths.PODS, pod("new"))
            await until(lambda: seen.mirror.count("replaced", PODS) == 2)
            assert seen.mirror.names(PODS) == ["new", "p1", "p2", "p3", "p4"]
            assert seen.mirror.count("deleted", PODS) == 0
            assert seen.counted("relists_total", kind=PODS, why="gone") == 1

    asyncio.run(story())


def test_a_token_that_expires_starts_the_list_again(stub: Stub, tmp_path: Path) -> None:
    for index in range(5, 1203):
        stub.world.put(paths.PODS, pod(f"p{index}"))
    version = str(stub.world.version)
    stub.fail(Fault(410, reason="Expired"), paths.PODS, {"continue": f"{version}:500"})

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            assert len(seen.mirror.names(PODS)) == 1203
            assert seen.mirror.count("replacing", PODS) == 2
            assert seen.mirror.count("replaced", PODS) == 1
            assert seen.counted("relists_total", kind=PODS, why="expired") == 1
            assert [each.query["limit"] for each in stub.of("GET", paths.PODS, limit="2000")]

    asyncio.run(story())


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500),
        Fault(429, retry_after="0"),
        Fault(cut=20),
        Fault(cut=0),
        Fault(200, message="no list at all"),
    ],
)
def test_a_list_that_fails_is_read_again(stub: Stub, tmp_path: Path, fault: Fault) -> None:
    stub.fail(fault, paths.NODES, times=2)

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            assert seen.mirror.names(NODES) == ["n0", "n1", "n2"]
            assert seen.counted("failures_total", kind=NODES) == 2
            assert seen.mirror.count("replacing", NODES) == 1

    asyncio.run(story())


def test_a_line_that_breaks_off_is_read_again_whole(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(cut=150), paths.PODS, {"watch": "true"})

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            for index in range(3):
                stub.world.put(paths.PODS, pod(f"x{index}"))
            await until(lambda: len(seen.mirror.names(PODS)) == 8)
            assert seen.mirror.count("changed", PODS) == 3, "each once"

    asyncio.run(story())


def test_a_silent_watch_is_opened_again_and_that_is_a_sign_of_life(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "QUIET_S", 0.2)
    monkeypatch.setattr(machine, "SHORT_S", 0.1)

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            await until(lambda: seen.counted("reconnects_total", kind=PODS) >= 3)
            assert seen.counted("failures_total", kind=PODS) == 0
            assert seen.counted("stale_seconds", kind=PODS) < 0.6
            stub.world.put(paths.PODS, pod("late"))
            await until(lambda: "late" in seen.mirror.names(PODS))
            assert seen.mirror.count("replacing", PODS) == 1

    asyncio.run(story())


def test_lines_that_come_in_pieces_are_put_together(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(trickle=7), paths.PODS, {"watch": "true"})

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            for index in range(5):
                stub.world.put(paths.PODS, pod(f"x{index}"))
            await until(lambda: len(seen.mirror.names(PODS)) == 10)
            assert seen.counted("failures_total", kind=PODS) == 0

    asyncio.run(story())


def test_a_bug_in_the_reading_is_logged_and_the_reading_goes_on(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = lines.Decoder.page
    broken = iter([True])

    def page(self: lines.Decoder, data: bytes) -> lines.Page:
        if next(broken, False):
            raise KeyError("a bug")
        return real(self, data)

    monkeypatch.setattr(lines.Decoder, "page", page)

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            assert seen.mirror.names(PODS) == ["p0", "p1", "p2", "p3", "p4"]

    asyncio.run(story())
    assert "KeyError: 'a bug'" in caplog.text


def test_a_watch_that_the_server_ends_goes_on(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "WATCH_S", (1, 1))
    monkeypatch.setattr(machine, "SHORT_S", 0.5)

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            await until(lambda: seen.counted("reconnects_total", kind=PODS) >= 1)
            assert seen.counted("failures_total", kind=PODS) == 0
            stub.world.put(paths.PODS, pod("late"))
            await until(lambda: "late" in seen.mirror.names(PODS))

    asyncio.run(story())


def test_a_kind_that_is_installed_later_is_found_and_one_that_is_removed_is_forgotten(
    stub: Stub, tmp_path: Path
) -> None:
    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            assert seen.watches.not_ready() == []
            stub.world.put(paths.PLUGIN_GROUPS, node("gang"))
            stub.world.put(paths.NATIVE_GROUPS, node("native"))
            await until(lambda: seen.mirror.names(PLUGIN_POD_GROUPS) == ["gang"])
            await until(lambda: seen.mirror.names(POD_GROUPS) == ["native"])
            del stub.world.things[paths.PLUGIN_GROUPS]
            stub.cut_streams()
            await until(lambda: seen.mirror.names(PLUGIN_POD_GROUPS) == [])
            assert seen.mirror.names(POD_GROUPS) == ["native"]

    asyncio.run(story())


def test_what_is_not_ready_says_why(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(403, reason="Forbidden", message="no"), paths.NODES, times=10**6)

    async def story() -> None:
        seen = Followed(stub, tmp_path)
        seen.watches.start()
        try:
            await until(lambda: "HTTP 403 Forbidden: no" in seen.watches.not_ready()[0])
            await until(lambda: len(seen.watches.not_ready()) == 2)
            [nodes, pods] = seen.watches.not_ready()
            assert nodes.startswith("Node: not listed yet; GET /api/v1/nodes")
            assert pods == "Pod: not listed yet"
            assert not stub.of("GET", paths.PODS, limit="500")
        finally:
            await seen.watches.stop()

    asyncio.run(story())


def test_silence_is_not_ready(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bayplan.extender.watch import watches

    async def story() -> None:
        async with following(stub, tmp_path) as seen:
            monkeypatch.setattr(watches, "STALE_S", -1.0)
            found = [text.partition(":")[0] for text in seen.watches.not_ready()]
            assert found == ["Node", "PriorityClass", BUDGETS, "Pod"], (
                "absent kinds are never silent"
            )

    asyncio.run(story())


@pytest.mark.parametrize("hanging", ["watch", "list", "wait", "turn"])
def test_stopping_takes_a_second_at_most(stub: Stub, tmp_path: Path, hanging: str) -> None:
    if hanging == "list":
        stub.fail(Fault(delay_s=5.0), paths.NODES)
    if hanging == "wait":
        stub.fail(Fault(429, retry_after="60"), paths.NODES)

    async def story() -> tuple[float, int]:
        seen = Followed(stub, tmp_path)
        seen.watches.start()
        if hanging == "watch":
            await seen.watches.synced()
        else:
            await until(lambda: bool(stub.of("GET", paths.NODES)))
        started = time.monotonic()
        await seen.watches.stop()
        took = time.monotonic() - started
        calls = len(seen.mirror.calls)
        stub.world.put(paths.PODS, pod("late"))
        await asyncio.sleep(0.05)
        return took, len(seen.mirror.calls) - calls

    took, told = asyncio.run(story())
    assert took < 1.5
    assert told == 0


def test_what_a_sink_cannot_take_is_logged_and_the_rest_goes_on(
    stub: Stub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(Mirror):
        def changed(self, kind: str, thing: Object) -> None:
            if thing["metadata"]["name"] == "bad":
                raise RuntimeError("dropped it")
            super().changed(kind, thing)

    async def story() -> None:
        seen = Followed(stub, tmp_path, Clumsy())
        seen.watches.start()
        await seen.watches.synced()
        stub.world.put(paths.PODS, pod("bad"))
        stub.world.put(paths.PODS, pod("good"))
        await until(lambda: "good" in seen.mirror.names(PODS))
        assert seen.counted("sink_errors_total") == 1
        await seen.watches.stop()

    with caplog.at_level(logging.ERROR):
        asyncio.run(story())
    assert "dropped it" in caplog.text


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9), st.sampled_from(["Pending", "Failed"])),
        st.tuples(st.just("delete"), st.integers(0, 9), st.just("")),
        st.tuples(st.sampled_from(["cut", "compact", "bookmark"]), st.just(0), st.just("")),
        st.tuples(
            st.just("fail"),
            st.sampled_from([410, 429, 500, 200]),
            st.sampled_from(["list", "watch"]),
        ),
    ),
    max_size=25,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_whatever_happens_in_the_end_all_is_known(
    tmp_path: Path, operations: list[tuple[str, int, str]]
) -> None:
    async def story(stub: Stub) -> None:
        async with following(stub, tmp_path) as seen:
            for what, number, how in operations:
                _do(stub, what, number, how)
                await asyncio.sleep(0.002)
            stub.world.put(paths.PODS, pod("last"))
            await until(lambda: "last" in seen.mirror.names(PODS))
            live = {
                key.partition("/")[2]: json.loads(stored.raw)["metadata"]["resourceVersion"]
                for key, stored in stub.world.things[paths.PODS].items()
                if stored.live
            }
            known = {
                thing["metadata"]["name"]: thing["metadata"]["resourceVersion"]
                for thing in seen.mirror.known[PODS].values()
            }
            assert known == live

    with running(stub_with(nodes=1, pods=4)) as stub:
        asyncio.run(story(stub))


def _do(stub: Stub, what: str, number: int, how: str) -> None:
    world = stub.world
    match what:
        case "put":
            world.put(paths.PODS, pod(f"p{number}", phase=how))
        case "delete":
            if world.get(paths.PODS, f"p{number}", "default"):
                world.delete(paths.PODS, f"p{number}", "default")
        case "cut":
            stub.cut_streams()
        case "compact":
            world.compact()
            stub.cut_streams()
        case "bookmark":
            world.bookmark(paths.PODS)
        case _:
            needs = {"limit": "500"} if how == "list" else {"watch": "true"}
            stub.fail(Fault(number), paths.PODS, needs)
