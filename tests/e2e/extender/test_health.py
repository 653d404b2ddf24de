"""Sick GPUs on a real control plane: quarantined by metrics, seen by people, let go again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from health_things import exposition, gpu

from ..controlplane import nodes
from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of
from .asking import Object, hami_of, ours
from .checks import check
from .plugins import device_plugin
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

QUARANTINED, RELEASE = "bayplan.io/quarantined-gpus", "bayplan.io/release-gpus"
XID, PENDING = "DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_ROW_REMAP_PENDING"
BEGUN, ENDED = "BayplanGpuQuarantined", "BayplanGpuReleased"


class Metrics:
    """A folder in which exporters drop their metrics."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def show(self, node: str, *gpus: dict[str, list[str]]) -> None:
        draft = self.folder / f"{node}.tmp"
        draft.write_text(exposition(*gpus))
        os.replace(draft, self.folder / f"{node}.prom")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Metrics:
    return Metrics(tmp_path_factory.mktemp("metrics"))


@pytest.fixture(scope="module")
def running(plane: Plane, metrics: Metrics) -> Iterator[Extender]:
    config: dict[str, dict[str, object]] = {
        "health": {"quarantine": True, "file": str(metrics.folder), "interval_s": 0.3,
                   "stale_s": 3600},
        "devices": {"hami": True},
    }  # fmt: skip
    with extender(plane, "health", Setup(config=config)) as started:
        yield started


def entries_on(client: Client, node: str) -> list[Object]:
    said = client.get("Node", node)["metadata"].get("annotations", {})
    return list(json.loads(said.get(QUARANTINED, "[]")))


def codes_on(client: Client, node: str) -> list[str]:
    return [each["code"] for each in entries_on(client, node) if not each.get("released")]


def boot(client: Client, node: str, name: str) -> None:
    """Let a node be in a boot, as its kubelet says."""
    change = {"status": {"nodeInfo": {"bootID": name}}}
    client.patch("Node", node, change, part="status")


def test_a_gpu_that_fell_off_the_bus_takes_nobody_until_its_node_has_booted(
    client: Client, running: Extender, metrics: Metrics
) -> None:
    add_nodes(client, nodes.plain("a"), nodes.plain("b"))
    boot(client, "a", "boot-1")
    # Both nodes would do, and who asks may know but one of them yet.
    runs = run(client, ours("runs", 2, nodeSelector={"kubernetes.io/hostname": "a"}))
    assert node_of(runs["runs"]) == "a"
    metrics.show("a", gpu("a", 3, {XID: 79}), gpu("a", 4, {XID: 31}))
    wait_for("the quarantine", lambda: codes_on(client, "a") == ["xid-79"])
    (entry,) = entries_on(client, "a")
    assert (entry["gpu"], entry["uuid"], entry["boot"]) == (3, "GPU-a-3", "boot-1")
    (told,) = wait_for("its event", partial(events, client, "a", BEGUN))
    said = "GPU 3 (GPU-a-3): Xid 79, fallen off the bus. It takes no new pods; drain the node"
    assert told["message"].startswith(said)
    assert told["message"].endswith("Pods with GPUs there: default/runs.")
    assert told["involvedObject"]["kind"] == "Node"
    wait_for("its metric", lambda: running.metric("bayplan_gpus_quarantined") == 1)

    # The next goes elsewhere, though this node would be the fuller one; who runs there stays.
    placed = run(client, ours("next", 1))
    assert node_of(placed["next"]) == "b"
    client.create(ours("waits", 8))
    wait_for("its event", lambda: events(client, "waits", "FailedScheduling"))
    page = running.page("/explain/default/waits")
    assert page["sick_gpus"] == running.page("/state")["sick_gpus"]
    (line,) = page["sick_gpus"]
    assert line.startswith("GPU 3 (GPU-a-3) of node a: Xid 79, fallen off the bus, since ")
    assert "too many of them are unhealthy" in page["text"]
    check(client, running, ["runs", "next", "waits"])

    # Neither a new exporter nor a new extender makes it well.
    metrics.show("a", gpu("a", 3, {XID: 0}))
    running.restart()
    n = running.metric("bayplan_health_reads_total")
    wait_for("two reads", lambda: running.metric("bayplan_health_reads_total") >= n + 2)
    assert codes_on(client, "a") == ["xid-79"]
    assert not node_of(client.get("Pod", "waits"))
    assert node_of(client.get("Pod", "runs")) == "a"

    client.delete("Pod", "runs")  # as a drain does
    boot(client, "a", "boot-2")
    wait_for("the end", lambda: not entries_on(client, "a"))
    wait_for("its event", partial(events, client, "a", ENDED))
    wait_for("its room", lambda: node_of(client.get("Pod", "waits")) == "a", 30.0)
    wait_for("its metric", lambda: running.metric("bayplan_gpus_quarantined") == 0)
    check(client, running, ["next", "waits"])


