"""What the runner does with what the evictor says: evictions, Events, the log, metrics, pages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.evicting.machine import Machine
from bayplan.extender.evicting.numbers import EvictingNumbers
from bayplan.extender.evicting.runner import Runner
from bayplan.extender.evicting.settings import Evicting
from bayplan.extender.service.calls import CallFailed, PodName
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from extender_evicting import GROUPS, budget, member, runs
from extender_things import listed, node, pod_group

Object = dict[str, Any]


class Api:
    """An API server that the service watches; ``fails``: what it answers to evictions first."""

    def __init__(self, *pods: Object) -> None:
        self.pods = {each["metadata"]["name"]: each for each in pods}
        self.things: dict[str, Object] = {}
        self.fails: list[CallFailed] = []
        self.evicted: list[str] = []
        self.touched: list[str] = []
        self.told: list[tuple[str, str, str, bool]] = []
        self.service: Service | None = None

    async def evict(self, pod: PodName) -> None:
        if self.fails:
            raise self.fails.pop(0)
        assert pod.uid == self.pods[pod.name]["metadata"]["uid"]
        self.evicted.append(pod.name)
        assert self.service is not None
        self.service.deleted("Pod", self.pods.pop(pod.name))

    async def read(self, path: str) -> Object | None:
        return self.things.get(path) or self.pods.get(path.rpartition("/")[2])

    async def touch(self, pod: PodName, key: str, value: str) -> None:
        self.touched.append(pod.name)

    def tell(self, pod: PodName, reason: str, note: str, *, warning: bool) -> None:
        self.told.append((pod.name, reason, note, warning))

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None: ...


class World:
    """A service with an evictor, its API server, its time and its metrics."""

    def __init__(self, *pods: Object, groups: Mapping[str, int] | None = None,
                 **settings: Any) -> None:  # fmt: skip
        self.api, self.registry = Api(*pods), CollectorRegistry()
        self.now_s, self.lacking, self.leads = 1000.0, list[str](), True
        self.service = Service(Settings(), self.api, lambda: self.now_s, Numbers(self.registry))
        self.api.service = self.service
        self.machine = Machine(self.service.owner, Evicting(**({"wait_s": 0.0} | settings)))
        self.service.owner.helper = self.machine
        self.runner = Runner(
            self.machine, self.service.owner, self.api, lambda: self.now_s,
            EvictingNumbers(self.registry), lacks=lambda: self.lacking, wake=self.service.wake,
            leads=lambda: self.leads,
        )  # fmt: skip
        stated = [pod_group(name, least) for name, least in (groups or {"g": 2}).items()]
        listed(self.service, GROUPS, stated)
        listed(self.service, "Node", [node("a"), node("b")])
        listed(self.service, "PodDisruptionBudget", [])
        listed(self.service, "Pod", pods)

    def rounds(self, n: int = 1, after_s: float = 1.0) -> None:
        for _ in range(n):
            asyncio.run(self.runner.round())
            self.now_s += after_s

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def crowd() -> list[Object]:
    return [runs("low-0", 8, "a"), runs("low-1", 8, "b")]


def gang(**more: Any) -> list[Object]:
    return [member(f"g-{k}", "g", 8, **more) for k in range(2)]


def test_lower_pods_are_evicted_and_all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World(*crowd(), *gang())
    for each in gang():
        world.service.waiting.refused(f"default/{each['metadata']['name']}", "no room")
    world.rounds(2)
    assert world.api.evicted == ["low-0", "low-1"]
    for_it = "evicted for gang default/g of priority 10, which finds no room"
    begun = "2 pods of lower priority leave for gang default/g: default/low-0, default/low-1"
    assert world.api.told == [
        ("g-0", "BayplanPreempting", begun, False),
        ("low-0", "BayplanPreempted", for_it, True),
        ("low-1", "BayplanPreempted", for_it, True),
    ]
    assert world.api.touched == []
    world.rounds(2)
    assert world.api.told[3:] == [
        ("g-0", "BayplanPreempting", "gang default/g: its room is there", False)
    ]
    assert sorted(world.api.touched) == ["g-0", "g-1"]
    logged = [(each.message, vars(each)) for each in caplog.records]
    assert [
        (message, said.get("result") or said.get("pod")) for message, said in logged
    ] == [("makes room", "begun"), ("evicted", "default/low-0"), ("evicted", "default/low-1"),
          ("makes room", "made")]  # fmt: skip
    assert world.metric("bayplan_gang_evictions_total", result="evicted") == 2
    assert world.metric("bayplan_gangs_helped_total", result="made") == 1
    assert world.metric("bayplan_gang_victims") == 0


def test_gauges_and_pages_say_what_is_under_way() -> None:
    world = World(*crowd(), *gang(), evictions_a_minute=1)
    world.rounds(3)
    assert world.metric("bayplan_gangs_without_room") == 1
    assert world.metric("bayplan_gang_victims") == 1
    assert world.service.state()["making_room"] == {
        "gang": "default/g", "to_evict": ["default/low-1"], "leaving": [],
        "refused": "",
    }  # fmt: skip
    page = asyncio.run(world.service.explain("default", "g"))
    begun = "2 pods of lower priority leave for gang default/g: default/low-0, default/low-1"
    assert begun in page["why"]["notes"]


@pytest.mark.parametrize(
    ("status", "result"), [(429, "refused"), (404, "gone"), (409, "gone"), (403, "failed"),
                           (0, "failed")],
)  # fmt: skip
def test_who_is_not_evicted_is_tried_again_before_anybody_else(
    status: int, result: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(*crowd(), *gang())
    world.api.fails = [CallFailed("refused", status=status)] * 2
    world.rounds(2)
    assert world.api.evicted == []
    assert world.metric("bayplan_gang_evictions_total", result=result) == 1
    assert [each.message for each in caplog.records] == ["not evicted"]
    world.rounds(5)
    assert world.metric("bayplan_gang_evictions_total", result=result) == 2
    world.rounds(5)
    assert world.api.evicted == ["low-0", "low-1"]


def test_a_gang_whose_victims_are_refused_for_long_is_given_up() -> None:
    world = World(*crowd(), *gang(), refused_s=10.0)
    world.api.fails = [CallFailed("HTTP 429", status=429)] * 100
    world.rounds(20)
    assert world.api.told[1:] == [
        ("g-0", "BayplanPreempting",
         "nobody leaves for gang default/g any longer: HTTP 429", True)
    ]  # fmt: skip
    assert world.metric("bayplan_gangs_helped_total", result="given up") == 1
    assert not world.service.owner.mirror.holds


def test_what_budgets_keep_is_told_as_a_warning() -> None:
    low = [runs("low-0", 8, "a", labels={"app": "x"}), runs("low-1", 8, "b")]
    world = World(*low, *gang())
    world.service.changed("PodDisruptionBudget", budget("pdb", 0, app="x"))
    world.rounds(40)
    ((name, reason, note, warning),) = world.api.told
    assert (name, reason, warning) == ("g-0", "BayplanPreempting", True)
    assert note.endswith("which disruption budgets do not allow now: default/pdb")
    assert world.metric("bayplan_gangs_helped_total", result="kept back") == 1


def test_nobody_is_evicted_where_another_leads_or_what_is_known_is_old() -> None:
    world = World(*crowd(), *gang())
    world.leads = False
    world.rounds(10)
    world.leads, world.lacking = True, ["Node: no word for 301 s"]
    world.rounds(10)
    assert world.api.evicted == []
    world.lacking = []
    world.rounds(1)
    assert world.service.owner.mirror.heirs
    world.leads = False
    world.rounds(1)
    assert (world.service.owner.mirror.heirs, world.api.evicted) == ({}, [])


def test_the_owner_of_a_gang_is_asked_for_its_size_where_no_call_shows_it() -> None:
    labels = {"batch.kubernetes.io/job-name": "j"}
    said: dict[str, Any] = {"labels": labels, "annotations": {"bayplan.io/gang": "job"}}
    pods = [runs("j-0", 8, "", 10, **said), runs("j-1", 8, "", 10, **said)]
    for each in pods:
        each["status"]["phase"] = "Pending"
        each["metadata"]["ownerReferences"] = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "controller": True}
        ]
    world = World(*crowd(), *pods)
    job = {"kind": "Job", "metadata": {"name": "j"}, "spec": {"parallelism": 2}}
    world.api.things["/apis/batch/v1/namespaces/default/jobs/j"] = job
    world.rounds(7)
    assert world.api.evicted == ["low-0", "low-1"]


def test_a_round_that_fails_is_followed_by_others(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, begun = World(), 0

    async def failing() -> None:
        nonlocal begun
        begun += 1
        if begun == 2:
            raise asyncio.CancelledError
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.runner, "round", failing)
    monkeypatch.setattr("bayplan.extender.evicting.runner.ROUND_S", 0.0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(world.runner.run())
    assert [each.message for each in caplog.records] == ["a round of the evictor failed"]


def test_who_leads_no_longer_tells_nothing_of_what_it_saw_then() -> None:
    world = World(*crowd(), *gang(priority=0))
    world.rounds()
    assert world.metric("bayplan_gangs_without_room") == 1.0
    assert world.machine.note("default/g") != ""
    world.leads = False
    world.rounds()
    assert world.metric("bayplan_gangs_without_room") == 0.0
    assert world.machine.note("default/g") == ""
