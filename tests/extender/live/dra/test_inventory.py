"""The inventory follows from what is there, whatever came before."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.live.dra.inventory import Inventory
from bayplan.traces.kubernetes.objects import name_of
from dra_things import (
    allocated,
    claim,
    device_classes,
    mig,
    partitionable,
    request,
    template,
    whole_gpus,
)

Object = dict[str, Any]
NODES = ("a", "b", "c")


def _wide(thing: Object, generation: int) -> Object:
    pool = thing["spec"]["pool"] | {"generation": generation}
    return {**thing, "spec": {**thing["spec"], "pool": pool}}


SLICES = [
    _wide(thing, generation)
    for node in NODES[:2]
    for generation in (1, 2)
    for thing in (*partitionable(node), *whole_gpus(node, 2))
]
CLAIMS = [
    each
    for k in range(3)
    for thing in (claim(f"c{k}", mig("1g.5gb")),)
    for each in (
        thing,
        allocated(thing, "a", "gpu-0"),
        allocated(thing, "b", f"gpu-0-mig-1g5gb-19-{k}"),
        allocated(thing, "gone", "gpu-7"),
    )
]
OTHERS = [*device_classes(), *device_classes("nvidia.com/gpu"), template("t", request())]
THINGS = [*SLICES, *CLAIMS, *OTHERS]


def seen(things: list[Object]) -> Inventory:
    inventory = Inventory()
    for thing in things:
        inventory.see(thing["kind"], thing)
    return inventory


def shown(inventory: Inventory) -> dict[str, object]:
    rooms = {}
    for node in NODES:
        room = inventory.room(node)
        ids = [device.id.name for device in room.stock.devices]
        free = [name for k, name in enumerate(ids) if room.is_free(k)]
        rooms[node] = sorted(ids), sorted(free), sorted(room.left)
    return {
        "rooms": rooms,
        "nodes": inventory.nodes,
        "gpus": inventory.gpu_nodes,
        "claims": inventory.claims,
        "classes": inventory.classes,
        "templates": inventory.templates,
    }


@given(
    st.lists(
        st.tuples(st.sampled_from(range(len(THINGS))), st.booleans(), st.booleans()), max_size=40
    )
)
def test_whatever_came_before_it_is_as_if_read_anew(steps: list[tuple[int, bool, bool]]) -> None:
    inventory, there = Inventory(), dict[tuple[str, str], Object]()
    for index, goes, looked_at in steps:
        thing = THINGS[index]
        key = thing["kind"], name_of(thing)
        if goes:
            there.pop(key, None)
            inventory.forget(*key)
        else:
            there[key] = thing
            inventory.see(thing["kind"], thing)
        if looked_at:  # what is remembered must not grow old
            shown(inventory)
    assert shown(inventory) == shown(seen(list(there.values())))
    for kind in {each["kind"] for each in THINGS}:
        assert inventory.known(kind) == {name for of, name in there if of == kind}


def test_a_version_moves_when_something_of_the_node_does_and_only_then() -> None:
    inventory = seen([*partitionable("a"), *partitionable("b")])
    before = {node: inventory.version(node) for node in NODES}
    inventory.see("ResourceClaim", claim("x", mig("1g.5gb")))
    assert {node: inventory.version(node) for node in NODES} == before
    inventory.see("ResourceClaim", allocated(claim("x", mig("1g.5gb")), "a", "gpu-0"))
    assert inventory.version("a") != before["a"]
    assert inventory.version("b") == before["b"]
    everywhere = {**whole_gpus("net", 1)[0]["spec"], "nodeName": None, "allNodes": True}
    inventory.see("ResourceSlice", {**whole_gpus("net", 1)[0], "spec": everywhere})
    assert inventory.version("b") != before["b"]
    assert len(inventory.stock("c").devices) == 1
    assert inventory.has_devices("c")


def test_devices_are_counted_by_what_keeps_them() -> None:
    taint = {"key": "k", "effect": "NoSchedule"}
    used = allocated(claim("x", mig("3g.20gb")), "a", "gpu-0-mig-3g20gb-9-0")
    inventory = seen([*partitionable("a"), *whole_gpus("b", 3, taints={0: taint})])
    n = len(inventory.stock("a").devices)
    assert inventory.counts("a") == (n, 0, 0, 0)
    assert inventory.counts("b") == (2, 0, 0, 1)
    inventory.see("ResourceClaim", used)
    free = {device.id.name for k, device in enumerate(inventory.stock("a").devices)
            if inventory.room("a").is_free(k)}  # fmt: skip
    assert {"gpu-0-mig-3g20gb-9-4", "gpu-0-mig-2g10gb-14-4", "gpu-0-mig-1g5gb-19-6"} <= free
    assert not {"gpu-0", "gpu-0-mig-4g20gb-5-0", "gpu-0-mig-2g10gb-14-2"} & free
    assert inventory.counts("a") == (len(free), 1, n - len(free) - 1, 0)


def test_what_cannot_be_read_is_a_problem_and_as_if_it_were_not_there() -> None:
    inventory = seen([claim("x", request(count=2))])
    assert inventory.claims["default/x"].wanted.wishes
    inventory.see("ResourceClaim", claim("x", request(count=99)))
    assert not inventory.claims
    (problem,) = inventory.problems.values()
    assert problem == (
        "ResourceClaim default/x: spec.devices.requests[0].count:"
        " ExactCount 99; give ExactCount from 1 to 32, or All"
    )
    assert inventory.known("ResourceClaim") == {"default/x"}
    inventory.forget("ResourceClaim", "default/x")
    assert not inventory.problems
    assert not inventory.known("ResourceClaim")
