"""Two runners against an API server: who leads, who binds, what is written and told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.api import ApiError, Client, Recorder
from bayplan.extender.leading.calls import ApiLeases
from bayplan.extender.leading.lead import lead_of
from bayplan.extender.leading.lease import VERSION, Record, written_lease
from bayplan.extender.leading.numbers import LeadingNumbers
from bayplan.extender.leading.runner import RELEASE_S, LeaseFailed, Runner
from bayplan.extender.leading.settings import Leading, Timing

from .api_support import connected, until
from .stub_api import EVENTS, LEASES, Fault, Stub, running, stub_with

OURS, THEIRS, SPACE = "bayplan-controllers", "bayplan", "gpus"
WALL_S = 1_795_899_600.0  # 2026-11-28T21:00:00Z


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running(stub_with()) as served:
        yield served


@dataclass
class Pod:
    """One process: its clock, its metrics, its runner."""

    host: str
    now_s: float
    registry: CollectorRegistry
    runner: Runner

    async def round(self, after_s: float = 0.0) -> None:
        self.now_s += after_s
        await self.runner.look()
        await self.runner.contend()

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


@dataclass
class World:
    """The pods on one API server, and a client of it."""

    stub: Stub
    client: Client
    recorder: Recorder
    pods: dict[str, Pod] = field(default_factory=dict)

    def pod(self, host: str, scheduler: str = THEIRS) -> Pod:
        registry = CollectorRegistry()
        settings = Leading(SPACE, OURS, scheduler, host, f"{host}_1", Timing(15, 10.0, 2.0))
        calls = ApiLeases(self.client, self.recorder, SPACE)
        numbers = LeadingNumbers(registry)
        runner = Runner(settings, calls, numbers, lambda: self.pods[host].now_s, lambda: WALL_S)
        found = self.pods[host] = Pod(host, 1000.0 * (1 + len(self.pods)), registry, runner)
        return found

    def scheduler(self, holder: str) -> None:
        """Let a kube-scheduler hold its Lease."""
        thing = written_lease(Record(holder, 15), SPACE, THEIRS)
        self.stub.world.put(LEASES, thing)

    def lease(self) -> dict[str, Any]:
        thing = self.stub.world.get(LEASES, OURS, SPACE)
        assert thing is not None
        return dict(thing["spec"])


def told(stub: Stub, folder: Path, story: Callable[[World], Awaitable[None]]) -> None:
    """Run a story in a world."""

    async def run() -> None:
        connection = connected(stub, folder)
        registry = CollectorRegistry()
        client = Client(connection, registry)
        recorder = Recorder(client, registry)
        try:
            await story(World(stub, client, recorder))
        finally:
            await recorder.close()
            await client.close()
            connection.close()

    asyncio.run(run())


def test_the_one_beside_the_kube_scheduler_that_leads_takes_the_lease(
    stub: Stub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story(world: World) -> None:
        a, b = world.pod("pod-a"), world.pod("pod-b")
        world.scheduler("pod-b_5d")
        for _ in range(5):
            await a.round(2.0)
            await b.round(2.0)
        assert (a.runner.leads(), b.runner.leads()) == (False, True)
        assert (a.runner.binds(), b.runner.binds()) == (False, True)
        assert world.lease() == {
            "holderIdentity": "pod-b_1", "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "2026-11-28T21:00:00.000000Z",
            "renewTime": "2026-11-28T21:00:00.000000Z",
        }  # fmt: skip
        assert b.runner.page() == {
            "identity": "pod-b_1", "leads": True, "leader": "pod-b_1", "binds": True,
            "scheduler": "pod-b_5d",
        }  # fmt: skip
        assert (a.metric("bayplan_leading"), b.metric("bayplan_leading")) == (0.0, 1.0)
        names = "bayplan_leading_scheduler", "bayplan_leading_begun_total"
        assert [a.metric(name) for name in names] == [0.0, 0.0]
        assert [b.metric(name) for name in names] == [1.0, 1.0]
        await world.recorder.flush()
        (event,) = [json.loads(x.raw) for x in stub.world.things[EVENTS].values()]
        assert event["regarding"] == {
            "apiVersion": VERSION, "kind": "Lease", "name": OURS, "namespace": SPACE,
            "uid": f"uid-{OURS}",
        }  # fmt: skip
        assert (event["reason"], event["note"]) == ("LeaderElection", "pod-b_1 became leader")

    told(stub, tmp_path, story)
    lines = [(each.message, getattr(each, "identity", "")) for each in caplog.records]
    assert lines.count(("leads: controllers act here", "pod-b_1")) == 1


def test_it_follows_the_kube_scheduler_with_a_round_between(stub: Stub, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        a, b = world.pod("pod-a"), world.pod("pod-b")
        world.scheduler("pod-a_5d")
        for pod in (a, b):
            await pod.round(2.0)
        assert a.runner.leads()
        world.scheduler("pod-b_5d")
        await b.round(2.0)
        assert (a.runner.leads(), b.runner.leads()) == (True, False)
        await a.round(2.0)
        assert not a.runner.leads()
        assert world.lease()["holderIdentity"] == "pod-a_1"  # what it sent is to arrive
        await a.round(2.0)
        assert world.lease()["holderIdentity"] == ""
        await b.round(2.0)
        assert b.runner.leads()
        assert world.lease()["leaseTransitions"] == 1

    told(stub, tmp_path, story)


def test_without_a_kube_scheduler_to_look_at_whoever_comes_first_leads_and_all_bind(
    stub: Stub, tmp_path: Path
) -> None:
    async def story(world: World) -> None:
        a, b = world.pod("pod-a", ""), world.pod("pod-b", "")
        for pod in (a, b):
            await pod.round()
        assert (a.runner.leads(), b.runner.leads()) == (True, False)
        assert a.runner.binds()
        assert b.runner.binds()
        assert await b.runner.pass_fence() == ""
        # It is killed: the other waits for the whole Lease by its own clock.
        await b.round(14.9)
        assert not b.runner.leads()
        await b.round(0.1)
        assert b.runner.leads()

    told(stub, tmp_path, story)


def test_an_api_server_that_is_away_ends_what_it_let_do_in_time(
    stub: Stub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def story(world: World) -> None:
        a = world.pod("pod-a")
        world.scheduler("pod-a_5d")
        for _ in range(5):
            await a.round(2.0)
        for method in ("GET", "PUT"):
            stub.fail(Fault(403, message="no"), LEASES, method=method, times=1000)
        await a.round(2.0)
        await a.round(2.0)
        assert (a.runner.binds(), a.runner.leads()) == (True, True)
        await a.round(1.0)  # the last look began five seconds ago
        assert (a.runner.binds(), a.runner.leads()) == (False, True)
        assert not a.runner.binding_left_s() > 0
        await a.round(5.0)
        assert not a.runner.leads()
        assert a.metric("bayplan_leading_failures_total") == 8.0

    told(stub, tmp_path, story)
    said = [each for each in caplog.records if each.message == "a Lease cannot be kept"]
    assert {getattr(each, "lease", "") for each in said} == {OURS, THEIRS}
    assert len(said) == 2  # the same is not said again for a minute


def test_two_that_come_at_once_are_told_apart_by_the_api_server(stub: Stub, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        pods = [world.pod(f"pod-{k}", "") for k in range(4)]
        await asyncio.gather(*(pod.round() for pod in pods))
        assert sum(pod.runner.leads() for pod in pods) == 1
        assert all(pod.metric("bayplan_leading_failures_total") == 0.0 for pod in pods)

    told(stub, tmp_path, story)


def test_a_bind_that_comes_before_the_lease_is_seen_waits_for_it(
    stub: Stub, tmp_path: Path
) -> None:
    async def story(world: World) -> None:
        a = world.pod("pod-a")
        waiting = asyncio.create_task(a.runner.pass_fence())
        await asyncio.sleep(0)
        world.scheduler("pod-a_5d")
        for _ in range(5):
            assert not waiting.done()
            await a.round(2.0)
        assert await waiting == ""
        world.scheduler("pod-b_5d")
        await a.round(2.0)
        waiting = asyncio.create_task(a.runner.pass_fence())
        await asyncio.sleep(0)
        a.now_s += 11.0
        assert await waiting == "the Lease bayplan has pod-b_5d: another extender binds"

    told(stub, tmp_path, story)


def test_who_ends_lets_others_lead_at_once(stub: Stub, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        a, b = world.pod("pod-a", ""), world.pod("pod-b", "")
        work = asyncio.create_task(a.runner.run())
        await until(a.runner.leads)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert not a.runner.leads()
        assert world.lease()["holderIdentity"] == ""
        await b.round()
        assert b.runner.leads()

    told(stub, tmp_path, story)


def test_an_api_server_that_is_away_holds_nobody_up_at_the_end() -> None:
    """The Pod's grace knows of ``CLOSING_S`` alone, whatever ``renew_s`` is."""
    waits_s: list[float] = []

    class Calls:
        async def read(self, name: str, timeout_s: float) -> Record:
            return Record()

        async def write(self, name: str, record: Record, timeout_s: float) -> Record:
            waits_s.append(timeout_s)
            if len(waits_s) > 1:
                raise LeaseFailed("PUT: not done")
            return replace(record, version="1")

        def tell(self, name: str, uid: str, note: str) -> None: ...

    async def run() -> None:
        settings = Leading(SPACE, OURS, "", "pod-a", "pod-a_1", Timing(90, 60.0, 20.0))
        runner = Runner(settings, Calls(), LeadingNumbers(CollectorRegistry()))
        work = asyncio.create_task(runner.run())
        await until(runner.leads)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(run())
    assert waits_s == [30.0, RELEASE_S]


