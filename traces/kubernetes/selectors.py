"""Where a pod may go: node selector, affinity, tolerations and spread, as the engine takes them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TypeVar

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
from bayplan.traces.kubernetes.objects import Object, dict_of, list_of, objects_in
from bayplan.traces.kubernetes.resources import BadField

NODE_AFFINITY, POD_AFFINITY, POD_ANTI_AFFINITY = "nodeAffinity", "podAffinity", "podAntiAffinity"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
AFFINITY = "spec.affinity"

AnyEnum = TypeVar("AnyEnum", bound=Enum)
Labels = tuple[tuple[str, str], ...]


def node_labels_of(spec: Object) -> Labels:
    """Return the labels that a pod's node selector asks for, sorted.

    Parameters
    ----------
    spec
        The pod's ``spec``.
    """
    return tuple(sorted((k, str(v)) for k, v in dict_of(spec.get("nodeSelector")).items()))


def constraints_of(spec: Object) -> Constraints:
    """Return a pod's constraints, without its labels and namespace.

    Parameters
    ----------
    spec
        The pod's ``spec``.

    Raises
    ------
    BadField
        Something of them is not of the Kubernetes API.
    """
    affinity = dict_of(spec.get("affinity"))
    nodes = dict_of(affinity.get(NODE_AFFINITY))
    required = nodes.get(REQUIRED)
    path = f"{AFFINITY}.{NODE_AFFINITY}"
    return Constraints(
        tolerations=tuple(_tolerations(spec)),
        node_affinity=None
        if required is None
        else tuple(
            _node_term(term, f"{path}.{REQUIRED}")
            for term in objects_in(dict_of(required).get("nodeSelectorTerms"))
        ),
        pod_affinity=_pod_terms(affinity, POD_AFFINITY),
        pod_anti_affinity=_pod_terms(affinity, POD_ANTI_AFFINITY),
        spread=tuple(_spreads(spec)),
        preferred_node_affinity=tuple(
            (_weight(wish), _node_term(dict_of(wish.get("preference")), f"{path}.{PREFERRED}"))
            for wish in objects_in(nodes.get(PREFERRED))
        ),
        preferred_pod_affinity=_preferred(affinity, POD_AFFINITY),
        preferred_pod_anti_affinity=_preferred(affinity, POD_ANTI_AFFINITY),
        unmodelled=tuple(_unmodelled(spec)),
    )


def selector_of(given: object, path: str) -> Selector | None:
    """Return a label selector; None where there is none.

    Parameters
    ----------
    given
        What stands in the JSON.
    path
        Where it stands.

    Raises
    ------
    BadField
        An operator is unknown.
    """
    if not isinstance(given, dict):
        return None
    labels = sorted((k, str(v)) for k, v in dict_of(given.get("matchLabels")).items())
    same = [Expression(key, Operator.IN, (value,)) for key, value in labels]
    return Selector((*same, *_expressions(given.get("matchExpressions"), path)))


def keys_in(constraints: Constraints) -> Iterator[str]:
    """Yield the label keys of pods that constraints look at.

    Parameters
    ----------
    constraints
        A pod's.
    """
    weighted = (*constraints.preferred_pod_affinity, *constraints.preferred_pod_anti_affinity)
    terms = (*constraints.pod_affinity, *constraints.pod_anti_affinity, *(t for _, t in weighted))
    for selector in [term.selector for term in terms] + [
        each.selector for each in constraints.spread
    ]:
        if selector is not None:
            yield from (expression.key for expression in selector.expressions)
    for each in constraints.spread:
        yield from each.match_label_keys


def _tolerations(spec: Object) -> Iterator[Toleration]:
    for index, given in enumerate(objects_in(spec.get("tolerations"))):
        path = f"spec.tolerations[{index}]"
        effect = given.get("effect")
        yield Toleration(
            str(given.get("key") or ""),
            _enum(TolerationOperator, given.get("operator") or "Equal", f"{path}.operator"),
            str(given.get("value") or ""),
            _enum(Effect, effect, f"{path}.effect") if effect else None,
        )


def _node_term(term: Object, path: str) -> NodeAffinityTerm:
    return NodeAffinityTerm(
        tuple(_expressions(term.get("matchExpressions"), path)),
        tuple(_expressions(term.get("matchFields"), path)),
    )


def _expressions(given: object, path: str) -> Iterator[Expression]:
    for each in objects_in(given):
        yield Expression(
            str(each.get("key", "")),
            _enum(Operator, each.get("operator"), f"{path}.matchExpressions.operator"),
            tuple(map(str, list_of(each.get("values")))),
        )


def _pod_terms(affinity: Object, kind: str) -> tuple[PodTerm, ...]:
    terms = objects_in(dict_of(affinity.get(kind)).get(REQUIRED))
    return tuple(_pod_term(term, f"{AFFINITY}.{kind}") for term in terms)


def _preferred(affinity: Object, kind: str) -> tuple[tuple[int, PodTerm], ...]:
    wishes = objects_in(dict_of(affinity.get(kind)).get(PREFERRED))
    return tuple(
        (_weight(wish), _pod_term(dict_of(wish.get("podAffinityTerm")), f"{AFFINITY}.{kind}"))
        for wish in wishes
    )


def _pod_term(term: Object, path: str) -> PodTerm:
    return PodTerm(
        str(term.get("topologyKey", "")),
        selector_of(term.get("labelSelector"), path),
        tuple(sorted(map(str, list_of(term.get("namespaces"))))),
        selector_of(term.get("namespaceSelector"), path),
    )


def _spreads(spec: Object) -> Iterator[Spread]:
    for index, given in enumerate(objects_in(spec.get("topologySpreadConstraints"))):
        path = f"spec.topologySpreadConstraints[{index}]"
        unsatisfiable = given.get("whenUnsatisfiable") or "DoNotSchedule"
        yield Spread(
            _number(given.get("maxSkew", 1), f"{path}.maxSkew"),
            str(given.get("topologyKey", "")),
            selector_of(given.get("labelSelector"), path),
            _enum(Unsatisfiable, unsatisfiable, f"{path}.whenUnsatisfiable"),
            _number(given.get("minDomains") or 1, f"{path}.minDomains"),
            given.get("nodeAffinityPolicy", "Honor") == "Honor",
            given.get("nodeTaintsPolicy", "Ignore") == "Honor",
            tuple(map(str, list_of(given.get("matchLabelKeys")))),
        )


def _unmodelled(spec: Object) -> Iterator[str]:
    volumes = objects_in(spec.get("volumes"))
    if any("persistentVolumeClaim" in each or "ephemeral" in each for each in volumes):
        yield "volumes"
    containers = objects_in(spec.get("containers"))
    if any(port.get("hostPort") for each in containers for port in objects_in(each.get("ports"))):
        yield "host ports"


def _weight(wish: Object) -> int:
    return _number(wish.get("weight", 1), AFFINITY)


def _number(value: object, path: str) -> int:
    if isinstance(value, int) and value > 0:
        return value
    raise BadField(path, f"{value!r}; give a whole number from 1 on")


def _enum(kind: type[AnyEnum], value: object, path: str) -> AnyEnum:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(str(each.value) for each in kind)
        raise BadField(path, f"{value!r}; it is one of {names}") from None
