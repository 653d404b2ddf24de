"""The fewest nodes to add so that a gang starts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.events import Event, NodeUp
from bayplan.scheduler.explaining.adding import copies, distinct, what_of
from bayplan.scheduler.explaining.gang_case import GangCase, MemberKind, starts
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import name, plural
from bayplan.scheduler.types import Node, TopologyLevel


def add_for_gang(case: GangCase) -> Iterator[Fix]:
    """Yield the fewest nodes like one of the cluster with which the gang starts.

    The one that they are like has room for a member of the largest kind when it is empty, and the
    labels of the domain where most of them have found a place.
    """
    row = _template(case)
    if row is None:
        return
    node = case.cluster.node_at(row)
    n = _least(case, node)
    if n is not None:
        text = f"add {plural(n, 'node')} like {name(node.name)}: {what_of(node)}"
        yield Fix(FixKind.ADD, text, "", tuple(_events(case, node, n)), n_nodes=n)


def _template(case: GangCase) -> int | None:
    if not case.kinds:
        return None
    largest = max(case.kinds, key=lambda kind: (kind.ways[0].shape.count, kind.ways[0].shape.cpu))
    rows = np.flatnonzero(largest.may_hold())
    found = distinct(case.cluster.view, _in_fullest(case, largest, rows))
    return found[0] if found else None


def _in_fullest(case: GangCase, kind: MemberKind, rows: IntArray) -> IntArray:
    """Return the rows in the domain, of the innermost required level, that holds most members."""
    levels = [wish.level for wish in case.gang.topology if wish.required]
    if not levels or not rows.size or min(levels) < TopologyLevel.NVLINK_DOMAIN:
        return rows
    domains = case.engine.domains.ids(min(levels)).copy()
    rows = rows[domains[rows] >= 0]
    if not rows.size:
        return rows
    held = np.zeros(int(domains.max()) + 1, np.int64)
    np.add.at(held, domains[rows], kind.held_now(case.cluster.view)[rows])
    # The first of the fullest; one with candidates, even where nothing fits any of them.
    there = np.unique(domains[rows])
    return np.asarray(rows[domains[rows] == there[int(np.argmax(held[there]))]], np.int64)


def _events(case: GangCase, node: Node, n: int) -> list[Event]:
    return [NodeUp(new) for new in copies(node, n, case.cluster.nodes)]


def _least(case: GangCase, node: Node) -> int | None:
    """Return the least number of nodes: a guess from what is missing, doubled, then halves."""
    checks = case.effort.gang_checks
    guess = _guess(case, node)
    if guess > case.effort.add and len(case.kinds) == 1:
        return None  # to see in vain that fewer do not do takes seconds
    low, high = 0, min(max(1, guess), case.effort.add)
    while True:
        if not checks:
            return None
        checks -= 1
        if starts(case.decide(_events(case, node, high))):
            break
        if high >= case.effort.add:
            return None
        low, high = high, min(2 * high, case.effort.add)
    first = True
    while high - low > 1:
        if not checks:
            return None
        checks -= 1
        # The guess is mostly right: one less is looked at first.
        middle = high - 1 if first else (low + high) // 2
        first = False
        if starts(case.decide(_events(case, node, middle))):
            high = middle
        else:
            low = middle
    return high


def _guess(case: GangCase, node: Node) -> int:
    """Return how many empty nodes hold the missing members, if they are of the first kind."""
    shape = case.kinds[0].ways[0].shape
    each = len(case.members)
    for capacity, asked in (
        (node.gpu_count, shape.count),
        (node.cpu_milli, shape.cpu),
        (node.memory_mib, shape.memory),
    ):
        if asked:
            each = min(each, capacity // asked)
    return -(-case.plan.missing // max(each, 1))
