"""Random partly filled clusters with a gang that wants in, or a pod that others must leave for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Checkpointed, Gone
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import GPU_MILLI, Node, Request, Topology, TopologyLevel
from optimal_instances import RACK, draw_nodes, draw_shapes, named
from optimal_taking import value_milli

NOW_S = 10_000.0
PRIORITY = 8
"""That of who comes in; those of the running pods are 0 to 10."""
PARTS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5, 0.4, 0.3)
"""What gangs want of what is free, one after the other, until the oracle says that one fits."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster with running pods, the gang that comes (of one member: a pod), and the guards."""

    seed: int
    cluster: Cluster
    gang: Gang
    guards: Guards = field(default_factory=Guards)

    @property
    def members(self) -> tuple[Request, ...]:
        """All members of all roles."""
        return tuple(member for role in self.gang.roles for member in role.members)

    def domains(self) -> list[tuple[str, ...]]:
        """Return the nodes of each rack when the gang must stay in one, else nothing."""
        if not self.gang.topology:
            return []
        racks: dict[str, list[str]] = {}
        for name in sorted(self.cluster.nodes):
            racks.setdefault(dict(self.cluster.nodes[name].labels)[RACK], []).append(name)
        return [tuple(racks[rack]) for rack in sorted(racks)]


def gang_scenes(seed: int) -> Iterator[Scene]:
    """Go through gangs of falling size that want in on one partly filled cluster.

    The first one wants all that is free on the cluster, or on the emptiest rack.
    """
    random = Random(f"gang {seed}")
    nodes = draw_nodes(random, random.randint(4, 16), racks=random.randint(2, 4))
    shapes = draw_shapes(random, nodes)
    cluster = filled(random, nodes, shapes, random.uniform(0.2, 0.7))
    in_rack = random.random() < 0.6
    free = _free_milli(cluster, in_rack=in_rack)
    topology = (Topology(TopologyLevel.RACK),) if in_rack else ()
    state, seen = random.getstate(), set[tuple[int, ...]]()
    for part in PARTS:
        random.setstate(state)
        roles = roles_of(random, shapes, part * free)
        sizes = tuple(len(role.members) for role in roles)
        if sizes not in seen:
            seen.add(sizes)
            yield Scene(seed, cluster, Gang("new", roles, topology))


def roles_of(random: Random, shapes: Sequence[Request], wanted: float) -> tuple[Role, ...]:
    """Return one to three roles, each of one shape, that together ask for ``wanted`` milli."""
    kinds = random.sample(shapes, random.randint(1, min(3, len(shapes))))
    weights = [random.random() + 0.2 for _ in kinds]
    roles: list[Role] = []
    for kind, weight in zip(kinds, weights, strict=True):
        number = max(1, round(wanted * weight / sum(weights) / value_milli(kind)))
        name = f"role{len(roles)}"
        fields = {"gang": "new", "priority": PRIORITY}
        members = [named(kind, f"{name}-{i:02}", **fields) for i in range(min(number, 20))]
        roles.append(Role(name, tuple(members)))
    return tuple(roles)


def filled(
    random: Random, nodes: Sequence[Node], shapes: Sequence[Request], part: float
) -> Cluster:
    """Return a cluster on which pods came and went until about ``part`` of its GPUs is taken."""
    cluster = Cluster(nodes)
    engine = Engine(cluster, make_policy("random"), seed=random.randrange(1 << 30))
    for number in range(200):
        pod = named(random.choice(shapes), f"old{number:03}")
        decision = engine.decide(pod, 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))
    total = GPU_MILLI * sum(node.gpu_count for node in nodes)
    uids = sorted(cluster.pods)
    random.shuffle(uids)
    for uid in uids:
        if sum(value_milli(pod.request) for pod in cluster.pods.values()) <= part * total:
            break
        cluster.apply(Gone(uid))
    return cluster


