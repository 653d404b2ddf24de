"""Members of a gang wait at the bind until enough of them have come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bayplan.extender.live.plans import Plan


@dataclass(slots=True)
class _Gate:
    """Who waits for a plan; ``ended``: it will not come to anything."""

    plan: Plan
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    waiting: int = 0


class Barrier:
    """One gate for each plan under way."""

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    def __len__(self) -> int:
        return sum(gate.waiting for gate in self._gates.values())

    async def wait(self, plan: Plan, timeout_s: float) -> bool:
        """Return True when the gate opens, False when it ends or the time is over.

        Parameters
        ----------
        plan
            The plan.
        timeout_s
            How long to wait at most.
        """
        gate = self._gates.get(plan.name)
        if gate is None or gate.plan is not plan:
            if gate is not None:
                self._end(gate)
            gate = self._gates[plan.name] = _Gate(plan)
        gate.waiting += 1
        try:
            await asyncio.wait_for(gate.opened.wait(), timeout_s)
        except TimeoutError:
            return False
        finally:
            gate.waiting -= 1
            if not gate.waiting and self._gates.get(plan.name) is gate:
                del self._gates[plan.name]
        return not gate.ended

    def open(self, plan: Plan) -> None:
        """Let all who wait for a plan pass.

        Parameters
        ----------
        plan
            The plan.
        """
        gate = self._gates.get(plan.name)
        if gate is not None and gate.plan is plan:
            gate.opened.set()

    def end_all_but(self, plans: dict[str, Plan]) -> None:
        """Let those go whose plan is none of these any more.

        Parameters
        ----------
        plans
            The plans that stand, by gang.
        """
        for name, gate in list(self._gates.items()):
            if plans.get(name) is not gate.plan and not gate.opened.is_set():
                self._end(gate)

    def _end(self, gate: _Gate) -> None:
        gate.ended = True
        gate.opened.set()
