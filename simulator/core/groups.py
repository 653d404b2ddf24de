"""Groups of nodes alike: how many there may be, how long one takes to come, what one costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError

IDLE_S = 600.0
"""After how long an empty node may leave: the default of Cluster Autoscaler's
``--scale-down-unneeded-time``, ten minutes (kubernetes/autoscaler, cluster-autoscaler/FAQ.md)."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Nodes alike.

    Attributes
    ----------
    name
        What the group is called.
    nodes
        The names of all nodes of it that may ever be there, in the order in which they come.
    least
        Of these, so many are never let go.
    price_per_h
        Of one node, for an hour that it is there; in whatever currency.
    provision_s
        How long a node takes from when it was ordered until it takes pods.
    jitter_s
        Mean of what is added to that, drawn for each node from an exponential distribution.
    idle_s
        A node that is empty for so long may leave.
    """

    name: str
    nodes: tuple[str, ...]
    least: int = 0
    price_per_h: float = 0.0
    provision_s: float = 0.0
    jitter_s: float = 0.0
    idle_s: float = IDLE_S


def check_groups(groups: Sequence[Group], known: Sequence[str]) -> None:
    """Refuse groups that make no sense, or that are of other nodes.

    Raises
    ------
    InputError
        Two groups share a name or a node, a node is not known, or a number is out of range.
    """
    nodes, owner, names = frozenset(known), dict[str, str](), set[str]()
    for group in groups:
        if group.name in names:
            raise InputError(f"two groups are called {group.name!r}", fix="rename one of them")
        names.add(group.name)
        for node in group.nodes:
            if node not in nodes:
                raise InputError(
                    f"group {group.name}: there is no node {node!r}",
                    fix="give it to the simulation, or as spare",
                )
            if node in owner:
                raise InputError(
                    f"node {node!r} is in the groups {owner[node]} and {group.name}",
                    fix="leave it to one of them",
                )
            owner[node] = group.name
        if not 0 <= group.least <= len(group.nodes):
            raise InputError(
                f"group {group.name}: least is {group.least} of {len(group.nodes)} nodes",
                fix=f"write 0 to {len(group.nodes)}",
            )
        for what in ("price_per_h", "provision_s", "jitter_s", "idle_s"):
            if not 0.0 <= getattr(group, what) < math.inf:
                raise InputError(
                    f"group {group.name}: {what} is {getattr(group, what)}", fix="write 0 or more"
                )
