"""Why a pod or a gang waits: what the live state says at once, and what is left to be worked out.

Made on the loop and short. What is left runs on a copy of the cluster, in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bayplan.extender.live.enforcing import missing
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.explaining.brief import Brief, Kind, State
from bayplan.scheduler.explaining.briefing import asks_of, brief_of_gang, brief_of_pod
from bayplan.scheduler.explaining.words import asks, plural
from bayplan.scheduler.types import Request
from bayplan.traces.kubernetes.gangs import Group


@dataclass(frozen=True, slots=True)
class Question:
    """What is left to be worked out on a copy of the cluster.

    Attributes
    ----------
    first
        What is known at once.
    work
        What finds the rest; it reads nothing that the loop writes.
    notes
        What is added to what it finds.
    """

    first: Brief
    work: Callable[[Engine], Brief]
    notes: tuple[str, ...] = ()


def asked(owner: Owner, name: str, now_s: float) -> Brief | Question:
    """Return why a pod or gang waits, or is where it is, or what is left to find out.

    Parameters
    ----------
    owner
        The state.
    name
        ``namespace/name``; a pod of that name comes before a gang.
    now_s
        The time.

    Raises
    ------
    KeyError
        There is no such pod or gang.
    """
    seen = owner.mirror.pods.get(name)
    if seen is not None:
        return _of_pod(owner, seen, now_s)
    if not owner.mirror.groups.get(name):
        raise KeyError(name)
    group = owner.plans.group(name)
    if group is None:  # one pod that waits for nobody
        (uid,) = owner.mirror.groups[name]
        return _of_pod(owner, owner.mirror.pods[uid], now_s)
    return _of_gang(owner, group, now_s)


def subjects_of(owner: Owner, keys: Iterable[str]) -> dict[str, str]:
    """Return about whom the answer of each pod is: its gang, as long as the pod waits with it.

    Parameters
    ----------
    owner, keys
        The state, and the pods.
    """
    found, waits = {}, dict[str, bool]()  # of each gang: to ask for one takes its size
    for key in keys:
        seen = owner.mirror.pods.get(key)
        found[key] = key
        if seen is None or not seen.group or seen.node or owner.objection(seen):
            continue
        if seen.group not in waits:
            group = owner.plans.group(seen.group)
            waits[seen.group] = group is not None and not _has_started(owner, group)
        if waits[seen.group]:
            found[key] = seen.group
    return found


def finished(question: Question, engine: Engine) -> Brief:
    """Work out what is left of an answer.

    Parameters
    ----------
    question, engine
        What is asked, of a copy of the cluster.
    """
    try:
        found = question.work(engine)
    except InvalidRequest as error:
        return replace(question.first, why=str(error))
    return replace(found, notes=found.notes + question.notes)


def _of_pod(owner: Owner, seen: Seen, now_s: float) -> Brief | Question:
    mirror, uid = owner.mirror, seen.uid
    request = mirror.reader.request(seen, seen.group)
    first = Brief(Kind.POD, uid, State.WAITS, asks(request), n_nodes=len(mirror.cluster.nodes))
    if at := seen.node or mirror.assumed.get(uid, ""):
        return _bound(owner, seen, request, at)
    if why := owner.objection(seen) or _gated(owner, seen):
        return replace(first, why=why)
    group = owner.plans.group(seen.group) if seen.group else None
    if group is not None and not _has_started(owner, group):
        plan = owner.plans.plans.get(group.name)
        if plan is None:
            return _of_gang(owner, group, now_s)
        if uid not in plan.nodes:
            why = f"gang {group.name} starts without this pod, which is beyond what it needs"
            return replace(first, why=why)
    if uid in mirror.holds:
        node = mirror.cluster.pods[uid].placement.node
        return replace(first, state=State.KEPT, nodes=(node,), notes=_of_its_gang(owner, seen))
    if why := _over(owner, seen, group):
        return replace(first, why=why)
    return _alone(owner, seen, first, now_s)


def _alone(owner: Owner, seen: Seen, first: Brief, now_s: float) -> Brief | Question:
    """Return about a pod that waits for nobody where it would fit."""
    request, policy = owner.mirror.reader.request(seen), owner.settings.placement
    doing, others = _candidates(owner, seen)
    if seen.claims and doing is not None and not doing.any():
        return replace(first, why=others)
    nodes, closed = _within_limits(owner, request, doing)

    def work(engine: Engine) -> Brief:
        return brief_of_pod(engine, request, now_s, policy=policy, nodes=nodes)

    notes = _left_out(owner, doing, others) + closed + _sick(owner, request)
    return Question(first, work, notes)


def _bound(owner: Owner, seen: Seen, request: Request, at: str) -> Brief | Question:
    uid, notes = seen.uid, _of_its_gang(owner, seen)
    first = Brief(Kind.POD, uid, State.BOUND, asks(request), nodes=(at,), notes=notes)
    if uid in owner.mirror.assumed:
        notes = ("it is being bound", *notes)
    if seen.problem:
        notes = (seen.problem, *notes)
    if uid not in owner.mirror.cluster.pods:
        return replace(first, notes=notes)
    nodes, policy = owner.mirror.giving(seen), owner.settings.placement

    def work(engine: Engine) -> Brief:
        return brief_of_pod(engine, request, 0.0, policy=policy, nodes=nodes)

    return Question(first, work, notes)


def _of_gang(owner: Owner, group: Group, now_s: float) -> Brief | Question:
    mirror, plans, name = owner.mirror, owner.plans, group.name
    every = [mirror.pods[member.uid] for member in group.members]
    requests = [mirror.reader.request(seen, name) for seen in every]
    least, bound = plans.least(group), [uid for uid in mirror.groups[name] if mirror.is_bound(uid)]
    first = Brief(
        Kind.GANG, name, State.WAITS, asks_of(requests), size=len(every), least=least,
        placed=len(bound), n_nodes=len(mirror.cluster.nodes),
    )  # fmt: skip
    if len(bound) >= least:
        at = {mirror.cluster.pods[uid].placement.node for uid in bound}
        return replace(first, state=State.BOUND, nodes=tuple(sorted(at)))
    if (plan := plans.plans.get(name)) is not None:
        at = set(plan.nodes.values())
        notes = (f"{plans.there(plan)} of {plan.least} have come to be bound, or are",)
        placed = len(bound) + len(plan.nodes)
        return replace(first, state=State.KEPT, placed=placed, nodes=tuple(sorted(at)), notes=notes)
    if why := _keeps_back(owner, every, least):
        return replace(first, why=why)
    here = [seen for seen in every if not seen.facts.gates]
    waits = next(seen for seen in here if not mirror.is_bound(seen.uid))
    if why := _over(owner, waits, group):
        return replace(first, why=why)
    gang = plans.gang(name)
    assert gang is not None
    nodes, others = _candidates_of_all(owner, every)

    def work(engine: Engine) -> Brief:
        return brief_of_gang(engine, gang, now_s, least=least, nodes=nodes)

    said = _left_out(owner, nodes, others) + _helped(owner, name) + _sick(owner, requests[0])
    return Question(first, work, said)


def _keeps_back(owner: Owner, every: list[Seen], least: int) -> str:
    """Return why members are not asked for, or cannot be placed as they are written."""
    gated = [seen for seen in every if seen.facts.gates]
    if (n := len(every) - len(gated)) < least and (n or len(every) < least):
        more = f", {len(gated)} more are gated" if gated else ""
        turn = next(filter(None, (owner.turn(seen.uid) for seen in gated)), "")
        return f"{n} of {plural(least, 'pod')} exist{more}{turn and f': {turn}'}"
    for seen in every:
        if owner.plans.unsized(seen):
            return "the owner of its pods is asked how many there will be"
        if why := owner.objection(seen) or ("" if n else _gated(owner, seen)):
            return f"pod {seen.uid}: {why}"
    return ""


def _has_started(owner: Owner, group: Group) -> bool:
    n_bound = sum(map(owner.mirror.is_bound, owner.mirror.groups.get(group.name, ())))
    return n_bound >= owner.plans.least(group)


def _of_its_gang(owner: Owner, seen: Seen) -> tuple[str, ...]:
    group = owner.plans.group(seen.group) if seen.group else None
    if group is None:
        return ()
    n = sum(map(owner.mirror.is_bound, owner.mirror.groups[group.name]))
    plan = owner.plans.plans.get(group.name)
    here = "" if plan is None else f", {owner.plans.there(plan)} of {plan.least} have come to be"
    return (f"gang {group.name}: {n} of {len(group.members)} members are bound{here}",)


def _candidates(owner: Owner, seen: Seen) -> tuple[BoolArray | None, str]:
    """Return which rows (n_rows,) do for what a pod wants of devices, and why others do not."""
    if seen.claims:
        return owner.steering.nodes_for(seen)
    return owner.mirror.giving(seen), missing(seen.way, owner.mirror.reserved)


def _candidates_of_all(owner: Owner, every: Iterable[Seen]) -> tuple[BoolArray | None, str]:
    """Return the candidates of the member that has the fewest: the others are planned with it."""
    kinds: dict[object, Seen] = {}
    for seen in every:
        kinds.setdefault((seen.way, bool(seen.asking), bool(seen.claims)), seen)
    found = [_candidates(owner, seen) for seen in kinds.values()]
    n_rows = owner.mirror.cluster.view.n_rows
    return min(found, key=lambda each: n_rows if each[0] is None else int(each[0].sum()))


def _left_out(owner: Owner, nodes: BoolArray | None, others: str) -> tuple[str, ...]:
    n_nodes = len(owner.mirror.cluster.nodes)
    n = n_nodes if nodes is None else int(nodes.sum())
    if n == n_nodes:
        return ()
    return (f"candidates are {n} of {plural(n_nodes, 'node')}; others: {others}",)


def _sick(owner: Owner, request: Request) -> tuple[str, ...]:
    """Return which GPU takes no new pods and why, of a request for GPUs; of several the first."""
    health = owner.mirror.reader.health
    lines = [] if health is None or not request.devices else [line for _, line in health.lines()]
    if not lines:
        return ()
    others = f" (and {plural(len(lines) - 1, 'more reason')} in /state)" if lines[1:] else ""
    return (f"sick{others}: {lines[0]}",)


def _helped(owner: Owner, gang: str) -> tuple[str, ...]:
    """Return what is done to make room for a gang."""
    note = "" if owner.helper is None else owner.helper.note(gang)
    return (note,) if note else ()


def _over(owner: Owner, seen: Seen, group: Group | None) -> str:
    """Return which rule of a queue keeps a pod out, or its gang; empty: none."""
    return owner.refused(seen, group).removeprefix("queue: ")


def _within_limits(
    owner: Owner, request: Request, nodes: BoolArray | None
) -> tuple[BoolArray | None, tuple[str, ...]]:
    """Return the candidates that limits by GPU model leave of some, and what they say."""
    closed = {} if owner.quota is None else owner.quota.closed(request)
    if owner.quota is None or not closed:
        return nodes, ()
    left = ~owner.quota.closed_rows(closed)
    return left if nodes is None else nodes & left, tuple(
        closed[each].removeprefix("queue: ") for each in sorted(closed)
    )


def _gated(owner: Owner, seen: Seen) -> str:
    """Return why the scheduling gates of a pod that waits stay; empty: it has none."""
    if seen.node or not seen.facts.gates:
        return ""
    if turn := owner.turn(seen.uid):
        return f"its scheduling gate stays: {turn}"
    gates = ", ".join(seen.facts.gates)
    return f"it is not to be placed before these scheduling gates are lifted: {gates}"
