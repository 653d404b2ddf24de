"""Gangs for which others leave by our own evictions, on a real control plane."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.api import Client as ApiClient
from bayplan.extender.api import Recorder
from bayplan.extender.config.reading import read_config
from bayplan.extender.connecting import connection_of
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.calls import CallFailed, PodName

from ..controlplane import modules
from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, clear, events, pods_by_name, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane, Settings, running
from ..controlplane.pods import node_of
from .asking import gang, ours
from .auditing import audited
from .checks import check
from .kinds import make
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

URGENT = "urgent"
KEYS: dict[str, object] = {"wait_s": 1.0, "cooldown_s": 5.0, "evictions_a_minute": 1000}
SETUP = Setup({"preemption": {"evict": "gangs", **KEYS}}, timeout_s=10.0)
NATIVE = ("scheduling.k8s.io", "v1beta1", "PodGroup", "podgroups")
ON = Settings(gates={"GenericWorkload": True}, apis={"scheduling.k8s.io/v1beta1": True})


def have_classes(client: Client) -> None:
    """Have a priority that is above others."""
    if URGENT not in {each["metadata"]["name"] for each in client.list("PriorityClass")}:
        kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
        client.create({**kind, "value": 1000, "metadata": {"name": URGENT}})


@pytest.fixture(autouse=True)
def _classes(plane: Plane) -> None:
    have_classes(plane.client)


def urgent(name: str, members: int, gpus: int) -> list[Object]:
    return gang(name, members, gpus, priorityClassName=URGENT)


def budget(app: str) -> Object:
    """Return a disruption budget that lets no pod go."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app, "namespace": "default"},
        "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"app": app}}},
    }


def bound(client: Client, *names: str) -> bool:
    pods = pods_by_name(client)
    return all(name in pods and bool(node_of(pods[name])) for name in names)


def messages(client: Client, pod: str, reason: str) -> list[str]:
    return [str(each["message"]) for each in events(client, pod, reason)]


def evicted(extender: Extender) -> float:
    return extender.metric("bayplan_gang_evictions_total")


