"""What pods take, in the resources that queues count, and the usage of a cluster's pods."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Duplicate, Unknown
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import CPU, GPU, MEMORY, gpu_of
from bayplan.scheduler.queues.usage import Usage, total
from bayplan.scheduler.types import (
    GPU_MILLI,
    DeviceRequest,
    GpuShare,
    Grant,
    Placement,
    Request,
    WholeGpus,
)


def asked_by(request: Request, allocated: Collection[str] = ()) -> dict[str, int]:
    """Return what a request asks for before its node is known, by its first wishes.

    Of the first wishes that is about the least: a share stated by MiB and a MIG instance take what
    depends on the GPU, and count as 0 here; ``taken_by`` is exact. An alternative may take less. A
    model counts where it is the only one allowed.
    ``allocated`` are names of claims that are counted already.
    """
    parts = [_beside_gpus(request)]
    for device in request.devices:
        if device.claim not in allocated or not device.claim:
            model = device.models[0] if len(set(device.models)) == 1 else ""
            parts.append(_gpus(_milli(device), model))
    return total(parts)


def taken_by(
    request: Request, placement: Placement, gpu_model: str, allocated: Collection[str] = ()
) -> dict[str, int]:
    """Return what a pod takes at its place.

    GPUs count as what is taken of them (``Grant.milli``): of a MIG GPU the whole instance.
    ``allocated`` are names of claims that are counted already.
    """
    parts = [_beside_gpus(request)]
    for device, grants in zip(request.devices, placement.grants, strict=True):
        if not device.claim or device.claim not in allocated:
            parts.append(_granted(grants, gpu_model))
    return total(parts)


def capacity_of(cluster: Cluster) -> dict[str, int]:
    """Return what all nodes of a cluster have, cordoned ones too, by resource."""
    return total(node_capacity(cluster, name) for name in sorted(cluster.nodes))


def node_capacity(cluster: Cluster, name: str) -> dict[str, int]:
    """Return what a node has, by resource."""
    view, node, row = cluster.view, cluster.nodes[name], cluster.row(name)
    start = view.slot_start.item(row)
    milli = int(view.slot_capacity[start : start + view.slot_count.item(row)].sum())
    beside = {CPU: node.cpu_milli, MEMORY: node.memory_mib, **dict(node.resources)}
    return total([beside, _gpus(milli, node.gpu_model)])


@dataclass(slots=True)
class _Claim:
    """A shared allocation: what it takes, and the queues of its users by uid."""

    takes: dict[str, int]
    users: dict[str, str] = field(default_factory=dict)

    @property
    def queue(self) -> str:
        return self.users[min(self.users)]


class PodUsage:
    """The usage of pods by queue, kept up as pods come and go.

    A claim that several pods share counts once, for the queue of the user whose uid sorts first.

    Parameters
    ----------
    tree
        The queues.

    Attributes
    ----------
    usage
        The amounts. Read them; ``add`` and ``remove`` write.
    """

    def __init__(self, tree: QueueTree) -> None:
        self.usage = Usage(tree)
        self._pods: dict[str, tuple[Request, dict[str, int]]] = {}
        self._claims: dict[str, _Claim] = {}

    def copy(self) -> PodUsage:
        """Return an independent usage in the same state, of the same tree."""
        twin = PodUsage(self.usage.tree)
        twin.usage = self.usage.copy()
        twin._pods = dict(self._pods)
        twin._claims = {
            name: _Claim(claim.takes, dict(claim.users)) for name, claim in self._claims.items()
        }
        return twin

    def add(self, request: Request, placement: Placement, gpu_model: str) -> None:
        """Count a pod that was bound or held; ``Duplicate`` if it is counted already."""
        if request.uid in self._pods:
            raise Duplicate(f"pod {request.uid} is counted already")
        claims = {device.claim for device in request.devices if device.claim}
        own = taken_by(request, placement, gpu_model, claims)
        self._pods[request.uid] = request, own
        self.usage.add(request.queue, own)
        for device, grants in zip(request.devices, placement.grants, strict=True):
            if device.claim:
                self._join(device.claim, request, _granted(grants, gpu_model))

    def remove(self, uid: str) -> None:
        """Count a pod no more; ``Unknown`` if it is not counted."""
        if uid not in self._pods:
            raise Unknown(f"pod {uid} is not counted")
        request, own = self._pods.pop(uid)
        self.usage.remove(request.queue, own)
        for device in request.devices:
            if device.claim:
                self._leave(device.claim, uid)

    def _join(self, name: str, request: Request, takes: dict[str, int]) -> None:
        claim = self._claims.get(name)
        if claim is None:
            claim = self._claims[name] = _Claim(takes)
        else:
            self.usage.remove(claim.queue, claim.takes)
        claim.users[request.uid] = request.queue
        self.usage.add(claim.queue, claim.takes)

    def _leave(self, name: str, uid: str) -> None:
        claim = self._claims[name]
        self.usage.remove(claim.queue, claim.takes)
        del claim.users[uid]
        if claim.users:
            self.usage.add(claim.queue, claim.takes)
        else:
            del self._claims[name]


def usage_of(cluster: Cluster, tree: QueueTree) -> PodUsage:
    """Return the usage of a cluster's pods, bound and held."""
    found = PodUsage(tree)
    for uid in sorted(cluster.pods):
        pod = cluster.pods[uid]
        found.add(pod.request, pod.placement, cluster.nodes[pod.placement.node].gpu_model)
    return found


def _beside_gpus(request: Request) -> dict[str, int]:
    amounts = {CPU: request.cpu_milli, MEMORY: request.memory_mib, **dict(request.resources)}
    return {resource: amount for resource, amount in amounts.items() if amount}


def _milli(device: DeviceRequest) -> int:
    if isinstance(device.ask, WholeGpus):
        return GPU_MILLI * device.ask.count
    if isinstance(device.ask, GpuShare):
        return (device.ask.milli or device.ask.memory_milli) * device.ask.count
    return 0


def _granted(grants: Iterable[Grant], gpu_model: str) -> dict[str, int]:
    return _gpus(sum(grant.milli for grant in grants), gpu_model)


def _gpus(milli: int, model: str) -> dict[str, int]:
    if not milli:
        return {}
    return {GPU: milli, gpu_of(model): milli} if model else {GPU: milli}
