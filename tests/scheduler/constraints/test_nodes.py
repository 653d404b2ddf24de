"""Taints, required labels and node affinity over a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Expression,
    NodeAffinityTerm,
    Operator,
    Taint,
    Toleration,
    TolerationOperator,
)
from bayplan.scheduler.events import NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.types import Reason, Request

from .support import codes, suits, with_labels

ALL = Toleration(operator=TolerationOperator.EXISTS)
FITS = Reason.FITS


def test_taints_keep_away_who_does_not_tolerate_them() -> None:
    cluster = Cluster(
        [
            with_labels("clean"),
            with_labels("gpu", taints=(Taint("gpu", "yes"),)),
            with_labels("leaving", taints=(Taint("out", effect=Effect.NO_EXECUTE),)),
            with_labels("disliked", taints=(Taint("old", effect=Effect.PREFER_NO_SCHEDULE),)),
        ]
    )
    assert codes(cluster, Constraints()) == [FITS, Reason.TAINT, Reason.TAINT, FITS]
    gpu = Constraints(tolerations=(Toleration("gpu", value="yes"),))
    assert codes(cluster, gpu) == [FITS, FITS, Reason.TAINT, FITS]
    assert codes(cluster, Constraints(tolerations=(ALL,))) == [FITS] * 4


def test_a_cordoned_node_has_the_taint_that_says_so() -> None:
    cluster = Cluster([with_labels("n", schedulable=False)])
    assert codes(cluster, Constraints()) == [Reason.TAINT]
    assert codes(cluster, Constraints(tolerations=(ALL,))) == [FITS]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (None, [True, True, True]),
        ((), [False, False, False]),
        ((NodeAffinityTerm(),), [False, False, False]),
        (
            (NodeAffinityTerm((Expression("zone", Operator.IN, ("a", "c")),)),),
            [True, False, False],
        ),
        ((NodeAffinityTerm((Expression("zone", Operator.NOT_IN, ("a",)),)),), [False, True, True]),
        ((NodeAffinityTerm((Expression("zone", Operator.EXISTS),)),), [True, True, False]),
        ((NodeAffinityTerm((Expression("zone", Operator.DOES_NOT_EXIST),)),), [False, False, True]),
        ((NodeAffinityTerm((Expression("cpus", Operator.GT, ("9",)),)),), [False, True, False]),
        ((NodeAffinityTerm((Expression("cpus", Operator.LT, ("10",)),)),), [True, False, False]),
        (
            (
                NodeAffinityTerm(
                    (
                        Expression("zone", Operator.EXISTS),
                        Expression("cpus", Operator.GT, ("9",)),
                    )
                ),
            ),
            [False, True, False],
        ),
        (
            (
                NodeAffinityTerm((Expression("zone", Operator.IN, ("a",)),)),
                NodeAffinityTerm((), (Expression("metadata.name", Operator.IN, ("n2",)),)),
            ),
            [True, False, True],
        ),
        (
            (
                NodeAffinityTerm(
                    (Expression("zone", Operator.EXISTS),),
                    (Expression("metadata.name", Operator.NOT_IN, ("n0",)),),
                ),
            ),
            [False, True, False],
        ),
    ],
)
def test_one_term_of_node_affinity_must_match_wholly(
    terms: tuple[NodeAffinityTerm, ...] | None, expected: list[bool]
) -> None:
    cluster = Cluster(
        [
            with_labels("n0", (("zone", "a"), ("cpus", "9"))),
            with_labels("n1", (("zone", "b"), ("cpus", "10"))),
            with_labels("n2", (("cpus", "many"),)),
        ]
    )
    assert suits(cluster, Constraints(node_affinity=terms)) == expected


def test_the_first_reason_is_said() -> None:
    affinity = (NodeAffinityTerm((Expression("zone", Operator.EXISTS),)),)
    cluster = Cluster(
        [
            with_labels("all-wrong", taints=(Taint("gpu"),)),
            with_labels("unlabelled"),
            with_labels("unlabelled-zone", (("kind", "gpu"),)),
            with_labels("right", (("kind", "gpu"), ("zone", "a"))),
        ]
    )
    found = codes(cluster, Constraints(node_affinity=affinity), node_labels=(("kind", "gpu"),))
    assert found == [Reason.TAINT, Reason.NODE_LABELS, Reason.NODE_AFFINITY, FITS]


def test_nodes_come_change_and_go() -> None:
    constraints = Constraints(
        node_affinity=(NodeAffinityTerm((Expression("a", Operator.EXISTS),)),)
    )
    first = with_labels("n0", (("a", "1"),))
    cluster = Cluster([first, with_labels("n1")])
    request = Request("p", constraints=constraints)
    assert suits(cluster, constraints) == [True, False]
    with cluster.trial():
        cluster.apply(NodeChanged(replace(first, labels=())))
        cluster.apply(NodeUp(with_labels("n2", (("a", ""),))))
        assert suits(cluster, constraints) == [False, False, True]
    assert suits(cluster, constraints) == [True, False]
    cluster.apply(NodeChanged(replace(first, taints=(Taint("gpu"),))))
    assert codes(cluster, constraints) == [Reason.TAINT, Reason.NODE_AFFINITY]
    cluster.apply(NodeGone("n0"))
    assert constraint_reasons(cluster, request).tolist() == [-1, Reason.NODE_AFFINITY]
    cluster.apply(NodeUp(with_labels("n3", (("a", "2"),))))
    assert suits(cluster, constraints) == [True, False]


def test_a_pod_without_constraints_suits_everywhere() -> None:
    cluster = Cluster([with_labels("n0", taints=(Taint("gpu"),)), with_labels("n1")])
    cluster.apply(NodeGone("n1"))
    assert constraint_reasons(cluster, Request("p")).tolist() == [0, -1]


def test_an_empty_cluster_has_no_rows() -> None:
    assert codes(Cluster(), Constraints()) == []


def test_the_same_constraints_with_other_required_labels_are_another_question() -> None:
    cluster = Cluster([with_labels("n0", (("kind", "gpu"),)), with_labels("n1")])
    constraints = Constraints()
    assert suits(cluster, constraints) == [True, True]
    assert suits(cluster, constraints, node_labels=(("kind", "gpu"),)) == [True, False]
    assert suits(cluster, constraints) == [True, True]
