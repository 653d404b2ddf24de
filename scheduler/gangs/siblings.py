"""Which rows suit members, where nothing that they look at changes while siblings are placed.

Taints, labels and node affinity are the nodes' own, and so is whom pods that are there keep off.
Only terms about pods (affinity, anti-affinity, topology spread that keeps a pod away) and claims
see the siblings; see ``scheduler.constraints.dynamic``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.constraints.deciding import allowed
from bayplan.scheduler.constraints.types import Constraints, Unsatisfiable
from bayplan.scheduler.types import Request

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine


def looks_at_pods(constraints: Constraints | None) -> bool:
    """Whether other pods that come or leave change where a pod with these constraints may be."""
    if constraints is None:
        return False
    return bool(
        constraints.pod_affinity
        or constraints.pod_anti_affinity
        or any(each.unsatisfiable is Unsatisfiable.DO_NOT_SCHEDULE for each in constraints.spread)
    )


def are_independent(members: Iterable[Request]) -> bool:
    """Whether room is all that members take from each other: no claims, no terms about pods."""
    seen: set[tuple[int, int]] = set()  # members of one kind share the objects
    for member in members:
        key = id(member.devices), id(member.constraints)
        if key in seen:
            continue
        seen.add(key)
        if has_claim(member) or looks_at_pods(member.constraints):
            return False
    return True


def has_claim(request: Request) -> bool:
    """Whether a pod may use an allocation together with other pods."""
    return any(device.claim for device in request.devices)


class Suiting:
    """Remembers which rows suit constraints, for one plan of members that are independent."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[int, object], tuple[Constraints, BoolArray]] = {}

    def rows(self, request: Request, rows: BoolArray) -> BoolArray:
        """Return which of ``rows`` (n_rows,) suit a request's constraints.

        Raises
        ------
        InvalidRequest
            Constraints that the Kubernetes API would refuse.
        """
        constraints = request.constraints
        if constraints is None:
            return rows
        key = id(constraints), request.node_labels
        known = self._known.get(key)
        if known is None:
            suits = allowed(self._engine.cluster, request, None)
            assert suits is not None
            known = self._known[key] = constraints, suits
        return rows & known[1]
