"""Making a plan: what waits is served in order, each applied to the cluster before the next.

A gang is placed whole. What finds no room may evict; its victims are gone for those after it.
When anybody was evicted, those that still wait are tried once more without evicting.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from bayplan.scheduler import preemption as preempting
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.explaining.text import verdict_words
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.queues import Admission
from bayplan.scheduler.types import Decision, Reason, Request
from bayplan.simulator.plan.results import Cause, Evicted, Placed, Plan, Waiting
from bayplan.simulator.plan.scene import Scene, Unit
from bayplan.traces.kubernetes.gpus import in_parts

NEVER = "never"
FAIR_RECLAIM = "fair-reclaim"
NOW_S = 0.0
NOBODY_TO_RECLAIM_FROM = "queue: it may reclaim, and nobody that can be evicted is enough"
NOT_GROWN = "the gang starts without it; there was no room to grow"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a unit waits; ``reasons`` of a pod by itself where room is what it waits for."""

    why: str
    reasons: tuple[tuple[Reason, int], ...] = ()
    lacks_room: bool = False


def make_plan(
    scene: Scene,
    engine: Engine,
    units: Sequence[Unit],
    preemption: str = NEVER,
    admission: Admission | None = None,
) -> Plan:
    """Return the plan for what waits, and leave the cluster as it would be then.

    Parameters
    ----------
    scene
        What waits, and what protects those who run.
    engine
        Decides on the cluster of the scene.
    units
        What waits, in the order of serving.
    preemption
        A preemption policy, or ``never``.
    admission
        The queues; None: there are none.
    """
    planner = _Planner(scene, engine, preemption, admission)
    bound, before = len(engine.cluster.pods), _free(engine)
    for unit in units:
        planner.serve(unit, evict=preemption != NEVER)
    if planner.evicted or planner.waits_for_others():
        for unit in [unit for unit, _ in planner.refused.values()]:
            planner.serve(unit, evict=False)
    return Plan(
        tuple(planner.placed.values()),
        tuple(planner.evicted),
        planner.waiting(),
        len(engine.cluster.nodes),
        sum(node.gpu_count for node in engine.cluster.nodes.values()),
        bound,
        before,
        _free(engine),
        sum(node.gpu_count for node in engine.cluster.nodes.values() if in_parts(node)),
        sum(not node.schedulable for node in engine.cluster.nodes.values()),
        planner.budgets,
    )


def _free(engine: Engine) -> int:
    view = engine.cluster.view
    return int(view.idle_milli[: view.n_rows][view.schedulable[: view.n_rows]].sum())


