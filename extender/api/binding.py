"""Binding a pod to a node: the API server's ``pods/binding``, made safe to send twice."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from bayplan.extender.api.budget import Priority
from bayplan.extender.api.client import DEADLINE_S, Client
from bayplan.extender.api.errors import ApiError
from bayplan.extender.api.retry import CONFLICT
from bayplan.extender.objects import decode, node_of, uid_of

NOT_FOUND = 404
TRIES = 3


async def bind(
    client: Client,
    namespace: str,
    name: str,
    uid: str,
    node: str,
    annotations: Mapping[str, str] | None = None,
    *,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Bind a pod to a node; one that is on that node already is well.

    The API server sets the node and adds the annotations in one write (``BindingREST`` in
    kubernetes/kubernetes ``pkg/registry/core/pod/storage``), and refuses another pod of the name.

    Parameters
    ----------
    client
        The API server.
    namespace, name, uid
        The pod.
    node
        The node's name.
    annotations
        What the pod is to be annotated with.
    deadline_s
        So long it may take in all.

    Raises
    ------
    ApiError
        The pod is not bound, is on another node, or is gone. One without a status may have been
        carried out all the same: the watch of pods will tell.
    """
    metadata: dict[str, object] = {"name": name, "namespace": namespace, "uid": uid}
    if annotations:
        metadata["annotations"] = dict(annotations)
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": metadata,
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }
    pod = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}"
    for tries in range(1, TRIES + 1):
        try:
            await client.call(
                "bind", "POST", f"{pod}/binding", body,
                priority=Priority.BIND, deadline_s=deadline_s,
            )  # fmt: skip
            return
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            at = await _where(client, pod, uid, deadline_s)
            if at == node:
                return
            if at or tries == TRIES:
                raise ApiError(
                    f"pod {namespace}/{name}: it is on node {at} already" if at else str(error),
                    CONFLICT,
                    error.reason,
                ) from None
            # Somebody changed the pod in the same moment.


async def _where(client: Client, path: str, uid: str, deadline_s: float) -> str:
    """Return the node that a pod is on, empty while it waits."""
    reply = await client.call("bind", "GET", path, priority=Priority.BIND, deadline_s=deadline_s)
    try:
        pod = decode("Pod", reply.data)
    except msgspec.DecodeError:
        raise ApiError(f"GET {path}: no pod") from None
    if uid and uid_of(pod) != uid:
        raise ApiError(f"GET {path}: another pod of that name is there", NOT_FOUND, "NotFound")
    return node_of(pod)
