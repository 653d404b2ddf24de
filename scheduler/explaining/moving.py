"""Moving a few pods out of the way, each to where it fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, islice

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.events import Bound, Event, Gone
from bayplan.scheduler.explaining.case import Case, may_leave, within_budgets
from bayplan.scheduler.explaining.room import Room
from bayplan.scheduler.explaining.types import Fix, FixKind, Move
from bayplan.scheduler.explaining.words import name, plural
from bayplan.scheduler.types import Decision, Placement, Pod


def defragment(case: Case) -> Iterator[Fix]:
    """Yield moves of as few pods as were found to suffice, from one node.

    Only preemptible pods that stand alone move: no gang members, no users of claims, none
    that a disruption budget or the least run time protects. A MIG instance never moves within its
    node: its pod goes to another one.
    """
    for n in range(1, case.effort.moves + 1):
        for row in case.rows():
            for group in islice(_groups(case, row, n), case.effort.tries):
                events = _moved(case, row, group)
                placement = _placed_after(case, events) if events else None
                if placement is not None:
                    yield _fix(case, row, group, events, placement.node)
                    return


def _groups(case: Case, row: int, n: int) -> Iterator[tuple[str, ...]]:
    """Yield sets of ``n`` pods of a row whose leaving may suffice, the smallest pods first."""
    cluster, view = case.cluster, case.cluster.view
    if view.cpu_milli.item(row) < min(each.shape.cpu for each in case.lacks):
        return
    movable = [
        uid for uid in cluster.pods_on(row) if may_leave(cluster.pods[uid], case.guards, case.now_s)
    ]
    movable.sort(key=lambda uid: (_milli(case, uid), cluster.tenancies[uid].cpu, uid))
    loose = bool(cluster.claims)
    ways = case.lacks_at(row)
    # On a row with many pods most sets do not help: those are passed over without a trial.
    for group in islice(combinations(movable, n), 16 * case.effort.tries):
        room = Room(view, row, loose)
        for uid in group:
            room.release(cluster.tenancies[uid])
        if room.may_hold(ways, view) and within_budgets(_pods(case, group), case.guards):
            yield group


def _pods(case: Case, uids: Iterable[str]) -> list[Pod]:
    return [case.cluster.pods[uid] for uid in uids]


def _milli(case: Case, uid: str) -> int:
    return sum(milli for _, milli, _, _ in case.cluster.tenancies[uid].taken)


def _moved(case: Case, row: int, group: tuple[str, ...]) -> list[Event]:
    """Return the events that move a group once the request has its place, or nothing."""
    cluster, engine, now_s = case.cluster, case.engine, case.now_s
    pods = _pods(case, group)
    leaving: list[Event] = [Gone(uid) for uid in group]
    with cluster.trial():
        for event in leaving:
            cluster.apply(event)
        decision = engine.decide(case.request, now_s, case.only(row))
        if decision.placement is None:
            return []
        cluster.apply(Bound(decision, now_s))
        # The largest first: it has the fewest places to go to.
        arriving: list[Event] = []
        for pod in reversed(pods):
            again = _elsewhere(case, pod, row)
            if again is None:
                return []
            bound = Bound(again, pod.start_s, pod.expected_end_s)
            cluster.apply(bound)
            arriving.append(bound)
    return leaving + arriving


def _elsewhere(case: Case, pod: Pod, row: int) -> Decision | None:
    request = pod.request
    nodes: BoolArray | None = None
    if any(grant.slot.profile for grants in pod.placement.grants for grant in grants):
        nodes = np.ones(case.cluster.view.n_rows, np.bool_)
        nodes[row] = False
    decision = case.engine.decide(request, case.now_s, nodes)
    return None if decision.placement is None else decision._replace(rests_on=())


def _placed_after(case: Case, events: list[Event]) -> Placement | None:
    """Return where the request goes after the moves, each of which must hold before it comes."""
    cluster, engine = case.cluster, case.engine
    with cluster.trial():
        for event in events:
            if isinstance(event, Bound) and event.decision.placement is not None:
                target = np.zeros(cluster.view.n_rows, np.bool_)
                target[cluster.row(event.decision.placement.node)] = True
                if engine.decide(event.decision.request, case.now_s, target).placement is None:
                    return None
            cluster.apply(event)
        return engine.decide(case.request, case.now_s, case.nodes).placement


def _fix(case: Case, row: int, group: tuple[str, ...], events: list[Event], goes_to: str) -> Fix:
    node = case.cluster.name(row)
    targets = {
        event.decision.request.uid: event.decision.placement.node
        for event in events
        if isinstance(event, Bound) and event.decision.placement is not None
    }
    moves = tuple(Move(uid, node, targets[uid]) for uid in group)
    first = moves[0]
    there = f"to {name(first.target)}" if first.target != node else "to another GPU of it"
    more = f" and {len(moves) - 1} more" if len(moves) > 1 else ""
    text = f"move {plural(len(moves), 'pod')} from {name(node)}: {name(first.uid)} {there}{more}"
    return Fix(FixKind.DEFRAGMENT, text, goes_to, tuple(events), group, moves=moves)
