"""Where nodes are: the zone that their label says."""

from __future__ import annotations

from bayplan.scheduler.types import Node

ZONE_LABEL = "topology.kubernetes.io/zone"


def zone_of(node: Node) -> str:
    """Return the zone of a node, empty where it has none."""
    return dict(node.labels).get(ZONE_LABEL, "")
