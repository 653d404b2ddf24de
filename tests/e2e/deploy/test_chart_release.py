"""An API server takes what the chart makes, and a release lives and goes as Helm has it."""

from __future__ import annotations

import pytest

from charting import CHART, SETS, Helm

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from .conftest import apply

pytestmark = pytest.mark.controlplane


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_every_object_is_valid_to_the_last_field(
    helm: Helm, values: Object, client: Client, applied: list[Object]
) -> None:
    for thing in helm.template(values):
        taken = apply(client, thing, dryRun="All")
        assert taken["metadata"]["name"] == thing["metadata"]["name"]


def test_a_release_is_installed_changed_and_taken_away(
    helm: Helm, plane: Plane, client: Client
) -> None:
    add_nodes(client, plain("a"))  # KWOK plays the Pod there
    where = ["--namespace", "charted", "--kubeconfig", str(plane.kubeconfig("admin"))]
    values = {"fullnameOverride": "charted", "kubeScheduler": {"schedulerName": "charted"}}
    helm("install", "gpus", str(CHART), *where, "--create-namespace", "--wait", values=values)
    try:
        (pod,) = client.list("Pod", "charted")
        assert pod["status"]["phase"] == "Running"
        assert reviewed(plane, "charted", "pods", "eviction") is False
        assert reviewed(plane, "charted", "pods", "binding") is True
        changed = values | {"config": {"gangs": {"rollback": "evict"}}}
        helm("upgrade", "gpus", str(CHART), *where, "--wait", values=changed)
        assert reviewed(plane, "charted", "pods", "eviction") is True
        (other,) = client.list("Pod", "charted")
        assert other["metadata"]["name"] != pod["metadata"]["name"]
        helm("rollback", "gpus", "1", *where, "--wait")
        assert reviewed(plane, "charted", "pods", "eviction") is False
    finally:
        helm("uninstall", "gpus", *where, "--wait")
    wait_for("its end", lambda: not client.list("Pod", "charted"))
    left = {each["metadata"]["name"] for each in client.list("ConfigMap", "charted")}
    assert left <= {"kube-root-ca.crt"}
    client.call("DELETE", "api/v1/namespaces/charted")


def reviewed(plane: Plane, namespace: str, resource: str, part: str) -> bool:
    """Whether the account of a release may create a subresource of pods, by the API server."""
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{namespace}:charted",
            "resourceAttributes": {
                "verb": "create", "resource": resource, "subresource": part,
                "namespace": "default", "version": "v1",
            },
        },
    }  # fmt: skip
    where = "apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(plane.client.call("POST", where, asked)["status"]["allowed"])
