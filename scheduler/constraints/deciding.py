"""What the engine asks about a request with constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.arrays import BoolArray, CodeArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.types import Decision, Request

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine


def limits_of(cluster: Cluster, request: Request) -> CodeArray | None:
    """Return which of a request's constraints each row fails (n_rows,); None if it has none."""
    if request.constraints is None:
        return None
    from bayplan.scheduler.constraints.masks import constraint_reasons  # few requests need it

    return constraint_reasons(cluster, request)


def allowed(cluster: Cluster, request: Request, nodes: BoolArray | None) -> BoolArray | None:
    """Return the candidates (n_rows,) that suit a request's constraints; None is all."""
    limits = limits_of(cluster, request)
    if limits is None:
        return nodes
    suits: BoolArray = limits == 0
    return suits if nodes is None else suits & nodes


def earlier(codes: CodeArray, limits: CodeArray) -> CodeArray:
    """Return of two reasons a row the first in the order of ``Reason``; -1 (no node) stays."""
    return np.where((limits > 0) & ((codes == 0) | (codes > limits)), limits, codes)


def decide_within(
    engine: Engine, request: Request, now_s: float, nodes: BoolArray | None, *, why: bool = True
) -> Decision:
    """Decide among the rows that suit the constraints; reasons are counted over all candidates."""
    assert request.constraints is not None
    suitable = allowed(engine.cluster, request, nodes)
    decision = engine.decide(request._replace(constraints=None), now_s, suitable, why=False)
    reasons = decision.reasons
    if decision.placement is None and why:
        reasons = engine.explain(request, nodes)[0].reasons
    unmodelled = request.constraints.not_looked_at
    return decision._replace(request=request, reasons=reasons, unmodelled=unmodelled)
