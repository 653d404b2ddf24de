"""Does the engine find a plan for a gang whenever one exists?

For each seed the gang is the largest of a row of gangs that the exact model proves to fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound
from bayplan.scheduler.gangs.types import GangPlan
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.view import BoolArray
from optimal_model import Proof
from optimal_room import room_for
from optimal_scenes import NOW_S, Scene, gang_scenes

POLICY = "best-fit"


@dataclass(frozen=True, slots=True)
class Planned:
    """One seed: whether a gang exists that fits, whether first-fit finds it, and whether we do.

    ``proof`` is ``INFEASIBLE`` when none of the row of gangs fits.
    """

    seed: int
    proof: Proof
    easy: bool = False
    found: bool = False
    members: int = 0


def planned(seed: int) -> Planned:
    """Return the result for a seed."""
    for scene in gang_scenes(seed):
        proof = room_for(scene.cluster, scene.members, (), scene.domains()).model.solve().proof
        if proof is Proof.UNKNOWN:
            return Planned(seed, proof)
        engine = Engine(scene.cluster, make_policy(POLICY))
        found = is_plan(scene, engine.decide_gang(scene.gang, NOW_S))
        if proof is Proof.OPTIMAL:
            return Planned(seed, proof, first_fit_finds(scene), found, len(scene.members))
        if found:
            raise AssertionError(f"gang {seed}: planned, and the model says that it cannot be")
    return Planned(seed, Proof.INFEASIBLE)


def is_plan(scene: Scene, plan: GangPlan) -> bool:
    """Whether a plan places all members; ``AssertionError`` when it breaks a rule."""
    if not plan.decisions:
        return False
    uids = sorted(decision.request.uid for decision in plan.decisions)
    assert uids == sorted(member.uid for member in scene.members), f"gang {scene.seed}: members"
    assert all_in_one(scene, plan), f"gang {scene.seed}: outside one rack"
    assert fits(scene.cluster, plan), f"gang {scene.seed}: the plan does not fit"
    return True


def all_in_one(scene: Scene, plan: GangPlan) -> bool:
    """Whether the plan keeps to one of the domains, where the gang needs one."""
    nodes = {each.placement.node for each in plan.decisions if each.placement is not None}
    domains = scene.domains()
    return not domains or any(nodes <= set(domain) for domain in domains)


def fits(cluster: Cluster, plan: GangPlan) -> bool:
    """Whether all of a plan can be bound; ``Conflict`` where it cannot."""
    with cluster.trial():
        for decision in plan.decisions:
            cluster.apply(Bound(decision, NOW_S))
    return True


def first_fit_finds(scene: Scene) -> bool:
    """Whether first-fit, member by member in their order, finds a plan in some domain."""
    engine = Engine(scene.cluster, make_policy("first-fit"))
    domains = scene.domains() or [tuple(scene.cluster.nodes)]
    return any(_places_all(engine, scene, mask_of(scene.cluster, domain)) for domain in domains)


def mask_of(cluster: Cluster, names: tuple[str, ...]) -> BoolArray:
    """Return the mask (n_rows,) of these nodes."""
    mask = np.zeros(cluster.view.n_rows, np.bool_)
    mask[[cluster.row(name) for name in names]] = True
    return mask


def _places_all(engine: Engine, scene: Scene, nodes: BoolArray) -> bool:
    with scene.cluster.trial():
        for member in scene.members:
            decision = engine.decide(member, NOW_S, nodes)
            if decision.placement is None:
                return False
            scene.cluster.apply(Bound(decision, NOW_S))
    return True
