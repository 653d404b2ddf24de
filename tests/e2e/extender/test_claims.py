"""Pods with claims of devices: kube-scheduler allocates, and we have chosen the node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dra_things import (
    A100,
    GPU_CLASS,
    claiming,
    device_classes,
    mig,
    partitionable,
    request,
    template,
    whole_gpus,
)

from ..controlplane import modules
from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, clear, events, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane, Settings, running
from ..controlplane.pods import node_of, pod
from .asking import ours
from .checks import check
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

Object = dict[str, Any]
GATES = {"DRAPartitionableDevices": True, "DRADeviceTaints": True}
"""Alpha in 1.34; on by default in 1.37."""
TAINT_RULES = {"resource.k8s.io/v1alpha3": True}
"""What kube-scheduler 1.34 watches with the gate of taints."""
OLD = modules.wanted() == "1.34"
SMALL, LARGE, WHOLE = "small", "large", "whole"
KINDS = ("ResourceClaimTemplate", "ResourceClaim", "ResourceSlice", "DeviceClass")


@pytest.fixture(scope="module")
def plane(binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """Return a control plane with what drivers of GPUs need."""
    settings = Settings(gates=GATES, apis=TAINT_RULES) if OLD else Settings()
    with running(binaries, tmp_path_factory.mktemp("claims") / "plane", settings) as started:
        yield started


@pytest.fixture(scope="module")
def shared(plane: Plane) -> Iterator[Extender]:
    """Return an extender that hears what is chosen."""
    with extender(plane, "claims", Setup(heard=True)) as running_:
        yield running_


@pytest.fixture
def client(plane: Plane) -> Iterator[Client]:
    """Return a client of a cluster with classes of devices and templates of claims."""
    client = plane.client
    asks = {SMALL: mig("1g.5gb"), LARGE: mig("3g.20gb"), WHOLE: request()}
    client.create_all([*device_classes(), *(template(name, ask) for name, ask in asks.items())])
    yield client
    clear(client)
    for kind in KINDS:
        client.delete_all(kind, "default" if kind.startswith("ResourceClaim") else "")
    wait_for("an empty cluster", lambda: not any(client.list(kind) for kind in KINDS))


def publish(client: Client, *slices: Object) -> None:
    """Publish devices as their driver would; their nodes are there."""
    client.create_all(slices)


def given(client: Client) -> dict[str, tuple[str, str]]:
    """Return the node and the device of each pod that has one."""
    found = {}
    for each in client.list("ResourceClaim", "default"):
        results = each.get("status", {}).get("allocation", {}).get("devices", {}).get("results", [])
        for owner in each["metadata"].get("ownerReferences", []):
            for result in results:
                assert owner["name"] not in found
                found[owner["name"]] = result["pool"], result["device"]
    return found


def overdrawn(client: Client) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Return the counters of which more is given out than there is, with both."""
    from kubernetes.utils.quantity import parse_quantity

    has, used, takes = Counter[Any](), Counter[Any](), dict[tuple[str, str], list[Any]]()
    for thing in client.list("ResourceSlice"):
        spec, pool = thing["spec"], thing["spec"]["pool"]["name"]
        for group in spec.get("sharedCounters", []):
            for name, each in group["counters"].items():
                has[pool, group["name"], name] = int(parse_quantity(each["value"]))
        for device in spec.get("devices", []):
            takes[pool, device["name"]] = [
                ((pool, group["counterSet"], name), int(parse_quantity(each["value"])))
                for group in device.get("consumesCounters", [])
                for name, each in group["counters"].items()
            ]
    for key in given(client).values():
        for counter, amount in takes[key]:
            used[counter] += amount
    return {key: (n, has[key]) for key, n in used.items() if n > has[key]}


def checked(client: Client, shared: Extender, names: list[str]) -> dict[str, tuple[str, str]]:
    """Check that nothing is given twice, and return what each pod has, by name."""
    pods, devices = check(client, shared, names), given(client)
    assert len(set(devices.values())) == len(devices)
    assert overdrawn(client) == {}
    for name in names:
        if node_of(pods[name]) and pods[name]["spec"].get("resourceClaims"):
            assert devices[name][0] == node_of(pods[name])
    return {name: devices[name] for name in names if name in devices}


