"""Changes of pods and nodes, by merge patches (RFC 7386); gates of pods, by JSON patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bayplan.extender.api.budget import Priority
from bayplan.extender.api.client import DEADLINE_S, Client
from bayplan.extender.api.retry import CONFLICT, TRANSIENT

MERGE_PATCH, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"

Annotations = Mapping[str, str | None]
"""What is set; None takes an annotation away."""


async def annotate_pod(
    client: Client,
    namespace: str,
    name: str,
    annotations: Annotations,
    *,
    uid: str = "",
    version: str = "",
    deadline_s: float = DEADLINE_S,
) -> None:
    """Change annotations of a pod, by its status: leave to patch pods is leave to change images.

    The API server takes annotations there as it does elsewhere (``podStatusStrategy``, 1.34, 1.37).

    Parameters
    ----------
    client
        The API server.
    namespace, name
        The pod.
    annotations
        What is changed.
    uid
        Of the pod; another one of its name is refused. Empty for any.
    version
        The resource version that it must have. Empty for any.
    deadline_s
        So long it may take in all.

    Raises
    ------
    ApiError
        It failed; 422 where the pod is another one, 409 where it was changed.
    """
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}/status"
    await _annotate(client, path, annotations, uid, version, deadline_s)


async def annotate_node(
    client: Client,
    name: str,
    annotations: Annotations,
    *,
    version: str = "",
    deadline_s: float = DEADLINE_S,
) -> None:
    """Change annotations of a node, by its status: leave to patch nodes is leave to cordon them.

    The API server takes annotations there as it does elsewhere (``nodeStatusStrategy``, 1.37;
    kubelets do so).

    Parameters
    ----------
    client
        The API server.
    name
        The node.
    annotations
        What is changed.
    version
        The resource version that it must have. Empty for any.
    deadline_s
        So long it may take in all.

    Raises
    ------
    ApiError
        It failed; 409 where the node was changed.
    """
    path = f"/api/v1/nodes/{quote(name, safe='')}/status"
    await _annotate(client, path, annotations, "", version, deadline_s)


async def patch_node(
    client: Client,
    name: str,
    change: Mapping[str, Any],
    version: str,
    *,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Change a node that is still as it was seen.

    Parameters
    ----------
    client
        The API server.
    name
        The node.
    change
        A merge patch.
    version
        The resource version that it must have.
    deadline_s
        So long it may take in all.

    Raises
    ------
    ApiError
        It failed; 409 where the node was changed. One without a status may have been done.
    """
    metadata = {**change.get("metadata", {}), "resourceVersion": version}
    await client.call(
        "patch-node",
        "PATCH",
        f"/api/v1/nodes/{quote(name, safe='')}",
        {**change, "metadata": metadata},
        priority=Priority.PATCH,
        deadline_s=deadline_s,
        content_type=MERGE_PATCH,
    )


async def lift_gate(
    client: Client,
    namespace: str,
    name: str,
    gate: str,
    *,
    uid: str,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Take a scheduling gate from a pod whose only one it is (KEP-3521).

    A JSON patch (RFC 6902) tests that the pod is this one, and that the gate stands where it is
    taken from: another pod of the name, or another gate, is left as it is.

    Parameters
    ----------
    client
        The API server.
    namespace, name, uid
        The pod.
    gate
        The gate's name.
    deadline_s
        So long it may take in all.

    Raises
    ------
    ApiError
        It failed; 422 where the pod is another one or the gate is not its first.
    """
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}"
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/spec/schedulingGates/0/name", "value": gate},
        {"op": "remove", "path": "/spec/schedulingGates/0"},
    ]
    await client.call(
        "lift",
        "PATCH",
        path,
        patch,
        priority=Priority.PATCH,
        deadline_s=deadline_s,
        content_type=JSON_PATCH,
    )


async def _annotate(
    client: Client,
    path: str,
    annotations: Annotations,
    uid: str,
    version: str,
    deadline_s: float,
) -> None:
    metadata: dict[str, object] = {"annotations": dict(annotations)}
    if uid:
        metadata["uid"] = uid
    if version:
        metadata["resourceVersion"] = version
    await client.call(
        "annotate",
        "PATCH",
        path,
        {"metadata": metadata},
        priority=Priority.PATCH,
        deadline_s=deadline_s,
        content_type=MERGE_PATCH,
        # With a precondition a conflict is the answer.
        again=TRANSIENT if uid or version else TRANSIENT | {CONFLICT},
    )
