"""The loop of the experiment: ask the engine, apply its decision, take the next pod."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.types import Decision, Request
from bayplan.simulator.collecting import no_collection


def pack(
    engine: Engine, cluster: Cluster, requests: Sequence[Request]
) -> tuple[list[Decision], float]:
    """Decide and apply for each request in turn; drop what does not fit.

    Returns
    -------
    The decisions, and the wall time of the loop in seconds.
    """
    decisions = []
    with no_collection():
        start = time.perf_counter()
        for request in requests:
            decision = engine.decide(request, 0.0)
            if decision.placement is not None:
                cluster.apply(Bound(decision, 0.0))
            decisions.append(decision)
        seconds = time.perf_counter() - start
    return decisions, seconds