def test_parts_of_gpus_go_where_a_gpu_is_broken_already(client: Client, shared: Extender) -> None:
    add_nodes(client, plain("trap", count=0), plain("broken", count=0))
    # One GPU a node: kube-scheduler 1.34 has no order among the GPUs of one.
    for name in ("trap", "broken"):
        publish(client, *partitionable(name, 1, A100, split=not OLD))
    there = {"kubernetes.io/hostname": "broken"}
    half = {"cpu": "96"}
    run(client, claiming(pod("first", nodeSelector=there, resources=half), templates=[SMALL]))
    # What kube-scheduler does by itself: the node with the most CPU left, and another GPU broken.
    theirs = run(client, claiming(pod("theirs"), templates=[SMALL]))
    assert node_of(theirs["theirs"]) == "trap"
    client.delete("Pod", "theirs")
    wait_for("its device", lambda: "theirs" not in given(client))
    names = [f"small-{k}" for k in range(6)]
    for name in names:
        placed = run(client, claiming(ours(name), templates=[SMALL]))
        assert node_of(placed[name]) == "broken"
    run(client, claiming(ours("whole"), templates=[WHOLE]))
    found = checked(client, shared, [*names, "whole"])
    assert found["whole"] == ("trap", "gpu-0")
    heard = shared.heard
    assert heard is not None
    pods = {each["metadata"]["name"]: each["metadata"]["uid"] for each in client.list("Pod")}
    assert all(heard.choices[pods[name]] == found[name][0] for name in names)
    client.create(claiming(ours("more"), templates=[WHOLE]))
    wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
    text = shared.page("/explain/default/more")["text"]
    assert f"2 × too few devices of {GPU_CLASS} are left that the claims select" in text
    client.delete("Pod", "whole")
    at = wait_for("its room", lambda: node_of(client.get("Pod", "more")))
    assert checked(client, shared, ["more"])["more"][0] == at


def test_many_at_once_get_each_a_device_of_their_own(client: Client, shared: Extender) -> None:
    nodes = ["a", "b", "c", "d", "e", "f"]
    add_nodes(client, *(plain(name, count=0) for name in nodes))
    for name in nodes[:4]:
        publish(client, *partitionable(name, 1, A100, split=not OLD))
    for name in nodes[4:]:
        publish(client, *whole_gpus(name, 4))
    names = {f"small-{k}": SMALL for k in range(14)}
    names |= {f"large-{k}": LARGE for k in range(4)}
    names |= {f"whole-{k}": WHOLE for k in range(8)}
    # Four GPUs of seven small or two large: there is hardly more room, if none is broken in vain.
    run(client, *(claiming(ours(name), templates=[ask]) for name, ask in names.items()),
        timeout_s=120.0)  # fmt: skip
    found = checked(client, shared, list(names))
    assert len(found) == len(names)
    wholes = Counter(found[name][0] for name in names if names[name] == WHOLE)
    assert wholes == {"e": 4, "f": 4}
    client.create(claiming(ours("more"), templates=[LARGE]))
    wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
    checked(client, shared, [*names, "more"])


def test_a_device_that_is_tainted_is_nobodys_and_told(client: Client, shared: Extender) -> None:
    taint = {"key": "gpu.nvidia.com/xid", "value": "79", "effect": "NoSchedule"}
    add_nodes(client, plain("a", count=0))
    publish(client, *whole_gpus("a", 2, taints={0: taint}))
    placed = run(client, claiming(ours("one"), templates=[WHOLE]))
    assert node_of(placed["one"]) == "a"
    assert checked(client, shared, ["one"]) == {"one": ("a", "gpu-1")}
    client.create(template("two", request(count=2)))
    client.create(claiming(ours("two"), templates=["two"]))
    wait_for("its event", lambda: events(client, "two", "FailedScheduling"))
    text = shared.page("/explain/default/two")["text"]
    assert "1 × devices of gpu.nvidia.com are tainted: gpu.nvidia.com/xid=79:NoSchedule" in text
    checked(client, shared, ["one", "two"])


def test_gpus_of_a_driver_are_not_given_out_by_the_device_plugin(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("both", count=2), plain("plugin", count=2))
    publish(client, *whole_gpus("both", 2))
    wait_for("its slice", lambda: shared.page("/state")["gpus"] == 2)
    pods = [ours("plain-0", 1), ours("plain-1", 1)]
    pods += [claiming(ours(f"claim-{k}"), templates=[WHOLE]) for k in range(2)]
    placed = run(client, *pods)
    at = {name: node_of(each) for name, each in placed.items()}
    assert at == {"plain-0": "plugin", "plain-1": "plugin", "claim-0": "both", "claim-1": "both"}
    checked(client, shared, list(placed))
