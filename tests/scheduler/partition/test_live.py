from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Unknown
from bayplan.scheduler.events import Bound
from bayplan.scheduler.partition.live import gpu_states, plan_node
from bayplan.scheduler.partition.types import Instance
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.sharing import Mig, Mps
from bayplan.scheduler.types import DeviceRequest, MigInstances, Node, Request

BALANCED = ((0, "2g.20gb"), (2, "1g.10gb"), (3, "1g.10gb"), (4, "3g.40gb"))
PROFILES = ["1g.10gb", "2g.20gb", "3g.40gb", "1g.20gb", "4g.40gb"]


def node(*sharing: Mig | Mps) -> Node:
    return Node("n", 10**6, 10**6, len(sharing), "A100-80GB", 81_920, sharing=sharing)


def run(cluster: Cluster, uid: str, profile: str) -> bool:
    """Let a pod run on an instance of a profile, if there is one."""
    request = Request(uid, devices=(DeviceRequest(MigInstances(profile)),))
    decision = Engine(cluster, FirstFit()).decide(request, 0.0)
    if decision.placement is not None:
        cluster.apply(Bound(decision, 0.0))
    return decision.placement is not None


def test_used_and_idle_instances_are_told_apart_and_other_modes_left_out() -> None:
    cluster = Cluster([node(Mps(), Mig(BALANCED), Mig())])
    assert run(cluster, "p", "1g.10gb")
    states = gpu_states(cluster, "n")
    assert list(states) == [1]
    assert states[1].used == (Instance(2, "1g.10gb"),)
    assert states[1].idle == (
        Instance(0, "2g.20gb"),
        Instance(3, "1g.10gb"),
        Instance(4, "3g.40gb"),
    )
    with pytest.raises(Unknown):
        gpu_states(cluster, "ghost")


def test_a_plan_makes_room_beside_what_runs() -> None:
    cluster = Cluster([node(Mps(), Mig(BALANCED))])
    assert run(cluster, "p", "1g.10gb")
    assert not run(cluster, "big", "1g.20gb")
    plan, events = plan_node(cluster, "n", {"1g.20gb": 1})
    assert not plan.unmet
    assert {change.gpu_index for change in plan.changes} == {1}
    for event in events:
        cluster.apply(event)
    cluster.check()
    assert run(cluster, "big", "1g.20gb")
    assert cluster.pods["p"].placement.grants[0][0].slot.start == 2


@given(
    running=st.lists(st.sampled_from(PROFILES), max_size=6),
    demand=st.dictionaries(st.sampled_from(PROFILES), st.integers(1, 3), max_size=3),
)
def test_after_the_events_the_demand_that_is_met_finds_its_instances(
    running: list[str], demand: dict[str, int]
) -> None:
    cluster = Cluster([node(Mig(BALANCED), Mig(BALANCED))])
    for i, profile in enumerate(running):
        run(cluster, f"p{i}", profile)
    before = dict(cluster.pods)
    plan, events = plan_node(cluster, "n", demand)
    for event in events:
        cluster.apply(event)
        cluster.check()
    assert dict(cluster.pods) == before
    unmet = dict(plan.unmet)
    for profile, count in demand.items():
        for i in range(count - unmet.get(profile, 0)):
            assert run(cluster, f"{profile}-{i}", profile)


def test_a_gpu_that_takes_no_new_pods_is_left_as_it_is() -> None:
    halves = Mig(((0, "3g.40gb"), (4, "3g.40gb")))
    cluster = Cluster([replace(node(halves, halves), unhealthy=(0,))])
    plan, events = plan_node(cluster, "n", {"1g.10gb": 3})
    assert {event.gpu for event in events} == {1}
    assert not plan.unmet
