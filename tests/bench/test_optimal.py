"""The exact models against trying everything, on instances small enough for that."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_room as naive
import optimal_room
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.events import Gone
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import Topology, TopologyLevel
from optimal_evictions import evicted_for_pod, key
from optimal_instances import RACK, draw_nodes, draw_shapes, named, packing
from optimal_model import Model, Proof
from optimal_packing import most_value
from optimal_packs import packed
from optimal_scenes import PRIORITY, Scene, running
from optimal_taking import value_milli
from optimal_victims import GUARDS, Loss, is_legal, least_loss, loss_of, may_leave

SEEDS = st.integers(0, 1_000_000)


@given(SEEDS)
def test_the_packing_model_finds_what_trying_everything_finds(seed: int) -> None:
    random = Random(seed)
    nodes = draw_nodes(random, random.randint(1, 2), counts=(1, 2, 3))
    shapes = draw_shapes(random, nodes)
    pods = [named(random.choice(shapes), f"p{i}") for i in range(random.randint(1, 5))]
    tried = naive.most(naive.desks_of(Cluster(nodes)), pods, [value_milli(pod) for pod in pods])
    assert most_value(nodes, pods) == tried


def tiny_scene(seed: int, *, max_running: int = 7) -> Scene:
    random = Random(seed)
    while True:
        nodes = draw_nodes(random, 2, racks=2, counts=(1, 2))
        shapes = draw_shapes(random, nodes)
        cluster, guards = running(random, nodes, shapes)
        if len(cluster.pods) <= max_running:
            break
    members = [
        named(random.choice(shapes), f"new{i}", priority=PRIORITY)
        for i in range(random.randint(1, 3))
    ]
    topology = (Topology(TopologyLevel.RACK),) if random.random() < 0.5 else ()
    return Scene(seed, cluster, Gang("new", (Role("all", tuple(members)),), topology), guards)


def fits_without(scene: Scene, gone: tuple[str, ...]) -> bool:
    desks = naive.desks_of(scene.cluster, gone)
    domains = scene.domains() or [tuple(scene.cluster.nodes)]
    return any(
        naive.all_fit([desk for desk in desks if desk.node.name in domain], scene.members)
        for domain in domains
    )


@given(SEEDS)
def test_the_least_loss_is_what_trying_all_victims_finds(seed: int) -> None:
    scene = tiny_scene(seed)
    able = may_leave(scene)
    losses = [
        loss_of(scene, gone)
        for n in range(len(able) + 1)
        for gone in combinations(able, n)
        if is_legal(scene, gone) and fits_without(scene, gone)
    ]
    least = least_loss(scene, scene.members)
    assert least.proof is (Proof.OPTIMAL if losses else Proof.INFEASIBLE)
    if losses:
        for guard, found in zip(GUARDS, least.losses, strict=True):

            def full(loss: Loss, guard: str = guard) -> tuple[float, ...]:
                return *key(loss, guard), loss.cost

            best = min(losses, key=full)
            assert key(found, guard) == key(best, guard)
            assert found.cost == pytest.approx(best.cost, abs=1.0)


@given(SEEDS)
def test_a_gang_fits_the_model_if_trying_everything_places_it(seed: int) -> None:
    scene = tiny_scene(seed, max_running=20)
    for uid in sorted(scene.cluster.pods)[::2]:
        scene.cluster.apply(Gone(uid))
    room = optimal_room.room_for(scene.cluster, scene.members, (), scene.domains())
    expected = Proof.OPTIMAL if fits_without(scene, ()) else Proof.INFEASIBLE
    assert room.model.solve().proof is expected


@pytest.mark.parametrize("seed", range(40))
def test_instances_keep_what_they_promise(seed: int) -> None:
    instance = packing(seed)
    capacity = 1000 * sum(node.gpu_count for node in instance.nodes)
    wanted = sum(map(value_milli, instance.pods))
    assert 1.0 <= wanted / capacity <= 1.3
    assert len(instance.nodes) <= 20
    assert len(instance.pods) <= 80
    assert all(1 <= node.gpu_count <= 8 for node in instance.nodes)
    assert len({(pod.devices, pod.cpu_milli, pod.memory_mib) for pod in instance.pods}) >= 3
    large = [pod for pod in instance.pods if _is_large(str(pod.devices[0].ask))]
    assert len(large) >= 0.3 * len(instance.pods)
    assert packing(seed) == instance


def _is_large(ask: str) -> bool:
    # By the text, so that nothing of the generator is used to judge it.
    return "MigInstances" in ask or ("WholeGpus" in ask and "count=1)" not in ask)


def test_racks_are_labelled_where_a_gang_needs_one() -> None:
    nodes = draw_nodes(Random(1), 6, racks=3)
    assert [dict(node.labels)[RACK] for node in nodes] == ["r0", "r0", "r1", "r1", "r2", "r2"]


@pytest.mark.parametrize("seed", range(4))
def test_no_policy_packs_more_than_the_optimum(seed: int) -> None:
    result = packed(seed)
    assert result.easy or max(result.parts.values()) <= 1.0


@pytest.mark.parametrize("seed", range(4))
def test_no_victims_cost_less_than_the_least(seed: int) -> None:
    result = evicted_for_pod(seed)  # raises when they do
    assert result.proof is not Proof.UNKNOWN


def test_the_solver_tells_proofs_apart() -> None:
    model = Model()
    x, y = model.variable(3, cost=-2), model.variable(3, cost=-1)
    model.row({x: 2, y: 1}, upper=5)
    assert model.solve().value == -5
    assert model.solve({y: -1.0}).value == -3
    model.row({x: 1, y: 1}, lower=7)
    assert model.solve().proof is Proof.INFEASIBLE
    assert Model().solve().proof is Proof.OPTIMAL
