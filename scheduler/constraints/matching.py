"""Whether a label, a taint or a pod is meant: one at a time, as the Kubernetes API defines it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bayplan.scheduler.constraints.types import (
    NAMESPACE_NAME,
    Constraints,
    Effect,
    Expression,
    Operator,
    PodTerm,
    Selector,
    Spread,
    Taint,
    Toleration,
    TolerationOperator,
)

UNSCHEDULABLE = Taint("node.kubernetes.io/unschedulable")
"""The taint that Kubernetes puts on cordoned nodes."""

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What a pod is to the filters of others; equal ones are one object.

    ``keeps_off`` are its required anti-affinity terms: the topology key, and whom it keeps off.
    """

    labels: Mapping[str, str]
    namespace: str
    namespace_labels: Mapping[str, str]
    keeps_off: tuple[tuple[str, Who], ...]


@dataclass(frozen=True, slots=True)
class Who:
    """A set of pods: by labels (None: nobody), in these namespaces or those of a selector."""

    selector: Selector | None
    namespaces: tuple[str, ...]
    namespace_selector: Selector | None = None

    def takes(self, pod: Template) -> bool:
        """Whether the pod is one of them."""
        if pod.namespace not in self.namespaces and not selects(
            self.namespace_selector, pod.namespace_labels
        ):
            return False
        return selects(self.selector, pod.labels)


def template_of(constraints: Constraints) -> Template:
    """Return what a pod with these constraints is to the filters of others."""
    own = {NAMESPACE_NAME: constraints.namespace, **dict(constraints.namespace_labels)}
    return Template(
        dict(constraints.labels),
        constraints.namespace,
        own,
        tuple(
            (term.topology_key, who_of(term, constraints.namespace))
            for term in constraints.pod_anti_affinity
        ),
    )


def who_of(term: PodTerm, namespace: str) -> Who:
    """Return whom a term of a pod in ``namespace`` means."""
    own = not term.namespaces and term.namespace_selector is None
    namespaces = (namespace,) if own else tuple(sorted(set(term.namespaces)))
    return Who(term.selector, namespaces, term.namespace_selector)


def spread_who(spread: Spread, labels: Mapping[str, str], namespace: str) -> Who:
    """Return whom a spread constraint of a pod with ``labels`` counts."""
    selector = spread.selector
    if selector is not None:
        own = [
            Expression(key, Operator.IN, (labels[key],))
            for key in spread.match_label_keys
            if key in labels
        ]
        selector = Selector((*selector.expressions, *own))
    return Who(selector, (namespace,))


def selects(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector selects what has ``labels``."""
    return selector is not None and all(holds(e, labels.get(e.key)) for e in selector.expressions)


def holds(expression: Expression, value: str | None) -> bool:
    """Whether an expression holds for a label's value; None is a label that is not there."""
    operator, values = expression.operator, expression.values
    if operator is Operator.IN:
        return value in values
    if operator is Operator.NOT_IN:
        return value not in values
    if operator is Operator.EXISTS:
        return value is not None
    if operator is Operator.DOES_NOT_EXIST:
        return value is None
    number = None if value is None else integer(value)
    bound = integer(values[0]) if values else None
    if number is None or bound is None:
        return False
    return number > bound if operator is Operator.GT else number < bound


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration covers a taint."""
    if toleration.effect is not None and toleration.effect is not taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator is TolerationOperator.EXISTS:
        return True
    if toleration.operator is TolerationOperator.EQUAL:
        return toleration.value == taint.value
    if not (is_plain_integer(toleration.value) and is_plain_integer(taint.value)):
        return False
    number, bound = int(taint.value), int(toleration.value)
    return number > bound if toleration.operator is TolerationOperator.GT else number < bound


def tolerated(taints: tuple[Taint, ...], tolerations: tuple[Toleration, ...]) -> bool:
    """Whether all taints that keep pods away are tolerated."""
    return all(
        taint.effect is Effect.PREFER_NO_SCHEDULE or any(tolerates(t, taint) for t in tolerations)
        for taint in taints
    )


def integer(text: str) -> int | None:
    """Read a whole number of 64 bits as the filters do (a sign and zeros may lead), or None."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text) if len(text) < 4096 else _INT64
    return number if -_INT64 <= number < _INT64 else None


def is_plain_integer(text: str) -> bool:
    """Whether a text is a whole number of 64 bits with neither plus sign nor leading zeros."""
    return bool(_PLAIN_INTEGER.fullmatch(text)) and integer(text) is not None
