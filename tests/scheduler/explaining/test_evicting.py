"""Evictions are sought where somebody may leave, and no further than the effort says."""

from __future__ import annotations

import pytest

from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining import Effort, FixKind, explain_gang, explain_pod
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.preemption import preempt_gang
from bayplan.scheduler.types import Topology, TopologyLevel

from .support import engine_of, node, run, whole

RACK = "topology.kubernetes.io/rack"


def gang(priority: int = 5) -> Gang:
    members = tuple(whole(f"m{i}", 2, priority=priority) for i in range(2))
    return Gang("g", (Role("", members),), (Topology(TopologyLevel.RACK),))


@pytest.mark.parametrize(
    ("priority", "preemptible", "found"), [(4, True, True), (5, True, False), (4, False, False)]
)
def test_only_pods_of_lower_priority_that_may_leave_are_evicted(
    priority: int, preemptible: bool, found: bool
) -> None:
    engine = engine_of(*(node(f"n{i}", labels=((RACK, "r"),)) for i in range(2)))
    for i in range(2):
        run(engine, whole(f"a{i}", 2, priority=priority, preemptible=preemptible), f"n{i}")
    pod = explain_pod(engine, whole("p", 2, priority=5), 0.0)
    assert (FixKind.EVICT in {fix.kind for fix in pod.fixes}) == found
    together = explain_gang(engine, gang(), 0.0)
    assert (FixKind.EVICT in {fix.kind for fix in together.fixes}) == found


@pytest.mark.parametrize("held", [0, 1, 2, 3])
def test_domains_without_victims_do_not_count(held: int) -> None:
    engine = engine_of(*(node(f"n{i}", labels=((RACK, f"r{i // 2}"),)) for i in range(8)))
    for i in range(8):
        run(engine, whole(f"a{i}", 2, preemptible=i // 2 >= held), f"n{i}")
    answer = preempt_gang(engine, gang(), 0.0, domains=1)
    rack = 2 * held
    assert answer.uids == (f"a{rack}", f"a{rack + 1}")
    with engine.cluster.trial():
        for uid in answer.uids:
            engine.cluster.apply(Gone(uid))
        assert engine.decide_gang(gang(), 0.0).decisions
    effort = Effort(domains=1)
    fixes = explain_gang(engine, gang(), 0.0, effort=effort).fixes
    assert [fix.uids for fix in fixes if fix.kind is FixKind.EVICT] == [answer.uids]
