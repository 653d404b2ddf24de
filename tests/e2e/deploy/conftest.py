"""The base manifests, applied to a real API server, and the service account that they make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from charting import Helm
from kustomizing import DEPLOY, render

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import clear
from ..controlplane.conftest import binaries, plane, tool
from ..controlplane.plane import Plane

__all__ = ["binaries", "plane"]

NAMESPACE = "bayplan"
APPLY = "application/apply-patch+yaml"
ADMISSION = "apis/admissionregistration.k8s.io/v1"
PLACES = {
    "Namespace": ("api/v1", "namespaces"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Service": ("api/v1", "services"),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "NetworkPolicy": ("apis/networking.k8s.io/v1", "networkpolicies"),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    "ValidatingAdmissionPolicy": (ADMISSION, "validatingadmissionpolicies"),
    "ValidatingAdmissionPolicyBinding": (ADMISSION, "validatingadmissionpolicybindings"),
    "MutatingAdmissionPolicy": (ADMISSION, "mutatingadmissionpolicies"),
    "MutatingAdmissionPolicyBinding": (ADMISSION, "mutatingadmissionpolicybindings"),
}


def place(thing: Object) -> str:
    version, plural = PLACES[thing["kind"]]
    metadata = thing["metadata"]
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{version}{within}/{plural}/{metadata['name']}"


def apply(client: Client, thing: Object, **query: str) -> Object:
    """Apply an object as ``kubectl apply --server-side --validate=strict`` does."""
    told = {"fieldManager": "e2e", "fieldValidation": "Strict", "force": "true"} | query
    return dict(client.call("PATCH", place(thing), thing, kind=APPLY, query=told))


def named(things: list[Object], kind: str, name: str = "bayplan") -> Object:
    (found,) = [x for x in things if (x["kind"], x["metadata"]["name"]) == (kind, name)]
    return found


def _is_there(client: Client) -> bool:
    return any(each["metadata"]["name"] == NAMESPACE for each in client.list("Namespace"))


@pytest.fixture(scope="session")
def applied(plane: Plane) -> Iterator[list[Object]]:
    """Return the objects of the base. The Deployment is tried only: nobody could run its images."""
    things = render(DEPLOY / "base")
    made = [thing for thing in things if thing["kind"] != "Deployment"]
    for thing in made:
        apply(plane.client, thing)
    wait_for("its account", lambda: plane.client.list("ServiceAccount", NAMESPACE))
    yield things
    for thing in reversed(made):
        with suppress(Exception):  # the namespace takes them along
            plane.client.call("DELETE", place(thing))
    wait_for("its end", lambda: not _is_there(plane.client))


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))


def kubeconfig_of(plane: Plane, account: str) -> Path:
    """Return the kubeconfig of a service account, with a token of an hour (TokenRequest)."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": 3600}}  # fmt: skip
    where = f"api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
    token = plane.client.call("POST", where, asked)["status"]["token"]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": {
            "server": plane.server, "certificate-authority": str(plane.certificates.ca)}}],
        "users": [{"name": account, "user": {"token": token}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": account}}],
        "current-context": "e2e",
    }  # fmt: skip
    path = plane.folder / f"account-{account}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def alone(account: str) -> list[Object]:
    """Return an account that has the extender's role and nothing besides, as in the overlay."""
    rbac, metadata = "rbac.authorization.k8s.io", {"name": account, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": account},
         "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "bayplan-extender"},
         "subjects": [{"kind": "ServiceAccount"} | metadata]},
    ]  # fmt: skip


@pytest.fixture
def client(plane: Plane) -> Iterator[Client]:
    """Return a client of an empty cluster; what a test makes goes when it ends."""
    yield plane.client
    clear(plane.client)
