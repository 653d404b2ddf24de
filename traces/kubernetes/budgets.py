"""Disruption budgets: how many evictions each allows now, and which pods each protects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bayplan.scheduler.constraints.types import Expression, Operator, Selector
from bayplan.traces.kubernetes.objects import Object, dict_of, key_of, metadata_of, name_of
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.selectors import selector_of
from bayplan.traces.kubernetes.types import Problem

MAX_ALLOWED = 2**31


@dataclass(frozen=True, slots=True)
class Budgets:
    """``allowed`` evictions by namespace/name, and (name, selector) by namespace."""

    allowed: dict[str, int]
    selectors: dict[str, list[tuple[str, Selector]]]
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _known: dict[tuple[str | bytes | None, ...], tuple[str, ...]] = field(default_factory=dict)

    def protecting(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return the budgets that protect a pod, in the order of the dump.

        Parameters
        ----------
        namespace, labels
            The pod's.
        """
        there = self.selectors.get(namespace)
        if not there:
            return ()
        keys = self._keys.get(namespace)
        if keys is None:
            found = {e.key for _, selector in there for e in selector.expressions}
            keys = self._keys[namespace] = tuple(sorted(found))
        # Pods are alike: what budgets look at tells those that differ.
        told = (namespace, *[_told(labels.get(key)) for key in keys])
        known = self._known.get(told)
        if known is None:
            known = self._known[told] = tuple(
                name
                for name, selector in there
                if all(_holds(e, labels) for e in selector.expressions)
            )
        return known


def read_budgets(things: list[Object], problems: list[Problem]) -> Budgets:
    """Return the disruption budgets of a dump.

    Parameters
    ----------
    things
        The PodDisruptionBudget objects.
    problems
        Where problems go.
    """
    budgets = Budgets({}, {})
    for thing in things:
        name, spec = name_of(thing), dict_of(thing.get("spec"))
        allowed = dict_of(thing.get("status")).get("disruptionsAllowed")
        try:
            selector = selector_of(spec.get("selector"), "spec.selector")
            if (
                not isinstance(allowed, int)
                or isinstance(allowed, bool)
                or not 0 <= allowed <= MAX_ALLOWED
            ):
                raise BadField("status.disruptionsAllowed", f"{allowed!r}; taken as 0")
        except BadField as bad:
            problems.append(Problem("budget", name, bad.field, bad.text))
            if bad.field.startswith("spec"):
                continue
            allowed = 0
        budgets.allowed[name] = allowed
        if selector is not None:
            space = str(metadata_of(thing).get("namespace", ""))
            budgets.selectors.setdefault(space, []).append((name, selector))
    return budgets


def _told(value: object) -> str | bytes | None:
    return value if value is None or isinstance(value, str) else key_of(value)


def _holds(expression: Expression, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    match expression.operator:
        case Operator.IN:
            return value is not None and value in expression.values
        case Operator.NOT_IN:
            return value is None or value not in expression.values
        case Operator.EXISTS:
            return value is not None
        case _:
            return value is None
