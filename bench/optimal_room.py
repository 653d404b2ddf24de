"""The exact answer of who fits a partly filled cluster, and who must leave for it.

Every GPU stands for itself here: who stays keeps the GPUs, shares and places of MIG instances
that it has, and those who may be evicted are binaries. Members that ask for the same are one
integer a node and one a GPU.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.hardware.types import MigProfile
from bayplan.scheduler.types import GPU_MILLI, Grant, Node, Pod, Request
from optimal_model import Model
from optimal_taking import Taking, classes_of, is_mig, taking

Terms = dict[int, float]
Here = list[tuple[int, Request, Taking]]


@dataclass(slots=True)
class Room:
    """A model of a cluster that takes new members.

    ``leaves`` are the binaries of the pods that may leave, by uid; ``number`` are, for each
    class of members, the integers of how many go to each node, by node name.
    """

    model: Model
    leaves: dict[str, int]
    number: list[dict[str, int]] = field(default_factory=list)


def room_for(
    cluster: Cluster,
    members: Sequence[Request],
    may_leave: Collection[str] = (),
    domains: Iterable[Collection[str]] = (),
) -> Room:
    """Return the model in which all members are placed beside everyone who stays.

    Parameters
    ----------
    cluster
        The cluster; of ``optimal_taking``'s two kinds of nodes.
    members
        Who is to be placed, all of them.
    may_leave
        Pods that the model may evict.
    domains
        Sets of node names of which one must hold all members; none: anywhere.
    """
    model = Model()
    room = Room(model, {uid: model.variable() for uid in sorted(may_leave)})
    classes = classes_of(members)
    room.number = [{} for _ in classes]
    by_node: dict[str, list[Pod]] = defaultdict(list)
    for uid in sorted(cluster.pods):
        pod = cluster.pods[uid]
        by_node[pod.placement.node].append(pod)
    for name in sorted(cluster.nodes):
        _add_node(room, cluster.nodes[name], by_node[name], classes)
    for (_, number), where in zip(classes, room.number, strict=True):
        model.row(dict.fromkeys(where.values(), 1.0), lower=number, upper=number)
    _add_domains(room, len(members), [set(domain) for domain in domains])
    return room


def _add_domains(room: Room, n_members: int, domains: Sequence[Collection[str]]) -> None:
    if not domains:
        return
    chosen = [room.model.variable() for _ in domains]
    room.model.row(dict.fromkeys(chosen, 1.0), lower=1, upper=1)
    names = sorted({name for where in room.number for name in where})
    for name in names:
        terms = {where[name]: 1.0 for where in room.number if name in where}
        inside = {
            variable: -float(n_members)
            for variable, domain in zip(chosen, domains, strict=True)
            if name in domain
        }
        room.model.row({**terms, **inside}, upper=0)


def _add_node(
    room: Room, node: Node, pods: Sequence[Pod], classes: Sequence[tuple[Request, int]]
) -> None:
    here: Here = []
    for (request, number), where in zip(classes, room.number, strict=True):
        takes = taking(request, node)
        if takes is None or takes.whole > node.gpu_count:
            continue
        where[node.name] = room.model.variable(number)
        here.append((where[node.name], request, takes))
    if not here:
        return
    _bound(
        room,
        {v: request.cpu_milli for v, request, _ in here},
        {pod.request.uid: pod.request.cpu_milli for pod in pods},
        node.cpu_milli,
    )
    _bound(
        room,
        {v: request.memory_mib for v, request, _ in here},
        {pod.request.uid: pod.request.memory_mib for pod in pods},
        node.memory_mib,
    )
    on_gpu = grants_by_gpu(pods)
    whole = [room.model.variable() for _ in range(node.gpu_count)]
    _same(room, {v: takes.whole for v, _, takes in here if takes.whole}, whole)
    add = _add_mig if is_mig(node) else _add_shares
    add(room, node, on_gpu, whole, here)


def grants_by_gpu(pods: Iterable[Pod]) -> dict[int, list[tuple[str, Grant]]]:
    """Return what lies on each GPU of a node, with the uid of whose it is."""
    found: dict[int, list[tuple[str, Grant]]] = defaultdict(list)
    for pod in pods:
        for grants in pod.placement.grants:
            for grant in grants:
                found[grant.slot.gpu].append((pod.request.uid, grant))
    return found


def _bound(room: Room, new: Mapping[int, int], used: Mapping[str, int], capacity: int) -> None:
    """Add a row: new use, and that of those who stay, is within a capacity."""
    terms: Terms = {variable: float(amount) for variable, amount in new.items()}
    terms |= {room.leaves[uid]: -float(n) for uid, n in used.items() if uid in room.leaves}
    room.model.row(terms, upper=capacity - sum(used.values()))


def _same(room: Room, wanted: Mapping[int, int], given: Iterable[int]) -> None:
    """Add a row: the sum of number × variable of ``wanted`` is the sum of ``given``."""
    terms: Terms = {variable: float(number) for variable, number in wanted.items()}
    room.model.row({**terms, **dict.fromkeys(given, -1.0)}, lower=0, upper=0)


def _add_shares(
    room: Room,
    node: Node,
    on_gpu: Mapping[int, list[tuple[str, Grant]]],
    whole: Sequence[int],
    here: Here,
) -> None:
    shares = [(v, takes) for v, _, takes in here if takes.milli]
    placed: dict[int, list[int]] = {v: [] for v, _ in shares}
    for gpu, all_of_it in enumerate(whole):
        milli, mib = {all_of_it: GPU_MILLI}, {all_of_it: node.gpu_memory_mib}
        for variable, takes in shares:
            seats = room.model.variable(GPU_MILLI)
            placed[variable].append(seats)
            milli[seats], mib[seats] = takes.milli, takes.mib
        used_milli: dict[str, int] = defaultdict(int)
        used_mib: dict[str, int] = defaultdict(int)
        for uid, grant in on_gpu.get(gpu, ()):
            used_milli[uid] += grant.milli
            used_mib[uid] += grant.memory_mib
        _bound(room, milli, used_milli, GPU_MILLI)
        _bound(room, mib, used_mib, node.gpu_memory_mib)
    for variable, seats_of in placed.items():
        _same(room, {variable: 1}, seats_of)


def _add_mig(
    room: Room,
    node: Node,
    on_gpu: Mapping[int, list[tuple[str, Grant]]],
    whole: Sequence[int],
    here: Here,
) -> None:
    units = product_named(node.gpu_model).units
    profiles: dict[MigProfile, dict[int, int]] = defaultdict(dict)
    for variable, _, takes in here:
        if takes.profile is not None:
            profiles[takes.profile][variable] = takes.count
    placed: dict[MigProfile, list[int]] = {profile: [] for profile in profiles}
    for gpu, all_of_it in enumerate(whole):
        covers: list[dict[int, int]] = [{all_of_it: 1} for _ in range(units)]
        for profile, variables in placed.items():
            for start in profile.starts:
                instance = room.model.variable()
                variables.append(instance)
                for unit in range(start, start + profile.size):
                    covers[unit][instance] = 1
        for unit, new in enumerate(covers):
            used = {u: 1 for u, grant in on_gpu.get(gpu, ()) if _is_on(grant, unit)}
            _bound(room, new, used, 1)
    for profile, wanted in profiles.items():
        _same(room, wanted, placed[profile])


def _is_on(grant: Grant, unit: int) -> bool:
    slot = grant.slot
    return not slot.size or slot.start <= unit < slot.start + slot.size