def _free_milli(cluster: Cluster, *, in_rack: bool) -> int:
    """Return what is free on all nodes, or on those of the emptiest rack."""
    free: dict[str, int] = {}
    for node in cluster.nodes.values():
        rack = dict(node.labels).get(RACK, "") if in_rack else ""
        free[rack] = free.get(rack, 0) + GPU_MILLI * node.gpu_count
    for pod in cluster.pods.values():
        node = cluster.nodes[pod.placement.node]
        rack = dict(node.labels).get(RACK, "") if in_rack else ""
        free[rack] -= value_milli(pod.request)
    return max(free.values())


def pod_scene(seed: int) -> Scene:
    """Return a full cluster and one pod that fits only when others leave."""
    random = Random(f"victims {seed}")
    nodes = draw_nodes(random, random.randint(3, 12))
    shapes = draw_shapes(random, nodes)
    cluster, guards = running(random, nodes, shapes)
    pod = named(random.choice(shapes), "new", priority=PRIORITY)
    return Scene(seed, cluster, Gang("new", (Role("pod", (pod,)),)), guards)


def squeeze_scene(seed: int) -> Scene:
    """Return a full cluster in racks and a gang that fits only when others leave."""
    random = Random(f"gang victims {seed}")
    nodes = draw_nodes(random, random.randint(4, 12), racks=random.randint(2, 3))
    shapes = draw_shapes(random, nodes)
    cluster, guards = running(random, nodes, shapes)
    gpus = sum(node.gpu_count for node in nodes)
    roles = roles_of(random, shapes, random.uniform(0.1, 0.3) * gpus * GPU_MILLI)
    topology = (Topology(TopologyLevel.RACK),) if random.random() < 0.5 else ()
    return Scene(seed, cluster, Gang("new", roles, topology), guards)


def running(
    random: Random, nodes: Sequence[Node], shapes: Sequence[Request]
) -> tuple[Cluster, Guards]:
    """Return a full cluster of pods with priorities, gangs, budgets and checkpoints."""
    cluster = Cluster(nodes)
    engine = Engine(cluster, make_policy("random"), seed=random.randrange(1 << 30))
    shape, gang, left = shapes[0], "", 0
    gang_min: dict[str, int] = {}
    priority = 0
    for number in range(200):
        if not left:
            shape, priority = random.choice(shapes), random.choice((0, 0, 1, 2, 3, 5, 9, 10))
            size = random.randint(2, 5) if random.random() < 0.15 else 1
            gang, left = (f"g{number:03}", size) if size > 1 else ("", 1)
            if gang and random.random() < 0.5:
                gang_min[gang] = random.randint(1, size - 1)
        left -= 1
        pod = _old_pod(random, shape, f"old{number:03}", priority, gang)
        start_s = random.uniform(0.0, NOW_S)
        decision = engine.decide(pod, start_s)
        if decision.placement is not None:
            cluster.apply(Bound(decision, start_s))
            if random.random() < 0.6:
                safe_s = random.uniform(start_s, NOW_S)
                cluster.apply(Checkpointed(pod.uid, safe_s))
    budgets = {name: random.randint(0, 2) for name in _BUDGETS}
    sizes: dict[str, int] = {}
    for running in cluster.pods.values():
        sizes[running.request.gang] = sizes.get(running.request.gang, 0) + 1
    # A gang of which only some members run does without the others.
    least = {name: min(n, sizes[name]) for name, n in gang_min.items() if name in sizes}
    return cluster, Guards(budgets, least, min_run_s=random.choice((0.0, 300.0)))


_BUDGETS = ("db", "web", "api")


def _old_pod(random: Random, shape: Request, uid: str, priority: int, gang: str) -> Request:
    pod = named(shape, uid, priority=priority, gang=gang)
    budget = (random.choice(_BUDGETS),) if random.random() < 0.25 else ()
    return pod._replace(preemptible=random.random() < 0.85, disruption_budgets=budget)
