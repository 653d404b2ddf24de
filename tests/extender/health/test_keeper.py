"""Rounds: what is read ends up on the nodes, and whatever restarts in between changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.api import ApiError
from bayplan.extender.health.calls import ApiMarks, Outdated, WriteFailed
from bayplan.extender.health.exposition import read_exposition
from bayplan.extender.health.keeper import Keeper
from bayplan.extender.health.numbers import HealthNumbers
from bayplan.extender.health.settings import Judging, Reading
from bayplan.extender.health.sources import Read
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from extender_things import listed, node, pod
from health_things import exposition, gpu

Object = dict[str, Any]

QUARANTINED, RELEASE = "bayplan.io/quarantined-gpus", "bayplan.io/release-gpus"
XID = "DCGM_FI_DEV_XID_ERRORS"
NOW_S = 1_795_899_600.0  # 2026-11-28T21:00:00Z
SAID = "GPU 3 (GPU-a-3): Xid 79, fallen off the bus"


class World:
    """An API server with nodes, a source, and a keeper that may be started anew."""

    def __init__(self, *nodes: Object, pods: tuple[Object, ...] = ()) -> None:
        self.nodes = {each["metadata"]["name"]: each for each in nodes}
        self.pods = pods
        self.text, self.failed = exposition(), dict[str, str]()
        self.asked: list[tuple[list[str], list[str]]] = []
        self.told: list[tuple[str, str, str, bool]] = []
        self.refuses, self.closed, self.leads = "", False, True
        self.late: dict[str, Object] = {}
        self.now_s = NOW_S
        self.start()

    def start(self) -> None:
        """Start the extender anew: it knows what the API server has."""
        self.owner = Owner(Live(health=Judging()))
        listed(self.owner, "Node", self.nodes.values(), 0.0)
        listed(self.owner, "Pod", self.pods, 0.0)
        self.registry = CollectorRegistry()
        marker = self.owner.mirror.reader.health
        assert marker is not None
        self.keeper = Keeper(
            self.owner, marker, Reading(), self, self, lambda: self.now_s,
            HealthNumbers(self.registry), leads=lambda: self.leads,
        )  # fmt: skip

    def read(self, nodes: Collection[str], watched: Collection[str]) -> Read:
        self.asked.append((list(nodes), list(watched)))
        return Read([] if self.failed else read_exposition(self.text), self.failed)

    def close(self) -> None:
        self.closed = True

    async def annotate(
        self, node: str, annotations: Mapping[str, str | None], version: str
    ) -> None:
        if self.refuses:
            raise WriteFailed(self.refuses)
        if node in self.late:
            self.see(self.late.pop(node))  # after the write: the watch is late
            raise Outdated
        assert version == self.nodes[node]["metadata"].get("resourceVersion", "")
        self.put(node, annotations)

    def put(self, name: str, annotations: Mapping[str, str | None]) -> None:
        """Change annotations, and let the watch tell."""
        thing = self.nodes[name]
        said = {**thing["metadata"]["annotations"], **annotations}
        metadata = {
            **thing["metadata"],
            "annotations": {key: value for key, value in said.items() if value is not None},
            "resourceVersion": str(int(thing["metadata"].get("resourceVersion", "1")) + 1),
        }
        self.see({**thing, "metadata": metadata})

    def boot(self, name: str, boot: str) -> None:
        thing = self.nodes[name]
        self.see({**thing, "status": {**thing["status"], "nodeInfo": {"bootID": boot}}})

    def see(self, thing: Object) -> None:
        self.nodes[thing["metadata"]["name"]] = thing
        self.owner.changed("Node", thing, 0.0)

    def tell(self, node: str, uid: str, reason: str, note: str, *, warning: bool) -> None:
        assert uid == f"node-{node}"
        self.told.append((node, reason, note, warning))

    def show(self, *gpus: Mapping[str, list[str]]) -> None:
        self.text = exposition(*gpus)

    def rounds(self, n: int = 1) -> None:
        for _ in range(n):
            asyncio.run(self.keeper.round())

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def on(self, name: str) -> list[Object]:
        text = self.nodes[name]["metadata"]["annotations"].get(QUARANTINED, "[]")
        return list(json.loads(text))

    def passed(self, gpus: int) -> list[str]:
        thing = pod("asks", gpus, uid="uid-asks")
        return list(self.owner.filter(thing, ["a", "b"], 0.0, holds=False).passed)


def sick_world() -> World:
    world = World(node("a"), node("b"), pods=(pod("runs", 2, at="a"), pod("cpu", 0, at="a")))
    world.boot("a", "boot-1")
    world.show(gpu("a", 3, {XID: 79}), gpu("a", 2, {XID: 13}), gpu("b", 3, {XID: 0}))
    world.rounds()
    return world


def test_a_sick_gpu_is_written_told_counted_and_takes_nobody() -> None:
    world = sick_world()
    assert world.on("a") == [
        {"uuid": "GPU-a-3", "gpu": 3, "code": "xid-79", "since": "2026-11-28T21:00:00Z",
         "boot": "boot-1", "hint": "drain the node and reboot it"}
    ]  # fmt: skip
    note = (
        f"{SAID}. It takes no new pods; drain the node and reboot it."
        " Pods with GPUs there: default/runs."
    )
    assert world.told == [("a", "BayplanGpuQuarantined", note, True)]
    assert world.passed(1) == ["b"]
    world.rounds(2)
    assert len(world.told) == 1
    assert world.metric("bayplan_gpus_quarantined", reason="xid-79") == 1
    assert world.metric("bayplan_health_writes_total", result="ok") == 1
    assert world.metric("bayplan_health_reads_total", result="ok") == 3
    assert world.asked == [(["a", "b"], []), (["a", "b"], ["a"]), (["a", "b"], ["a"])]


def test_it_outlasts_the_exporter_and_the_extender_and_ends_with_a_boot() -> None:
    world = sick_world()
    world.show(gpu("a", 3, {XID: 0}))  # the exporter has started anew
    world.rounds()
    world.start()
    world.rounds()
    assert (len(world.told), world.passed(1)) == (1, ["b"])
    world.boot("a", "boot-2")
    world.rounds()
    assert world.on("a") == []
    assert world.told[1:] == [
        ("a", "BayplanGpuReleased", f"{SAID}, since 2026-11-28T21:00:00Z, is over: the node has"
         " booted, and it was not seen since.", False)
    ]  # fmt: skip
    assert world.passed(6) == ["a", "b"]
    world.rounds()
    assert world.metric("bayplan_gpus_quarantined", reason="xid-79") is None


def test_a_person_lets_it_go_while_the_source_still_shows_it() -> None:
    world = sick_world()
    world.put("a", {RELEASE: "3"})
    world.rounds(3)
    assert RELEASE not in world.nodes["a"]["metadata"]["annotations"]
    assert [each["released"] for each in world.on("a")] == [True]
    assert [reason for _, reason, _, _ in world.told[1:]] == ["BayplanGpuReleased"]
    assert world.passed(6) == ["a", "b"]
    world.show(gpu("a", 3, {XID: 0}))
    world.rounds()
    assert QUARANTINED not in world.nodes["a"]["metadata"]["annotations"]
    world.show(gpu("a", 3, {XID: 79}))
    world.rounds()
    assert world.passed(1) == ["b"]


def test_a_release_of_what_is_not_there_is_taken_away_and_tells_nothing() -> None:
    world = World(node("a"))
    world.put("a", {RELEASE: "all"})
    world.rounds()
    assert world.nodes["a"]["metadata"]["annotations"] == {}
    assert world.told == []


def test_what_cannot_be_read_changes_nothing_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    world = sick_world()
    world.boot("a", "boot-2")
    world.failed = {"http://p": "refused"}
    world.rounds(3)
    assert [each["boot"] for each in world.on("a")] == ["boot-1"]
    assert world.metric("bayplan_health_sources_failed") == 1
    assert world.metric("bayplan_health_reads_total", result="failed") == 3
    world.failed = {}
    world.show(gpu("a", 3, {}))
    world.rounds(2)
    assert world.on("a") == []
    assert world.metric("bayplan_health_sources_failed") == 0
    messages = [each.message for each in caplog.records if "metrics" in each.message]
    assert messages == [
        "metrics of GPUs cannot be read: they change nothing",
        "metrics of GPUs can be read again",
    ]


def test_a_write_that_fails_closes_nothing_tells_nobody_and_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(node("a"), node("b"))
    world.refuses = "403 Forbidden"
    world.show(gpu("a", 3, {XID: 79}))
    world.rounds(3)
    assert (world.told, world.passed(8)) == ([], ["a", "b"])
    assert world.metric("bayplan_health_writes_total", result="failed") == 3
    assert [each.message for each in caplog.records] == ["not quarantined or let go"]
    world.refuses = ""
    world.rounds()
    assert world.passed(8) == ["b"]


def test_a_node_that_has_changed_meanwhile_is_the_next_rounds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(node("a"), node("b"))
    metadata = {**world.nodes["a"]["metadata"], "resourceVersion": "7"}
    world.late["a"] = {**world.nodes["a"], "metadata": metadata}
    world.show(gpu("a", 3, {XID: 79}))
    world.rounds()
    assert (world.on("a"), world.told) == ([], [])
    world.rounds()
    assert [each["gpu"] for each in world.on("a")] == [3]
    assert world.metric("bayplan_health_writes_total", result="failed") is None
    assert world.metric("bayplan_health_writes_total", result="ok") == 1
    assert [each for each in caplog.records if each.levelname == "WARNING"] == []


class Refusing:
    """A client that is answered with one status."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def call(self, *asked: Any, **more: Any) -> None:
        raise ApiError("PATCH: no", self.status)


