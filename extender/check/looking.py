"""Asks a cluster what a check goes by; every question is a read, or a review of rights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from bayplan.extender.api import ApiError, Connection
from bayplan.extender.api.served import server_version
from bayplan.extender.check.findings import Facts
from bayplan.extender.check.nodes import gpu_resources
from bayplan.extender.config.reading import Values
from bayplan.extender.leading.configuring import namespace_of
from bayplan.extender.permissions import LEADER, Right, needed, of_leases
from bayplan.extender.probing import ask
from bayplan.extender.watch.kinds import KINDS, RESOURCE_SLICES
from bayplan.scheduler.errors import InputError
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in

REFUSED, NOT_FOUND = 403, 404
SLICES = next(kind for kind in KINDS if kind.name == RESOURCE_SLICES)
OWN_PODS = "labelSelector=app.kubernetes.io%2Fname%3Dbayplan"
_GATE = re.compile(r'^kubernetes_feature_enabled\{name="(\w+)",stage="\w*"\} ([01])', re.MULTILINE)


def look(connection: Connection, values: Values, account: str) -> Facts:
    """Return what a cluster is like.

    Parameters
    ----------
    connection
        The API server.
    values
        The extender's configuration.
    account
        ``namespace/name`` of the service account whose rights are looked at; empty: one's own.

    Raises
    ------
    InputError
        The API server cannot be asked.
    """
    try:
        version = server_version(connection)
        api = _Api(connection)
        served = {
            kind.name: next((v for v in kind.versions if api.has(kind.group, kind.plural, v)), "")
            for kind in KINDS
        }
        denied = [
            right
            for right in (*needed(values), *_of_leases(values, account))
            if not (right.optional and not api.has(right.group, right.resource))
            and not _may(connection, right, account)
        ]
        nodes = _list(connection, "/api/v1/nodes")
        own = _list(connection, f"/api/v1/pods?{OWN_PODS}")
        slices = None
        if served[RESOURCE_SLICES] and nodes is not None and not gpu_resources(nodes):
            slices = _list(connection, SLICES.path(served[RESOURCE_SLICES]))
        return Facts(
            version, _gates(connection), served, nodes, own, slices or (), denied,
            ask_ready(values), f"{values['server.host']}:{values['server.port']}",
        )  # fmt: skip
    except ApiError as error:
        raise InputError(str(error), fix="name the cluster's kubeconfig: --kubeconfig") from None


class _Api:
    """What is served, asked once."""

    def __init__(self, connection: Connection) -> None:
        self._get = cache(lambda path: _get(connection, path))

    def has(self, group: str, plural: str, version: str = "") -> bool:
        """Whether a resource is served, in any version if none is named."""
        if not group:
            return any(each.get("name") == plural for each in self._resources("/api/v1"))
        found = objects_in(dict_of(self._get(f"/apis/{group}")).get("versions"))
        there = [str(each.get("version")) for each in found]
        return any(
            each.get("name") == plural
            for one in there
            if not version or one == version
            for each in self._resources(f"/apis/{group}/{one}")
        )

    def _resources(self, path: str) -> Sequence[Object]:
        return objects_in(dict_of(self._get(path)).get("resources"))


def ask_ready(values: Values) -> tuple[int, str] | None:
    """Return status and text of the extender's ``/readyz``; None: nobody answers.

    Parameters
    ----------
    values
        The extender's configuration.
    """
    try:
        return ask("/readyz", values)
    except OSError:
        return None


def _get(connection: Connection, path: str) -> Object | None:
    try:
        found: Object = msgspec.json.decode(connection.send("GET", path).data)
        return found
    except ApiError as error:
        if error.status in (REFUSED, NOT_FOUND):
            return None
        raise
    except msgspec.DecodeError:
        raise ApiError(f"GET {path}: no JSON") from None


def _list(connection: Connection, path: str) -> Sequence[Object] | None:
    found = _get(connection, path)
    return None if found is None else objects_in(found.get("items"))


def _of_leases(values: Values, account: str) -> Sequence[Right]:
    if not values[LEADER]:
        return ()
    return of_leases(values, namespace_of(values, account.partition("/")[0]))


def _may(connection: Connection, right: Right, account: str) -> bool:
    attributes = {"group": right.group, "resource": right.resource, "subresource": right.part,
                  "verb": right.verb, "namespace": right.namespace, "name": right.only}  # fmt: skip
    kind, whose = "SelfSubjectAccessReview", dict[str, object]()
    if account:
        namespace, _, name = account.partition("/")
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}",
                  "system:authenticated"]  # fmt: skip
        kind = "SubjectAccessReview"
        whose = {"user": f"system:serviceaccount:{namespace}:{name}", "groups": groups}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind,
            "spec": {"resourceAttributes": attributes} | whose}  # fmt: skip
    path = f"/apis/authorization.k8s.io/v1/{kind.lower()}s"
    answer: Object = msgspec.json.decode(
        connection.send("POST", path, msgspec.json.encode(body)).data
    )
    return bool(dict_of(answer.get("status")).get("allowed"))


def _gates(connection: Connection) -> Mapping[str, bool]:
    try:
        text = connection.send("GET", "/metrics").data.decode(errors="replace")
    except ApiError:
        return {}
    return {name: on == "1" for name, on in _GATE.findall(text)}
