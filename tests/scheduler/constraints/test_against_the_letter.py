"""Random clusters and pods against rules applied by the letter, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_constraints as naive
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Expression,
    Labels,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Taint,
    Toleration,
    TolerationOperator,
    Unsatisfiable,
)
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.events import (
    Bound,
    Event,
    Gone,
    Held,
    HoldExpired,
    NodeChanged,
    NodeGone,
    NodeUp,
)
from bayplan.scheduler.types import Decision, Node, Placement, Request

NAMES = [f"n{i}" for i in range(6)]
UIDS = [f"p{i}" for i in range(5)] + ["s0", "s1"]
KEYS = ["host", "zone", "speed"]
VALUES: dict[str, list[str]] = {
    "host": NAMES,
    "zone": ["a", "b"],
    "speed": ["1", "7", "+07", "fast"],
    "app": ["x", "y"],
    "tier": ["0", "1"],
}


def labels_of(keys: list[str]) -> st.SearchStrategy[Labels]:
    some = {key: st.none() | st.sampled_from(VALUES[key]) for key in keys}
    return st.fixed_dictionaries(some).map(
        lambda found: tuple((key, value) for key, value in found.items() if value is not None)
    )


def listed(keys: list[str]) -> st.SearchStrategy[Expression]:
    def of(key: str) -> st.SearchStrategy[Expression]:
        values = st.lists(st.sampled_from(VALUES[key]), min_size=1, max_size=2).map(tuple)
        return st.one_of(
            st.builds(
                Expression, st.just(key), st.sampled_from([Operator.IN, Operator.NOT_IN]), values
            ),
            st.builds(
                Expression,
                st.just(key),
                st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST]),
            ),
        )

    return st.sampled_from(keys).flatmap(of)


taints = st.builds(
    Taint,
    st.sampled_from(["t", "u", "node.kubernetes.io/unschedulable"]),
    st.sampled_from(["", "v", "5", "9"]),
    st.sampled_from(list(Effect)),
)
effects = st.none() | st.sampled_from(list(Effect))
exists, equal = TolerationOperator.EXISTS, TolerationOperator.EQUAL
tolerations = st.one_of(
    st.builds(Toleration, st.sampled_from(["", "t", "u"]), st.just(exists), st.just(""), effects),
    st.builds(
        Toleration,
        st.sampled_from(["t", "u", "node.kubernetes.io/unschedulable"]),
        st.just(equal),
        st.sampled_from(["", "v", "5"]),
        effects,
    ),
    st.builds(
        Toleration,
        st.sampled_from(["t", "u"]),
        st.sampled_from([TolerationOperator.GT, TolerationOperator.LT]),
        st.sampled_from(["5", "7", "-1"]),
        effects,
    ),
)
ordered = st.builds(
    Expression,
    st.sampled_from(KEYS),
    st.sampled_from([Operator.GT, Operator.LT]),
    st.sampled_from(["0", "6", "7"]).map(lambda value: (value,)),
)
fields = st.builds(
    Expression,
    st.just("metadata.name"),
    st.sampled_from([Operator.IN, Operator.NOT_IN]),
    st.sampled_from(NAMES).map(lambda name: (name,)),
)
node_terms = st.builds(
    NodeAffinityTerm,
    st.lists(listed(KEYS) | ordered, max_size=2).map(tuple),
    st.lists(fields, max_size=1).map(tuple),
)


def tuples(of: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """Mostly none, so that something is left that fits."""
    return st.just(()) | st.lists(of, max_size=most).map(tuple)


selectors = st.none() | st.builds(
    Selector, st.lists(listed(["app", "tier"]), max_size=2).map(tuple)
)
namespace_selectors = st.none() | st.builds(
    Selector, st.lists(listed(["app"]), max_size=1).map(tuple)
)
topology_keys = st.sampled_from(["host", "zone", "rack"])
pod_terms = st.builds(
    PodTerm,
    topology_keys,
    selectors,
    tuples(st.sampled_from(["default", "other"]), 2),
    namespace_selectors,
)
spreads = st.builds(
    Spread,
    st.integers(1, 2),
    topology_keys,
    selectors,
    st.sampled_from(list(Unsatisfiable)),
    st.sampled_from([1, 1, 2, 3]),
    st.booleans(),
    st.booleans(),
    tuples(st.sampled_from(["app", "tier"]), 2),
)
namespaces = st.sampled_from(
    [("default", ()), ("default", ()), ("other", (("app", "x"),)), ("third", (("app", "y"),))]
)
constraints = st.builds(
    lambda namespace, **fields: Constraints(
        namespace=namespace[0], namespace_labels=namespace[1], **fields
    ),
    namespaces,
    labels=labels_of(["app", "tier"]),
    tolerations=tuples(tolerations, 3),
    node_affinity=st.none() | st.lists(node_terms, max_size=2).map(tuple),
    pod_affinity=tuples(pod_terms, 2),
    pod_anti_affinity=tuples(pod_terms, 2),
    spread=tuples(spreads, 2),
)
app = st.builds(
    lambda operator, value: Selector((Expression("app", operator, (value,)),)),
    st.sampled_from([Operator.IN, Operator.IN, Operator.NOT_IN]),
    st.sampled_from(VALUES["app"]),
)
places = st.sampled_from(["host", "zone"])
near = st.lists(st.builds(PodTerm, places, app), min_size=1, max_size=2).map(tuple)
apart = st.lists(st.builds(PodTerm, places, app), min_size=1, max_size=2).map(tuple)
evenly = st.lists(
    st.builds(
        Spread,
        st.sampled_from([1, 1, 2]),
        places,
        app,
        min_domains=st.integers(1, 3),
        node_taints_honored=st.booleans(),
        match_label_keys=st.sampled_from([(), ("app",), ("tier",)]),
    ),
    min_size=1,
    max_size=2,
).map(tuple)


def peers_with(**wishes: st.SearchStrategy[Any]) -> st.SearchStrategy[Constraints]:
    return st.builds(
        Constraints,
        labels=st.sampled_from(VALUES["app"]).map(lambda value: (("app", value),)),
        tolerations=st.just((Toleration(operator=exists),)),
        **wishes,
    )


peers = st.one_of(
    peers_with(),
    peers_with(spread=evenly),
    peers_with(spread=evenly, pod_anti_affinity=apart),
    peers_with(pod_affinity=near),
    peers_with(pod_affinity=near, spread=evenly),
    peers_with(pod_anti_affinity=apart),
)
"""Pods about which only the other pods have something to say."""

node_labels = st.just(()) | labels_of(["zone"])
nodes = st.builds(
    Node,
    st.sampled_from(NAMES),
    schedulable=st.sampled_from([True, True, True, False]),
    labels=labels_of(KEYS),
    taints=st.just(()) | st.lists(taints, max_size=2).map(tuple),
)
requests = st.builds(
    Request,
    st.sampled_from(UIDS),
    node_labels=node_labels,
    constraints=st.one_of(st.none(), constraints, peers, peers),
)


def bound(request: Request, name: str) -> Bound:
    return Bound(Decision(request, 0.0, Placement(name)), 0.0)


events: st.SearchStrategy[Event] = st.one_of(
    st.builds(NodeUp, nodes),
    st.builds(NodeChanged, nodes),
    st.builds(NodeGone, st.sampled_from(NAMES)),
    st.builds(bound, requests, st.sampled_from(NAMES)),
    st.builds(bound, requests, st.sampled_from(NAMES)),
    st.builds(
        lambda request, name: Held(Decision(request, 0.0, Placement(name)), 9.0),
        requests,
        st.sampled_from(NAMES),
    ),
    st.builds(Gone, st.sampled_from(UIDS)),
    st.builds(HoldExpired, st.sampled_from(UIDS), st.just(9.0)),
)
histories = st.builds(
    lambda settled, later: [
        *(
            bound(Request(f"s{i}", constraints=each), name)
            for i, (each, name) in enumerate(settled)
        ),
        *later,
    ],
    st.lists(st.tuples(peers, st.sampled_from(NAMES)), max_size=8),
    st.lists(events, max_size=8),
)


def cluster_of(history: list[Event]) -> Cluster:
    """Six nodes with labels of two zones, and what happened to them."""
    first = [
        Node(name, labels=(("host", name), ("zone", "ab"[i % 2]))) for i, name in enumerate(NAMES)
    ]
    cluster = Cluster(first)
    happen(cluster, history)
    return cluster


def happen(cluster: Cluster, history: list[Event]) -> None:
    for event in history:
        try:
            cluster.apply(event)
        except StateError:
            continue


def assert_by_the_letter(cluster: Cluster, asked: list[Request]) -> None:
    for request in asked:
        found = constraint_reasons(cluster, request)
        assert found.dtype == np.int8
        assert found.tolist() == naive.constraint_reasons(cluster, request)


@settings(max_examples=300, deadline=None)
@given(histories, st.lists(requests, min_size=1, max_size=3))
def test_every_row_gets_the_first_reason_by_the_letter(
    history: list[Event], asked: list[Request]
) -> None:
    assert_by_the_letter(cluster_of(history), asked)


@settings(max_examples=200, deadline=None)
@given(
    histories,
    st.lists(requests, min_size=1, max_size=3),
    st.lists(st.tuples(events, st.sampled_from(["", "trial", "copy", "kept"])), max_size=10),
)
def test_what_is_remembered_never_shows(
    history: list[Event], asked: list[Request], steps: list[tuple[Event, str]]
) -> None:
    cluster = cluster_of(history)
    for event, how in steps:
        assert_by_the_letter(cluster, asked)
        if how == "copy":
            before = cluster
            cluster = cluster.copy()
            happen(before, [event])
            assert_by_the_letter(before, asked)
        elif how:
            with cluster.trial() as trial:
                happen(cluster, [event])
                assert_by_the_letter(cluster, asked)
                if how == "kept":
                    trial.keep()
        else:
            happen(cluster, [event])
    assert_by_the_letter(cluster, asked)


@settings(max_examples=100, deadline=None)
@given(constraints | peers, constraints | peers)
def test_keeping_apart_is_mutual(one: Constraints, other: Constraints) -> None:
    # Whoever comes first, the two never share a domain of a term of anti-affinity.
    def refused(first: Constraints, second: Constraints) -> list[bool]:
        cluster = cluster_of([bound(Request("p0", constraints=first), "n0")])
        only = Constraints(
            second.labels,
            second.namespace,
            second.namespace_labels,
            pod_anti_affinity=second.pod_anti_affinity,
        )
        return list(constraint_reasons(cluster, Request("p1", constraints=only)) != 0)

    assert refused(one, other) == refused(other, one)


@settings(max_examples=50, deadline=None)
@given(histories, requests)
def test_equal_constraints_are_answered_alike(history: list[Event], request: Request) -> None:
    cluster = cluster_of(history)
    again = request
    if request.constraints is not None:
        again = request._replace(constraints=replace(request.constraints))
    assert np.array_equal(constraint_reasons(cluster, request), constraint_reasons(cluster, again))