def test_where_hami_gives_gpus_it_is_the_sick_one_alone_and_a_level_ends_by_itself(
    client: Client, running: Extender, metrics: Metrics
) -> None:
    add_nodes(client, nodes.hami("h", gpus=2))
    uuids = [nodes.uuid("h", k) for k in range(2)]
    metrics.show("h", *(gpu("h", k, {PENDING: 1 - k}, uuids[k]) for k in range(2)))
    wait_for("the quarantine", lambda: codes_on(client, "h") == ["row-remap-pending"])
    share = {"nvidia.com/gpumem": "20000"}  # four of them on a GPU
    with device_plugin(client):
        placed = run(client, *(ours(f"s-{k}", 1, resources=share) for k in range(4)))
        assert set(hami_of(placed.values())) == {uuids[1]}
        client.create(ours("more", 1, resources=share))
        wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
        metrics.show("h", *(gpu("h", k, {PENDING: 0}, uuids[k]) for k in range(2)))
        wait_for("its room", lambda: node_of(client.get("Pod", "more")), 30.0)
        assert set(hami_of([client.get("Pod", "more")])) == {uuids[0]}
        assert entries_on(client, "h") == []
        check(client, running, [*placed, "more"])


def test_a_person_lets_a_gpu_go_by_an_annotation(
    client: Client, running: Extender, metrics: Metrics
) -> None:
    add_nodes(client, nodes.plain("c"))
    metrics.show("c", gpu("c", 0, {XID: 95}))
    wait_for("the quarantine", lambda: codes_on(client, "c") == ["xid-95"])
    client.create(ours("waits", 8))
    wait_for("its event", lambda: events(client, "waits", "FailedScheduling"))
    client.patch("Node", "c", {"metadata": {"annotations": {RELEASE: "GPU-c-0"}}})
    wait_for("its room", lambda: node_of(client.get("Pod", "waits")), 30.0)
    wait_for("its event", partial(events, client, "c", ENDED))
    assert RELEASE not in client.get("Node", "c")["metadata"]["annotations"]
    assert [each["released"] for each in entries_on(client, "c")] == [True]
    check(client, running, ["waits"])


def test_a_condition_closes_a_node_while_it_holds(client: Client, running: Extender) -> None:
    add_nodes(client, nodes.plain("d"))
    path = "api/v1/nodes/d/status"

    def say(status: str) -> None:
        condition = {"type": "GPUMissing", "status": status, "message": "7 of 8 are there"}
        client.call("PATCH", path, {"status": {"conditions": [condition]}},
                    kind="application/strategic-merge-patch+json")  # fmt: skip

    say("True")
    line = "all GPUs of node d: condition GPUMissing is True (7 of 8 are there)"
    wait_for("its reason", lambda: running.page("/state")["sick_gpus"] == [line])
    client.create(ours("waits", 1))
    wait_for("its event", lambda: events(client, "waits", "FailedScheduling"))
    say("False")
    wait_for("its room", lambda: node_of(client.get("Pod", "waits")), 30.0)
    check(client, running, ["waits"])
