"""The control plane itself: real components that place, run and lose pods on nodes of GPUs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from time import monotonic

import pytest

from . import modules
from .client import Client, wait_for
from .cluster import add_nodes, all_in, events, gpus_used, pods_by_name, run
from .nodes import gpushare, hami, mig_mixed, mig_single, mps, plain, time_sliced
from .plane import Plane
from .pods import Object, node_of, phase, pod

pytestmark = pytest.mark.controlplane

GPU = "nvidia.com/gpu"


def test_every_component_says_the_version_that_its_module_names(
    plane: Plane, binaries: dict[str, Path]
) -> None:
    versions = {
        name: each.version for each in modules.of(modules.wanted()) for name in each.packages
    }
    for name, path in binaries.items():
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=True
        ).stdout
        assert versions[name].removeprefix("v") in said.split("\n")[0]
    server = plane.client.call("GET", "version")
    assert server["gitVersion"] == versions["kube-apiserver"]
    assert f"{server['major']}.{server['minor']}" == modules.wanted()


def test_a_user_may_do_nothing_that_no_role_lets_it(plane: Plane) -> None:
    from kubernetes.client import ApiException

    nobody = Client(plane.user("nobody", "nobody"))
    try:
        with pytest.raises(ApiException, match=r"nobody.* cannot list resource"):
            nobody.list("Pod")
    finally:
        nobody.close()


def test_a_namespace_gets_what_pods_need_and_takes_them_along(client: Client) -> None:
    add_nodes(client, plain("a"))
    client.create({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "team"}})
    wait_for("an account", lambda: client.list("ServiceAccount", "team"))
    wait_for("its authority's certificate", lambda: client.list("ConfigMap", "team"))
    client.create(pod("x", 1, namespace="team"))
    wait_for("a node", lambda: node_of(client.get("Pod", "x", "team")))
    client.delete("Namespace", "team")
    wait_for("its end", lambda: "team" not in _names(client, "Namespace"))
    assert client.list("Pod", "team") == []


def test_pods_that_ask_for_gpus_fill_nodes_and_run(client: Client) -> None:
    add_nodes(client, plain("a"), plain("b"))
    # Of 2 x 8 GPUs, 8 + 4 + 4 are all: both nodes must be full, and the pod of 8 alone on its own.
    placed = run(client, pod("eight", 8), pod("four-0", 4), pod("four-1", 4))
    assert gpus_used(placed) == {"a": 8, "b": 8}
    assert node_of(placed["four-0"]) == node_of(placed["four-1"]) != node_of(placed["eight"])


def test_a_pod_without_room_waits_and_is_told_why(client: Client) -> None:
    add_nodes(client, plain("a"), plain("b", count=4))
    run(client, pod("six", 6))
    client.create(pod("five", 5))  # 2 GPUs are left of 8, and 4 of 4
    (event,) = wait_for("the event", lambda: events(client, "five", "FailedScheduling"))
    assert "0/2 nodes are available: 2 Insufficient nvidia.com/gpu" in event["message"]
    waiting = client.get("Pod", "five")
    assert (phase(waiting), node_of(waiting)) == ("Pending", "")
    client.delete("Pod", "six")
    wait_for("room", lambda: all_in(client, "Running", "five"))


def test_what_a_pod_held_is_free_once_it_has_ended(client: Client) -> None:
    add_nodes(client, plain("a"))
    run(client, pod("first", 8, runs_for="1s"))
    client.create(pod("second", 8))
    assert all_in(client, "Running", "first") or all_in(client, "Succeeded", "first")
    wait_for("the end", lambda: all_in(client, "Succeeded", "first"))
    wait_for("its successor", lambda: all_in(client, "Running", "second"))


def test_a_job_of_two_is_done_when_both_pods_are(client: Client) -> None:
    add_nodes(client, plain("a"))
    wanted = pod("unused", 4, runs_for="100ms")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "two", "namespace": "default"},
        "spec": {
            "parallelism": 2,
            "completions": 2,
            "template": {
                "metadata": {"annotations": wanted["metadata"]["annotations"]},
                "spec": wanted["spec"],
            },
        },
    }
    client.create(job)
    wait_for("the job", lambda: client.get("Job", "two")["status"].get("succeeded") == 2)
    assert sorted(map(phase, pods_by_name(client).values())) == ["Succeeded", "Succeeded"]


SHAPES = {
    "whole": (plain("n", count=4), {GPU: 4}),
    "single": (mig_single("n", "1g.10gb", 7), {GPU: 56}),
    "mixed": (
        mig_mixed("n", {"1g.10gb": 14, "3g.40gb": 2, "1g.10gb+me": 1}, whole=4),
        {GPU: 4, "nvidia.com/mig-1g.10gb": 14, "nvidia.com/mig-1g.10gb.me": 1},
    ),
    "sliced": (time_sliced("n", 4), {GPU: 32}),
    "renamed": (time_sliced("n", 4, renamed=True), {GPU: 0, "nvidia.com/gpu.shared": 32}),
    "mps": (mps("n", 3), {GPU: 24}),
    "hami": (hami("n"), {GPU: 80}),
    "gpushare": (gpushare("n"), {"aliyun.com/gpu-count": 8, "aliyun.com/gpu-mem": 632}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_node_gives_what_its_device_plugin_advertised_and_no_more(
    client: Client, shape: str
) -> None:
    node, amounts = SHAPES[shape]
    (ready,) = add_nodes(client, node)
    said = ready["status"]["allocatable"]
    assert {name: int(said[name]) for name in amounts} == amounts
    asked = {name: str(count) for name, count in amounts.items() if count}
    run(client, pod("all", resources=asked))
    name, _ = max(asked.items())
    client.create(pod("more", resources={name: "1"}))
    wait_for("the event", lambda: events(client, "more", "FailedScheduling"))


def test_a_deleted_node_takes_its_pods_along(client: Client) -> None:
    add_nodes(client, plain("a"))
    run(client, pod("lost", 8))
    client.delete("Node", "a")
    # The garbage collector of pods looks every 20 s and gives a node 40 s to come back.
    wait_for("the end of its pod", lambda: "lost" not in pods_by_name(client), 180)


def test_a_node_that_is_not_ready_gets_no_pods(client: Client) -> None:
    add_nodes(client, plain("a"))
    conditions = client.get("Node", "a")["status"]["conditions"]
    for each in conditions:
        each["status"] = "False" if each["type"] == "Ready" else each["status"]
    client.patch("Node", "a", {"status": {"conditions": conditions}}, part="status")
    wait_for("the taint", lambda: client.get("Node", "a")["spec"].get("taints"))
    client.create(pod("waits", 1))
    (event,) = wait_for("the event", lambda: events(client, "waits", "FailedScheduling"))
    assert "untolerated taint" in event["message"]


def test_a_thousand_nodes_of_eight_gpus_take_a_thousand_pods(
    plane: Plane, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = monotonic()
    add_nodes(client, *(plain(f"n{i:04}") for i in range(1000)), timeout_s=300)
    ready_s = monotonic() - begun
    scheduler = plane.servers["kube-scheduler"]
    scheduler.stop()  # all pods are there before the first is placed
    try:
        client.create_all(pod(f"p{i:04}", 8) for i in range(1000))
    finally:
        scheduler.start()
        begun = monotonic()
    bound = wait_for("a node for each", lambda: _all_bound(client), 300)
    bound_s = monotonic() - begun
    # Every pod asks for a whole node, so that each has one to itself.
    assert sorted(map(node_of, bound)) == [f"n{i:04}" for i in range(1000)]
    wait_for("running pods", lambda: {phase(pod) for pod in client.list("Pod")} == {"Running"}, 300)
    with capsys.disabled():
        print(f"\n1,000 nodes were ready in {ready_s:.1f} s, 1,000 pods bound in {bound_s:.1f} s:")
        print(f"{1000 / bound_s:.0f} pods a second. Most memory, MiB:")
        print({name: round(server.peak_mib()) for name, server in plane.servers.items()})


def _all_bound(client: Client) -> list[Object]:
    found = client.list("Pod")
    return found if all(map(node_of, found)) else []


def _names(client: Client, kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in client.list(kind)}
