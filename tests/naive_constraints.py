"""Placement constraints by the letter: node by node and pod by pod, nothing remembered."""

from __future__ import annotations

import re

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.types import (
    Constraints,
    Effect,
    Expression,
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
from bayplan.scheduler.types import Node, Pod, Reason, Request


def constraint_reasons(cluster: Cluster, request: Request) -> list[int]:
    view = cluster.view
    return [
        _reason(cluster, cluster.node_at(row), request) if view.alive[row] else -1
        for row in range(view.n_rows)
    ]


def _reason(cluster: Cluster, node: Node, request: Request) -> int:
    own = request.constraints
    if own is None:
        return Reason.FITS
    hard = [s for s in own.spread if s.unsatisfiable is Unsatisfiable.DO_NOT_SCHEDULE]
    failed = [
        (Reason.TAINT, not _tolerates_all(own, node)),
        (Reason.NODE_LABELS, not _has_labels(request, node)),
        (Reason.NODE_AFFINITY, not _matches_affinity(own, node)),
        (Reason.SPREAD_LABEL, any(s.topology_key not in dict(node.labels) for s in hard)),
        (Reason.POD_AFFINITY, bool(own.pod_affinity) and not _is_near(cluster, node, own)),
        (
            Reason.TOPOLOGY_SPREAD,
            any(_skewed(cluster, node, request, s, hard) for s in hard),
        ),
        (Reason.POD_ANTI_AFFINITY, _is_too_near(cluster, node, own)),
    ]
    return next((reason for reason, is_so in failed if is_so), Reason.FITS)


# --- nodes ---------------------------------------------------------------------------------------


def _tolerates_all(own: Constraints, node: Node) -> bool:
    taints = list(node.taints)
    if not node.schedulable:
        taints.append(Taint("node.kubernetes.io/unschedulable", "", Effect.NO_SCHEDULE))
    away = [t for t in taints if t.effect in (Effect.NO_SCHEDULE, Effect.NO_EXECUTE)]
    return all(any(_tolerates(t, taint) for t in own.tolerations) for taint in away)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    effect_fits = toleration.effect in (None, taint.effect)
    key_fits = toleration.key in ("", taint.key)
    match toleration.operator:
        case TolerationOperator.EXISTS:
            value_fits = True
        case TolerationOperator.EQUAL:
            value_fits = toleration.value == taint.value
        case operator:
            plain = r"(0|-?[1-9][0-9]*)"
            both = re.fullmatch(plain + "/" + plain, f"{taint.value}/{toleration.value}")
            value_fits = both is not None and (
                int(both[1]) > int(both[2])
                if operator is TolerationOperator.GT
                else int(both[1]) < int(both[2])
            )
    return effect_fits and key_fits and value_fits


def _has_labels(request: Request, node: Node) -> bool:
    return set(request.node_labels) <= set(node.labels)


def _matches_affinity(own: Constraints, node: Node) -> bool:
    if own.node_affinity is None:
        return True
    return any(_matches_term(term, node) for term in own.node_affinity)


def _matches_term(term: NodeAffinityTerm, node: Node) -> bool:
    if not term.expressions + term.fields:
        return False
    labels = dict(node.labels)
    by_label = [_holds(e, labels) for e in term.expressions]
    by_field = [_holds(e, {"metadata.name": node.name}) for e in term.fields]
    return all(by_label + by_field)


def _holds(expression: Expression, labels: dict[str, str]) -> bool:
    there = expression.key in labels
    value = labels.get(expression.key, "")
    match expression.operator:
        case Operator.IN:
            return there and value in expression.values
        case Operator.NOT_IN:
            return not there or value not in expression.values
        case Operator.EXISTS:
            return there
        case Operator.DOES_NOT_EXIST:
            return not there
        case operator:
            if not there or not re.fullmatch("[+-]?[0-9]+", value):
                return False
            more = int(value) - int(expression.values[0])
            return more > 0 if operator is Operator.GT else more < 0


# --- pods ----------------------------------------------------------------------------------------


def _selects(selector: Selector | None, labels: dict[str, str]) -> bool:
    if selector is None:
        return False
    return all(_holds(e, labels) for e in selector.expressions)


def _constraints(pod: Pod) -> Constraints:
    return pod.request.constraints or Constraints()


def _means(term: PodTerm, of: Constraints, other: Constraints) -> bool:
    """Whether a term of the pod ``of`` means ``other``."""
    if not term.namespaces and term.namespace_selector is None:
        in_namespace = other.namespace == of.namespace
    else:
        namespace = dict(other.namespace_labels) | {"kubernetes.io/metadata.name": other.namespace}
        in_namespace = other.namespace in term.namespaces or _selects(
            term.namespace_selector, namespace
        )
    return in_namespace and _selects(term.selector, dict(other.labels))


def _domain(node: Node, key: str) -> str | None:
    return dict(node.labels).get(key)


def _pods(cluster: Cluster) -> list[tuple[Node, Constraints]]:
    return [(cluster.nodes[pod.placement.node], _constraints(pod)) for pod in cluster.pods.values()]


def _is_near(cluster: Cluster, node: Node, own: Constraints) -> bool:
    terms = own.pod_affinity
    if any(_domain(node, term.topology_key) is None for term in terms):
        return False
    meant = [
        where for where, other in _pods(cluster) if all(_means(term, own, other) for term in terms)
    ]
    in_a_domain = [w for w in meant if any(_domain(w, t.topology_key) is not None for t in terms)]
    if not in_a_domain and all(_means(term, own, own) for term in terms):
        return True
    return all(
        any(_domain(w, t.topology_key) == _domain(node, t.topology_key) for w in meant)
        for t in terms
    )


def _is_too_near(cluster: Cluster, node: Node, own: Constraints) -> bool:
    for where, other in _pods(cluster):
        terms = [t for t in own.pod_anti_affinity if _means(t, own, other)]
        terms += [t for t in other.pod_anti_affinity if _means(t, other, own)]
        for term in terms:
            domain = _domain(node, term.topology_key)
            if domain is not None and domain == _domain(where, term.topology_key):
                return True
    return False


def _skewed(
    cluster: Cluster, node: Node, request: Request, spread: Spread, hard: list[Spread]
) -> bool:
    own = request.constraints or Constraints()
    labels = dict(own.labels)

    def counts(other: Constraints) -> bool:
        if other.namespace != own.namespace or not _selects(spread.selector, dict(other.labels)):
            return False
        return all(
            key not in labels or dict(other.labels).get(key) == labels[key]
            for key in spread.match_label_keys
        )

    nodes = [
        n
        for n in cluster.nodes.values()
        if all(_domain(n, s.topology_key) is not None for s in hard)
        and (
            not spread.node_affinity_honored
            or (_has_labels(request, n) and _matches_affinity(own, n))
        )
        and (not spread.node_taints_honored or _tolerates_all(own, n))
    ]
    names = {n.name for n in nodes}
    domains = {str(_domain(n, spread.topology_key)): 0 for n in nodes}
    empty = spread.selector is not None and not (
        spread.selector.expressions or any(key in labels for key in spread.match_label_keys)
    )
    for where, other in _pods(cluster):
        if where.name in names and not empty and counts(other):
            domains[str(_domain(where, spread.topology_key))] += 1
    least = min(domains.values(), default=0)
    if len(domains) < spread.min_domains:
        least = 0
    there = domains.get(str(_domain(node, spread.topology_key)), 0)
    return there + int(counts(own)) - least > spread.max_skew
