"""Whether the queues let pods in, as the plan goes on."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
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
    taken_by,
    usage_of,
)
from bayplan.scheduler.types import Decision, Placement, Request
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

    def verdict_there(
        self, decisions: Sequence[Decision], without: Collection[str] = ()
    ) -> Verdict:
        """Return whether the queues admit what is taken at places that were decided.

        What a request says before its place is known leaves out MIG instances, shares stated by
        MiB and the model of a GPU that may be any.

        Parameters
        ----------
        decisions
            Those of a pod, or of the members of a gang: with placements.
        without
            The uids of pods that leave before.
        """
        leaving = [self._cluster.pods[uid] for uid in without]
        for pod in leaving:
            self.remove(pod.request.uid)
        verdict = Verdict(admitted=True)
        added: list[str] = []
        for queue, amounts in self._taken(decisions, without).items():
            verdict = admits(self._tree, self._pods.usage, amounts, queue, self._capacity)
            if not verdict.admitted:
                break
            # Queues of one gang that have a limit in common share it.
            for decision in decisions:
                if decision.request.queue == queue and decision.placement is not None:
                    self.add(decision.request, decision.placement)
                    added.append(decision.request.uid)
        for uid in added:
            self.remove(uid)
        for pod in leaving:
            self.add(pod.request, pod.placement)
        return verdict

    def _taken(
        self, decisions: Sequence[Decision], without: Collection[str]
    ) -> dict[str, dict[str, int]]:
        """Return by queue what decisions take, beside claims that others hold already."""
        counted = {
            name for name, claim in self._cluster.claims.items() if claim.users - set(without)
        }
        taken: dict[str, dict[str, int]] = {}
        for request, placement in ((each.request, each.placement) for each in decisions):
            assert placement is not None
            model = self._cluster.nodes[placement.node].gpu_model
            amounts = taken.setdefault(request.queue, {})
            _add(amounts, taken_by(request, placement, model, counted))
            counted |= {device.claim for device in request.devices if device.claim}
        return taken

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
        _add(amounts, asked_by(request))
    return amounts


def _add(amounts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        amounts[name] = amounts.get(name, 0) + amount
