"""What the live state says of pods and gangs before anything is worked out, and around it."""

from __future__ import annotations

import asyncio
from typing import Any

from bayplan.extender.health.settings import Judging
from bayplan.extender.live.settings import Live
from bayplan.extender.service import binder
from bayplan.extender.service.question import subjects_of
from bayplan.extender.service.service import Service
from extender_things import bound, gang_pod, hami_node, node, pod, sick

from .test_service import Object, gang, run, schedule, service_of

SHARE = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}


async def why(service: Service, name: str) -> list[str]:
    lines: list[str] = (await service.explain("default", name))["why"]["lines"]
    return lines


def test_a_gang_that_has_a_plan_and_its_members() -> None:
    async def main() -> None:
        pods = gang(4)
        service, _, _ = service_of(node("a"), node("b"), pods=pods)
        first = asyncio.create_task(schedule(service, pods[0], ["a", "b"]))
        await asyncio.sleep(0.02)
        assert await why(service, "g") == [
            "Gang default/g is about to start: room is kept for 4 of 4 members on 2 nodes: a",
            "  and b.",
            "1 of 4 have come to be bound, or are",
        ]
        assert await why(service, "g-1") == [
            "Pod default/g-1 is about to start: room is kept for it on a.",
            "Gang default/g: 0 of 4 members are bound, 1 of 4 have come to be",
        ]
        others = [asyncio.create_task(schedule(service, each, ["a", "b"])) for each in pods[1:]]
        assert await asyncio.gather(first, *others) == [""] * 4
        assert await why(service, "g") == [
            "Gang default/g has started: 4 of 4 members are bound on 2 nodes: a and b.",
        ]
        member = await why(service, "g-0")
        assert member[0] == "Pod default/g-0 is on a."
        assert "Gang default/g: 4 of 4 members are bound" in "\n".join(member)

    run(main())


def test_who_is_beyond_what_a_gang_needs_and_who_lets_it_grow() -> None:
    async def main() -> None:
        pods = tuple(gang_pod(f"g-{k}", "g", 8) for k in range(5))
        service, _, _ = service_of(*(node(f"n{k}") for k in range(4)), pods=pods)
        names = [f"n{k}" for k in range(4)]
        service.filter(pods[0], names, holds=True)
        (left,) = set(service.owner.mirror.pods) - set(service.owner.plans.plans["default/g"].nodes)
        assert await why(service, left.partition("/")[2]) == [
            f"Pod {left} waits: it asks for 8 GPUs, 1 CPU, 1 GiB.",
            "Gang default/g starts without this pod, which is beyond what it needs",
        ]
        for k, name in enumerate(names):
            service.changed("Pod", bound(pods[k], name))
        assert subjects_of(service.owner, ["default/g-4"]) == {"default/g-4": "default/g-4"}
        grows = await why(service, "g-4")
        assert grows[:2] == [
            "Pod default/g-4 waits: it asks for 8 GPUs, 1 CPU, 1 GiB.",
            "4 nodes: too few GPUs with enough free",
        ]

    run(main())


def test_members_wait_with_their_gang() -> None:
    async def main() -> None:
        pods = gang(3)
        service, _, _ = service_of(node("a"), node("b"), pods=(*pods, pod("p")))
        keys = ["default/g-0", "default/p", "default/nobody"]
        about = {**dict.fromkeys(keys[1:]), "default/g-0": "default/g"}
        found = subjects_of(service.owner, keys)
        assert found == {key: subject or key for key, subject in about.items()}
        service.filter(pods[0], ["a", "b"], holds=True)
        assert await why(service, "g-2") == await why(service, "g")
        assert (await why(service, "g"))[0] == "Gang default/g waits: 3 of 4 pods exist"

    run(main())


def test_gates_and_words_that_nobody_enforces() -> None:
    async def main() -> None:
        gates = {"schedulingGates": [{"name": "team/quota"}]}
        gated = [gang_pod(f"g-{k}", "g", 1, spec=gates) for k in range(4)]
        alone = pod("p", spec=gates)
        volcano = pod("v", asks={"volcano.sh/vgpu-number": "1"})
        service, _, _ = service_of(node("a"), pods=(*gated, alone, volcano))
        said = "it is not to be placed before these scheduling gates are lifted: team/quota"
        assert await why(service, "p") == [
            "Pod default/p waits: it asks for 1 GPU, 1 CPU, 1 GiB.",
            "It is not to be placed before these scheduling gates are lifted: team/quota",
        ]
        of_gang = (await service.explain("default", "g"))["why"]
        assert of_gang["why"] == f"pod default/g-0: {said}"
        of_volcano = " ".join(" ".join(await why(service, "v")).split())
        assert of_volcano.endswith("or leave such pods to its own scheduler")

    run(main())


