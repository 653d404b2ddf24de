"""A real API server takes the manifests, and its Pod Security lets their Pods in."""

from __future__ import annotations

from copy import deepcopy

import pytest

from kustomizing import DEPLOY, render

from ..controlplane.client import Client, Object
from .conftest import NAMESPACE, apply

pytestmark = pytest.mark.controlplane

OVERLAYS = ("base", "existing-scheduler", "grpc", "evict", "repartition", "queues")


def things_of(overlay: str) -> list[Object]:
    """Return the objects of an overlay; a component that changes the base comes with it."""
    return render(DEPLOY / overlay, render(DEPLOY / "base") if overlay == "grpc" else ())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid_to_the_last_field(
    overlay: str, client: Client, applied: list[Object]
) -> None:
    for thing in things_of(overlay):
        taken = apply(client, thing, dryRun="All")
        assert taken["metadata"]["name"] == thing["metadata"]["name"]


def test_a_field_that_is_not_there_would_be_refused(client: Client, applied: list[Object]) -> None:
    from kubernetes.client import ApiException

    broken = _deployment(render(DEPLOY / "base"))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(ApiException, match="readynessProbe"):
        apply(client, broken, dryRun="All")


@pytest.mark.parametrize("overlay", OVERLAYS[:3])
def test_pods_satisfy_the_restricted_standard_that_the_namespace_enforces(
    overlay: str, client: Client, applied: list[Object]
) -> None:
    from kubernetes.client import ApiException

    pod = _pod(_deployment(things_of(overlay)))
    where, dry = f"api/v1/namespaces/{NAMESPACE}/pods", {"dryRun": "All"}
    assert client.call("POST", where, pod, query=dry)["spec"]["priority"] == 2_000_000_000
    looser = deepcopy(pod)
    del looser["spec"]["securityContext"]["seccompProfile"]
    with pytest.raises(ApiException, match="violates PodSecurity"):
        client.call("POST", where, looser, query=dry)


def _deployment(things: list[Object]) -> Object:
    (found,) = [thing for thing in things if thing["kind"] == "Deployment"]
    return found


def _pod(deployment: Object) -> Object:
    template = deployment["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
            "metadata": template["metadata"] | {"name": "x", "namespace": NAMESPACE}}  # fmt: skip
