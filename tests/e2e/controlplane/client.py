"""Talk to an API server with the official Python client, in plain JSON objects.

The client's models cost a millisecond each to read, so only its transport is used: TLS, connection
pool, retries. ``kubernetes`` is imported where it is needed: the plain tests run without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar
from urllib.parse import urlencode

Object = dict[str, Any]
Found = TypeVar("Found")

AGENT = "bayplan-e2e"
THREADS = 8
WAIT_S = 60.0
KINDS = {
    "Node": ("api/v1", "nodes"),
    "Namespace": ("api/v1", "namespaces"),
    "Pod": ("api/v1", "pods"),
    "Event": ("api/v1", "events"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Job": ("apis/batch/v1", "jobs"),
    "PriorityClass": ("apis/scheduling.k8s.io/v1", "priorityclasses"),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets"),
    "DeviceClass": ("apis/resource.k8s.io/v1", "deviceclasses"),
    "ResourceSlice": ("apis/resource.k8s.io/v1", "resourceslices"),
    "ResourceClaim": ("apis/resource.k8s.io/v1", "resourceclaims"),
    "ResourceClaimTemplate": ("apis/resource.k8s.io/v1", "resourceclaimtemplates"),
    "Device": ("apis/scheduling.koordinator.sh/v1alpha1", "devices"),
}
"""From a kind to its group and version, and its name in addresses."""
WIDE = {"Node", "Namespace", "PriorityClass", "DeviceClass", "ResourceSlice", "Device"}
"""Kinds without a namespace."""


class Client:
    """One user's connection to an API server; threads may share it."""

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import client, config

        settings = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=settings)
        settings.connection_pool_maxsize = THREADS
        self.server: str = settings.host
        self._client = client.ApiClient(settings)
        self._refused = client.ApiException

    def call(self, method: str, path: str, body: Object | None = None, *,
             kind: str = "application/json", query: Mapping[str, str] | None = None,
             ) -> Any:  # fmt: skip
        """Make a call and return its answer: JSON, or text where it is none.

        Raises
        ------
        kubernetes.client.ApiException
            The API server said no.
        """
        address = f"{self.server}/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Content-Type": kind, "User-Agent": AGENT}
        reply = self._client.call_api(method, address, headers, body, _request_timeout=WAIT_S)
        data = reply.read()
        if not 200 <= reply.status <= 299:
            raise self._refused.from_response(http_resp=reply, body=data.decode(), data=None)
        return json.loads(data) if data[:1] == b"{" else data.decode()

    def create(self, thing: Object) -> Object:
        """Create an object."""
        place = _collection(thing["kind"], thing["metadata"].get("namespace", ""))
        return dict(self.call("POST", place, thing))

    def create_all(self, things: Iterable[Object]) -> list[Object]:
        """Create objects over several connections, and return them in the order given."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self.create, things))

    def get(self, kind: str, name: str, namespace: str = "default") -> Object:
        """Return an object."""
        return dict(self.call("GET", _object(kind, name, namespace)))

    def list(self, kind: str, namespace: str = "", **query: str) -> list[Object]:
        """Return objects of a kind, in all namespaces where none is named."""
        return list(self.call("GET", _collection(kind, namespace), query=query)["items"])

    def delete(self, kind: str, name: str, namespace: str = "default") -> None:
        """Delete an object; what it owns goes later."""
        self.call("DELETE", _object(kind, name, namespace))

    def delete_all(self, kind: str, namespace: str = "", *, grace_s: int | None = None) -> None:
        """Delete the objects of a kind, with a time of grace in place of their own if given."""
        query = {} if grace_s is None else {"gracePeriodSeconds": str(grace_s)}
        self.call("DELETE", _collection(kind, namespace), query=query)

    def patch(self, kind: str, name: str, change: Object, namespace: str = "default", *,
              part: str = "") -> Object:  # fmt: skip
        """Merge a change into an object, or into a part of it such as ``status``."""
        path = _object(kind, name, namespace) + (f"/{part}" if part else "")
        return dict(self.call("PATCH", path, change, kind="application/merge-patch+json"))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def wait_for(what: str, probe: Callable[[], Found], timeout_s: float = WAIT_S) -> Found:
    """Ask again and again until the answer is true, and return it.

    Raises
    ------
    AssertionError
        It was not in time.
    """
    begun = asked = monotonic()
    while not (found := probe()):
        now = monotonic()
        assert now - begun < timeout_s, f"not in {timeout_s:.0f} s: {what}; last answer {found!r}"
        sleep(max(0.05, 2 * (now - asked)))  # a probe that costs much is not to be the load
        asked = monotonic()
    return found


def _collection(kind: str, namespace: str) -> str:
    version, plural = KINDS[kind]
    if kind in WIDE or not namespace:
        return f"{version}/{plural}"
    return f"{version}/namespaces/{namespace}/{plural}"


def _object(kind: str, name: str, namespace: str) -> str:
    return f"{_collection(kind, namespace)}/{name}"
