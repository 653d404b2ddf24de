"""Jobs for an order from what there is: a gang as one job, what queues use, what there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.ordering.pending import QueueUse
from bayplan.scheduler.types import DeviceRequest, Request, WholeGpus


def job_of(name: str, requests: Sequence[Request]) -> Request:
    """Return what the members of a gang ask for as one request: an order is one of jobs.

    Its uid is no pod's. Queue, run time and deadline are those of the first member, the priority
    is the highest.
    """
    first = requests[0]
    devices = [device for request in requests for device in request.devices]
    whole = sum(device.ask.count for device in devices if isinstance(device.ask, WholeGpus))
    others = tuple(device for device in devices if not isinstance(device.ask, WholeGpus))
    return Request(
        f"{name}/",
        sum(request.cpu_milli for request in requests),
        sum(request.memory_mib for request in requests),
        (*((DeviceRequest(WholeGpus(whole)),) if whole else ()), *others),
        priority=max(request.priority for request in requests),
        queue=first.queue,
        run_time_s=first.run_time_s,
        deadline_s=first.deadline_s,
    )


def use_of(cluster: Cluster, weights: Mapping[str, float] | None = None) -> dict[str, QueueUse]:
    """Return what the pods of each queue itself use now, bound and held.

    ``weights`` are those of queues by name; one that is not named has 1.
    """
    use = {name: QueueUse(weight=weight) for name, weight in (weights or {}).items()}
    for pod in cluster.pods.values():
        request, before = pod.request, use.get(pod.request.queue, QueueUse())
        milli = sum(grant.milli for grants in pod.placement.grants for grant in grants)
        use[request.queue] = before._replace(
            cpu_milli=before.cpu_milli + request.cpu_milli,
            memory_mib=before.memory_mib + request.memory_mib,
            gpu_milli=before.gpu_milli + milli,
        )
    return use


def amounts_of(cluster: Cluster) -> tuple[int, int, int]:
    """Return the CPU (millicores), memory (MiB) and milli-GPU that a cluster has."""
    view, n = cluster.view, cluster.view.n_rows
    gpus = int(view.slot_capacity[: view.n_slots].sum())
    return int(view.cpu_milli[:n].sum()), int(view.memory_mib[:n].sum()), gpus
