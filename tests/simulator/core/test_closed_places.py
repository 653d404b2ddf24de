"""Pods on GPUs and nodes that take no new pods: who makes room cannot be put back there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bayplan.simulator.core.sources import Events, World

from .support import job, node, run, told


class At:
    """Does something at a time."""

    def __init__(self, at_s: float, do: Callable[[World], None]) -> None:
        self._at_s, self._do = at_s, do

    def run(self, world: World) -> Events:
        yield world.until(self._at_s)
        self._do(world)


def closed(gpu: int) -> At:
    return At(5.0, lambda world: world.close_gpu("a", gpu, "test"))


def cordoned(name: str) -> At:
    return At(5.0, lambda world: world.cordon(name, "test"))


def after(nodes: Sequence[Any], jobs: Sequence[Any], source: At, **settings: Any) -> list[str]:
    done = run(nodes, jobs, more={"sources": [source]}, **settings)
    return [entry for entry in told(done) if entry.startswith("10 ")]


TWO_JOBS = [job("x", 100.0), job("y", 100.0), job("u", 20.0, arrival_s=10.0, priority=1)]


@pytest.mark.parametrize(
    ("nodes", "source", "victim", "where"),
    [
        ([node("a", 2)], closed(0), "y", "a"),
        ([node("a", 2)], closed(1), "x", "a"),
        ([node("a"), node("b")], cordoned("a"), "y", "b"),
        ([node("a"), node("b")], cordoned("b"), "x", "a"),
    ],
)
def test_who_leaves_nothing_behind_that_may_be_had_is_not_stopped(
    nodes: Sequence[Any], source: At, victim: str, where: str
) -> None:
    # x is on the first GPU and y on the second. What y leaves on a closed GPU helps nobody, so x,
    # further in front, has to go.
    found = after(nodes, TWO_JOBS, source, ordering="priority", preemption="in-order")
    assert found == ["10 arrive u", f"10 preempt {victim} {where}", f"10 start u {where}"]


def test_who_is_on_a_closed_gpu_is_stopped_for_its_cpus_if_nothing_else_helps() -> None:
    jobs = [
        job("x", 100.0, cpu_milli=64_000),
        job("u", 20.0, arrival_s=10.0, priority=1, cpu_milli=1000),
    ]
    found = after([node("a", 2)], jobs, closed(0), ordering="priority", preemption="in-order")
    assert found == ["10 arrive u", "10 preempt x a", "10 start u a"]


def test_of_anonymous_gpus_two_have_to_go_where_one_more_is_closed_than_is_free() -> None:
    # Three GPUs, one of them closed, three in use: the second to leave makes room for one.
    jobs = [job(name, 100.0) for name in "xyz"] + [job("u", 20.0, arrival_s=10.0, priority=1)]
    nodes = [node("a", 3, anonymous_gpus=True)]
    found = after(nodes, jobs, closed(0), ordering="priority", preemption="in-order")
    assert found[-1] == "10 start u a"
    assert [entry for entry in found if "preempt" in entry] == ["10 preempt z a", "10 preempt y a"]


@pytest.mark.parametrize(
    ("nodes", "source", "shrinks"),
    [
        # Two of four leave, none of them the one on a closed GPU, which helps nobody.
        ([node("a", 4)], closed(0), "10 shrink e 4 to 2 a"),
        ([node("a", 4)], closed(3), "10 shrink e 4 to 2 a"),
        ([node("a", 2), node("b", 2)], cordoned("b"), "10 shrink e 4 to 3 a b"),
    ],
)
def test_elastic_jobs_keep_pods_where_nobody_may_follow_them(
    nodes: Sequence[Any], source: At, shrinks: str
) -> None:
    jobs = [
        job("e", 400.0, pods=2, min_pods=1, max_pods=4),
        job("r", 20.0, arrival_s=10.0, gpu_count=1 if len(nodes) > 1 else 2),
    ]
    found = after(nodes, jobs, source, elasticity="idle")
    assert found == ["10 arrive r", shrinks, "10 start r a"]
