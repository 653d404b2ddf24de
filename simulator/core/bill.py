"""What nodes cost: how long those of each group were there, integrated exactly."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.results import GroupTotals

HOUR_S = 3600.0


class Bill:
    """Node-seconds and GPU-seconds by group, from ``first_s`` on.

    Nodes of no group cost nothing, and count in ``node_s`` alone.
    """

    def __init__(self, groups: Sequence[Group], first_s: float) -> None:
        self._groups, self.first_s = groups, first_s
        self._all = _Level(first_s)
        self._levels = [(_Level(first_s), _Level(first_s)) for _ in groups]
        self._group_of = {node: k for k, group in enumerate(groups) for node in group.nodes}

    def count(self, node: str, gpus: int, sign: int, now_s: float) -> None:
        """Let a node with some GPUs be there from now on (1), or no more (-1)."""
        self._all.change(now_s, sign)
        group = self._group_of.get(node)
        if group is not None:
            nodes, devices = self._levels[group]
            nodes.change(now_s, sign)
            devices.change(now_s, sign * gpus)

    def node_s(self, now_s: float) -> float:
        """Return the node-seconds that there were until now."""
        return self._all.upto(now_s)

    def lines(self, now_s: float) -> tuple[GroupTotals, ...]:
        """Return what there was of each group until now, and what that cost."""
        return tuple(
            GroupTotals(
                group.name,
                group.price_per_h,
                nodes.upto(now_s),
                devices.upto(now_s),
                group.price_per_h * nodes.upto(now_s) / HOUR_S,
            )
            for group, (nodes, devices) in zip(self._groups, self._levels, strict=True)
        )


class _Level:
    """A number that changes at times, and its integral."""

    def __init__(self, first_s: float) -> None:
        self._level = 0
        self._since_s = first_s
        self._sum = 0.0

    def change(self, now_s: float, by: int) -> None:
        if now_s > self._since_s:
            self._sum, self._since_s = self.upto(now_s), now_s
        self._level += by

    def upto(self, now_s: float) -> float:
        return self._sum + self._level * max(0.0, now_s - self._since_s)
