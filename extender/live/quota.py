"""What the queues of the live cluster use, and whether they let more in.

The usage follows the cluster's log of changed rows: it is what the pods there add up to, bound
and held, whatever has happened meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from bayplan.extender.live.mirror import Mirror
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.explaining.text import verdict_words
from bayplan.scheduler.queues import Admission, QueueTree, Rule, Verdict, gpu_of, node_capacity
from bayplan.scheduler.queues.admitting import total_of
from bayplan.scheduler.queues.types import GPU, Amounts
from bayplan.scheduler.types import Decision, GpuShare, MigInstances, Node, Pod, Request

_NONE = -1


class Quota:
    """The queues, and what the pods of a mirror's cluster use of them.

    Parameters
    ----------
    tree
        The queues.
    mirror
        The cluster.
    """

    def __init__(self, tree: QueueTree, mirror: Mirror) -> None:
        self.tree = tree
        self._mirror = mirror
        self._admission = Admission(tree, mirror.cluster)
        self._pods: dict[int, dict[str, Pod]] = {}
        self._nodes: dict[int, tuple[Node, dict[str, int]]] = {}
        self._capacity: dict[str, int] = {}
        self._since = _NONE
        self._rows: IntArray = np.zeros(0, np.int64)
        self._by_model = sorted(r for r in tree.resources if r.startswith(gpu_of("")))

    @property
    def admission(self) -> Admission:
        """The usage as the cluster has it now."""
        self._catch_up()
        return self._admission

    @property
    def capacity(self) -> dict[str, int]:
        """What all nodes have, by resource."""
        self._catch_up()
        return dict(self._capacity)

    def refusal(self, requests: Sequence[Request]) -> str:
        """Return which rule keeps some pods out that are to start together; empty: none.

        What depends on the GPU that they get (MIG instances, shares by MiB, limits by model) is
        not counted: ``over`` does.
        """
        if not requests:
            return ""
        return _words(self.admission.verdict(requests))

    def over(self, decisions: Sequence[Decision], without: Collection[str] = ()) -> str:
        """Return which rule what is taken by some decisions breaks; empty: none.

        ``without`` are uids of pods that leave before.
        """
        return _words(self.admission.verdict_there(decisions, without))

    def closed(self, request: Request) -> dict[str, str]:
        """Return the GPU models that a queue's limits keep a pod from, each with the reason."""
        if not self._by_model or not request.devices:
            return {}
        asked, found = total_of([request]), {}
        for resource in self._by_model:
            there = asked | {resource: asked.get(GPU, 0)}
            verdict = self.admission.verdict_of(request.queue, there)
            if not verdict.admitted and verdict.resource == resource:
                found[resource.removeprefix(gpu_of(""))] = _words(verdict)
        return found

    def closed_rows(self, models: Iterable[str]) -> BoolArray:
        """Return the rows (n_rows,) of nodes with GPUs of some models."""
        cluster, wanted = self._mirror.cluster, set(models)
        found = np.zeros(cluster.view.n_rows, np.bool_)
        for name, node in cluster.nodes.items():
            if node.gpu_model in wanted:
                found[cluster.row(name)] = True
        return found

    # --- following ------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Count what has changed since the last time."""
        cluster = self._mirror.cluster
        if cluster.log.number == self._since:
            return
        rows = self._changed_rows()
        self._since = cluster.log.number
        n_rows = cluster.view.n_rows
        now = {
            row: {uid: cluster.pods[uid] for uid in cluster.pods_on(row)} if row < n_rows else {}
            for row in rows
        }
        # All that left before all that came: a pod may have gone from one row to another.
        for row in rows:
            for uid, pod in self._pods.get(row, {}).items():
                if now[row].get(uid) is not pod:
                    self._admission.remove(uid)
        for row in rows:
            known = self._pods.get(row, {})
            for uid, pod in now[row].items():
                if known.get(uid) is not pod:
                    self._admission.add(pod.request, pod.placement)
            self._pods[row] = now[row]
            self._count_node(row)
        self._admission.capacity = bounding(self.tree, self._capacity)

    def _changed_rows(self) -> list[int]:
        cluster = self._mirror.cluster
        view, n = cluster.view, _NONE
        if self._rows.size != view.alive.size:
            self._rows = np.zeros(view.alive.size, np.int64)
        if self._since != _NONE:
            n = cluster.log.rows_since(self._since, view, self._rows)
        if n >= 0:
            return [row for row in self._rows[:n].tolist() if row < view.n_rows]
        return sorted({*range(view.n_rows), *self._pods})

    def _count_node(self, row: int) -> None:
        cluster = self._mirror.cluster
        there = row < cluster.view.n_rows and cluster.view.alive.item(row)
        node, known = cluster.node_at(row) if there else None, self._nodes.get(row)
        if known is not None and known[0] is node:
            return
        if known is not None:
            self._add(known[1], -1)
            del self._nodes[row]
        if node is not None:
            amounts = node_capacity(cluster, node.name)
            self._nodes[row] = node, amounts
            self._add(amounts, 1)

    def _add(self, amounts: dict[str, int], sign: int) -> None:
        for resource, amount in amounts.items():
            self._capacity[resource] = self._capacity.get(resource, 0) + sign * amount


def bounding(tree: QueueTree, capacity: Amounts) -> dict[str, int]:
    """Return the amounts of a cluster that bound its queues.

    Those are of what somebody does not lend. Of the rest nodes say whether there is room, and say
    it better.
    """
    return {r: capacity.get(r, 0) for r, row in tree.reserves.items() if any(row)}


def is_vague(request: Request) -> bool:
    """Whether what a pod takes depends on the GPU that it gets."""
    return any(
        isinstance(device.ask, MigInstances)
        or (isinstance(device.ask, GpuShare) and not (device.ask.milli or device.ask.memory_milli))
        for device in request.devices
    )


def _words(verdict: Verdict) -> str:
    """Return what a verdict says; where the whole cluster is full, nodes say it themselves."""
    if verdict.admitted or verdict.rule is Rule.CAPACITY:
        return ""
    return f"queue: {verdict_words(verdict)}"