def test_members_with_gates_are_not_there_yet_and_hold_nobody_back_that_need_not_wait() -> None:
    async def main() -> None:
        gates = {"schedulingGates": [{"name": "team/quota"}]}
        gated = [gang_pod(f"g-{k}", "g", 1, spec=gates) for k in range(4)]
        pods = (*gang(4)[:2], *gated[2:])
        service, _, _ = service_of(node("a"), pods=pods)
        of_gang = (await service.explain("default", "g"))["why"]
        assert of_gang["why"] == "2 of 4 pods exist, 2 more are gated"
        pods = (*gang(5)[:4], gang_pod("g-4", "g", 1, spec=gates))
        service, _, _ = service_of(node("a"), node("b"), pods=pods)
        assert (await service.explain("default", "g"))["why"]["state"] == "fits"

    run(main())


def test_a_gate_of_a_member_that_is_not_needed_is_no_reason() -> None:
    async def main() -> None:
        gates = {"schedulingGates": [{"name": "team/quota"}]}
        pods = [gang_pod(f"g-{k}", "g", 8, spec=gates if k < 1 else {}) for k in range(5)]
        service, _, _ = service_of(node("a"), node("b"), pods=tuple(pods))
        of_gang = (await service.explain("default", "g"))["why"]
        assert "gates" not in of_gang["why"]
        assert of_gang["lines"][0].startswith("Gang default/g waits: ")
        service.changed("Pod", gang_pod("g-1", "g", 8, spec=gates))
        of_gang = (await service.explain("default", "g"))["why"]
        assert of_gang["why"] == "3 of 4 pods exist, 2 more are gated"

    run(main())


def test_a_pod_whose_room_is_kept_and_one_that_is_being_bound() -> None:
    async def main() -> None:
        thing = pod("p", 8)
        service, api, _ = service_of(node("a"), node("b"), pods=(thing,))
        service.filter(thing, ["a", "b"], holds=True)
        service.prioritize(thing, ["a", "b"])
        assert await why(service, "p") == [
            "Pod default/p is about to start: room is kept for it on a."
        ]
        api.delay_s = 0.2
        binds = asyncio.create_task(service.bind("default", "p", thing["metadata"]["uid"], "a"))
        await asyncio.sleep(0.02)
        assert await why(service, "p") == [
            "Pod default/p is on a.",
            "2 nodes would take it now; by best-fit this is the first of them",
            "It is being bound",
        ]
        assert await binds == ""
        assert (await why(service, "p"))[:2] == (await why(service, "p"))[:2]

    run(main())


def test_who_waits_for_hami_to_give_devices_to_another_pod(monkeypatch: Any) -> None:
    async def main() -> None:
        monkeypatch.setattr(binder, "_LOOK_S", 0.01)
        pods: tuple[Object, ...] = tuple(pod(name, asks=SHARE) for name in ("p", "q"))
        service, api, _ = service_of(
            hami_node("h"), pods=pods, live=Live(hami=True), bind_wait_s=0.05
        )
        assert await schedule(service, pods[0], ["h"]) == ""
        said = "Node h gives devices to pod default/p first: HAMi's device plugin takes one pod"
        waits = asyncio.create_task(schedule(service, pods[1], ["h"]))
        await asyncio.sleep(0.01)
        assert said in (await why(service, "q"))[1]
        assert "is giving devices to another pod" in await waits
        assert said in (await why(service, "q"))[1]
        assert all(said not in line for line in await why(service, "p"))
        given = bound(api.pods["p"], "h")
        given["metadata"]["annotations"] |= {"hami.io/bind-phase": "success"}
        service.changed("Pod", given)
        while service.binder.giving:
            await asyncio.sleep(0.01)
        assert all(said not in line for line in await why(service, "q"))
        assert await schedule(service, pods[1], ["h"]) == ""

    run(main())


def test_a_node_to_add_to_a_gang_is_one_that_enforces_what_its_members_ask_for() -> None:
    async def main() -> None:
        # The smallest node has no plugin of HAMi's; the leader, whom any node suits, comes first.
        whole = {"nvidia.com/gpu": "1", "nvidia.com/gpucores": "100"}
        pods = (
            pod("runs", 1, at="small"),
            gang_pod("g-0", "g", 0),
            *(gang_pod(f"g-{k}", "g", asks=whole) for k in (1, 2, 3)),
        )
        service, _, _ = service_of(
            node("small", 1), hami_node("h"), pods=pods, live=Live(hami=True)
        )
        lines = await why(service, "g")
        assert [line for line in lines if " like " in line] == [
            "  1. add 1 node like h: 2 GPUs of NVIDIA A100, 96 CPU, 768 GiB"
        ]

    run(main())


def test_who_waits_for_gpus_is_told_of_sick_ones() -> None:
    async def main() -> None:
        nodes = (sick(node("a"), 3, 5), sick(node("b"), 0))
        cpu = pod("cpu", 0, asks={"cpu": "1000"})
        pods = (pod("p", 9), *gang(4), cpu)
        service, _, _ = service_of(*nodes, pods=pods, live=Live(health=Judging()))
        said = (
            "Sick (and 2 more reasons in /state): GPU 3 (GPU-a-3) of node a: Xid 79, fallen off the"
            " bus, since 2026-11-28T21:00:00Z; drain the node and reboot it"
        )
        for name in ("p", "g"):
            assert said in " ".join(" ".join(await why(service, name)).split())
        assert "Sick" not in " ".join(await why(service, "cpu"))

    run(main())
