"""Whether the queues let pods in, as the plan goes on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues import (
    GPU,
    QueueTree,
    Verdict,
    admits,
    asked_by,
    capacity_of,
    read_queues,
    reclaimable,
    usage_of,
)
from bayplan.scheduler.types import Placement, Request
from bayplan.traces.files import display, read_text


def read_queue_file(path: Path) -> QueueTree:
    """Return the queues of a TOML file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        It cannot be read, or its queues cannot be.
    """
    try:
        return read_queues(tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML ({error})", file=display(path)) from None
    except InputError as error:
        if str(error).startswith(display(path)):
            raise
        raise InputError(str(error), file=display(path)) from None


class Admission:
    """The usage of queues, kept up as the plan goes on.

    Parameters
    ----------
    tree
        The queues.
    cluster
        The cluster with what runs on it.
    """

    def __init__(self, tree: QueueTree, cluster: Cluster) -> None:
        self._tree = tree
        self._cluster = cluster
        self._pods = usage_of(cluster, tree)
        self._capacity = capacity_of(cluster)

    def verdict(self, requests: Sequence[Request]) -> Verdict:
        """Return whether the queue of some requests admits them together.

        Parameters
        ----------
        requests
            A pod, or the members of a gang; the first one's queue counts.
        """
        return admits(
            self._tree, self._pods.usage, _total(requests), requests[0].queue, self._capacity
        )

    def excess(self, requests: Sequence[Request]) -> Mapping[str, int]:
        """Return what may be taken back from each queue for some requests, in milli-GPU.

        Parameters
        ----------
        requests
            As ``verdict`` takes them.
        """
        queue = requests[0].queue
        if queue not in self._tree.index:
            return {}
        amount = _total(requests).get(GPU, 0)
        return reclaimable(self._tree, self._pods.usage, GPU, queue, amount)

    def add(self, request: Request, placement: Placement) -> None:
        """Count a pod that is placed.

        Parameters
        ----------
        request, placement
            The pod.
        """
        self._pods.add(request, placement, self._cluster.nodes[placement.node].gpu_model)

    def remove(self, uid: str) -> None:
        """Count a pod no more.

        Parameters
        ----------
        uid
            The pod.
        """
        self._pods.remove(uid)


def _total(requests: Sequence[Request]) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for request in requests:
        for name, amount in asked_by(request).items():
            amounts[name] = amounts.get(name, 0) + amount
    return amounts