class _Planner:
    """The plan so far.

    ``_hopeless`` remembers kinds of pods for which nobody can be evicted: as long as nobody
    leaves, that stays so.
    """

    def __init__(
        self, scene: Scene, engine: Engine, policy: str, admission: Admission | None
    ) -> None:
        self.placed: dict[str, Placed] = {}
        self.evicted: list[Evicted] = []
        self.refused: dict[tuple[bool, str], tuple[Unit, Refusal]] = {}
        self.budgets = dict(scene.guards.budgets)
        self._scene = scene
        self._engine = engine
        self._policy = policy
        self._admission = admission
        self._displaced: list[Waiting] = []
        self._hopeless: dict[Request, int] = {}

    def serve(self, unit: Unit, *, evict: bool) -> None:
        """Place a unit, or note why it waits."""
        refusal = self._held_back(unit)
        if refusal is None:
            admitted = self._limit(unit, evict=evict)
            if isinstance(admitted, Refusal):
                refusal = admitted
            elif unit.gang:
                refusal = self._serve_gang(unit, evict=evict, reclaim=admitted)
            else:
                refusal = self._serve_pod(unit.requests[0], evict=evict, reclaim=admitted)
        key = unit.gang is not None, unit.name
        left = tuple(r for r in unit.requests if r.uid not in self.placed)
        if refusal is None and not left:
            self.refused.pop(key, None)
        elif refusal is None:
            self.refused[key] = replace(unit, requests=left), Refusal(NOT_GROWN)
        elif key not in self.refused:  # the first time more was tried
            self.refused[key] = unit, refusal

    def waits_for_others(self) -> bool:
        """Whether a pod waits for what pods that were placed after it may have brought."""
        return any(
            reason in (Reason.POD_AFFINITY, Reason.TOPOLOGY_SPREAD)
            for _, refusal in self.refused.values()
            for reason, _ in refusal.reasons
        )

    def waiting(self) -> tuple[Waiting, ...]:
        """Return the pods that wait, in the order of serving, and then those that made room."""
        found = [
            Waiting(
                request,
                refusal.why,
                unit.gang.name if unit.gang else "",
                refusal.reasons,
                refusal.lacks_room,
            )
            for unit, refusal in self.refused.values()
            for request in unit.requests
        ]
        return (*found, *self._displaced)

    def _held_back(self, unit: Unit) -> Refusal | None:
        gates = sorted({g for r in unit.requests for g in self._scene.gates.get(r.uid, ())})
        if gates:
            return Refusal(f"held by scheduling gate {', '.join(gates)}")
        if unit.gang:
            present = sum(len(role.members) for role in unit.gang.roles)
            least = self._scene.least.get(unit.gang.name, 0)
            if present < least:
                return Refusal(f"the gang has {present} of the {least} members that it needs")
        return None

    def _limit(self, unit: Unit, *, evict: bool) -> Refusal | bool:
        """Return what the unit's queue says; True where it may only come in by reclaiming."""
        if self._admission is None:
            return False
        verdict = self._admission.verdict(unit.requests)
        if verdict.admitted:
            return False
        may = verdict.may_reclaim and evict and self._policy == FAIR_RECLAIM
        return True if may else Refusal(f"queue: {verdict_words(verdict)}")

    def _serve_pod(self, request: Request, *, evict: bool, reclaim: bool) -> Refusal | None:
        decision = self._engine.decide(request, NOW_S)
        if decision.placement is not None and not reclaim:
            over = self._over([decision])
            if over is None:
                self._bind(decision)
            return over
        why = "no room"
        if evict and request.uid not in self._scene.meek:
            kind = request._replace(uid="", disruption_budgets=(), gang="")
            if self._hopeless.get(kind) != len(self.evicted):
                if self._make_room(request):
                    return None
                self._hopeless[kind] = len(self.evicted)
            why = "no room, and nobody to evict"
        if decision.placement is not None:
            why = NOBODY_TO_RECLAIM_FROM
        return Refusal(why, decision.reasons, lacks_room=decision.placement is None)

    def _make_room(self, request: Request) -> bool:
        guards = self._guards([request])
        found = preempting.preempt(self._engine, request, NOW_S, guards, self._policy)
        for victims in found.nodes:
            there = Decision(request, NOW_S, victims.placement)
            if self._over([there], without=victims.uids) is not None:
                continue
            self._evict(victims.uids, request.uid, {victims.node})
            self._bind(there, evicts=victims.uids)
            return True
        return False

    def _over(self, decisions: Sequence[Decision], without: Sequence[str] = ()) -> Refusal | None:
        """Return what the queues say of what is taken, once some have left; None: they admit it."""
        if self._admission is None:
            return None
        verdict = self._admission.verdict_there(decisions, without)
        return None if verdict.admitted else Refusal(f"queue: {verdict_words(verdict)}")

    def _serve_gang(self, unit: Unit, *, evict: bool, reclaim: bool) -> Refusal | None:
        assert unit.gang is not None
        plan = self._engine.decide_gang(unit.gang, NOW_S)
        if reclaim and plan.decisions:
            # There is room; nobody's leaving makes more of the share of the queue.
            return Refusal(NOBODY_TO_RECLAIM_FROM)
        evicts: tuple[str, ...] = ()
        if not plan.decisions and evict and not self._scene.meek & {r.uid for r in unit.requests}:
            guards = self._guards(unit.requests)
            found = preempting.preempt_gang(self._engine, unit.gang, NOW_S, guards, self._policy)
            if found.plan is not None and found.plan.decisions:
                plan, evicts = found.plan, found.uids
        if not plan.decisions:
            return Refusal(plan.why or "no room for all that must start together", lacks_room=True)
        over = self._over(plan.decisions, without=evicts)
        if over is not None:
            return over
        if evicts:
            where = {d.placement.node for d in plan.decisions if d.placement is not None}
            self._evict(evicts, unit.name, where)
        for decision in plan.decisions:
            self._bind(decision, unit.name, evicts)
        return None

    def _guards(self, requests: Sequence[Request]) -> Guards:
        guards = replace(self._scene.guards, budgets=dict(self.budgets))
        if self._admission is None or self._policy != FAIR_RECLAIM:
            return guards
        return replace(guards, queue_excess_milli=self._admission.excess(requests))

    def _evict(self, uids: Iterable[str], by: str, nodes: Container[str]) -> None:
        cluster = self._engine.cluster
        for uid in uids:
            pod = cluster.pods[uid]
            cluster.apply(Gone(uid))
            if self._admission is not None:
                self._admission.remove(uid)
            placed = self.placed.pop(uid, None)
            if placed is None:
                node = pod.placement.node
                cause = Cause.ROOM if node in nodes else Cause.GANG
                over = self._spend(pod.request)
                self.evicted.append(Evicted(pod.request, node, by, cause, over))
            else:
                why = f"was to be placed, and makes room for {by}"
                self._displaced.append(Waiting(pod.request, why, placed.gang))

    def _spend(self, request: Request) -> tuple[str, ...]:
        """Take an eviction from the budgets of a pod; return those that had none left."""
        mine = [name for name in request.disruption_budgets if name in self.budgets]
        over = tuple(name for name in mine if self.budgets[name] <= 0)
        for name in mine:
            self.budgets[name] = max(0, self.budgets[name] - 1)
        return over

    def _bind(self, decision: Decision, gang: str = "", evicts: tuple[str, ...] = ()) -> None:
        request, placement = decision.request, decision.placement
        assert placement is not None
        self._engine.cluster.apply(Bound(decision, NOW_S))
        if self._admission is not None:
            self._admission.add(request, placement)
        unmodelled = request.constraints.not_looked_at if request.constraints else ()
        self.placed[request.uid] = Placed(request, placement, gang, evicts, unmodelled)
