"""Gangs that have a plan which one order of placing does not find."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs import Gang, Role, Segment, Spread, persisting, planning, stands
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.types import (
    Decision,
    Grant,
    Placement,
    Slot,
    Topology,
    TopologyLevel,
)

from ..support import A100, node, share, snapshot, whole  # noqa: TID252
from .cases import RACK

GPU_MIB = A100["gpu_memory_mib"]


FREE: dict[str, tuple[int, int, tuple[tuple[int, int], ...]]] = {
    "n05": (2_880, 66_000, ((0, 0), (300, 24_576))),
    "n06": (14_400, 24_000, ((0, 0),) * 4),
    "n07": (
        45_840,
        506_400,
        (
            (0, 0),
            (600, 49_152),
            *((1000, GPU_MIB),) * 2,
            (100, 574),
            *((1000, GPU_MIB),) * 2,
            (500, 33_344),
        ),
    ),
}
"""CPU, memory, and of each GPU the milli and the MiB that are free, by node."""


def shares_in_a_tight_rack() -> tuple[Cluster, Gang]:
    """Eleven shares of 300 and ten of 200: on the last GPU memory is scarcer than compute."""
    labels = ((RACK, "r"),)
    cluster = Cluster(
        node(name, len(gpus), cpu_milli=cpu, memory_mib=memory, labels=labels, **A100)
        for name, (cpu, memory, gpus) in FREE.items()
    )
    for name, (_, _, gpus) in FREE.items():
        for i, (milli, mib) in enumerate(gpus):
            if milli < 1000:
                taken = Grant(Slot(i), 1000 - milli, GPU_MIB - mib)
                pod = share(f"{name}-{i}", taken.milli, taken.memory_mib)
                decision = Decision(pod, 0.0, Placement(name, ((taken,),), (0,)))
                cluster.apply(Bound(decision, 0.0))
    large = tuple(share(f"a{i}", 300, cpu_milli=1_440, memory_mib=32_400) for i in range(11))
    small = tuple(share(f"b{i}", 200, cpu_milli=2_640, memory_mib=16_800) for i in range(10))
    wish = (Topology(TopologyLevel.RACK),)
    return cluster, Gang("g", (Role("a", large), Role("b", small)), wish)


def test_changed_orders_find_what_one_order_does_not() -> None:
    cluster, gang = shares_in_a_tight_rack()
    before = snapshot(cluster)
    plan = Engine(cluster, BestFit()).decide_gang(gang, 0.0)
    assert snapshot(cluster) == before
    assert len(plan.decisions) == 21
    assert stands(cluster, plan)
    again = Engine(cluster, BestFit()).decide_gang(gang, 0.0)
    placements = [decision.placement for decision in plan.decisions]
    assert placements == [decision.placement for decision in again.decisions]


def test_without_changed_orders_it_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisting, "ORDER_STEPS", 0)
    cluster, gang = shares_in_a_tight_rack()
    assert not Engine(cluster, BestFit()).decide_gang(gang, 0.0).decisions


def test_kinds_that_fit_by_themselves_and_not_together_are_refused() -> None:
    engine = Engine(Cluster([node("n0", 4), node("n1", 4)]), BestFit())
    pairs = tuple(whole(f"p{i}", 2) for i in range(3))
    singles = tuple(whole(f"s{i}") for i in range(3))
    plan = engine.decide_gang(Gang("g", (Role("p", pairs), Role("s", singles))), 0.0)
    assert (plan.decisions, plan.missing, plan.first_left) == ((), 1, "s2")
    plan = engine.decide_gang(Gang("g", (Role("p", pairs), Role("s", singles[:2]))), 0.0)
    assert len(plan.decisions) == 5


def test_a_large_kind_counts_against_the_room_of_a_lesser_one() -> None:
    # Each kind fits by itself, and so does the sum of GPUs; but a node holds only one of both.
    engine = Engine(Cluster([node("n0", 3), node("n1", 3)]), BestFit())
    pods = [whole("a", 2), whole("b", 2), whole("c", 2, cpu_milli=1)]
    plan = engine.decide_gang(Gang("g", (Role("r", tuple(pods)),)), 0.0)
    assert (plan.decisions, plan.missing, plan.first_left) == ((), 1, "c")
    pods[2] = whole("c", 1, cpu_milli=1)
    assert len(engine.decide_gang(Gang("g", (Role("r", tuple(pods)),)), 0.0).decisions) == 3


def test_gangs_with_segments_are_found_by_changed_orders_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Segments of two, each in one rack; greedy passes and descents are switched off."""
    monkeypatch.setattr(planning, "_greedy", lambda search, domains, steps: 0)
    monkeypatch.setattr(persisting, "DESCENT_STEPS", 0)
    nodes = [node(f"n{i}", 2, labels=((RACK, f"r{i // 2}"),)) for i in range(6)]
    engine = Engine(Cluster(nodes), BestFit())
    pods = tuple(whole(f"p{i}", 1 + i % 2) for i in range(6))
    gang = Gang("g", (Role("a", pods),), segment=Segment(2, TopologyLevel.RACK))
    plan = engine.decide_gang(gang, 0.0)
    homes = [d.placement.node for d in plan.decisions if d.placement]
    racks = [int(name[1:]) // 2 for name in homes]
    assert racks[::2] == racks[1::2]
    assert sorted(racks[::2]) == [0, 1, 2]
    spread = Gang("g", gang.roles, segment=gang.segment, spread=Spread(TopologyLevel.NODE))
    plan = engine.decide_gang(spread, 0.0)
    assert len({d.placement.node for d in plan.decisions if d.placement}) == 6
