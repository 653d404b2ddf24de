"""Whether the queues let pods in, beside the pods of a cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.queues.admission import admits
from bayplan.scheduler.queues.pods import asked_by, capacity_of, taken_by, usage_of
from bayplan.scheduler.queues.reclaim import reclaimable
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import GPU, Amounts, Verdict
from bayplan.scheduler.queues.usage import Usage
from bayplan.scheduler.types import Decision, Placement, Request


class Admission:
    """The usage of queues, kept up as the plan goes on.

    Parameters
    ----------
    tree
        The queues.
    cluster
        The cluster with what runs on it.

    Attributes
    ----------
    tree
        The queues.
    capacity
        What all queues have together, of the resources that are bounded.
    """

    def __init__(self, tree: QueueTree, cluster: Cluster) -> None:
        self.tree = tree
        self._cluster = cluster
        self._pods = usage_of(cluster, tree)
        self.capacity: Amounts = capacity_of(cluster)

    def beside(self, cluster: Cluster) -> Admission:
        """Return an independent admission in the same state, for a copy of the cluster."""
        twin = copy(self)
        twin._cluster, twin._pods = cluster, self._pods.copy()
        return twin

    @property
    def usage(self) -> Usage:
        """What the queues use. Read it; ``add`` and ``remove`` write."""
        return self._pods.usage

    def verdict(self, requests: Sequence[Request]) -> Verdict:
        """Return whether the queues of some requests admit them together.

        Parameters
        ----------
        requests
            A pod, or the members of a gang: queues that have a limit in common share it.
        """
        usage, verdict = self._pods.usage, Verdict(admitted=True)
        added: list[tuple[str, Amounts]] = []
        by_queue: dict[str, list[Request]] = {}
        for request in requests:
            by_queue.setdefault(request.queue, []).append(request)
        for queue, own in by_queue.items():
            amounts = total_of(own)
            verdict = admits(self.tree, usage, amounts, queue, self.capacity)
            if not verdict.admitted:
                break
            if len(by_queue) > 1:
                usage.add(queue, amounts)
                added.append((queue, amounts))
        for queue, counted in added:
            usage.remove(queue, counted)
        return verdict

    def verdict_of(self, queue: str, amounts: Amounts) -> Verdict:
        """Return whether a queue admits amounts.

        Parameters
        ----------
        queue, amounts
            As ``admits`` takes them.
        """
        return admits(self.tree, self.usage, amounts, queue, self.capacity)

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
            verdict = admits(self.tree, self._pods.usage, amounts, queue, self.capacity)
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
        if queue not in self.tree.index:
            return {}
        amount = total_of(requests).get(GPU, 0)
        return reclaimable(self.tree, self._pods.usage, GPU, queue, amount)

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


def total_of(requests: Sequence[Request]) -> dict[str, int]:
    """Return what some requests ask for together, by their first wishes."""
    amounts: dict[str, int] = {}
    for request in requests:
        _add(amounts, asked_by(request))
    return amounts


def _add(amounts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        amounts[name] = amounts.get(name, 0) + amount
