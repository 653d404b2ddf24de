"""The engine decides, scores and explains with constraints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_constraints as naive
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Spread,
    Taint,
    Toleration,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Bound, NodeChanged
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    Reason,
    Request,
    WholeGpus,
)

from .support import HOST, ZONE, app, labelled, settle, spread, terms, with_labels, zoned

GPUS: dict[str, Any] = {"gpu_count": 1, "gpu_model": "A", "gpu_memory_mib": 8000}


def first_fit(cluster: Cluster) -> Engine:
    return Engine(cluster, FirstFit())


def node_of(decision: Decision) -> str:
    return decision.placement.node if decision.placement else ""


def test_a_pod_goes_to_the_best_node_that_suits_it() -> None:
    cluster = zoned("a", "a", "b")
    engine = first_fit(cluster)
    settle(cluster, labelled("x"), "n0")
    request = Request("p", 1000, constraints=labelled("x", pod_anti_affinity=terms("x")))
    decision = engine.decide(request, 1.0)
    assert node_of(decision) == "n2"
    assert decision.request is request
    assert decision.rests_on == (("n2", cluster.view.version.item(2)),)
    assert engine.feasible(request).tolist() == [False, False, True]
    assert (engine.scores(request) > -np.inf).tolist() == [False, False, True]
    cluster.apply(Bound(decision, 1.0))
    assert cluster.pods["p"].request is request


def test_reasons_are_counted_over_all_candidates() -> None:
    cluster = Cluster(
        [
            with_labels("tainted", ((ZONE, "a"),), taints=(Taint("gpu"),), cpu_milli=0),
            with_labels("cordoned", ((ZONE, "a"),), schedulable=False),
            with_labels("elsewhere", ((ZONE, "b"),), cpu_milli=0),
            with_labels("small", ((ZONE, "a"),), cpu_milli=0),
            with_labels("crowded", ((ZONE, "a"), (HOST, "h"))),
            with_labels("full-and-crowded", ((ZONE, "a"), (HOST, "g")), cpu_milli=1000),
            with_labels("left-out", ((ZONE, "a"),)),
        ]
    )
    for name, cpu_milli in (("crowded", 0), ("full-and-crowded", 1000)):
        one = Request(name, cpu_milli, constraints=labelled("x"))
        engine = first_fit(cluster)
        there = np.array([cluster.name(row) == name for row in range(7)])
        cluster.apply(Bound(engine.decide(one, 0.0, there), 0.0))
    near = (NodeAffinityTerm((Expression(ZONE, Operator.IN, ("a",)),)),)
    wishes = labelled("x", node_affinity=near, pod_anti_affinity=terms("x", HOST))
    candidates = np.array([True] * 6 + [False])
    decision = first_fit(cluster).decide(Request("p", 1000, constraints=wishes), 0.0, candidates)
    assert decision.placement is None
    assert decision.reasons == (
        (Reason.EXCLUDED, 1),
        (Reason.CORDONED, 1),
        (Reason.TAINT, 1),
        (Reason.NODE_AFFINITY, 1),
        (Reason.CPU_CAPACITY, 1),
        (Reason.CPU_FREE, 1),
        (Reason.POD_ANTI_AFFINITY, 1),
    )
    explained = first_fit(cluster).explain(Request("p", 1000, constraints=wishes))
    assert [(each.fitting, each.chosen) for each in explained] == [(1, ())]


def test_constraints_hold_for_every_alternative() -> None:
    cluster = Cluster([with_labels("n0", taints=(Taint("gpu"),), **GPUS), with_labels("n1")])
    either = DeviceRequest(WholeGpus(1), alternatives=(DeviceRequest(WholeGpus(0)),))
    request = Request("p", devices=(either,), constraints=Constraints())
    engine = first_fit(cluster)
    assert node_of(engine.decide(request, 0.0)) == "n1"
    assert [each.reasons for each in engine.explain(request)] == [
        ((Reason.TAINT, 1), (Reason.GPU_COUNT, 1)),
        ((Reason.TAINT, 1),),
    ]
    tolerant = request._replace(constraints=Constraints(tolerations=(Toleration("gpu"),)))
    assert node_of(engine.decide(tolerant, 0.0)) == "n0"


def test_who_shares_a_claim_goes_where_it_is_only_if_that_node_suits_it() -> None:
    cluster = Cluster([with_labels("n0", **GPUS), with_labels("n1", **GPUS)])
    engine = first_fit(cluster)
    shared = (DeviceRequest(WholeGpus(1), claim="c"),)
    cluster.apply(Bound(engine.decide(Request("p", devices=shared), 0.0), 0.0))
    again = Request("q", devices=shared, constraints=Constraints())
    assert node_of(engine.decide(again, 0.0)) == "n0"
    assert engine.feasible(again).tolist() == [True, False]
    cluster.apply(NodeChanged(replace(cluster.nodes["n0"], taints=(Taint("out"),))))
    decision = engine.decide(again, 0.0)
    assert decision.reasons == ((Reason.CLAIM_NODE, 1), (Reason.TAINT, 1))
    assert engine.explain(again)[0].reasons == decision.reasons
    assert engine.feasible(again).tolist() == [False, False]
    left_out = engine.decide(again, 0.0, np.array([True, False]))
    assert left_out.reasons == ((Reason.EXCLUDED, 1), (Reason.TAINT, 1))


def test_what_nobody_looks_at_is_named_in_the_decision() -> None:
    cluster = zoned("a")
    engine = first_fit(cluster)
    wishes = Constraints(
        preferred_pod_affinity=((1, PodTerm(ZONE, app("x"))),), unmodelled=("volumes",)
    )
    named = ("volumes", "preferred pod affinity")
    assert engine.decide(Request("p", constraints=wishes), 0.0).unmodelled == named
    assert engine.decide(Request("p", 10**9, constraints=wishes), 0.0).unmodelled == named
    assert engine.decide(Request("p"), 0.0).unmodelled == ()


def test_a_committed_pod_may_break_what_its_decision_held() -> None:
    # Commits check room only: the state may have moved on since, as in Kubernetes.
    cluster = zoned("a")
    engine = first_fit(cluster)
    alone = labelled("x", pod_anti_affinity=terms("x"))
    decisions = [engine.decide(Request(uid, constraints=alone), 0.0) for uid in ("p", "q")]
    for decision in decisions:
        cluster.apply(Bound(decision, 0.0))
    assert len(cluster.pods) == 2
    third = engine.decide(Request("r", constraints=alone), 0.0)
    assert third.reasons == ((Reason.POD_ANTI_AFFINITY, 1),)


def test_members_of_a_group_see_each_other_inside_a_trial() -> None:
    cluster = zoned("a", "a", "b", "b")
    engine = first_fit(cluster)
    wishes = labelled("x", spread=spread("x"), pod_anti_affinity=terms("x", HOST))
    places = []
    with cluster.trial():
        for i in range(5):
            decision = engine.decide(Request(f"p{i}", constraints=wishes), 0.0)
            places.append(node_of(decision))
            if decision.placement:
                cluster.apply(Bound(decision, 0.0))
    assert places == ["n0", "n2", "n1", "n3", ""]
    assert decision.reasons == ((Reason.POD_ANTI_AFFINITY, 4),)
    assert node_of(engine.decide(Request("p", constraints=wishes), 0.0)) == "n0"


def test_constraints_that_make_no_sense_are_refused() -> None:
    engine = first_fit(zoned("a"))
    with pytest.raises(InvalidRequest, match="pod p: a spread constraint"):
        engine.decide(Request("p", constraints=Constraints(spread=(Spread(0, ZONE),))), 0.0)
    with pytest.raises(ValueError, match="give bool"):
        engine.decide(Request("p", constraints=Constraints()), 0.0, np.ones(2, np.bool_))


wishes = st.builds(
    Constraints,
    labels=st.sampled_from([(("app", "x"),), (("app", "y"),)]),
    pod_anti_affinity=st.sampled_from([(), terms("x", HOST), terms("y")]),
    pod_affinity=st.sampled_from([(), (), terms("x")]),
    spread=st.sampled_from([(), spread("x"), spread("y", HOST)]),
)
pods = st.builds(Request, st.just(""), st.sampled_from([0, 4000]), constraints=st.none() | wishes)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(pods, max_size=8),
    st.sampled_from(["first-fit", "best-fit", "random"]),
    st.none() | st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_decisions_keep_the_constraints_and_choose_the_highest_score(
    queue: list[Request], policy: str, mask: list[bool] | None
) -> None:
    cluster = zoned("a", "a", "b", "")
    engine = Engine(cluster, make_policy(policy))
    nodes = None if mask is None else np.array(mask)
    for i, pod in enumerate(queue):
        request = pod._replace(uid=f"p{i}")
        suits = [code == 0 for code in naive.constraint_reasons(cluster, request)]
        plain = engine.feasible(request._replace(constraints=None), nodes)
        feasible = engine.feasible(request, nodes)
        assert feasible.tolist() == (plain & suits).tolist()
        decision = engine.decide(request, 0.0, nodes)
        assert (decision.placement is not None) == feasible.any()
        if decision.placement is None:
            assert sum(n for _, n in decision.reasons) == 4
            assert decision.reasons == engine.explain(request, nodes)[0].reasons
            continue
        assert feasible[cluster.row(node_of(decision))]
        assert decision.score == engine.scores(request, nodes).max()
        cluster.apply(Bound(decision, 0.0))