def test_lower_pods_leave_several_nodes_and_the_gang_is_bound_whole(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"), plain("c"))
    low = [f"low-{k}" for k in range(6)]
    run(client, *(ours(name, 4) for name in low))
    client.create_all(ours(f"back-{k}", 2) for k in range(4))  # would take whatever comes free
    before = evicted(shared)
    with audited(shared.plane, {"g": 2}) as audit:
        client.create_all(urgent("g", 2, 8))
        wait_for("the gang", lambda: bound(client, "g-0", "g-1"))
        pods = pods_by_name(client)
        left = sorted(set(low) - set(pods))
        assert len(left) == 4, left
        assert not any(node_of(pods[f"back-{k}"]) for k in range(4))
        assert len({node_of(pods[name]) for name in ("g-0", "g-1")}) == 2
        assert evicted(shared) == before + 4
        assert audit.in_part_s(monotonic()) == {}
        names = [*(set(low) - set(left)), "g-0", "g-1", *(f"back-{k}" for k in range(4))]
        check(client, shared, names, audit)
    for name in left:
        wait_for("its event", partial(messages, client, name, "BayplanPreempted"))
        assert messages(client, name, "BayplanPreempted") == [
            "evicted for gang default/g of priority 1000, which finds no room"
        ]
    told = wait_for("its event", lambda: [
        text for k in range(2) for text in messages(client, f"g-{k}", "BayplanPreempting")
    ])  # fmt: skip
    begun = f"4 pods of lower priority leave for gang default/g: default/{left[0]}"
    assert any(begun in text for text in told), told


def test_a_budget_keeps_pods_until_it_is_lifted(client: Client, shared: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    client.create(budget("kept"))
    kept = [f"kept-{k}" for k in range(2)]
    run(client, *(ours(name, 8, labels={"app": "kept"}) for name in kept))
    wait_for("the budget", lambda: client.get("PodDisruptionBudget", "kept")
             .get("status", {}).get("currentHealthy"))  # fmt: skip
    before = evicted(shared)
    client.create_all(urgent("g", 2, 8))
    told = wait_for("its event", lambda: [
        text for k in range(2) for text in messages(client, f"g-{k}", "BayplanPreempting")
    ])  # fmt: skip
    assert told == [
        "gang default/g would have room if default/kept-0, default/kept-1 left, which disruption"
        " budgets do not allow now: default/kept"
    ]
    assert "disruption budgets do not allow" in shared.text("/explain/default/g")
    sleep(3)
    assert set(kept) <= set(pods_by_name(client))
    assert evicted(shared) == before
    client.delete("PodDisruptionBudget", "kept")
    wait_for("the gang", lambda: bound(client, "g-0", "g-1"))
    assert evicted(shared) == before + 2
    check(client, shared, ["g-0", "g-1"])


def test_a_running_gang_of_lower_priority_leaves_as_a_whole(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    run(client, *gang("low", 2, 8))
    with audited(shared.plane, {"low": 2, "g": 2}) as audit:
        client.create_all(urgent("g", 2, 4))
        wait_for("the gang", lambda: bound(client, "g-0", "g-1"))
        assert not {"low-0", "low-1"} & set(pods_by_name(client))
        check(client, shared, ["g-0", "g-1"], audit)


def test_nobody_leaves_for_a_gang_that_even_then_could_not_start(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    run(client, ours("low-0", 8), ours("low-1", 8))
    before = evicted(shared)
    client.create_all(urgent("g", 3, 8))
    sleep(10)
    assert evicted(shared) == before
    check(client, shared, ["low-0", "low-1", "g-0", "g-1", "g-2"])


def test_evictions_are_answered_as_we_read_them(client: Client, shared: Extender) -> None:
    """A budget says 429, another uid 409, no pod 404; and nobody is evicted by these."""
    add_nodes(client, plain("a"))
    client.create(budget("kept"))
    there = run(client, ours("kept", 1, labels={"app": "kept"}))["kept"]
    uid = str(there["metadata"]["uid"])
    wait_for("the budget", lambda: client.get("PodDisruptionBudget", "kept")
             .get("status", {}).get("currentHealthy"))  # fmt: skip

    async def statuses() -> list[int]:
        values = dict(read_config(None)) | {"api.kubeconfig": str(shared.plane.kubeconfig("admin"))}
        api = ApiClient(connection_of(values), CollectorRegistry())
        recorder = Recorder(api, CollectorRegistry())
        calls, found = ApiCalls(api, recorder), []
        pods = [PodName("default", "kept", uid), PodName("default", "none", uid)]
        for pod in pods:
            with pytest.raises(CallFailed) as failed:
                await calls.evict(pod)
            found.append(failed.value.status)
        client.delete("PodDisruptionBudget", "kept")
        with pytest.raises(CallFailed) as failed:
            await calls.evict(PodName("default", "kept", "another"))
        found.append(failed.value.status)
        await recorder.close()
        await api.close()
        return found

    assert asyncio.run(statuses()) == [429, 404, 409]
    check(client, shared, ["kept"])


@pytest.fixture(scope="module")
def native(
    binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Extender]:
    """Return an extender where PodGroups of the API itself are on."""
    version = modules.wanted()
    if tuple(map(int, version.split("."))) < (1, 37):
        pytest.skip(f"Kubernetes {version} has no PodGroups of {'/'.join(NATIVE[:2])}")
    with (
        running(binaries, tmp_path_factory.mktemp("evicting") / "plane", ON) as own,
        extender(own, "native", SETUP) as started,
    ):
        have_classes(own.client)
        yield started


def test_pods_leave_for_a_pod_group_of_the_api_itself(native: Extender) -> None:
    """kube-scheduler's preemption for PodGroups asks no extender."""
    client = native.plane.client
    add_nodes(client, plain("a"), plain("b"))
    run(client, *(ours(f"low-{k}", 4) for k in range(4)))
    # The priorities of a PodGroup and of its pods must be one to kube-scheduler.
    policy = {"gang": {"minCount": 2}}
    make(client, NATIVE, "g", {"schedulingPolicy": policy, "priorityClassName": URGENT})
    names = ["g-0", "g-1"]
    more: Object = {"schedulingGroup": {"podGroupName": "g"}, "priorityClassName": URGENT}
    with audited(native.plane, {"g": 2}) as audit:
        client.create_all(ours(name, 8, **more) for name in names)
        wait_for("the gang", lambda: bound(client, *names))
        assert evicted(native) == 4
        assert audit.in_part_s(monotonic()) == {}
        check(client, native, names, audit)
    clear(client)
