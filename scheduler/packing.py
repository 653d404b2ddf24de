"""A plan for many pending pods at once: which order of deciding places the most of them.

Squeaky wheel optimisation (Joslin and Clements, JAIR 10, 1999): decide in an order, find who is
left over, move those forward, decide again; keep the best. Orders are all that is searched, so
that a plan is always a row of decisions that the engine itself takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Duplicate
from bayplan.scheduler.events import Bound
from bayplan.scheduler.needs import need_of
from bayplan.scheduler.shape import wants_of
from bayplan.scheduler.types import (
    GPU_MILLI,
    Decision,
    DeviceRequest,
    GpuShare,
    Reason,
    Request,
    WholeGpus,
)
from bayplan.scheduler.view import BoolArray

MAX_DECISIONS = 5_000
"""How many decisions a plan may cost beyond those of its two first orders."""

_STEPS = (4, 2, 8, 3)
"""Who is left over moves forward by one of these parts of the order, in turn."""

Worth = tuple[tuple[int, int], ...]
"""Milli-GPU and number of the pods placed, for each priority, the highest first."""


@dataclass(frozen=True, slots=True)
class _Plan:
    worth: Worth
    decisions: tuple[Decision, ...]

    @property
    def left(self) -> list[str]:
        return [each.request.uid for each in self.decisions if each.placement is None]


def pack_all(
    engine: Engine,
    requests: Sequence[Request],
    now_s: float,
    nodes: BoolArray | None = None,
    *,
    max_decisions: int = MAX_DECISIONS,
) -> list[Decision]:
    """Plan where many pods go, so that the most milli-GPU is placed; change nothing.

    A claim that several pods share counts once, for the first of them.
    A pod of higher priority counts before any number of lower ones; in a tie more pods are
    better, then the order that was tried first: as given, then by demand, largest first, then
    those that come of moving forward who was left over. So a plan is never worth less than
    deciding in the order given. Members of gangs are pods like others here.

    Parameters
    ----------
    engine
        Decides for the cluster that the plan is for.
    requests
        The pods, none of them in the cluster yet, each uid once.
    now_s
        The time of the decisions, seconds.
    nodes
        Mask over rows, (n_rows,) bool: the candidates; None is all.
    max_decisions
        Bound of the search: decisions beyond those of the first two orders.

    Returns
    -------
    list[Decision]
        One decision a pod: placed ones in the order in which they hold one after the other, then
        those without a place, with the reasons beside all others of the plan. ``rests_on`` are
        versions of the cluster as it stands.

    Raises
    ------
    InvalidRequest
        A request makes no sense on any cluster.
    Duplicate
        A uid is in the cluster already, or comes twice.
    """
    _check_uids(engine.cluster, requests)
    milli = {each.uid: demand_milli(engine.cluster, each) for each in requests}
    best = _decide_all(engine, requests, now_s, nodes, milli)
    order = sorted(requests, key=lambda each: (-each.priority, *_largest(each, milli)))
    latest = _decide_all(engine, order, now_s, nodes, milli)
    budget, turn = max_decisions, 0
    best = max(best, latest, key=lambda plan: plan.worth)
    tried = {tuple([each.uid for each in order])}
    while best.left and budget >= len(order):
        order = _moved(order, set(latest.left), _STEPS[turn % len(_STEPS)])
        turn, budget = turn + 1, budget - len(order)
        uids = tuple([each.uid for each in order])
        if uids in tried:
            continue
        tried.add(uids)
        latest = _decide_all(engine, order, now_s, nodes, milli)
        best = max(best, latest, key=lambda plan: plan.worth)
    return _as_it_stands(engine.cluster, best)


def _check_uids(cluster: Cluster, requests: Sequence[Request]) -> None:
    seen: set[str] = set()
    for each in requests:
        if each.uid in seen or each.uid in cluster.pods:
            where = "twice among the requests" if each.uid in seen else "in the cluster already"
            raise Duplicate(f"pod {each.uid} is {where}")
        seen.add(each.uid)


def demand_milli(cluster: Cluster, request: Request) -> int:
    """Return the milli-GPU that a request asks for by its first wishes.

    A share by memory only, or MIG instances, count as what they take of the GPUs of the cluster
    that need the least for them; 0 where none has them.

    Parameters
    ----------
    cluster
        The cluster.
    request
        The pod.
    """
    return sum(_device_milli(cluster, device) for device in request.devices)


def _device_milli(cluster: Cluster, device: DeviceRequest) -> int:
    ask = device.ask
    if isinstance(ask, WholeGpus):
        return GPU_MILLI * ask.count
    if isinstance(ask, GpuShare) and ask.milli:
        return ask.milli * ask.count
    needs = [need_of(want, kind) for want in wants_of(device) for kind in cluster.view.kinds.kinds]
    fitting = [need.milli for need in needs if need.code is Reason.FITS]
    return min(fitting, default=0) * ask.count


def _largest(request: Request, milli: dict[str, int]) -> tuple[int, int, int]:
    return -milli[request.uid], -request.cpu_milli, -request.memory_mib


def _decide_all(
    engine: Engine,
    order: Sequence[Request],
    now_s: float,
    nodes: BoolArray | None,
    milli: dict[str, int],
) -> _Plan:
    """Decide one after the other, in a trial."""
    placed: list[Decision] = []
    worth = {-priority: (0, 0) for priority in sorted({-each.priority for each in order})}
    with engine.cluster.trial():
        left: list[Request] = []
        for request in order:
            decision = engine.decide(request, now_s, nodes)
            if decision.placement is None:
                left.append(request)
                continue
            amount, number = worth[request.priority]
            more = milli[request.uid] - _held_already(engine.cluster, request)
            worth[request.priority] = amount + more, number + 1
            engine.cluster.apply(Bound(decision, now_s))
            placed.append(decision)
        refused = [engine.decide(request, now_s, nodes) for request in left]
    return _Plan(tuple(worth.values()), (*placed, *refused))


def _held_already(cluster: Cluster, request: Request) -> int:
    """Return the milli-GPU of the claims of a request that others hold: it takes them no more."""
    claims = cluster.claims
    if not claims:
        return 0
    return sum(_device_milli(cluster, each) for each in request.devices if each.claim in claims)


def _moved(order: Sequence[Request], left: set[str], part: int) -> list[Request]:
    """Return the order with who was left over moved forward, within its priority."""
    step = max(1, len(order) // part)
    ranks = {
        each.uid: rank - step - 0.5 if each.uid in left else rank for rank, each in enumerate(order)
    }
    return sorted(order, key=lambda each: (-each.priority, ranks[each.uid]))


def _as_it_stands(cluster: Cluster, plan: _Plan) -> list[Decision]:
    """Return a plan's decisions with the versions that the rows have after its trial."""
    return [
        decision._replace(
            rests_on=tuple(
                [(name, cluster.view.version.item(cluster.row(name))) for name, _ in rests_on]
            ),
        )
        if (rests_on := decision.rests_on)
        else decision
        for decision in plan.decisions
    ]
