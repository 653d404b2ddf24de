"""The extender and its kube-scheduler run with the rights of the manifests and no others."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kustomizing import DEPLOY

from ..controlplane import commands
from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, events, gpus_used, run
from ..controlplane.nodes import hami, plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, pod
from ..controlplane.process import Server, free_ports
from ..extender.running import SCHEDULER, Extender, Setup, extender
from .conftest import alone, apply, kubeconfig_of, named, place

pytestmark = pytest.mark.controlplane

REFUSED = ("orbidden", "cannot list", "cannot get", "cannot create", "cannot update")
GANG = {"pod-group.scheduling.sigs.k8s.io/name": "gang",
        "pod-group.scheduling.sigs.k8s.io/min-available": "3"}  # fmt: skip


@pytest.fixture(scope="module", params=["base", "existing-scheduler"])
def running(
    request: pytest.FixtureRequest, plane: Plane, applied: list[Object]
) -> Iterator[Extender]:
    """Run both as the account of the base, or the extender by itself as that of the overlay."""
    idle = {"profiles": [{"schedulerName": "nobody"}], "extenders": []}
    name, made = "bayplan", list[Object]()
    if request.param != "base":
        name, made = "bayplan-alone", alone("bayplan-alone")
    for thing in made:
        apply(plane.client, thing)
    account = kubeconfig_of(plane, name)
    whose = account if request.param == "base" else plane.kubeconfig("scheduler")
    setup = Setup({"devices": {"hami": True}}, idle, kubeconfig=account)
    with extender(plane, name, setup) as started:
        text = named(applied, "ConfigMap", "bayplan-config")["data"]["scheduler.yaml"]
        started.scheduler.stop()
        started.scheduler = _scheduler(plane, name, whose, yaml.safe_load(text), started.address)
        yield started
        started.scheduler.stop()
    for thing in made:
        plane.client.call("DELETE", place(thing))


def _scheduler(
    plane: Plane, name: str, account: Path, told: dict[str, Any], address: str
) -> Server:
    """Start kube-scheduler with the file of the ConfigMap."""
    if account == plane.kubeconfig("scheduler"):  # its role has the Lease of kube-system only
        told["leaderElection"] = {"leaderElect": False}
    told["extenders"][0]["urlPrefix"] = f"{address}/scheduler"
    told["clientConnection"]["kubeconfig"] = str(account)
    file = plane.folder / f"{name}-as-deployed.yaml"
    file.write_text(yaml.safe_dump(told))
    (port,) = free_ports(1)
    command = commands.scheduler(
        plane.binaries["kube-scheduler"], plane.certificates, account, port, {}, file
    )
    return plane.start(f"{name}-as-deployed", command, f"https://{commands.LOOPBACK}:{port}/readyz")


def test_a_pod_and_a_gang_are_placed(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    placed = run(client, pod("one", 6, scheduler=SCHEDULER))
    assert node_of(placed["one"])
    members = [pod(f"gang-{k}", 2, scheduler=SCHEDULER, labels=GANG) for k in range(3)]
    gang = run(client, *members)
    assert sum(gpus_used(gang).values()) == 6
    state = running.page("/state")
    assert state["bound"] == 4


def test_a_share_of_a_gpu_is_placed_by_the_rights_and_the_profile_of_the_manifests(
    client: Client, running: Extender
) -> None:
    add_nodes(client, plain("a"), hami("h"))
    half = pod("half", 1, scheduler=SCHEDULER, resources={"nvidia.com/gpumem": "40000"})
    placed = run(client, half)["half"]
    assert node_of(placed) == "h"
    assert "GPU-" in placed["metadata"]["annotations"]["hami.io/vgpu-devices-to-allocate"]


def test_why_a_pod_waits_is_written_as_an_event(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"))
    client.create(pod("nine", 9, scheduler=SCHEDULER))
    wait_for("its event", lambda: events(client, "nine", "FailedScheduling"))


def test_a_pod_that_waits_is_woken(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"))
    client.create(pod("first", 2, scheduler=SCHEDULER, labels=GANG))
    wait_for("its event", lambda: events(client, "first", "BayplanPending"))
    cordoned = itertools.cycle((True, False))

    def is_woken() -> bool:
        client.patch("Node", "a", {"spec": {"unschedulable": next(cordoned)}})
        metadata = client.get("Pod", "first")["metadata"]
        return "bayplan.io/nudged" in metadata.get("annotations", {})

    wait_for("a nudge", is_woken)


def test_nothing_was_refused(client: Client, running: Extender) -> None:
    for server in (running.process, running.scheduler):
        lines = server.log.read_text().splitlines()
        assert [line for line in lines if any(word in line for word in REFUSED)] == []
    codes = [line for line in running.text("/metrics").splitlines() if 'code="403"' in line]
    assert codes == []


def test_every_metric_is_in_the_documentation(running: Extender) -> None:
    page = (DEPLOY.parents[1] / "docs" / "extender.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(bayplan_\w+)` \|", page, re.MULTILINE))
    shown = set(re.findall(r"^# HELP (bayplan_\w+)", running.text("/metrics"), re.MULTILINE))
    shown = {name for name in shown if not name.endswith("_created")}
    assert shown - told == set()
    off = ("certificate", "health", "quarantined", "queue", "rpc")
    assert {name for name in told - shown if not any(word in name for word in off)} == set()


def test_the_lease_is_held(plane: Plane, running: Extender) -> None:
    if "alone" in running.scheduler.name:
        pytest.skip("it belongs to another kube-scheduler")
    where = "apis/coordination.k8s.io/v1/namespaces/bayplan/leases/bayplan"
    assert plane.client.call("GET", where)["spec"]["holderIdentity"]
