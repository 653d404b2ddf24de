"""What the engine evicts for a pod or a gang, beside the least that must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.preemption import preempt, preempt_gang
from bayplan.scheduler.types import Decision
from optimal_gangs import POLICY, is_plan
from optimal_model import Proof
from optimal_scenes import NOW_S, Scene, pod_scene, squeeze_scene
from optimal_victims import GUARDS, Loss, is_legal, least_loss, loss_of

SURE_GPU_S = 1.0
"""Added to both costs of a ratio: an optimum of no lost work at all has one too."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """One seed: the loss of our victims, and the least one for each of ``GUARDS``.

    ``fits``: nobody need leave, so that the instance does not count. ``ours`` is None where we
    found nobody to evict.
    """

    seed: int
    proof: Proof
    fits: bool = False
    ours: Loss | None = None
    least: tuple[Loss, ...] = ()


def evicted_for_pod(seed: int) -> Evicted:
    """Return the result for a seed, for one pod."""
    return _evicted(pod_scene(seed), _victims_of_pod)


def evicted_for_gang(seed: int) -> Evicted:
    """Return the result for a seed, for a gang."""
    return _evicted(squeeze_scene(seed), _victims_of_gang)


def ratio(ours: Loss, least: Loss) -> float:
    """Return our cost over the least."""
    return (ours.cost + SURE_GPU_S) / (least.cost + SURE_GPU_S)


def key(loss: Loss, guard: str) -> tuple[int, ...]:
    """Return the part of a loss that comes before the cost."""
    return (loss.violations, loss.highest_priority, loss.number)[: GUARDS.index(guard) + 1]


def _evicted(scene: Scene, victims: Callable[[Scene], tuple[str, ...] | None]) -> Evicted:
    least = least_loss(scene, scene.members)
    if least.proof is Proof.UNKNOWN:
        return Evicted(scene.seed, least.proof)
    if least.losses and not least.losses[-1].number:
        return Evicted(scene.seed, least.proof, fits=True)
    uids = victims(scene)
    if least.proof is Proof.INFEASIBLE:
        assert uids is None, f"victims {scene.seed}: the model says that none are enough"
        return Evicted(scene.seed, least.proof)
    if uids is None:
        return Evicted(scene.seed, least.proof, least=least.losses)
    assert is_legal(scene, uids), f"victims {scene.seed}: {uids} may not all leave"
    ours = loss_of(scene, uids)
    for guard, best in zip(GUARDS, least.losses, strict=True):
        assert (*key(ours, guard), ours.cost + 1) >= (*key(best, guard), best.cost), (
            f"victims {scene.seed}: {ours} is less than the least {best}"
        )
    return Evicted(scene.seed, least.proof, ours=ours, least=least.losses)


def _victims_of_pod(scene: Scene) -> tuple[str, ...] | None:
    engine = Engine(scene.cluster, make_policy(POLICY))
    (pod,) = scene.members
    found = preempt(engine, pod, NOW_S, scene.guards)
    if not found.nodes:
        return None
    first = found.nodes[0]
    with scene.cluster.trial():
        for uid in first.uids:
            scene.cluster.apply(Gone(uid))
        scene.cluster.apply(Bound(Decision(pod, NOW_S, first.placement), NOW_S))
    return first.uids


def _victims_of_gang(scene: Scene) -> tuple[str, ...] | None:
    engine = Engine(scene.cluster, make_policy(POLICY))
    found = preempt_gang(engine, scene.gang, NOW_S, scene.guards)
    if found.plan is None or not found.plan.decisions:
        return None
    with scene.cluster.trial():
        for uid in found.uids:
            scene.cluster.apply(Gone(uid))
        assert is_plan(scene, found.plan), f"gang victims {scene.seed}: no plan"
    return found.uids
