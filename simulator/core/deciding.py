"""Who decides for a run: its own engine, or somebody elsewhere who keeps the room for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict, Unknown
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.types import ANONYMOUS, GPU_MILLI, Decision, Grant, Node, Placement, Request


class Decides(Protocol):
    """Answers as ``scheduler.engine.Engine`` does, which is one."""

    def decide(
        self, request: Request, now_s: float, nodes: BoolArray | None = None, *, why: bool = True
    ) -> Decision:
        """Return where a pod goes now, or why nowhere."""

    def decide_gang(self, gang: Gang, now_s: float, nodes: BoolArray | None = None) -> GangPlan:
        """Return where the members of a gang go together now, or why nowhere."""


class Decider(Decides, Protocol):
    """Decides for a cluster elsewhere, such as a live one, in place of the run's own engine.

    The run has its own cluster beside it: what is there is what was decided there. ``nodes`` are
    never masked.
    """

    @property
    def where(self) -> str:
        """What messages call it."""

    @property
    def placement(self) -> str:
        """The policy that it decides by."""

    @property
    def nodes(self) -> Sequence[Node]:
        """Its nodes, those first for which ties are broken.

        Their amounts are what was free when it was asked; GPUs that were not wholly free are among
        the unhealthy ones.
        """

    def choose_among(self, names: Sequence[str]) -> None:
        """Decide for these nodes alone."""

    def commit(self, decisions: Sequence[Decision]) -> None:
        """Take the room of decisions, of all or of none."""

    def release(self, uids: Sequence[str]) -> None:
        """Give back the room of pods."""

    def about(self) -> str:
        """Return a line about what it was asked, and how long that took."""


def bind_decided(cluster: Cluster, decision: Decision, now_s: float) -> Placement:
    """Bind a pod in the run's own cluster where it was decided elsewhere; return its placement.

    Where a device plugin picks the GPUs they are taken to be the first that nobody has.

    Raises
    ------
    Conflict
        There is no such room by what this run did.
    """
    assert decision.placement is not None
    uid, node = decision.request.uid, decision.placement.node
    try:
        placement = _with_indices(cluster, decision.placement)
        cluster.apply(Bound(decision._replace(placement=placement), now_s))
    except (Conflict, Unknown):
        raise Conflict(
            f"{uid} was given room on {node} that is not there by what the run did: something else"
            " has changed the cluster meanwhile; run again on one that nobody else uses"
        ) from None
    return placement


def _with_indices(cluster: Cluster, placement: Placement) -> Placement:
    grants = [grant for device in placement.grants for grant in device]
    if not any(grant.slot.gpu == ANONYMOUS for grant in grants):
        return placement
    view, row = cluster.view, cluster.row(placement.node)
    start, count = view.slot_start.item(row), view.slot_count.item(row)
    free = (gpu for gpu in range(count) if view.slot_free_milli.item(start + gpu) == GPU_MILLI)

    def indexed(grant: Grant) -> Grant:
        # Without one the cluster refuses the placement.
        return replace(grant, slot=replace(grant.slot, gpu=next(free, ANONYMOUS)))

    return placement._replace(
        grants=tuple([tuple([indexed(grant) for grant in device]) for device in placement.grants])
    )
