"""The room of a gang while others leave for it: what is free of it now, and what they leave.

It is kept by uids that are no pod's: the gang is planned when all of its room is there, and then
its members hold it. Nobody else gets any of it meanwhile, least of all who has just been evicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from bayplan.extender.live.mirror import Heir, Mirror, placeholder
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.events import Gone, Held
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    Grant,
    Placement,
    Request,
    WholeGpus,
)

PREFIX = "room:"
"""What the uids begin with; names of namespaces have no colon."""


@dataclass(slots=True)
class Kept:
    """What is kept for a gang, in whose queue it counts.

    Attributes
    ----------
    mirror, gang, queue
        The cluster, and for whom.
    uids
        Those that hold room, or will.
    """

    mirror: Mirror
    gang: str
    queue: str
    uids: list[str] = field(default_factory=list)
    _left_by: list[str] = field(default_factory=list)

    def begin(
        self, decisions: Sequence[Decision], leaving: Iterable[str], now_s: float, until_s: float
    ) -> None:
        """Keep what is free by now of where a gang goes, and let the others' room be kept.

        Parameters
        ----------
        decisions
            Where it goes once the others have left.
        leaving
            Their uids.
        now_s, until_s
            The time, and how long.
        """
        leaving = sorted(uid for uid in leaving if uid in self.mirror.pods)
        later = [d for d in decisions if not self._hold(d.request, d.placement, now_s, until_s)]
        for request, placement in _free_parts(self.mirror.cluster, later, leaving, now_s):
            if not self._hold(request, placement, now_s, until_s) and request.devices:
                bare = request._replace(devices=())
                self._hold(bare, Placement(placement.node), now_s, until_s)
        for uid in leaving:
            self._left_by.append(uid)
            self.mirror.heirs[uid] = Heir(self._next(), self.queue, until_s)

    def extend(self, until_s: float) -> None:
        """Keep it for longer."""
        for uid in self.uids:
            if uid in self.mirror.holds:
                self.mirror.holds[uid] = until_s
        for uid in self._left_by:
            if uid in self.mirror.heirs:
                self.mirror.heirs[uid] = replace(self.mirror.heirs[uid], until_s=until_s)

    def release(self, now_s: float) -> None:
        """Give all of it up."""
        for uid in self._left_by:
            self.mirror.heirs.pop(uid, None)
        for uid in self.uids:
            if uid in self.mirror.holds:
                self.mirror.release(uid, now_s)
        self.uids.clear()
        self._left_by.clear()

    def _next(self) -> str:
        self.uids.append(f"{PREFIX}{self.gang}/{len(self.uids)}")
        return self.uids[-1]

    def _hold(
        self, request: Request, placement: Placement | None, now_s: float, until_s: float
    ) -> bool:
        kept = placeholder(request, self._next(), self.queue)
        with suppress(StateError):
            self.mirror.hold(Decision(kept, now_s, placement), until_s)
            return True
        self.uids.pop()
        return False


def _free_parts(
    cluster: Cluster, decisions: Sequence[Decision], leaving: Iterable[str], now_s: float
) -> list[tuple[Request, Placement]]:
    """Return what decisions take of what is free now, by node; the rest is others' yet.

    Of GPUs that are shared by now nothing is counted, only whole ones that are idle.
    """
    nodes = sorted({d.placement.node for d in decisions if d.placement is not None})
    before = {name: _Free.of(cluster, name) for name in nodes}
    after = {}
    try:
        with cluster.trial():
            for uid in leaving:
                if uid in cluster.pods:
                    cluster.apply(Gone(uid))
            for decision in decisions:
                cluster.apply(Held(decision, now_s))
            after = {name: _Free.of(cluster, name) for name in nodes}
    except StateError:
        return []
    found = [_part(cluster, n, before[n], after[n], list(_whole(decisions, n))) for n in nodes]
    return [part for part in found if part is not None]


@dataclass(frozen=True, slots=True)
class _Free:
    """What is free of a node: millicores, MiB, other resources by name, idle GPUs (n_slots,)."""

    cpu: int
    memory: int
    resources: dict[str, int]
    idle: BoolArray

    @staticmethod
    def of(cluster: Cluster, name: str) -> _Free:
        view, row = cluster.view, cluster.row(name)
        start = view.slot_start.item(row)
        own = slice(start, start + view.slot_count.item(row))
        free = view.resources_free[row].tolist()
        return _Free(
            view.cpu_free_milli.item(row),
            view.memory_free_mib.item(row),
            dict(zip(view.resource_names, free, strict=False)),
            view.slot_free_milli[own] == view.slot_capacity[own],
        )


def _part(
    cluster: Cluster, name: str, before: _Free, after: _Free, grants: list[Grant]
) -> tuple[Request, Placement] | None:
    resources = {key: n - after.resources.get(key, 0) for key, n in before.resources.items()}
    asked = tuple(sorted((key, n) for key, n in resources.items() if n > 0))
    cpu, memory = max(0, before.cpu - after.cpu), max(0, before.memory - after.memory)
    if cluster.nodes[name].anonymous_gpus:
        n_taken = max(0, int(np.count_nonzero(before.idle)) - int(np.count_nonzero(after.idle)))
        free = grants[:n_taken]
    else:
        idle = before.idle.tolist()
        free = [g for g in grants if g.slot.gpu < len(idle) and idle[g.slot.gpu]]
    devices = (DeviceRequest(WholeGpus(len(free))),) if free else ()
    if not (cpu or memory or asked or devices):
        return None
    request = Request("", cpu, memory, devices, asked, preemptible=False)
    return request, Placement(name, (tuple(free),) if free else (), (0,) if free else ())


def _whole(decisions: Iterable[Decision], name: str) -> Iterator[Grant]:
    """Yield the whole GPUs of a node that decisions take."""
    for decision in decisions:
        placement = decision.placement
        if placement is None or placement.node != name:
            continue
        for device, grants in zip(decision.request.devices, placement.grants, strict=True):
            if isinstance(device.ask, WholeGpus):
                yield from (grant for grant in grants if not grant.slot.size)
