"""Decisions that come late: accepted while what they rest on holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import (
    Bound,
    Held,
    NodeChanged,
    NodeGone,
    NodeUp,
)
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, Ungoverned
from bayplan.scheduler.types import (
    DeviceRequest,
    Request,
    WholeGpus,
)

from .support import (
    bind,
    first_fit,
    instances,
    mig_node,
    node,
    refusal,
    share,
    where,
    whole,
)


def test_of_two_decisions_for_the_same_room_the_second_is_refused() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    first, second = engine.decide(whole("p"), 0.0), engine.decide(whole("q"), 0.0)
    cluster.apply(Bound(first, 0.0))
    with pytest.raises(Conflict, match="pod q on a: it no longer fits: the node changed"):
        cluster.apply(Bound(second, 0.0))
    assert refusal(cluster, Held(second, 9.0)) is Conflict
    cluster.check()


def test_of_two_decisions_for_the_same_gpu_memory_the_second_is_refused() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    first, second = (engine.decide(share(uid, 100, 5000), 0.0) for uid in "pq")
    cluster.apply(Bound(first, 0.0))
    assert refusal(cluster, Bound(second, 0.0)) is Conflict
    cluster.check()


def test_two_decisions_that_both_fit_are_both_accepted() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    decisions = [engine.decide(share(uid, 500), 0.0) for uid in "pqr"]
    cluster.apply(Bound(decisions[0], 0.0))
    cluster.apply(Bound(decisions[1], 0.0))
    assert refusal(cluster, Bound(decisions[2], 0.0)) is Conflict
    assert cluster.view.slot_free_milli[0] == 0
    cluster.check()


def test_of_two_decisions_for_the_same_mig_place_the_second_is_refused() -> None:
    cluster = Cluster([mig_node("a")])
    engine = first_fit(cluster)
    first, second = (engine.decide(instances(uid, "2g.20gb"), 0.0) for uid in "pq")
    cluster.apply(Bound(first, 0.0))
    # Compute and memory are there for it, and another place as well.
    assert refusal(cluster, Bound(second, 0.0)) is Conflict
    assert where(bind(engine, second.request)) == ("a", (0,))
    cluster.check()


def test_of_two_decisions_for_the_last_client_the_second_is_refused() -> None:
    cluster = Cluster([node("a", 1, sharing=(Hami(vgpus=2),))])
    engine = first_fit(cluster)
    bind(engine, share("o", 100))
    first, second = (engine.decide(share(uid, 100), 0.0) for uid in "pq")
    cluster.apply(Bound(first, 0.0))
    assert refusal(cluster, Bound(second, 0.0)) is Conflict
    cluster.check()


@pytest.mark.parametrize(
    ("sharing", "is_there"),
    [
        (Mig(((0, "2g.20gb"),)), True),
        (Mig(((2, "2g.20gb"),)), False),
        (Mig(((0, "3g.40gb"),)), False),
        (Mig(((0, "2g.20gb"),), Mps()), True),
        (Hami(), False),
        (Exclusive(), False),
        (Ungoverned(), False),
    ],
    ids=str,
)
def test_an_instance_is_refused_when_its_gpu_is_cut_otherwise_by_now(
    sharing: Sharing, is_there: bool
) -> None:
    cluster = Cluster([mig_node("a")])
    engine = Engine(cluster, FirstFit(), places=Places(MigRule.FIRST_FIT))
    decision = engine.decide(instances("p", "2g.20gb"), 0.0)
    cluster.apply(NodeChanged(mig_node("a", sharing=(sharing,))))
    assert (refusal(cluster, Bound(decision, 0.0)) is None) is is_there
    cluster.check()


A_NODE = node("a", 1, labels=(("zone", "z"),), resources=(("nic", 1),))
PICKY = Request(
    "p",
    6000,
    6000,
    (DeviceRequest(WholeGpus(1), models=("A",)),),
    (("nic", 1),),
    (("zone", "z"),),
)


@pytest.mark.parametrize(
    "changes",
    [
        {"schedulable": False},
        {"cpu_milli": 5999},
        {"memory_mib": 5999},
        {"resources": ()},
        {"labels": (("zone", "y"),)},
        {"gpu_model": "B"},
        {"gpu_count": 0},
        {"gpu_memory_mib": 7000},
        {"anonymous_gpus": True},
    ],
    ids=str,
)
def test_a_decision_is_refused_when_its_node_no_longer_suits(changes: dict[str, Any]) -> None:
    cluster = Cluster([A_NODE])
    decision = first_fit(cluster).decide(PICKY, 0.0)
    cluster.apply(
        NodeChanged(node("a", 1, **{"labels": A_NODE.labels, "resources": (("nic", 1),)} | changes))
    )
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict
    cluster.apply(NodeChanged(A_NODE))
    cluster.apply(Bound(decision, 0.0))
    cluster.check()


@pytest.mark.parametrize(
    "changes",
    [{"cpu_milli": 6000}, {"labels": (("rack", "1"), ("zone", "z"))}, {"resources": (("nic", 4),)}],
    ids=str,
)
def test_a_decision_is_accepted_when_its_node_changed_and_still_suits(
    changes: dict[str, Any],
) -> None:
    cluster = Cluster([A_NODE])
    decision = first_fit(cluster).decide(PICKY, 0.0)
    cluster.apply(
        NodeChanged(node("a", 1, **{"labels": A_NODE.labels, "resources": (("nic", 1),)} | changes))
    )
    cluster.apply(Bound(decision, 0.0))
    assert cluster.pods["p"].placement.node == "a"
    cluster.check()


@pytest.mark.parametrize("request_", [share("p", 500), share("p", mib=4000)], ids=["milli", "MiB"])
@pytest.mark.parametrize("memory", [0, 80_000])
def test_a_share_is_refused_when_it_would_be_another_amount_by_now(
    request_: Request, memory: int
) -> None:
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(request_, 0.0)
    cluster.apply(NodeChanged(node("a", 1, gpu_memory_mib=memory)))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict


def test_a_decision_of_a_sibling_copy_or_of_a_cluster_built_anew_is_checked_in_full() -> None:
    old = Cluster([node("old", 1)])
    here, there = old.copy(), old.copy()
    for cluster, model in ((here, "A"), (there, "B")):
        cluster.apply(NodeUp(node("n", 1, gpu_model=model)))
    request = Request("p", devices=(DeviceRequest(WholeGpus(1), models=("A",)),))
    decision = first_fit(here).decide(request, 0.0, np.array([False, True]))
    assert decision.rests_on == (("n", int(there.view.version[1])),)
    assert refusal(there, Bound(decision, 0.0)) is Conflict
    mine, anew = Cluster([node("n", 1)]), Cluster([node("n", 1, gpu_model="B")])
    assert refusal(anew, Bound(first_fit(mine).decide(request, 0.0), 0.0)) is Conflict


def test_a_decision_survives_its_node_only_as_a_node_with_room_of_the_same_name() -> None:
    cluster = Cluster([node("a", 4)])
    decision = first_fit(cluster).decide(whole("p", 3), 0.0)
    cluster.apply(NodeGone("a"))
    with pytest.raises(Conflict, match="node a is gone"):
        cluster.apply(Bound(decision, 0.0))
    cluster.apply(NodeUp(node("a", 2)))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict
    cluster.apply(NodeGone("a"))
    cluster.apply(NodeUp(node("a", 3)))
    cluster.apply(Bound(decision, 0.0))
    cluster.check()


def test_a_decision_made_on_a_copy_is_checked_against_the_original() -> None:
    cluster = Cluster([node("a", 2)])
    copy = cluster.copy()
    bind(first_fit(copy), whole("p"))
    bind(first_fit(cluster), whole("q", 2))
    decision = first_fit(copy).decide(whole("r"), 0.0)
    assert where(decision) == ("a", (1,))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict
    cluster.check()
