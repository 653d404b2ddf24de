"""What the runner does with what the controller says, and what it leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.api import ApiError
from bayplan.extender.repartition import runner
from bayplan.extender.repartition.mark import Mark, Step
from bayplan.extender.repartition.numbers import RepartitionNumbers
from bayplan.extender.repartition.observing import SeenNode, seen_node
from bayplan.extender.repartition.planning import plan
from bayplan.extender.repartition.runner import Runner
from bayplan.extender.repartition.settings import Repartition
from extender_things import bound, pod

from .mig import SMALL, Object, controller_of, merged, mig_node, waiting

SETTINGS = Repartition(settle_s=10.0)


class Api:
    """An API server of nodes: what is written is kept, and what fails is said beforehand."""

    def __init__(self, *nodes: Object) -> None:
        self.nodes = {each["metadata"]["name"]: each for each in nodes}
        self.patches: list[tuple[str, Mapping[str, Any]]] = []
        self.told: list[tuple[str, str, str, bool]] = []
        self.fails: list[ApiError] = []

    async def patch(self, node: SeenNode, change: Mapping[str, Any]) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.patches.append((node.name, change))
        version = {"metadata": {"resourceVersion": str(len(self.patches) + 1)}}
        self.nodes[node.name] = merged(merged(self.nodes[node.name], change), version)

    def tell(self, node: SeenNode, reason: str, note: str, *, warning: bool) -> None:
        self.told.append((node.name, reason, note, warning))


class Scene:
    """A runner on a cluster of one node that somebody waits for."""

    def __init__(self, *nodes: Object) -> None:
        self.nodes = nodes or (mig_node("a", 1),)
        self.api, self.registry = Api(*self.nodes), CollectorRegistry()
        self.controller, self.seeing = controller_of(
            self.nodes, [waiting("p", {SMALL: 1})], SETTINGS
        )
        self.now_s, self.lacking, self.leads = 1000.0, list[str](), True
        self.runner = Runner(
            self.controller, self.api, lambda: self.now_s, RepartitionNumbers(self.registry),
            lacks=lambda: self.lacking, leads=lambda: self.leads,
        )  # fmt: skip

    def rounds(self, n: int = 1) -> None:
        for _ in range(n):
            asyncio.run(self.runner.round())
            self.now_s += 1.0

    def watch(self, name: str = "a") -> None:
        self.seeing.changed("Node", self.api.nodes[name])

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def test_a_node_is_cordoned_then_told_then_let_go() -> None:
    scene = Scene()
    scene.rounds()
    assert scene.api.nodes["a"]["spec"] == {"unschedulable": True}
    # Nothing is written twice while the watch has not shown it.
    scene.rounds(20)
    assert len(scene.api.patches) == 1
    scene.watch()
    scene.rounds()
    node = seen_node(scene.api.nodes["a"])
    assert (node.config, node.state) == ("all-1g.10gb", "")
    assert scene.value("bayplan_repartition_nodes", step=Step.CORDONED.value) == 1.0
    scene.watch()
    shown = {"nvidia.com/gpu": "0", SMALL: "7"}
    done = {"metadata": {"labels": {"nvidia.com/mig.config.state": "success"},
                         "resourceVersion": "9"}, "status": {"allocatable": shown}}  # fmt: skip
    scene.api.nodes["a"] = merged(scene.api.nodes["a"], done)
    scene.watch()
    scene.rounds()
    assert scene.api.nodes["a"]["spec"] == {}
    assert scene.api.told == [
        ("a", "BayplanRepartitioning", "to all-1g.10gb, for default/p", False),
        ("a", "BayplanMigConfigSet", "all-disabled -> all-1g.10gb", False),
        ("a", "BayplanRepartitioned", "all-disabled -> all-1g.10gb", False),
    ]
    for result in ("begun", "applied", "done"):
        assert scene.value("bayplan_repartition_steps_total", result=result) == 1.0


def test_a_pod_that_came_after_the_cordon_undoes_it() -> None:
    scene = Scene()
    scene.rounds()
    scene.watch()
    scene.seeing.changed("Pod", bound(pod("late", 1), "a"))
    scene.rounds()
    assert scene.api.nodes["a"]["spec"] == {}
    assert scene.api.told[-1][1:3] == (
        "BayplanRepartitionUndone", "pod default/late uses its GPUs",
    )  # fmt: skip
    assert seen_node(scene.api.nodes["a"]).config == "all-disabled"
    scene.watch()
    scene.rounds(20)
    assert len(scene.api.patches) == 2


def test_the_end_does_not_wait_for_a_plan_that_is_being_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go, made = threading.Event(), threading.Event(), list[object]()

    def planning(*case: object) -> tuple[()]:
        begun.set()
        go.wait(20)
        made.append(case)
        return ()

    monkeypatch.setattr(runner, "plan", planning)
    scene = Scene()

    async def main() -> None:
        running = asyncio.create_task(scene.runner.run())
        while not begun.is_set():
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    loop.run(main())
    assert made == []
    go.set()


def test_a_pod_that_comes_while_a_plan_is_made_keeps_its_node() -> None:
    scene = Scene()
    case = scene.controller.case(scene.now_s)
    assert case is not None
    planned = plan(case, 1)
    assert [each.node for each in planned] == ["a"]
    scene.seeing.changed("Pod", bound(pod("late", 1), "a"))
    assert list(scene.controller.started(planned, scene.now_s)) == []


def test_a_waiting_pod_that_is_gone_when_a_plan_is_made_changes_nothing() -> None:
    scene = Scene()
    case = scene.controller.case(scene.now_s)
    assert case is not None
    planned = plan(case, 1)
    scene.seeing.deleted("Pod", waiting("p", {SMALL: 1}))
    assert list(scene.controller.started(planned, scene.now_s)) == []


def test_nothing_is_done_where_another_leads_or_what_is_known_is_old() -> None:
    scene = Scene()
    scene.leads = False
    scene.rounds(10)
    scene.leads, scene.lacking = True, ["Node: no word for 301 s"]
    scene.rounds(10)
    assert scene.api.patches == []
    scene.lacking = []
    scene.rounds(6)
    assert len(scene.api.patches) == 1
    scene.watch()
    scene.leads = False
    scene.rounds(30)
    assert len(scene.api.patches) == 1


@pytest.mark.parametrize(("status", "again"), [(409, 0), (403, 1), (0, 0)])
def test_a_write_that_fails_is_tried_again_at_once_if_it_was_not_done_for_sure(
    status: int, again: int, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    scene.api.fails = [ApiError("PATCH /api/v1/nodes/a: no", status)]
    scene.rounds(12)
    assert len(scene.api.patches) == again
    said = [each for each in caplog.records if each.message == "a node was not changed"]
    assert len(said) == (status != 409)
    newer = merged(scene.api.nodes["a"], {"metadata": {"resourceVersion": "7"}})
    scene.api.nodes["a"] = newer
    if not again:
        scene.watch()
        scene.rounds(21)
        assert len(scene.api.patches) == 1


def test_nodes_that_cannot_be_written_are_in_the_log_once_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mark = Mark(Step.CORDONED, "all-1g.10gb", "all-disabled", 900, ("default/gone",))
    said = {"bayplan.io/repartition": mark.text}
    scene = Scene(*(mig_node(name, 1, cordoned=True, annotations=said) for name in "ab"))
    scene.api.fails = [ApiError(f"PATCH /api/v1/nodes/{'ab'[k % 2]}: no", 403) for k in range(40)]
    scene.rounds(10)
    assert len(scene.api.fails) == 20  # each is tried again in each round
    told = [vars(each) for each in caplog.records if each.message == "a node was not changed"]
    assert [each["node"] for each in told] == ["a", "b"]


def test_no_second_node_is_begun_while_one_is_under_way() -> None:
    scene = Scene(mig_node("a", 1), mig_node("b", 1, labels={"k": "b"}))
    scene.rounds()
    spec = {"nodeSelector": {"k": "b"}}
    scene.seeing.changed("Pod", waiting("only-b", {SMALL: 1}, spec=spec))
    scene.rounds(30)  # nor while no watch has shown the first one
    assert [name for name, _ in scene.api.patches] == ["a"]
    scene.watch()
    scene.rounds(30)
    assert {name for name, _ in scene.api.patches} == {"a"}
