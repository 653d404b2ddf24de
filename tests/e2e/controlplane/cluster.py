"""What tests ask of a cluster as a whole, and how it is emptied between them."""

from __future__ import annotations

from .client import Client, Object, wait_for
from .pods import node_of, phase

MADE = ("Job", "PodDisruptionBudget", "Pod", "Node")
"""Kinds that tests make, owners before what they own."""


def is_ready(node: Object) -> bool:
    """Say whether a node has the condition Ready and no taint that keeps pods away."""
    conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


def ready_nodes(client: Client) -> list[Object]:
    """Return all nodes, once there is none that is not ready; empty before."""
    found = client.list("Node")
    return found if all(map(is_ready, found)) else []


def add_nodes(client: Client, *nodes: Object, timeout_s: float = 60.0) -> list[Object]:
    """Create nodes, wait until all nodes are ready, and return those."""
    client.create_all(nodes)
    return wait_for("ready nodes", lambda: ready_nodes(client), timeout_s)


def pods_by_name(client: Client, namespace: str = "default") -> dict[str, Object]:
    """Return the pods of a namespace."""
    return {pod["metadata"]["name"]: pod for pod in client.list("Pod", namespace)}


def all_in(client: Client, wanted: str, *names: str) -> dict[str, Object]:
    """Return pods once all of those named are in a phase; empty before."""
    found = pods_by_name(client)
    named = {name: found[name] for name in names if name in found}
    there = len(named) == len(names) and all(phase(pod) == wanted for pod in named.values())
    return named if there else {}


def run(client: Client, *pods: Object, timeout_s: float = 60.0) -> dict[str, Object]:
    """Create pods and wait until all run."""
    created = client.create_all(pods)
    names = [pod["metadata"]["name"] for pod in created]
    what = f"running: {', '.join(names[:5])}"
    return wait_for(what, lambda: all_in(client, "Running", *names), timeout_s)


def gpus_used(pods: dict[str, Object], resource: str = "nvidia.com/gpu") -> dict[str, int]:
    """Return how many units of a resource the pods bound to each node ask for."""
    used: dict[str, int] = {}
    for pod in pods.values():
        if phase(pod) in ("Pending", "Running") and node_of(pod):
            asked = sum(
                int(container["resources"].get("requests", {}).get(resource, 0))
                for container in pod["spec"]["containers"]
            )
            used[node_of(pod)] = used.get(node_of(pod), 0) + asked
    return used


def events(client: Client, pod: str, reason: str) -> list[Object]:
    """Return the events about a pod that have a reason."""
    selector = f"involvedObject.name={pod},reason={reason}"
    return client.list("Event", fieldSelector=selector)


def clear(client: Client) -> None:
    """Delete what tests make, and wait until nothing of it is left."""
    for kind in MADE:
        # At once: KWOK, whose part it is to end pods, does not end those of a node that is gone.
        client.delete_all(kind, "" if kind == "Node" else "default", grace_s=0)
    wait_for("an empty cluster", lambda: not any(client.list(kind) for kind in MADE))
