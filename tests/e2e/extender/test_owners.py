"""Gangs whose pods do not say how many they are: what made them does."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import pytest

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, events
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of
from .asking import gang_of, ours
from .auditing import audited
from .checks import check
from .kinds import JOB_SETS, PYTORCH_JOBS, defined, make, owned_by
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

GPUS = 4
"""Of each member: four fill two nodes of eight."""


@pytest.fixture(scope="module")
def running(plane: Plane) -> Iterator[Extender]:
    with (
        defined(plane.client, JOB_SETS, PYTORCH_JOBS),
        extender(plane, "owners", Setup({"gangs": {"hold_s": 20.0}}, timeout_s=10.0)) as started,
    ):
        yield started


def job(name: str, members: int, **metadata: Any) -> Object:
    """Return a Job of members that run at once; the metadata is that of its pods, too."""
    template = ours(name, GPUS)
    said = {"annotations": {}, "labels": {}} | metadata
    references = said.pop("ownerReferences", [])
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default", "ownerReferences": references},
        "spec": {
            "parallelism": members,
            "completions": members,
            "template": {"metadata": said, "spec": template["spec"]},
        },
    }


def bound(client: Client, gang: str) -> list[str]:
    """Return the names of the pods of a gang that are bound."""
    pods = client.list("Pod", "default")
    return [each["metadata"]["name"] for each in pods if gang_of(each) == gang and node_of(each)]


def names_of(client: Client) -> list[str]:
    return [each["metadata"]["name"] for each in client.list("Pod", "default")]


def test_of_two_jobs_that_start_as_one_each_the_second_waits_for_the_end_of_the_first(
    client: Client, running: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"))
    jobs = ["one", "other"]
    with audited(running.plane, dict.fromkeys(jobs, 4)) as audit:
        client.create_all(job(each, 4, annotations={"bayplan.io/gang": "job"}) for each in jobs)
        wait_for("one", lambda: any(len(bound(client, each)) == 4 for each in jobs))
        sleep(2)
        first, second = sorted(jobs, key=lambda each: len(bound(client, each)), reverse=True)
        assert bound(client, second) == []
        client.delete("Job", first)
        for name in bound(client, first):
            client.delete("Pod", name)
        wait_for("the other", lambda: len(bound(client, second)) == 4)
        check(client, running, names_of(client), audit)
        assert audit.in_part_s(monotonic()) == {}


def test_a_job_set_waits_for_the_pods_of_all_its_jobs(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    jobs = [{"name": name, "replicas": 1, "template": {"spec": {"parallelism": 2}}}
            for name in ("workers", "servers")]  # fmt: skip
    owner = make(client, JOB_SETS, "set", {"replicatedJobs": jobs})
    of_set = {"labels": {"jobset.sigs.k8s.io/jobset-name": "set"}}
    with audited(running.plane, {"set": 4}) as audit:
        client.create(job("workers", 2, ownerReferences=owned_by(owner), **of_set))
        wait_for_the_others(client, "2 of 4 pods exist")
        assert bound(client, "set") == []
        client.create(job("servers", 2, ownerReferences=owned_by(owner), **of_set))
        wait_for("all", lambda: len(bound(client, "set")) == 4)
        check(client, running, names_of(client), audit)
        assert audit.in_part_s(monotonic()) == {}


def test_a_training_job_waits_for_its_workers(client: Client, running: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    specs = {"Master": {"replicas": 1}, "Worker": {"replicas": 3}}
    owner = make(client, PYTORCH_JOBS, "train", {"pytorchReplicaSpecs": specs})
    labels = {"training.kubeflow.org/job-name": "train"}
    pods = [ours(f"train-{k}", GPUS, labels=labels) for k in range(4)]
    for each in pods:
        each["metadata"]["ownerReferences"] = owned_by(owner)
    with audited(running.plane, {"train": 4}) as audit:
        client.create_all(pods[:3])
        wait_for_the_others(client, "3 of 4 pods exist")
        assert bound(client, "train") == []
        client.create(pods[3])
        wait_for("all", lambda: len(bound(client, "train")) == 4)
        check(client, running, names_of(client), audit)
        assert audit.in_part_s(monotonic()) == {}


def wait_for_the_others(client: Client, said: str) -> None:
    """Wait until some pod is said to wait for others."""

    def told() -> bool:
        found = [
            each for name in names_of(client) for each in events(client, name, "BayplanPending")
        ]
        return any(said in each["message"] for each in found)

    wait_for(f"{said!r}", told)
