"""What no cluster could satisfy or the Kubernetes API would refuse, said before it is asked."""

from __future__ import annotations

from collections.abc import Iterator

from bayplan.scheduler.constraints.matching import integer, is_plain_integer
from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Toleration,
    TolerationOperator,
)
from bayplan.scheduler.errors import InvalidRequest

NODE_NAME = "metadata.name"
_LISTED = Operator.IN, Operator.NOT_IN
_ORDERED = Operator.GT, Operator.LT


def validate(uid: str, constraints: Constraints) -> None:
    """Raise ``InvalidRequest`` with the first thing that is wrong."""
    for fault in _faults(constraints):
        raise InvalidRequest(f"pod {uid}: {fault}")


def _faults(constraints: Constraints) -> Iterator[str]:
    for labels in (constraints.labels, constraints.namespace_labels):
        keys = [key for key, _ in labels]
        yield from (f"label {key} is there twice" for key in keys if keys.count(key) > 1)
    for toleration in constraints.tolerations:
        yield from _in_toleration(toleration)
    for term in constraints.node_affinity or ():
        yield from _in_node_term(term)
    for pod_term in (*constraints.pod_affinity, *constraints.pod_anti_affinity):
        yield from _in_pod_term(pod_term)
    for spread in constraints.spread:
        yield from _in_spread(spread)


def _in_toleration(toleration: Toleration) -> Iterator[str]:
    operator = toleration.operator
    if not toleration.key and operator is not TolerationOperator.EXISTS:
        yield "a toleration without a key must have the operator Exists"
    if operator is TolerationOperator.EXISTS and toleration.value:
        yield f"a toleration with the operator Exists and the value {toleration.value!r}"
    ordered = operator in (TolerationOperator.GT, TolerationOperator.LT)
    if ordered and not is_plain_integer(toleration.value):
        yield f"a toleration compares with {toleration.value!r}, which is no whole number"


def _in_node_term(term: NodeAffinityTerm) -> Iterator[str]:
    for expression in term.expressions:
        yield from _in_expression(expression)
        values = expression.values
        if expression.operator in _ORDERED and (len(values) != 1 or integer(values[0]) is None):
            yield f"{expression.key} {expression.operator.value} needs one whole number"
    for field in term.fields:
        if field.key != NODE_NAME or field.operator not in _LISTED or len(field.values) != 1:
            yield f"a field expression must be {NODE_NAME} In or NotIn one name"


def _in_pod_term(term: PodTerm) -> Iterator[str]:
    if not term.topology_key:
        yield "pod affinity without a topology key"
    yield from _in_selector(term.selector)
    yield from _in_selector(term.namespace_selector)


def _in_spread(spread: Spread) -> Iterator[str]:
    if not spread.topology_key:
        yield "a spread constraint without a topology key"
    if spread.max_skew < 1 or spread.min_domains < 1:
        yield "a spread constraint needs maxSkew and minDomains of 1 or more"
    yield from _in_selector(spread.selector)


def _in_selector(selector: Selector | None) -> Iterator[str]:
    for expression in selector.expressions if selector else ():
        yield from _in_expression(expression)
        if expression.operator in _ORDERED:
            yield f"{expression.key} {expression.operator.value}: a selector cannot compare so"


def _in_expression(expression: Expression) -> Iterator[str]:
    operator = expression.operator
    if operator in _LISTED and not expression.values:
        yield f"{expression.key} {operator.value} needs values"
    if operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST) and expression.values:
        yield f"{expression.key} {operator.value} takes no values"
