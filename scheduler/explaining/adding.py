"""A node to add: a copy of one that the cluster has, as small as suffices."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.events import NodeUp
from bayplan.scheduler.explaining.case import Case
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import cpus, memory, name, plural
from bayplan.scheduler.types import FIRST_SHORTAGE, Node, Reason
from bayplan.scheduler.view import View

HOSTNAME = "kubernetes.io/hostname"
_COPYABLE = (Reason.CORDONED, Reason.TAINT, Reason.NODE_LABELS, Reason.GPU_UNHEALTHY)
"""What a new node need not have of the node that it is like."""


def add(case: Case) -> Iterator[Fix]:
    """Yield the addition of one node, if the cluster has a node whose like would do.

    The like of a node that lacks only what is in use comes first, then that of one that is
    cordoned, tainted, has unhealthy GPUs or lacks a label (the new one is not); of these, the one
    with the fewest GPUs, then the least CPU and memory.
    """
    cluster = case.cluster
    for row in template_rows(case):
        new = copies(cluster.node_at(row), 1, cluster.nodes, case.request.node_labels)
        events = [NodeUp(node) for node in new]
        placement = case.placed_after(events)
        if placement is not None:
            text = f"add 1 node like {name(cluster.name(row))}: {what_of(new[0])}"
            yield Fix(FixKind.ADD, text, placement.node, tuple(events), n_nodes=1)
            return


def template_rows(case: Case) -> list[int]:
    """Return rows whose like may hold the request when it is empty, the smallest first."""
    view = case.cluster.view
    codes = np.stack([each.codes for each in case.lacks])
    in_use = (codes >= FIRST_SHORTAGE).any(0)
    found = distinct(view, np.flatnonzero(in_use))
    if not found:
        found = distinct(view, np.flatnonzero(np.isin(codes, np.array(_COPYABLE)).any(0)))
    return found[: case.effort.rows]


def distinct(view: View, rows: IntArray) -> list[int]:
    """Return one row (the lowest) for each size of node among some rows, the smallest first."""
    columns = (
        view.gpu_count[rows],
        view.cpu_milli[rows],
        view.memory_mib[rows],
        view.row_kind[rows],
        rows,
    )
    order = np.lexsort(columns[::-1])
    if not order.size:
        return []
    sorted_ = [column[order] for column in columns]
    differs = np.ones(order.size, np.bool_)
    differs[1:] = np.any([column[1:] != column[:-1] for column in sorted_[:-1]], axis=0)
    return [int(row) for row in sorted_[-1][differs]]


def copies(
    node: Node, n: int, taken: Container[str], labels: tuple[tuple[str, str], ...] = ()
) -> list[Node]:
    """Return ``n`` new nodes like one, open to pods and with some labels, by names not taken."""
    wanted = {**dict(node.labels), **dict(labels)}
    new: list[Node] = []
    number = 0
    while len(new) < n:
        number += 1
        title = f"new-{number}"
        if title in taken:
            continue
        if HOSTNAME in dict(node.labels):
            wanted[HOSTNAME] = title
        new.append(
            replace(
                node,
                name=title,
                schedulable=True,
                labels=tuple(sorted(wanted.items())),
                taints=(),
                unhealthy=(),
                gpu_uuids=(),
            )
        )
    return new


def what_of(node: Node) -> str:
    """Return a node's capacity in words."""
    parts = [f"{cpus(node.cpu_milli)} CPU", memory(node.memory_mib)]
    if node.gpu_count:
        parts.insert(0, f"{plural(node.gpu_count, 'GPU')} of {name(node.gpu_model) or 'no name'}")
    return ", ".join(parts)
