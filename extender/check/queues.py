"""Queues that promise more than there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bayplan.extender.check.findings import Finding, warning
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.explaining.text import queue_amount, resource_words
from bayplan.scheduler.queues import QueueTree, capacity_of
from bayplan.traces.kubernetes.nodes import read_node
from bayplan.traces.kubernetes.objects import Object


def of_queues(tree: QueueTree, nodes: Sequence[Object]) -> Iterator[Finding]:
    """Yield the guarantees that the cluster cannot keep all at once, by resource.

    Parameters
    ----------
    tree
        The queues.
    nodes
        The Node objects.
    """
    has = capacity_of(Cluster(read_node(node, []).node for node in nodes))
    for resource, row in sorted(tree.guaranteed.items()):
        wanted, there = row[0], has.get(resource, 0)
        if wanted > there:
            yield warning(
                "queues", f"are guaranteed {queue_amount(resource, wanted)}"
                f" {resource_words(resource)} together, and the cluster has"
                f" {queue_amount(resource, there)}", "lower guarantees, or add nodes",
            )  # fmt: skip
