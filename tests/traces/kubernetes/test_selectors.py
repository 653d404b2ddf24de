"""Where pods may go: every field of the API becomes a constraint of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Toleration,
    TolerationOperator,
    Unsatisfiable,
)
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.selectors import (
    PREFERRED,
    REQUIRED,
    constraints_of,
    node_labels_of,
)

from .support import node, pod, read, told

LABELS = {
    "matchLabels": {"b": "2", "a": "1"},
    "matchExpressions": [{"key": "c", "operator": "Exists"}],
}
SELECTOR = Selector(
    (
        Expression("a", Operator.IN, ("1",)),
        Expression("b", Operator.IN, ("2",)),
        Expression("c", Operator.EXISTS),
    )
)
TERM = {"topologyKey": "zone", "labelSelector": LABELS, "namespaces": ["y", "x"]}
POD_TERM = PodTerm("zone", SELECTOR, ("x", "y"))


def test_a_pod_without_any_has_empty_constraints() -> None:
    assert constraints_of({}) == Constraints()
    assert node_labels_of({"nodeSelector": {"b": "2", "a": "1"}}) == (("a", "1"), ("b", "2"))


def test_tolerations_are_read() -> None:
    spec = {
        "tolerations": [
            {"operator": "Exists"},
            {"key": "a", "value": "b", "effect": "NoExecute"},
            {"key": "a", "operator": "Gt", "value": "3"},
        ]
    }
    assert constraints_of(spec).tolerations == (
        Toleration(operator=TolerationOperator.EXISTS),
        Toleration("a", value="b", effect=Effect.NO_EXECUTE),
        Toleration("a", TolerationOperator.GT, "3"),
    )


def test_node_affinity_is_read_and_no_terms_are_no_node() -> None:
    term = {
        "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1", "2"]}],
        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}],
    }
    expected = NodeAffinityTerm(
        (Expression("a", Operator.NOT_IN, ("1", "2")),),
        (Expression("metadata.name", Operator.IN, ("n1",)),),
    )
    nodes = {
        REQUIRED: {"nodeSelectorTerms": [term]},
        PREFERRED: [{"weight": 5, "preference": term}],
    }
    found = constraints_of({"affinity": {"nodeAffinity": nodes}})
    assert found.node_affinity == (expected,)
    assert found.preferred_node_affinity == ((5, expected),)
    none = constraints_of({"affinity": {"nodeAffinity": {REQUIRED: {}}}})
    assert none.node_affinity == ()


def test_pod_affinity_is_read() -> None:
    spec = {
        "affinity": {
            "podAffinity": {REQUIRED: [TERM]},
            "podAntiAffinity": {
                REQUIRED: [TERM | {"namespaceSelector": {}, "labelSelector": None}],
                PREFERRED: [{"weight": 7, "podAffinityTerm": TERM}],
            },
        }
    }
    found = constraints_of(spec)
    assert found.pod_affinity == (POD_TERM,)
    assert found.pod_anti_affinity == (PodTerm("zone", None, ("x", "y"), Selector()),)
    assert found.preferred_pod_anti_affinity == ((7, POD_TERM),)


def test_spread_is_read() -> None:
    spec = {
        "topologySpreadConstraints": [
            {
                "maxSkew": 2,
                "topologyKey": "zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": LABELS,
                "minDomains": 3,
                "nodeAffinityPolicy": "Ignore",
                "nodeTaintsPolicy": "Honor",
                "matchLabelKeys": ["hash"],
            }
        ]
    }
    assert constraints_of(spec).spread == (
        Spread(2, "zone", SELECTOR, Unsatisfiable.SCHEDULE_ANYWAY, 3, False, True, ("hash",)),
    )


def test_volumes_and_host_ports_are_named() -> None:
    spec = {
        "volumes": [{"emptyDir": {}}, {"persistentVolumeClaim": {"claimName": "x"}}],
        "containers": [{"ports": [{"containerPort": 1}, {"hostPort": 80}]}],
    }
    assert constraints_of(spec).unmodelled == ("volumes", "host ports")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"tolerations": [{"operator": "Maybe"}]}, "spec.tolerations[0].operator"),
        ({"tolerations": [{"effect": "Maybe"}]}, "spec.tolerations[0].effect"),
        ({"topologySpreadConstraints": [{"maxSkew": 0}]},
         "spec.topologySpreadConstraints[0].maxSkew"),
        ({"topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "x"}]},
         "spec.topologySpreadConstraints[0].whenUnsatisfiable"),
        ({"affinity": {"podAffinity": {REQUIRED: [
            {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "x"}]}}]}}},
         "spec.affinity.podAffinity.matchExpressions.operator"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_api_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(BadField) as error:
        constraints_of(spec)
    assert error.value.field == field


def test_only_labels_that_somebody_looks_at_are_kept(tmp_path: Path) -> None:
    labels = {"app": "x", "hash": "1", "other": "2"}
    plain = read(tmp_path, node(), pod("a", labels=labels), pod("b", labels=labels | {"hash": "2"}))
    first, second = (request.constraints for request in plain.pending)
    assert first is second
    assert first is not None
    assert first.labels == ()
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "x"}}}
    apart = {"affinity": {"podAntiAffinity": {REQUIRED: [term]}}}
    looked = read(tmp_path, node(), pod("a", labels=labels), pod("b", spec=apart, namespace="n"))
    assert told(looked) == []
    found = [request.constraints for request in looked.pending]
    assert [(each.labels, each.namespace) for each in found if each] == [
        ((("app", "x"),), "default"),
        ((), "n"),
    ]