@pytest.mark.parametrize(
    ("status", "raised"), [(409, Outdated), (403, WriteFailed), (0, WriteFailed)]
)
def test_a_conflict_is_no_failure(status: int, raised: type[Exception]) -> None:
    marks = ApiMarks(Refusing(status), None)  # type: ignore[arg-type]
    with pytest.raises(raised):
        asyncio.run(marks.annotate("a", {QUARANTINED: "[]"}, "1"))


def test_gpus_of_nodes_that_nobody_knows_are_counted() -> None:
    world = World(node("a"))
    world.show(gpu("exporter-x7f2q", 0, {XID: 79}), gpu("exporter-x7f2q", 1, {}))
    world.rounds()
    assert world.metric("bayplan_health_gpus_of_unknown_nodes") == 2
    assert world.told == []


def test_nothing_is_done_before_the_cluster_is_known() -> None:
    world = World(node("a"))
    world.owner.mirror.started = False
    world.show(gpu("a", 3, {XID: 79}))
    world.rounds()
    assert (world.asked, world.on("a")) == ([], [])


def test_conditions_are_counted_by_kind_alone() -> None:
    judging = Judging(conditions=frozenset({("GPUMissing", "True")}))
    said = [{"type": "GPUMissing", "status": "True", "message": f"{k} there"} for k in range(2)]
    things = [node("a"), node("b")]
    for thing, each in zip(things, said, strict=True):
        thing["status"]["conditions"].append(each)
    world = World()
    world.owner = Owner(Live(health=judging))
    listed(world.owner, "Node", things, 0.0)
    numbers = HealthNumbers(registry := CollectorRegistry())
    assert world.owner.mirror.reader.health is not None
    numbers.look_at(world.owner.mirror.reader.health)
    labels = {"reason": "condition GPUMissing"}
    assert registry.get_sample_value("bayplan_health_nodes_closed", labels) == 2


def test_the_source_is_closed_when_it_ends() -> None:
    world = World(node("a"))

    async def main() -> None:
        keeping = asyncio.create_task(world.keeper.run())
        while not world.asked:
            await asyncio.sleep(0)
        assert not world.closed
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert world.closed

    asyncio.run(main())


def test_who_does_not_lead_reads_and_writes_nothing_but_closes_what_the_leader_wrote() -> None:
    world = sick_world()
    world.leads = False
    world.start()
    world.show(gpu("a", 3, {XID: 79}), gpu("b", 3, {XID: 79}))
    n_asked = len(world.asked)
    world.rounds(3)
    assert len(world.asked) == n_asked
    assert world.on("b") == []
    assert world.passed(1) == ["b"]
    world.leads = True
    world.rounds()
    assert [each["code"] for each in world.on("b")] == ["xid-79"]
