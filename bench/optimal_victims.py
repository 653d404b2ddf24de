"""The least that must be evicted for a pod or a gang, exactly, under three sets of guards.

The cost is the sum over all victims of (1 + priority) × GPUs × seconds since the checkpoint.
Before it come, lexicographically: violations of disruption budgets (``VIOLATIONS``); the highest
priority among the victims too (``PRIORITIES``); and how many leave (``NUMBERS``), which is the
engine's own order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.types import GPU_MILLI, Pod, Request
from optimal_model import Proof, Solution
from optimal_room import Room, room_for
from optimal_scenes import NOW_S, PRIORITY, Scene

Terms = dict[int, float]


@dataclass(frozen=True, slots=True, order=True)
class Loss:
    """What a set of victims is compared by."""

    violations: int
    highest_priority: int
    number: int
    cost: float


VIOLATIONS, PRIORITIES, NUMBERS = GUARDS = (
    "violations",
    "violations, highest priority",
    "violations, highest priority, number",
)


@dataclass(frozen=True, slots=True)
class Least:
    """The least losses, one for each of ``GUARDS``; empty where ``proof`` is not ``OPTIMAL``."""

    proof: Proof
    losses: tuple[Loss, ...] = ()


def cost_of(pod: Pod) -> float:
    """Return what it costs to evict a pod: (1 + priority) × GPUs × seconds of work lost."""
    milli = sum(grant.milli for grants in pod.placement.grants for grant in grants)
    safe_s = pod.start_s if pod.last_checkpoint_s is None else pod.last_checkpoint_s
    return (1 + pod.request.priority) * milli / GPU_MILLI * max(0.0, NOW_S - safe_s)


def loss_of(scene: Scene, uids: Collection[str]) -> Loss:
    """Return what these victims are compared by."""
    pods = [scene.cluster.pods[uid] for uid in sorted(uids)]
    taken: dict[str, int] = defaultdict(int)
    for pod in pods:
        for name in pod.request.disruption_budgets:
            taken[name] += 1
    beyond = sum(max(0, n - scene.guards.budgets[name]) for name, n in taken.items())
    highest = max((pod.request.priority for pod in pods), default=-1)
    return Loss(beyond, highest, len(pods), sum(map(cost_of, pods)))


def may_leave(scene: Scene) -> list[str]:
    """Return who may be evicted one by one; gangs come on top."""
    return [
        uid
        for uid, pod in sorted(scene.cluster.pods.items())
        if pod.request.preemptible
        and pod.request.priority < PRIORITY
        and pod.start_s + scene.guards.min_run_s <= NOW_S
    ]


def is_legal(scene: Scene, uids: Collection[str]) -> bool:
    """Whether all of these may leave, and each gang leaves whole or keeps its least."""
    if not set(uids) <= set(may_leave(scene)):
        return False
    for name, members in gangs_of(scene.cluster).items():
        gone = len(set(members) & set(uids))
        least = scene.guards.gang_min.get(name, len(members))
        if gone and gone < len(members) and len(members) - gone < least:
            return False
    return True


def gangs_of(cluster: Cluster) -> dict[str, list[str]]:
    """Return the members that run of each gang, sorted."""
    found: dict[str, list[str]] = defaultdict(list)
    for uid in sorted(cluster.pods):
        name = cluster.pods[uid].request.gang
        if name:
            found[name].append(uid)
    return found


def least_loss(scene: Scene, members: Sequence[Request]) -> Least:
    """Return the least that must leave so that all members fit, under each of ``GUARDS``."""
    room = room_for(scene.cluster, members, may_leave(scene), scene.domains())
    _add_gangs(room, scene)
    beyond = _add_budgets(room, scene)
    costs: Terms = {v: cost_of(scene.cluster.pods[uid]) for uid, v in room.leaves.items()}
    losses: list[Loss] = []
    for guard in (beyond, _highest(room, scene), dict.fromkeys(room.leaves.values(), 1.0)):
        solution = room.model.solve(guard)
        if solution.proof is Proof.OPTIMAL:
            room.model.row(guard, upper=round(solution.value))
            solution = room.model.solve(costs)
        if solution.proof is not Proof.OPTIMAL:
            return Least(Proof.UNKNOWN if losses else solution.proof)
        losses.append(loss_of(scene, _chosen(room, solution)))
    return Least(Proof.OPTIMAL, tuple(losses))


def _highest(room: Room, scene: Scene) -> Terms:
    """Return the variable of 1 + the highest priority among the victims, as an objective."""
    highest = room.model.variable(PRIORITY)
    for uid, variable in room.leaves.items():
        rank = scene.cluster.pods[uid].request.priority + 1.0
        room.model.row({variable: rank, highest: -1.0}, upper=0)
    return {highest: 1.0}


def _add_gangs(room: Room, scene: Scene) -> None:
    leaves = room.leaves
    for name, members in gangs_of(scene.cluster).items():
        able = [leaves[uid] for uid in members if uid in leaves]
        least = scene.guards.gang_min.get(name, len(members))
        spare = max(0, len(members) - least)
        terms: Terms = dict.fromkeys(able, 1.0)
        if len(able) < len(members):
            room.model.row(terms, upper=spare)
            continue
        whole = room.model.variable()
        room.model.row({**terms, whole: float(spare - len(members))}, upper=spare)
        for variable in able:
            room.model.row({variable: 1.0, whole: -1.0}, lower=0)


def _add_budgets(room: Room, scene: Scene) -> Terms:
    """Return the variables of how far each budget is exceeded, as an objective."""
    beyond: Terms = {}
    for name, allowed in sorted(scene.guards.budgets.items()):
        terms: Terms = {
            variable: 1.0
            for uid, variable in room.leaves.items()
            if name in scene.cluster.pods[uid].request.disruption_budgets
        }
        excess = room.model.variable(float(len(terms)))
        room.model.row({**terms, excess: -1.0}, upper=allowed)
        beyond[excess] = 1.0
    return beyond


def _chosen(room: Room, solution: Solution) -> list[str]:
    return [uid for uid, variable in room.leaves.items() if solution.values[variable] > 0.5]