def test_nothing_is_sent_by_who_does_not_lead(stub: Stub, tmp_path: Path) -> None:
    async def run() -> None:
        connection = connected(stub, tmp_path)
        registry = CollectorRegistry()
        client = Client(connection, registry)
        recorder = Recorder(client, registry)
        settings = Leading(SPACE, OURS, "", "pod-a", "pod-a_1")
        numbers = LeadingNumbers(registry)
        assert registry.get_sample_value("bayplan_leading") == 1.0
        lead = lead_of(settings, connection, client, recorder, numbers)
        assert registry.get_sample_value("bayplan_leading") == 0.0
        with pytest.raises(ApiError, match="another leads by now") as refused:
            await lead.acting.call("x", "PATCH", "/api/v1/nodes/a", {})
        assert refused.value.status == 412
        assert stub.of("PATCH") == []
        assert lead.runner is not None
        await lead.runner.contend()
        assert lead.leads()
        assert 9.0 < lead.runner.leading_left_s() <= 10.0
        with pytest.raises(ApiError) as refused:
            await lead.acting.call("x", "PATCH", "/api/v1/nodes/a", {})
        assert refused.value.status == 404
        assert len(stub.of("PATCH")) == 1
        alone = lead_of(None, connection, client, recorder, LeadingNumbers(CollectorRegistry()))
        assert alone.leads()
        assert alone.binding is alone.acting is client
        await recorder.close()
        await lead.close()
        await client.close()
        connection.close()

    asyncio.run(run())
