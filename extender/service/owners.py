"""How many pods a gang has, by the object that makes them.

Job: ``spec.parallelism`` (at most ``completions``). JobSet: replicas × parallelism of its jobs.
Kubeflow's training jobs: replicas of each type. RayCluster: the head, and the replicas of each
worker group, each of ``numOfHosts`` pods.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.extender.service.calls import CallFailed, Calls, PodName, pod_of
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in

LOG = logging.getLogger("bayplan.extender.owners")

PATHS: dict[str, tuple[str, str]] = {
    "Job": ("batch/v1", "jobs"),
    "JobSet": ("jobset.x-k8s.io/v1alpha2", "jobsets"),
    "PyTorchJob": ("kubeflow.org/v1", "pytorchjobs"),
    "TFJob": ("kubeflow.org/v1", "tfjobs"),
    "XGBoostJob": ("kubeflow.org/v1", "xgboostjobs"),
    "PaddleJob": ("kubeflow.org/v1", "paddlejobs"),
    "JAXJob": ("kubeflow.org/v1", "jaxjobs"),
    "MPIJob": ("kubeflow.org/v2beta1", "mpijobs"),
    "RayCluster": ("ray.io/v1", "rayclusters"),
}
"""Which API and plural a kind has where the owner reference does not help."""

MOST_STEPS = 3
"""From a pod over its Job to a JobSet, and one more."""


async def size_of(calls: Calls, pod: Object) -> int | None:
    """Return how many pods the gang of a pod has; None: its owners do not say.

    Parameters
    ----------
    calls
        The API server.
    pod
        The Pod object.

    Raises
    ------
    CallFailed
        An owner could not be read.
    """
    thing, found = pod, None
    for _ in range(MOST_STEPS):
        reference = _controller(thing)
        kind = str(reference.get("kind") or "")
        if kind not in PATHS:
            break
        namespace = str(metadata_of(pod).get("namespace") or "default")
        version = str(reference.get("apiVersion") or PATHS[kind][0])
        path = f"/apis/{version}/namespaces/{namespace}/{PATHS[kind][1]}/{reference.get('name')}"
        owner = await calls.read(path)
        if owner is None:
            break
        size = _SIZES.get(kind, _of_training)(dict_of(owner.get("spec")))
        found = size or found  # the outermost owner that says so
        thing = owner
    return found


async def learn_sizes(calls: Calls, owner: Owner, unsized: Iterable[Seen]) -> None:
    """Learn how many members gangs have that no call has shown.

    Parameters
    ----------
    calls, owner
        The API server, and the state.
    unsized
        A pod of each gang.
    """
    for seen in unsized:
        size = await _size_of_named(calls, pod_of(seen.uid, seen.api_uid))
        # Another pod may have come by its name while it was asked for.
        if owner.mirror.pods.get(seen.uid, seen).api_uid == seen.api_uid:
            owner.plans.learn(seen.group, size)


async def _size_of_named(calls: Calls, pod: PodName) -> int | None:
    try:
        thing = await calls.read(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")
        return None if thing is None else await size_of(calls, thing)
    except CallFailed as failed:
        LOG.warning("the owner of a gang cannot be read", extra={"why": str(failed)})
        return None


def _controller(thing: Object) -> Object:
    for reference in objects_in(metadata_of(thing).get("ownerReferences")):
        if reference.get("controller"):
            return reference
    return {}


def _of_job(spec: Object) -> int:
    parallelism, completions = _count(spec.get("parallelism"), 1), spec.get("completions")
    return min(parallelism, _count(completions, parallelism))


def _of_job_set(spec: Object) -> int:
    return sum(
        _count(each.get("replicas"), 1)
        * _of_job(dict_of(dict_of(each.get("template")).get("spec")))
        for each in objects_in(spec.get("replicatedJobs"))
    )


def _of_training(spec: Object) -> int:
    return sum(_count(each.get("replicas"), 1) for each in _replica_specs(spec))


def _replica_specs(spec: Object) -> Iterator[Object]:
    for key, value in spec.items():
        if key.endswith("ReplicaSpecs"):
            yield from (dict_of(each) for each in dict_of(value).values())


def _of_ray(spec: Object) -> int:
    workers = objects_in(spec.get("workerGroupSpecs"))
    return 1 + sum(
        _count(each.get("replicas"), 0) * _count(each.get("numOfHosts"), 1) for each in workers
    )


def _count(value: object, default: int) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return int(value) if is_count and isinstance(value, int) else default


_SIZES: dict[str, Callable[[Object], int]] = {
    "Job": _of_job,
    "JobSet": _of_job_set,
    "RayCluster": _of_ray,
}

__all__ = ["CallFailed", "learn_sizes", "size_of"]
