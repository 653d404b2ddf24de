"""Rounds of the queues as they are written: gates, Events, evictions, metrics, pages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.live.rounds import Queueing, Reclaim
from bayplan.extender.live.settings import Live
from bayplan.extender.live.turns import AT_ONCE
from bayplan.extender.service.calls import CallFailed, PodName
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.queue_numbers import QueueNumbers
from bayplan.extender.service.queues import EVERY_S, Queues
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from bayplan.scheduler.queues import QueueTree
from extender_queues import GROUPS, member, runs, tree, ungated, waits
from extender_things import listed, node, pod, pod_group

Object = dict[str, Any]

SHARED = tree(own={"guaranteed": 6}, other={"guaranteed": 2})


class Api:
    """An API server that the service watches; what is named in ``fails`` is refused once each."""

    def __init__(self, *pods: Object) -> None:
        self.pods = {each["metadata"]["name"]: each for each in pods}
        self.things: dict[str, Object] = {}
        self.fails: list[str] = []
        self.lifted: list[str] = []
        self.evicted: list[str] = []
        self.told: list[tuple[str, str, str]] = []
        self.service: Service | None = None

    async def lift(self, pod: PodName, gate: str) -> None:
        self._fail(pod)
        assert gate == "bayplan.io/queue"
        assert pod.uid == self.pods[pod.name]["metadata"]["uid"]
        self.lifted.append(pod.name)
        assert self.service is not None
        self.pods[pod.name] = ungated(self.pods[pod.name])
        self.service.changed("Pod", self.pods[pod.name])

    async def evict(self, pod: PodName) -> None:
        self._fail(pod)
        self.evicted.append(pod.name)
        assert self.service is not None
        self.service.deleted("Pod", self.pods[pod.name])

    async def read(self, path: str) -> Object | None:
        return self.things.get(path) or self.pods.get(path.rpartition("/")[2])

    def tell(self, pod: PodName, reason: str, note: str, *, warning: bool) -> None:
        self.told.append((pod.name, reason, note))

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None: ...
    async def touch(self, pod: PodName, key: str, value: str) -> None: ...

    def _fail(self, pod: PodName) -> None:
        if pod.name in self.fails:
            self.fails.remove(pod.name)
            raise CallFailed("refused")


class Time:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class World:
    """A service with queues, its API server, its time and its metrics."""

    def __init__(self, queues: QueueTree, *pods: Object, groups: Mapping[str, int] | None = None,
                 **settings: Any) -> None:  # fmt: skip
        self.api, self.time, self.registry = Api(*pods), Time(), CollectorRegistry()
        live = Settings(live=Live(queues=queues))
        self.service = Service(live, self.api, self.time, Numbers(self.registry))
        self.api.service = self.service
        owner = self.service.owner
        assert owner.quota is not None
        self.queues = self.service.queues = Queues(
            owner, owner.quota, Queueing(**({"lift": True} | settings)), self.api, self.time,
            QueueNumbers(self.registry),
        )  # fmt: skip
        stated = [pod_group(name, least) for name, least in (groups or {}).items()]
        listed(self.service, GROUPS, stated)
        listed(self.service, "Node", [node("a")])
        listed(self.service, "PodDisruptionBudget", [])
        listed(self.service, "Pod", pods)

    def round(self, after_s: float = 0.0) -> None:
        self.time.now_s += after_s
        asyncio.run(self.queues.round())

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def test_gates_are_lifted_and_the_others_are_told_why_not() -> None:
    world = World(
        SHARED, waits("p", 6, "own"), waits("q", 3, "own", 1.0), waits("r", 2, "other", 2.0)
    )
    world.round()
    assert world.api.lifted == ["p"]
    assert world.api.told == [
        ("q", "BayplanQueued", "waits: there is no room"),
        ("r", "BayplanQueued", "waits: default/q is before it"),
    ]
    assert world.metric("bayplan_queue_gates_lifted_total", result="lifted") == 1
    page = asyncio.run(world.service.explain("default", "r"))
    assert page["why"]["why"] == "its scheduling gate stays: default/q is before it"
    assert page["text"].endswith("\nIts scheduling gate stays: default/q is before it")
    world.round(1.0)
    assert world.api.lifted == ["p"]


def test_a_gate_that_could_not_be_lifted_is_tried_again_with_its_room_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    members = [member(f"g-{k}", "g", 4, "own") for k in range(2)]
    world = World(tree(own={}), *members, waits("late", 1, "own", 9.0), groups={"g": 2})
    world.api.fails = ["g-1"]
    world.round()
    assert world.api.lifted == ["g-0"]
    assert [each.message for each in caplog.records if each.levelno >= logging.WARNING] == [
        "gate not lifted"
    ]
    world.round(1.0)
    assert world.api.lifted == ["g-0", "g-1"]
    assert world.metric("bayplan_queue_gates_lifted_total", result="failed") == 1


def test_who_borrows_is_evicted_and_told_for_whom() -> None:
    there = [runs(f"b{k}", 2, "other") for k in range(4)]
    world = World(SHARED, *there, waits("p", 2, "own"), reclaim=Reclaim.EVICT)
    world.round()
    assert world.api.evicted == ["b3"] or len(world.api.evicted) == 1
    (victim,) = world.api.evicted
    assert world.api.told[-2:] == [
        ("p", "BayplanReclaim",
         f"queue own is within its guarantee; default/{victim}: evicted for it"),
        (victim, "BayplanReclaimed",
         "evicted for default/p of queue own, which is guaranteed it"),
    ]  # fmt: skip
    assert world.metric("bayplan_queue_reclaimed_pods_total", queue="other", result="evicted") == 1
    world.service.owner.tick(world.time.now_s)
    world.round(1.0)
    assert world.api.lifted == ["p"]


def test_an_eviction_that_is_refused_is_the_last_and_no_other_unit_suffers() -> None:
    there = [runs(f"b{k}", 2, "other") for k in range(4)]
    world = World(SHARED, *there, waits("p", 4, "own"), reclaim=Reclaim.EVICT)
    world.api.fails = [f"b{k}" for k in range(4)]
    world.round()
    assert world.api.evicted == []
    assert world.metric("bayplan_queue_reclaimed_pods_total", queue="other", result="failed") == 1


def test_nobody_is_evicted_for_what_has_come_by_itself_while_gates_were_lifted() -> None:
    there = [runs(f"b{k}", 2, "other") for k in range(3)]
    world = World(
        SHARED, *there, waits("p", 2, "own"), waits("q", 4, "own", 1.0), reclaim=Reclaim.EVICT
    )
    lift = world.api.lift

    async def slow(pod: PodName, gate: str) -> None:
        await lift(pod, gate)
        for each in there[:2]:
            world.service.deleted("Pod", each)

    world.api.lift = slow  # type: ignore[method-assign]
    world.round()
    assert world.api.lifted == ["p"]
    assert world.api.evicted == []


def test_by_default_it_is_only_said_who_could_leave() -> None:
    there = [runs(f"b{k}", 2, "other") for k in range(4)]
    world = World(SHARED, *there, waits("p", 2, "own"))
    world.round()
    assert world.api.evicted == []
    ((name, reason, note),) = [each for each in world.api.told if each[1] != "BayplanQueued"]
    assert (name, reason) == ("p", "BayplanReclaim")
    assert note.endswith("evicting them would make room")


def test_metrics_say_what_queues_use_and_borrow_and_how_many_wait() -> None:
    limited = tree(own={"guaranteed": 2, "limit": 6}, part={"parent": "own"})
    world = World(limited, runs("r", 5, "part"), waits("p", 2, "part"), pod("free", 8))
    world.round()
    shown = {
        what: world.metric("bayplan_queue_gpus", queue="own", what=what)
        for what in ("used", "guaranteed", "borrowed", "limit")
    }
    assert shown == {"used": 5, "guaranteed": 2, "borrowed": 3, "limit": 6}
    assert world.metric("bayplan_queue_gpus", queue="part", what="limit") is None
    assert world.metric("bayplan_queue_pods_waiting", queue="part") == 1


def test_the_owner_of_a_gated_gang_is_asked_for_its_size() -> None:
    """No call of kube-scheduler shows a gated pod, so nobody else would ask."""
    labels = {"batch.kubernetes.io/job-name": "j"}
    said: dict[str, Any] = {"labels": labels, "annotations": {"bayplan.io/gang": "job"}}
    pods = [waits(f"j-{k}", 2, "own", **said) for k in range(2)]
    for each in pods:
        each["metadata"]["ownerReferences"] = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "controller": True}
        ]
    world = World(SHARED, *pods)
    job = {"kind": "Job", "metadata": {"name": "j"}, "spec": {"parallelism": 3, "completions": 3}}
    world.api.things["/apis/batch/v1/namespaces/default/jobs/j"] = job
    world.round()
    world.round(11.0)
    assert world.api.lifted == []
    assert world.queues.turns.why("default/j-0") == "gang default/j: 2 of 3 pods exist"
    third = waits("j-2", 2, "own", **said)
    world.api.pods["j-2"] = third
    world.service.changed("Pod", third)
    world.round(1.0)
    assert sorted(world.api.lifted) == ["j-0", "j-1", "j-2"]


def test_the_size_of_a_gang_that_is_gone_by_then_is_not_kept() -> None:
    """Another gang may come by its name."""
    thing = waits("j-0", 2, "own", labels={"batch.kubernetes.io/job-name": "j"},
                  annotations={"bayplan.io/gang": "job"})  # fmt: skip
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "controller": True}
    thing["metadata"]["ownerReferences"] = [owner]
    world = World(SHARED, thing)
    job = {"kind": "Job", "metadata": {"name": "j"}, "spec": {"parallelism": 3, "completions": 3}}
    read = world.api.read

    async def slow(path: str) -> Object | None:
        if "/jobs/" not in path:
            return await read(path)
        world.service.deleted("Pod", thing)
        return job

    world.api.read = slow  # type: ignore[method-assign]
    world.round()
    assert world.service.owner.plans.sizes == {}


def test_calls_are_answered_while_a_round_looks_at_many_who_wait() -> None:
    async def main() -> None:
        world = World(SHARED, *(waits(f"p{k:04}", 1, "own", float(k)) for k in range(1000)))
        call = pod("call", 0)
        begun = asyncio.create_task(world.queues.round())
        pauses = 0
        while not world.api.lifted and not begun.done():
            await asyncio.sleep(0)
            pauses += 1
            assert world.service.filter(call, ["a"], holds=False).passed == ["a"]
        await begun
        assert pauses > 1000 // AT_ONCE
        assert sorted(world.api.lifted) == [f"p{k:04}" for k in range(8)]

    asyncio.run(main())


def test_rounds_come_every_second_one_at_a_time_and_outlive_a_bug(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        world = World(SHARED, waits("p", 1, "own"))
        begun = 0

        async def failing() -> None:
            nonlocal begun
            begun += 1
            raise RuntimeError("a bug")

        monkeypatch.setattr(world.queues, "round", failing)
        for _ in range(3):
            world.queues.look_after()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert begun == 1
        world.time.now_s += EVERY_S
        world.queues.look_after()
        await asyncio.sleep(0)
        assert begun == 2

    asyncio.run(main())
    assert [each.message for each in caplog.records] == ["a round of the queues failed"] * 2


def test_the_page_of_a_namespace_has_its_queues_and_what_they_leave() -> None:
    three = tree(own={"guaranteed": 6, "limit": 7}, other={"guaranteed": 2}, part={"parent": "own"})
    mig = {"nvidia.com/mig-1g.10gb": "7"}
    world = World(three, runs("r", 3, "part"), runs("s", 1, "other"), waits("p", 6, "part"))
    world.service.changed("Node", node("m", 0, amounts=mig))
    world.round()
    page = world.service.quota("default")
    assert page["models"] == [
        {"model": "A100-80GB", "nodes": 1, "total": 8000, "free": 4000, "whole": 4, "largest": 4}
    ]
    assert page["slices"] == [
        {"model": "", "slice": "nvidia.com/mig-1g.10gb", "total": 7, "free": 7}
    ]
    assert [each["queue"] for each in page["queues"]] == ["other", "own", "part"]
    assert page["queues"][2] == {
        "queue": "part", "parent": "own", "guaranteed": 0, "limit": None, "used": 3000,
        "yours": 3000, "waiting": 1, "room": 4000,
    }  # fmt: skip
    elsewhere = runs("t", 1, "other")
    elsewhere["metadata"]["namespace"] = "team"
    world.service.changed("Pod", elsewhere)
    page = world.service.quota("team")
    assert [(each["queue"], each["yours"], each["used"]) for each in page["queues"]] == [
        ("other", 1000, 2000)
    ]
    assert len(world.service.quota("nobody")["queues"]) == 3


def test_a_cordoned_node_has_nothing_free() -> None:
    world = World(SHARED)
    world.service.changed("Node", node("a", cordoned=True))
    (model,) = world.service.quota("")["models"]
    assert (model["total"], model["free"], model["whole"]) == (8000, 0, 0)


def test_without_queues_the_page_has_gpus_alone() -> None:
    service = Service(Settings(), Api(), Time(), Numbers(CollectorRegistry()))
    listed(service, "Node", [node("a")])
    listed(service, "Pod", [runs("r", 1)])
    page = service.quota("default")
    assert (page["queues"], page["models"][0]["whole"]) == ([], 7)


def why(world: World, name: str) -> Object:
    found: Object = asyncio.run(world.service.explain("default", name))["why"]
    return found


def test_who_is_over_a_limit_is_told_so_whatever_the_nodes_have() -> None:
    over = "queue: queue own uses 3 of its limit of 4 GPUs; 2 asked, 1 left"
    alone = waits("p", 2, "own", gates=[])
    gang = [member(f"g-{k}", "g", 1, "own", gates=[]) for k in range(2)]
    limited = tree(own={"limit": 4})
    world = World(limited, runs("r", 3, "own"), alone, *gang, groups={"g": 2})
    assert [why(world, name)["why"] for name in ("p", "g")] == [over.partition(": ")[2]] * 2
    assert world.service.filter(alone, ["a"], holds=False).counts() == [(over, 1)]


def test_nodes_that_a_limit_by_model_closes_are_no_candidates() -> None:
    limited = tree(own={"limit": {"gpu:A100-80GB": 4000}})
    world = World(limited, runs("r", 3, "own"), waits("p", 2, "own", gates=[]))
    found = why(world, "p")
    over = "queue own uses 3 of its limit of 4 GPUs of A100-80GB; 2 asked, 1 left"
    assert (found["state"], found["notes"]) == ("waits", (over,))


def test_a_gated_member_is_no_part_of_what_a_gang_asks_of_its_queue() -> None:
    """Two of four GPUs each are within the limit of eight; the third is not there yet."""
    members = [member(f"g-{k}", "g", 4, "own", gates=[]) for k in range(2)]
    gated = member("g-2", "g", 4, "own", gates=["kueue.x-k8s.io/admission"])
    world = World(tree(own={"limit": 8}), *members, gated, groups={"g": 2})
    assert world.service.filter(members[0], ["a"], holds=False).passed == ["a"]


def test_who_does_not_lead_lifts_nothing_and_shows_the_queues_all_the_same() -> None:
    world, leading = World(SHARED, runs("r", 3, "own"), waits("p", 2, "own")), [False]
    world.queues = Queues(
        world.service.owner, world.queues._quota, Queueing(lift=True), world.api, world.time,
        QueueNumbers(CollectorRegistry()), leads=lambda: leading[0],
    )  # fmt: skip
    world.round()
    assert (world.api.lifted, world.api.told) == ([], [])
    leading[0] = True
    world.round(1.0)
    assert world.api.lifted == ["p"]
