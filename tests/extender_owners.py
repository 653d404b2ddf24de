"""Owners of made-up clusters, for tests, and what must hold of them whatever has happened."""

from __future__ import annotations

from typing import Any

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.extender.live.settings import Live
from extender_things import listed

Object = dict[str, Any]

POD_GROUP = "PodGroup.scheduling.x-k8s.io"


def owner_of(
    *nodes: Object,
    pods: tuple[Object, ...] = (),
    groups: tuple[Object, ...] = (),
    settings: Live | None = None,
    now_s: float = 0.0,
) -> Owner:
    """Return an owner that has seen all of a cluster; ``groups`` are PodGroups."""
    owner = Owner(settings or Live())
    listed(owner, "Node", nodes, now_s)
    listed(owner, POD_GROUP, groups, now_s)
    listed(owner, "Pod", pods, now_s)
    return owner


def checked(owner: Owner, now_s: float = 0.0) -> None:
    """Fail where the live state is not what follows from what was seen."""
    owner.mirror.cluster.check()
    assert differences(snapshot(owner.mirror), now_s) == []
