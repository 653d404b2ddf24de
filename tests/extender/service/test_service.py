"""The service with an API server of its own: gangs at the barrier, failures, rollbacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from time import sleep
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.leading.runner import Runner
from bayplan.extender.live.settings import Gangs, Live, Rollback
from bayplan.extender.service import binder
from bayplan.extender.service.calls import CallFailed, PodName, Sure
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from extender_things import (
    bound,
    gang_pod,
    hami_node,
    listed,
    node,
    pod,
    pod_group,
    volcano_node,
)

Object = dict[str, Any]


class Api:
    """An API server: what is bound is seen by ``watch``; ``fails`` says which bindings fail how."""

    def __init__(self) -> None:
        self.pods: dict[str, Object] = {}
        self.things: dict[str, Object] = {}
        self.fails: dict[str, list[CallFailed]] = {}
        self.bound: list[tuple[str, str]] = []
        self.annotations: dict[str, Mapping[str, str]] = {}
        self.evicted: list[str] = []
        self.told: list[tuple[str, str, str]] = []
        self.touched: list[str] = []
        self.delay_s = 0.0
        self.watch: Callable[[str, Object], None] = lambda kind, thing: None

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None:
        await asyncio.sleep(self.delay_s)
        failures = self.fails.get(pod.name, [])
        failed = failures.pop(0) if failures else None
        if failed is None or (failed.happened is Sure.MAYBE and "done" in str(failed)):
            thing = bound(self.pods[pod.name], node)
            thing["metadata"]["annotations"] |= annotations
            self.pods[pod.name] = thing
            self.bound.append((pod.name, node))
            self.annotations[pod.name] = annotations
            if failed is None:
                self.watch("Pod", thing)
        if failed is not None:
            raise failed

    async def touch(self, pod: PodName, key: str, value: str) -> None:
        self.touched.append(pod.name)

    async def evict(self, pod: PodName) -> None:
        self.evicted.append(pod.name)

    async def read(self, path: str) -> Object | None:
        if path in self.things:
            return self.things[path]
        return self.pods.get(path.rpartition("/")[2])

    def tell(self, pod: PodName, reason: str, note: str, *, warning: bool) -> None:
        self.told.append((pod.name, reason, note))


class Time:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def service_of(
    *nodes: Object, pods: tuple[Object, ...] = (), **settings: Any
) -> tuple[Service, Api, Time]:
    api, time = Api(), Time()
    service = Service(Settings(**settings), api, time, Numbers(CollectorRegistry()))
    listed(service, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 4)])
    listed(service, "Node", nodes)
    listed(service, "Pod", pods)
    api.watch = service.changed
    service.warm = True
    for thing in pods:
        api.pods[thing["metadata"]["name"]] = thing
    return service, api, time


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


async def schedule(service: Service, thing: Object, names: list[str]) -> str:
    """Do what kube-scheduler does with a pod; return what bind says, or why it got so far."""
    metadata = thing["metadata"]
    answer = service.filter(thing, names, holds=True)
    if not answer.passed:
        return answer.error or "unschedulable"
    choice = answer.passed[0]
    if len(answer.passed) > 1:
        choice = max(service.prioritize(thing, answer.passed), key=lambda pair: pair[1])[0]
    return await service.bind("default", metadata["name"], metadata["uid"], choice)


def gang(n: int = 4) -> tuple[Object, ...]:
    return tuple(gang_pod(f"g-{k}", "g", 4) for k in range(n))


def test_a_pod_is_bound_where_it_was_promised() -> None:
    async def main() -> None:
        thing = pod("p", 8)
        service, api, _ = service_of(node("a"), node("b"), pods=(thing,))
        assert service.not_ready() == []
        assert await schedule(service, thing, ["a", "b"]) == ""
        assert api.bound == [("p", "a")]
        assert await service.recompute() == []
        # Again: kube-scheduler did not hear of it.
        assert await service.bind("default", "p", thing["metadata"]["uid"], "a") == ""
        assert "bound already, to a" in await service.bind("default", "p", "", "b")
        assert api.bound == [("p", "a")]

    run(main())


def test_members_are_bound_together_when_the_last_has_come() -> None:
    async def main() -> None:
        pods = gang()
        service, api, _ = service_of(node("a"), node("b"), pods=pods)
        tasks = [asyncio.create_task(schedule(service, each, ["a", "b"])) for each in pods[:3]]
        await asyncio.sleep(0.02)
        assert api.bound == []
        tasks.append(asyncio.create_task(schedule(service, pods[3], ["a", "b"])))
        assert await asyncio.gather(*tasks) == [""] * 4
        assert len(api.bound) == 4
        assert await service.recompute() == []

    run(main())


def test_a_member_that_waits_too_long_says_how_many_are_there() -> None:
    async def main() -> None:
        pods = gang()
        service, api, _ = service_of(node("a"), node("b"), pods=pods, bind_wait_s=0.02)
        whys = await asyncio.gather(*[schedule(service, each, ["a", "b"]) for each in pods[:3]])
        assert sorted(whys) == [
            "gang default/g: waiting 1/4",
            "gang default/g: waiting 2/4",
            "gang default/g: waiting 3/4",
        ]
        assert api.bound == []
        assert len(service.owner.mirror.holds) == 4

    run(main())


def test_members_pass_whose_last_comes_when_their_time_is_over() -> None:
    async def main() -> None:
        pods = gang()
        service, api, _ = service_of(node("a"), node("b"), pods=pods, bind_wait_s=0.05)
        tasks = [asyncio.create_task(schedule(service, each, ["a", "b"])) for each in pods[:3]]
        await asyncio.sleep(0.01)

        def last() -> None:
            tasks.append(asyncio.create_task(schedule(service, pods[3], ["a", "b"])))

        asyncio.get_running_loop().call_later(0.06, last)
        sleep(0.1)  # the loop is busy, and finds at once that waits are over and the last is there
        await asyncio.sleep(0.02)
        assert await asyncio.gather(*tasks) == [""] * 4
        assert len(api.bound) == 4

    run(main())


def test_who_could_not_be_bound_with_the_others_waits_for_nobody() -> None:
    async def main() -> None:
        pods = gang()
        service, api, _ = service_of(node("a"), node("b"), pods=pods, bind_wait_s=0.02)
        for each in ("g-1", "g-2"):
            api.fails[each] = [CallFailed("too busy")]
        whys = await asyncio.gather(*[schedule(service, each, ["a", "b"]) for each in pods])
        assert whys == ["", "too busy", "too busy", ""]
        assert await schedule(service, pods[1], ["a", "b"]) == ""
        assert await schedule(service, pods[2], ["a", "b"]) == ""
        assert await service.recompute() == []

    run(main())


def test_the_rest_of_a_gang_in_part_is_bound_as_it_comes_after_a_restart() -> None:
    async def main() -> None:
        pods = gang()
        there = bound(pods[0], "a")
        service, api, _ = service_of(
            node("a"), node("b"), pods=(there, *pods[1:]), bind_wait_s=0.02
        )
        for each in pods[1:]:
            assert await schedule(service, each, ["a", "b"]) == ""
        assert len(api.bound) == 3

    run(main())


def test_members_do_not_wait_for_a_plan_that_is_over() -> None:
    async def main() -> None:
        pods = gang()
        service, api, time = service_of(
            node("a"), node("b"), pods=pods, tick_s=0.01, recompute_s=0.0
        )
        looking_after = asyncio.create_task(service.run())
        waiting = asyncio.create_task(schedule(service, pods[0], ["a", "b"]))
        await asyncio.sleep(0.02)
        time.now_s += 1000.0
        assert "its plan is over" in await asyncio.wait_for(waiting, 5.0)
        looking_after.cancel()
        assert not service.owner.mirror.holds
        assert api.bound == []

    run(main())


def test_a_binding_that_is_refused_gives_its_room_back() -> None:
    async def main() -> None:
        thing = pod("p", 8)
        service, api, _ = service_of(node("a"), pods=(thing,))
        api.fails["p"] = [CallFailed("pods p not found")]
        assert await schedule(service, thing, ["a"]) == "pods p not found"
        assert not service.owner.mirror.assumed
        assert await schedule(service, thing, ["a"]) == ""

    run(main())


@pytest.mark.parametrize("done", [True, False])
def test_a_binding_that_may_have_happened_is_looked_up(done: bool) -> None:
    async def main() -> None:
        thing = pod("p", 8)
        service, api, _ = service_of(node("a"), pods=(thing,))
        api.fails["p"] = [CallFailed("reset" + (", done" if done else ""), Sure.MAYBE)]
        why = await schedule(service, thing, ["a"])
        assert why == ("" if done else "reset")
        assert bool(service.owner.mirror.assumed) is done
        assert await service.recompute() == []

    run(main())


def test_a_call_that_is_given_up_at_the_barrier_does_not_count_as_there() -> None:
    async def main() -> None:
        pods = gang()
        service, api, _ = service_of(node("a"), node("b"), pods=pods)
        waiting = [asyncio.create_task(schedule(service, each, ["a", "b"])) for each in pods[:3]]
        await asyncio.sleep(0.02)
        waiting.pop(0).cancel()
        await asyncio.sleep(0.02)
        waiting.append(asyncio.create_task(schedule(service, pods[3], ["a", "b"])))
        await asyncio.sleep(0.02)
        assert api.bound == []  # three are there, and four are needed
        waiting.append(asyncio.create_task(schedule(service, pods[0], ["a", "b"])))
        assert await asyncio.gather(*waiting) == [""] * 4
        assert len(api.bound) == 4

    run(main())


@pytest.mark.parametrize("arrives", [True, False])
def test_the_room_of_a_binding_that_is_given_up_is_kept_until_it_is_known_what_became_of_it(
    arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binder, "IN_FLIGHT_S", 0.1)

    async def main() -> None:
        thing = pod("p", 8)
        service, api, _ = service_of(node("a"), pods=(thing,))
        api.delay_s = 60.0
        binding = asyncio.create_task(schedule(service, thing, ["a"]))
        await asyncio.sleep(0.02)
        binding.cancel()
        await asyncio.sleep(0.02)
        assert service.owner.mirror.assumed == {"default/p": "a"}
        if arrives:
            api.pods["p"] = bound(thing, "a")
        await asyncio.sleep(0.2)
        assert bool(service.owner.mirror.assumed) is arrives
        assert await service.recompute() == []

    run(main())


@pytest.mark.parametrize("rollback", list(Rollback))
def test_a_gang_that_stays_in_part_is_told_of_and_evicted_if_so_wished(rollback: Rollback) -> None:
    async def main() -> None:
        pods = gang()
        live = Live(gangs=Gangs(hold_s=100.0, rollback=rollback))
        # Room for two: the other two find none after the first was bound elsewhere.
        service, api, time = service_of(
            node("a"), pods=(bound(pods[0], "a"), *pods[1:]), live=live, tick_s=0.01, recompute_s=0
        )
        looking_after = asyncio.create_task(service.run())
        assert await schedule(service, pods[1], ["a"]) == "unschedulable"
        await asyncio.sleep(0.05)
        assert not any(reason == "BayplanGangInPart" for _, reason, _ in api.told)
        time.now_s += 101.0
        await asyncio.sleep(0.05)
        looking_after.cancel()
        assert any(told[:2] == ("g-0", "BayplanGangInPart") for told in api.told)
        assert bool(api.evicted) is (rollback is Rollback.EVICT)

    run(main())


class Leading(Runner):
    """Says what a test wants it to."""

    def __init__(self) -> None:
        self.does_lead, self.why = False, ""

    def leads(self) -> bool:
        return self.does_lead

    def page(self) -> Object:
        return {"leads": self.does_lead}

    async def pass_fence(self) -> str:
        return self.why


def test_who_does_not_lead_rolls_back_nothing_and_goes_on_counting() -> None:
    async def main() -> None:
        pods = gang()
        live = Live(gangs=Gangs(hold_s=100.0, rollback=Rollback.EVICT))
        service, api, time = service_of(
            node("a"), pods=(bound(pods[0], "a"), *pods[1:]), live=live, tick_s=0.01, recompute_s=0
        )
        assert "leading" not in service.state()
        leading = service.leading = Leading()
        assert service.state()["leading"] == {"leads": False}
        looking_after = asyncio.create_task(service.run())
        await asyncio.sleep(0.05)
        time.now_s += 101.0
        await asyncio.sleep(0.05)
        assert (api.told, api.evicted, api.touched) == ([], [], [])
        leading.does_lead = True
        await asyncio.sleep(0.05)
        looking_after.cancel()
        assert "g-0" in api.evicted

    run(main())


def test_a_pod_is_bound_where_there_is_room_after_the_fence_has_let_it_pass() -> None:
    async def main() -> None:
        one, other = pod("p", 8), pod("q", 8)
        service, api, _ = service_of(node("a"), pods=(one, other))
        leading = service.leading = Leading()
        service.binder.fence = leading.pass_fence
        leading.why = "another extender binds"
        assert await schedule(service, one, ["a"]) == leading.why
        assert api.bound == []
        assert service.owner.mirror.assumed == {}

        async def sees_another() -> str:
            service.changed("Pod", bound(other, "a"))
            return ""

        service.binder.fence = sees_another
        assert (await schedule(service, one, ["a"])).startswith("node a has no room any more")
        assert api.bound == []

    run(main())


def test_hami_is_told_which_gpus_and_binds_wait_for_its_device_plugin() -> None:
    async def main() -> None:
        asks = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960", "nvidia.com/gpucores": "30"}
        one, other = pod("p", asks=asks), pod("q", asks=asks)
        service, api, _ = service_of(
            hami_node("h", 1), pods=(one, other), live=Live(hami=True), bind_wait_s=0.05
        )
        assert await schedule(service, one, ["h"]) == ""
        given = api.annotations["p"]
        assert given["hami.io/vgpu-devices-to-allocate"] == "GPU-h-0,NVIDIA,40960,30:;"
        assert given["hami.io/bind-phase"] == "allocating"
        assert await schedule(service, other, ["h"]) == "node h is giving devices to another pod"
        api.pods["p"]["metadata"]["annotations"]["hami.io/bind-phase"] = "success"
        service.changed("Pod", api.pods["p"])
        await asyncio.sleep(0.1)
        assert await schedule(service, other, ["h"]) == ""
        assert await service.recompute() == []

    run(main())


def test_volcanos_device_plugin_takes_one_pod_of_a_node_at_a_time() -> None:
    async def main() -> None:
        asks = {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory": "40960"}
        one, other = pod("p", asks=asks), pod("q", asks=asks)
        service, api, _ = service_of(
            volcano_node("v", 1), pods=(one, other), live=Live(volcano=True), bind_wait_s=0.05
        )
        assert await schedule(service, one, ["v"]) == ""
        assert api.annotations["p"]["volcano.sh/vgpu-ids-new"] == "GPU-v-0,NVIDIA,40960,0:"
        assert await schedule(service, other, ["v"]) == "node v is giving devices to another pod"
        why = (await service.explain("default", "q"))["text"]
        assert "gives devices to pod default/p first: Volcano's vGPU device plugin takes" in why
        api.pods["p"]["metadata"]["annotations"]["volcano.sh/bind-phase"] = "failed"
        service.changed("Pod", api.pods["p"])
        await asyncio.sleep(0.1)
        assert await schedule(service, other, ["v"]) == ""
        assert await service.recompute() == []

    run(main())


@pytest.mark.parametrize(("bound_s", "waits"), [(0.0, True), (binder.ALLOCATION_S + 1, False)])
def test_after_a_restart_a_pod_that_is_to_get_its_devices_still_comes_first(
    bound_s: float, waits: bool
) -> None:
    async def main() -> None:
        asks = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}
        said = {
            "hami.io/vgpu-devices-allocated": "GPU-h-0,NVIDIA,40960,50:;",
            "hami.io/bind-phase": "allocating",
            "hami.io/bind-time": str(int(time.time() - bound_s)),
        }
        first, other = pod("p", asks=asks, at="h", annotations=said), pod("q", asks=asks)
        service, _, _ = service_of(
            hami_node("h", 1), pods=(first, other), live=Live(hami=True), bind_wait_s=0.15
        )
        why = "node h is giving devices to another pod" if waits else ""
        assert await schedule(service, other, ["h"]) == why
        assert not waits or not service.binder.giving

    run(main())


def test_the_owner_of_a_gang_is_asked_how_many_there_will_be() -> None:
    async def main() -> None:
        reference = {
            "apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "name": "t", "controller": True,
        }  # fmt: skip
        pods = tuple(
            pod(f"t-{k}", 2, labels={"training.kubeflow.org/job-name": "t"}) for k in range(3)
        )
        for each in pods:
            each["metadata"]["ownerReferences"] = [reference]
        service, api, _ = service_of(node("a"), pods=pods[:2], bind_wait_s=0.05)
        specs = {"Master": {"replicas": 1}, "Worker": {"replicas": 2}}
        api.things["/apis/kubeflow.org/v1/namespaces/default/pytorchjobs/t"] = {
            "spec": {"pytorchReplicaSpecs": specs}
        }
        assert "asked for its size" in await schedule(service, pods[0], ["a"])
        await asyncio.sleep(0.01)
        assert await schedule(service, pods[0], ["a"]) == "gang default/t: 2 of 3 pods exist"
        service.changed("Pod", pods[2])
        api.pods["t-2"] = pods[2]
        assert await asyncio.gather(*[schedule(service, each, ["a"]) for each in pods]) == [""] * 3

    run(main())


def test_pods_that_wait_are_touched_when_a_hold_is_over() -> None:
    async def main() -> None:
        one, other = pod("p", 8), pod("q", 8)
        service, api, time = service_of(
            node("a"), node("b"), pods=(one, other, pod("x", 8, at="b")), tick_s=0.01
        )
        service.prioritize(one, ["a"])
        looking_after = asyncio.create_task(service.run())
        assert await schedule(service, other, ["a", "b"]) == "unschedulable"
        await asyncio.sleep(0.05)
        assert api.touched == []
        time.now_s += 61.0
        await asyncio.sleep(0.05)
        looking_after.cancel()
        assert api.touched == ["q"]

    run(main())


@pytest.mark.parametrize("nudge", [True, False])
def test_members_that_were_refused_are_woken_when_their_gang_has_a_plan(nudge: bool) -> None:
    async def main() -> None:
        pods, busy = gang(), pod("busy", 6, at="a")
        service, api, _ = service_of(
            node("a"), node("b"), pods=(*pods, busy), bind_wait_s=0.05, nudge=nudge
        )
        for each in pods[:3]:
            assert await schedule(service, each, ["a", "b"]) == "unschedulable"
        service.deleted("Pod", busy)
        assert "waiting 1/4" in await schedule(service, pods[1], ["a", "b"])
        assert api.touched == (["g-0", "g-2"] if nudge else [])
        # Once for a plan: the member that comes next was not refused since.
        assert "waiting 1/4" in await schedule(service, pods[0], ["a", "b"])
        assert len(api.touched) == 2 * nudge

    run(main())


def test_no_pod_is_touched_where_that_is_not_wished() -> None:
    async def main() -> None:
        busy, waits = pod("busy", 8, at="a"), pod("waits", 8)
        service, api, _ = service_of(node("a"), pods=(busy, waits), nudge=False, tick_s=0.01)
        looking_after = asyncio.create_task(service.run())
        assert await schedule(service, waits, ["a"]) == "unschedulable"
        service.deleted("Pod", busy)
        await asyncio.sleep(0.05)
        looking_after.cancel()
        assert api.touched == []

    run(main())


def test_explain_says_what_is_asked_why_it_waits_and_the_gang() -> None:
    async def main() -> None:
        pods = gang(3)
        service, _, _ = service_of(node("a"), pods=(*pods, pod("big", 9), pod("x", 2, at="a")))
        page = await service.explain("default", "big")
        assert page["asks"]["devices"] == ["9 GPUs"]
        assert page["text"] == "\n".join(page["why"]["lines"])
        assert page["text"].startswith("Pod default/big waits: it asks for 9 GPUs, 1 CPU, 1 GiB.\n")
        assert (await service.explain("default", "x"))["node"] == "a"
        member = await service.explain("default", "g-0")
        assert member["gang"] == {
            "name": "default/g", "named_by": "scheduling.x-k8s.io/pod-group", "pods": 3, "least": 4,
        }  # fmt: skip
        whole = await service.explain("default", "g")
        assert whole == {key: member[key] for key in ("gang", "why", "text")}
        assert whole["why"]["why"] == "3 of 4 pods exist"
        with pytest.raises(KeyError):
            await service.explain("default", "nobody")
        assert service.state()["nodes"] == 1

    run(main())


def test_explain_looks_only_at_nodes_that_enforce_the_share() -> None:
    async def main() -> None:
        share = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}
        runs = pod("runs", asks=share, at="h")
        pods = (runs, pod("also", asks=share), pod("wide", asks=share | {"nvidia.com/gpu": "2"}))
        service, _, _ = service_of(node("a"), hami_node("h", 1), pods=pods, live=Live(hami=True))
        left_out = "Candidates are 1 of 2 nodes; others: nothing on the node enforces the share:"
        also = (await service.explain("default", "also"))["why"]["lines"]
        assert also[:2] == ["Pod default/also waits, and would fit now: on h, GPU 0.", left_out]
        wide = (await service.explain("default", "wide"))["why"]["lines"]
        assert "1 × not among the candidates" in wide[2]
        assert left_out in wide
        assert "Candidates" not in (await service.explain("default", "runs"))["text"]

    run(main())


def test_a_pod_that_is_bound_while_another_is_touched_is_not_touched_itself() -> None:
    async def main() -> None:
        held, first, second = pod("held", 8), pod("first", 4), pod("second", 4)
        service, api, _ = service_of(node("a"), pods=(held, first, second))
        service.filter(held, ["a"], holds=True)
        service.prioritize(held, ["a"])
        for thing in (first, second):
            assert not service.filter(thing, ["a"], holds=True).passed
        touch = api.touch

        async def touch_and_bind(pod: PodName, key: str, value: str) -> None:
            await touch(pod, key, value)
            assert await schedule(service, second, ["a"]) == ""

        api.touch = touch_and_bind  # type: ignore[method-assign]
        service.deleted("Pod", held)
        await service.waiting.wake()
        assert api.touched == ["first"]
        assert api.bound == [("second", "a")]

    run(main())


def test_a_round_that_fails_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        held = pod("held", 8)
        service, _, time = service_of(
            node("a"), pods=(held,), tick_s=0.0, recompute_s=0.0, live=Live(hold_s=5.0)
        )
        service.filter(held, ["a"], holds=True)
        service.prioritize(held, ["a"])
        look_at, failures = service.numbers.look_at, [ValueError("once")]

        def fails_once(*arguments: Any) -> None:
            if failures:
                raise failures.pop()
            look_at(*arguments)

        service.numbers.look_at = fails_once  # type: ignore[method-assign, assignment]
        looking_after = asyncio.create_task(service.run())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not failures
        time.now_s += 5.0
        for _ in range(10):
            await asyncio.sleep(0)
        assert not service.owner.mirror.holds
        looking_after.cancel()

    run(main())
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == [
        "a round of looking after what was promised failed"
    ]


@pytest.mark.parametrize("kind", ["pod", "node", "uncordoned"])
def test_pods_that_were_asked_for_before_the_watch_showed_room_are_touched(kind: str) -> None:
    async def main() -> None:
        busy, waits = pod("busy", 8, at="a"), pod("waits", 8)
        service, api, _ = service_of(node("a"), node("b", cordoned=True), pods=(busy, waits))
        await service.waiting.wake()
        names = ["a", "c"] if kind == "node" else ["a", "b"]
        assert not service.filter(waits, names, holds=True).passed
        await service.waiting.wake()
        assert api.touched == []
        if kind == "pod":
            service.deleted("Pod", busy)
        else:
            service.changed("Node", node("c" if kind == "node" else "b"))
        await service.waiting.wake()
        assert api.touched == ["waits"]

    run(main())
