"""Carries out what the controller says: writes to nodes, Events, metrics, log lines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bayplan.extender.api import About, ApiError, Client, Recorder, patch_node
from bayplan.extender.aside import aside
from bayplan.extender.repartition.controller import Controller, Due
from bayplan.extender.repartition.machine import Result
from bayplan.extender.repartition.numbers import RepartitionNumbers
from bayplan.extender.repartition.observing import SeenNode
from bayplan.extender.repartition.planning import plan

LOG = logging.getLogger("bayplan.extender.repartition")

ROUND_S = 1.0
"""How often nodes under way are looked at."""
PLAN_S = 5.0
"""How often a plan is made, while somebody waits."""
IN_VAIN_S = 20.0
"""How long none is made after one that helped nobody: all nodes are looked at for it."""
AGAIN_S = 60.0
"""How long the log is silent after a write that failed as the one before did."""
CONFLICT = 409

REASONS = {
    Result.BEGUN: "BayplanRepartitioning",
    Result.APPLIED: "BayplanMigConfigSet",
    Result.DONE: "BayplanRepartitioned",
    Result.UNDONE: "BayplanRepartitionUndone",
    Result.FAILED: "BayplanRepartitionFailed",
    Result.LEFT: "BayplanRepartitionLeft",
}
"""Reasons of Events about nodes."""


class NodeCalls(Protocol):
    """Writes about nodes."""

    async def patch(self, node: SeenNode, change: Mapping[str, Any]) -> None:
        """Change a node that is still as it was seen; raises ``ApiError``."""

    def tell(self, node: SeenNode, reason: str, note: str, *, warning: bool) -> None:
        """Let an Event about a node be written, when there is time for it."""


class ApiNodes:
    """See ``NodeCalls``.

    Parameters
    ----------
    client, recorder
        The API server, and who writes Events.
    """

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self._client, self._recorder = client, recorder

    async def patch(self, node: SeenNode, change: Mapping[str, Any]) -> None:
        """Change a node that is still as it was seen."""
        await patch_node(self._client, node.name, change, node.version)

    def tell(self, node: SeenNode, reason: str, note: str, *, warning: bool) -> None:
        """Let an Event about a node be written, when there is time for it."""
        about = About("", node.name, node.uid, "Node")
        self._recorder.record(about, reason, note, type="Warning" if warning else "Normal")


class Runner:
    """Runs a controller on the event loop that owns the live state.

    Parameters
    ----------
    controller
        The controller.
    calls
        The API server.
    clock
        The time of the owner, in seconds since 1970.
    numbers
        The metrics.
    lacks
        Returns why what is known may be incomplete or old; then nothing is done.
    leads
        Whether this process is the one that acts.
    """

    def __init__(
        self,
        controller: Controller,
        calls: NodeCalls,
        clock: Callable[[], float],
        numbers: RepartitionNumbers,
        *,
        lacks: Callable[[], list[str]],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self.controller = controller
        self._calls, self._clock, self._numbers = calls, clock, numbers
        self._lacks, self._leads = lacks, leads
        self._written: dict[str, str] = {}
        self._next_plan_s = 0.0
        self._failed: dict[str, tuple[str, float]] = {}

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self.round()
            except Exception:  # the next round sees what there is, whatever went wrong once
                LOG.exception("a round of repartitioning failed")

    async def round(self) -> None:
        """Take nodes that are under way a step on; begin with others if somebody waits."""
        self._numbers.look_at(self.controller.steps())
        if self._may_act():
            for due in self.controller.due(self._clock()):
                await self._write(due)
        if self._may_act() and self._clock() >= self._next_plan_s:
            self._next_plan_s = self._clock() + IN_VAIN_S
            if await self._plan() or not self.controller.watched.waiting:
                self._next_plan_s = self._clock() + PLAN_S

    async def _plan(self) -> bool:
        """Begin with the nodes of a new plan; return whether it has some."""
        case = self.controller.case(self._clock())
        if case is None:
            return False
        planned = await aside(plan, case, self.controller.room())
        if not self._may_act():
            return False
        for due in self.controller.started(planned, self._clock()):
            await self._write(due)
        return bool(planned)

    def _may_act(self) -> bool:
        return self._leads() and not self._lacks()

    async def _write(self, due: Due) -> None:
        """Write what is due, once for each version of a node that is seen."""
        node, write = due.node, due.write
        if self._written.get(node.name) == node.version:
            return
        self._written[node.name] = node.version
        try:
            await self._calls.patch(node, write.patch())
        except ApiError as error:
            if error.status == CONFLICT:
                return  # another version is about to be seen
            self._written.pop(node.name)
            self._log_failure(node, str(error))
            if error.status:  # else it may have been done
                self.controller.not_begun(node.name)
            return
        self._numbers.wrote(write.result)
        warning = write.result is Result.FAILED
        self._calls.tell(node, REASONS[write.result], write.why, warning=warning)
        extra = {"node": node.name, "step": write.result.value, "what": write.why}
        LOG.log(logging.WARNING if warning else logging.INFO, "repartitions", extra=extra)

    def _log_failure(self, node: SeenNode, why: str) -> None:
        said, when_s = self._failed.get(node.name, ("", 0.0))
        if why != said or self._clock() - when_s >= AGAIN_S:
            self._failed[node.name] = why, self._clock()
            LOG.warning("a node was not changed", extra={"node": node.name, "why": why})
