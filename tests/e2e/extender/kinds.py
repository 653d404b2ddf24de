"""Kinds that an API server does not have by itself, as far as they matter here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ..controlplane.client import Client, Object, wait_for

PATH = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POD_GROUPS = ("scheduling.x-k8s.io", "v1alpha1", "PodGroup", "podgroups")
OLD_POD_GROUPS = ("scheduling.sigs.k8s.io", "v1alpha1", "PodGroup", "podgroups")
VOLCANO_POD_GROUPS = ("scheduling.volcano.sh", "v1beta1", "PodGroup", "podgroups")
KAI_POD_GROUPS = ("scheduling.run.ai", "v2alpha2", "PodGroup", "podgroups")
JOB_SETS = ("jobset.x-k8s.io", "v1alpha2", "JobSet", "jobsets")
DEVICES = ("scheduling.koordinator.sh", "v1alpha1", "Device", "devices")
RAY_CLUSTERS = ("ray.io", "v1", "RayCluster", "rayclusters")
GODEL_POD_GROUPS = ("scheduling.godel.kubewharf.io", "v1alpha1", "PodGroup", "podgroups")
PYTORCH_JOBS = ("kubeflow.org", "v1", "PyTorchJob", "pytorchjobs")

Kind = tuple[str, str, str, str]
"""Group, version, kind and plural."""


@contextmanager
def defined(client: Client, *kinds: Kind) -> Iterator[None]:
    """Let the API server have kinds whose spec may be anything, with all that is made of them."""
    for each in kinds:
        client.call("POST", PATH, _definition(each))
    try:
        for each in kinds:
            wait_for(f"the kind {each[2]}", partial(_is_there, client, _name(each)))
        yield
    finally:
        for each in kinds:
            client.call("DELETE", f"{PATH}/{_name(each)}")
        for each in kinds:
            wait_for(f"the end of {each[2]}", partial(_is_gone, client, _name(each)))


def make(client: Client, kind: Kind, name: str, spec: Object) -> Object:
    """Create an object of one of these kinds in the default namespace."""
    group, version, of, plural = kind
    head = {"apiVersion": f"{group}/{version}", "kind": of, "metadata": {"name": name}}
    path = f"apis/{group}/{version}/namespaces/default/{plural}"
    return dict(client.call("POST", path, head | {"spec": spec}))


def owned_by(owner: Object) -> list[Object]:
    """Return the owner references of what a controller makes for an object."""
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    metadata = {key: owner["metadata"][key] for key in ("name", "uid")}
    return [reference | metadata | {"controller": True}]


def _name(kind: Kind) -> str:
    return f"{kind[3]}.{kind[0]}"


def _definition(kind: Kind) -> Object:
    group, version, of, plural = kind
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything}}
    # Groups of the Kubernetes project are to have it; it is not looked at.
    approved = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": _name(kind), "annotations": approved},
        "spec": {
            "group": group,
            "scope": "Cluster" if kind == DEVICES else "Namespaced",
            "names": {"kind": of, "plural": plural, "singular": of.lower()},
            "versions": [{"name": version, "served": True, "storage": True,
                          "schema": {"openAPIV3Schema": schema}}],
        },
    }  # fmt: skip


def _is_gone(client: Client, name: str) -> bool:
    return all(each["metadata"]["name"] != name for each in client.call("GET", PATH)["items"])


def _is_there(client: Client, name: str) -> bool:
    conditions = client.call("GET", f"{PATH}/{name}").get("status", {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)
