"""Random clusters, requests and workloads, and the arrays that the kernels take of them.

Amounts come from small pools that nodes and requests share, so that "exactly enough" and "one
too few" are common.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import naive
from bayplan.scheduler.types import Reason
from naive import SEAT, WHOLE, Kind, Need, Node, PodClass, Profile, Request, Room, Slot

MORE = settings(max_examples=3 * settings().max_examples)
"""For what has many cases."""

Result = TypeVar("Result")
IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

CPU = (0, 1_000, 3_152, 3_999, 4_000, 4_001, 11_400, 96_000, 128_000)
MEMORY = (0, 512, 1_023, 1_024, 65_536)
AMOUNTS = (0, 1, 2, 4)
MILLI = (1, 100, 333, 499, 500, 501, 810, 1_000)
FREE_MILLI = (0, 100, 333, 499, 500, 501, 810, 999, 1_000, 1_000)
GPU_MEMORY = (0, 1, 999, 1_000, 15_109, 16_384, 81_920)
GPU_COUNTS = (1, 1, 1, 2, 4, 8)
ELSEWHERE = 700
"""Free milli and MiB of the slots in the flat arrays that belong to no node."""

SEATS = (1, 2, 3, 20)
PROFILES = (
    Profile(1, (0, 1, 2, 3)),
    Profile(1, (2, 0)),
    Profile(2, (2, 0)),
    Profile(2, (1,)),
    Profile(3, (0, 1)),
    Profile(4, (0,)),
)
FEW_PROFILES = (Profile(2, (0,)), Profile(1, (2, 1, 0)))
"""Of GPUs that nobody makes: all that matters is which units overlap."""
N_MASKS = 32
SEAT_SHIFT = 56
MOST_TOLD = 15
NEVER = 1 << 50
MILLI_ROW, SHIFT_ROW, MOST_ROW, PLACE_ROW = 1, 3, 4, 5
"""Of the table of needs."""
NEVER_CODES = (
    Reason.GPU_MODEL,
    Reason.GPU_UUID,
    Reason.GPU_COUNT,
    Reason.GPU_ANONYMOUS,
    Reason.ISOLATION,
    Reason.PROFILE,
    Reason.MIG_SPAN,
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes in the order of their rows; how many slots of nobody precede the first slot.

    ``kinds`` of slots are in the order of their numbers.
    """

    nodes: tuple[Node, ...]
    kinds: tuple[Kind, ...]
    n_resources: int = 0
    gap: int = 0


def cluster_of(*nodes: Node) -> Cluster:
    """A cluster of nodes without other resources."""
    kinds = {slot.kind for node in nodes for slot in node.slots}
    return Cluster(nodes, tuple(sorted(kinds, key=lambda kind: kind.number)))


# --- strategies --------------------------------------------------------------------------------


def rooms(pool: Sequence[int]) -> st.SearchStrategy[Room]:
    """A capacity, and what is free of it; capacity that shrank leaves less than nothing."""
    total = st.sampled_from(pool)
    untouched = total.map(lambda n: Room(n, n))
    used = st.tuples(total, total).map(lambda pair: Room(max(pair), min(pair)))
    shrunk = total.map(lambda n: Room(n, -1))
    kinds = (untouched,) * 6 + (used,) * 5 + (shrunk,)
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


@st.composite
def kinds(draw: st.DrawFn, number: int, plain: bool = False) -> Kind:
    """A kind of slot: an ungoverned GPU, or one that is shared in some way."""
    what = draw(
        st.sampled_from(("seats", "mig", "plain", "mig", "seats", "few", "instance", "seats"))
    )
    model, memory = draw(st.sampled_from((0, 0, 0, 0, 1))), draw(st.sampled_from(GPU_MEMORY))
    if plain or what == "plain":
        return Kind(number, model, memory=memory)
    governed = Kind(number, model, plain=False, memory=memory)
    if what == "seats":
        capacity = draw(st.sampled_from((WHOLE, WHOLE, 2 * WHOLE)))
        return replace(governed, capacity=capacity, seats=draw(st.sampled_from(SEATS)))
    if what == "instance":
        return replace(governed, capacity=draw(st.sampled_from((125, 500, WHOLE))))
    if what == "few":
        return replace(governed, units=3, profiles=FEW_PROFILES)
    return replace(governed, units=4, profiles=PROFILES)


@st.composite
def slots(draw: st.DrawFn, kind: Kind) -> Slot:
    """A slot as it may be when some of it is in use."""
    memory = kind.memory
    mib = draw(st.sampled_from((memory, memory, memory, max(memory - 1, 0), memory // 2, 0)))
    if kind.units:
        used = draw(
            st.sampled_from(((), (0,), (1,), (1, 2), (0, 2), (0, 1), tuple(range(kind.units))))
        )
        # Tenants that take all of the GPU leave less of it than their instances say.
        milli = WHOLE - len(used) * (WHOLE // kind.units)
        free = draw(st.sampled_from((milli, milli, milli, min(milli, 500))))
        return Slot(free, mib if used else memory, kind, units=frozenset(used))
    if kind.capacity < WHOLE:
        free = draw(st.sampled_from((kind.capacity, kind.capacity, 0)))
        return Slot(free, memory if free else 0, kind, clients=int(not free))
    free = draw(st.sampled_from((*FREE_MILLI, kind.capacity)))
    if kind.seats is None:
        in_use = free < kind.capacity
        return Slot(free, mib if in_use else memory, kind, clients=int(in_use))
    clients = draw(st.sampled_from((kind.seats, 0, kind.seats - 1, 1, kind.seats)))
    return Slot(free, mib if clients else memory, kind, clients=clients)


@st.composite
def slots_of_node(draw: st.DrawFn, among: Sequence[Kind]) -> tuple[Slot, ...]:
    """1 to 8 slots of one GPU model, sometimes up to 64, and often all of one kind."""
    home = draw(st.sampled_from(among))
    alike = [kind for kind in among if kind.model == home.model]
    size = draw(st.sampled_from((2, 1, 4, 8)))
    mixed = draw(st.sampled_from((True, False)))
    of = [draw(st.sampled_from(alike)) if mixed else home for _ in range(size)]
    pattern = [draw(slots(kind)) for kind in of]
    return tuple(pattern * draw(st.sampled_from((1, 1, 1, 1, 8))))


@st.composite
def nodes(draw: st.DrawFn, among: Sequence[Kind], n_resources: int) -> Node:
    """A node with or without GPUs, or a row that has no node."""
    fate = draw(st.sampled_from(("alive",) * 8 + ("cordoned", "dead")))
    resources = tuple(draw(rooms(AMOUNTS)) for _ in range(n_resources))
    if fate == "dead":
        nothing = (Room(),) * n_resources
        return Node(alive=False, schedulable=False, labelled=False, resources=nothing)
    host = Node(
        schedulable=fate == "alive",
        labelled=draw(st.sampled_from((True, True, False))),
        cpu=draw(rooms(CPU)),
        memory=draw(rooms(MEMORY)),
        resources=resources,
        class_pods=draw(st.sampled_from(((), (0, 0, 0), (1,), (0, 3), (2, 1), (0, 0, 5)))),
    )
    if not among or draw(st.sampled_from((False,) * 9 + (True,))):
        return host
    slots = draw(slots_of_node(among))
    return replace(host, slots=slots, gpu_count=draw(st.sampled_from((0, 0, -(-len(slots) // 7)))))


@st.composite
def clusters(draw: st.DrawFn, max_nodes: int = 5, plain: bool = False) -> Cluster:
    """Up to ``max_nodes`` rows, sometimes without a GPU among them; ``plain``: all ungoverned."""
    n_kinds = draw(st.sampled_from((3, 4, 1, 5, 2, 3, 4, 5, 0, 2)))
    among = [draw(kinds(number, plain)) for number in range(n_kinds)]
    if plain:  # all GPUs of a node are then of one kind
        among = [replace(kind, model=number) for number, kind in enumerate(among)]
    else:  # GPUs of one model are alike, but some are cut
        memory = draw(st.sampled_from(GPU_MEMORY))
        among = [replace(k, memory=memory * min(k.capacity, WHOLE) // WHOLE) for k in among]
    n_resources = draw(st.sampled_from((0, 0, 1, 2)))
    size = draw(st.sampled_from((*range(1, max_nodes + 1), max_nodes, max_nodes, 0)))
    rows = [draw(nodes(among, n_resources)) for _ in range(size)]
    return Cluster(tuple(rows), tuple(among), n_resources, draw(st.sampled_from((0, 3))))


def subsets(n: int) -> st.SearchStrategy[list[int]]:
    """Some of the numbers below ``n``, in any order."""
    if not n:
        return st.just([])
    everyone = st.permutations(range(n)).map(list)
    return st.one_of(everyone, st.lists(st.integers(0, n - 1), unique=True))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a device request asks of a slot, whatever its kind; ``thing`` chooses a profile."""

    milli: int = 0
    mib: int = 0
    whole: bool = False
    thing: int = 0
    stacks: bool = False


@st.composite
def asked(draw: st.DrawFn, node: Node) -> Asked:
    """Whole GPUs, shares by compute, by memory or by both, or instances of a MIG profile.

    The amounts are those that some slot of ``node`` has, or next to them.
    """
    what = draw(st.sampled_from(("milli", "profile", "milli", "whole", "mib", "both", "profile")))
    having = [slot for slot in node.slots if slot.free_milli] or [Slot(500, 500)]
    slot = draw(st.sampled_from(having))
    milli = min(draw(st.sampled_from((*MILLI, slot.free_milli))), WHOLE)
    size = slot.kind.memory
    mib = max(1, draw(st.sampled_from((1, size // 2, size - 1, size, size + 1, slot.free_mib))))
    thing = draw(st.integers(0, len(PROFILES) - 1))
    return {
        "whole": Asked(WHOLE, whole=True),
        "milli": Asked(milli, thing=thing),
        "mib": Asked(0, mib, thing=thing),
        "both": Asked(milli, mib, thing=thing),
        "profile": Asked(milli, thing=thing, stacks=True),
    }[what]


def need_of(what: Asked, kind: Kind) -> Need:
    """What a device request takes of a slot of a kind: about as the engine has it."""
    if kind.units:
        if what.whole:
            return Need(milli=WHOLE, mib=kind.memory)
        thing = what.thing % len(kind.profiles)
        profile = kind.profiles[thing]
        milli, mib = (profile.size * n // kind.units for n in (WHOLE, kind.memory))
        most = naive.most_instances(profile, frozenset()) if what.stacks else 1
        return Need(milli=milli, mib=mib, thing=thing, most=most)
    if what.stacks or (what.whole and not kind.plain):
        if kind.plain:
            return Need(Reason.PROFILE)
        return Need(milli=kind.capacity, mib=kind.memory)
    milli = naive.needed_milli(what.milli, what.mib, kind.memory)
    mib = naive.needed_mib(what.milli, what.mib, kind.memory, kind.capacity)
    if milli > kind.capacity or mib > kind.memory:
        return Need(Reason.GPU_COUNT)
    return Need(milli=milli, mib=mib)


@st.composite
def needs(draw: st.DrawFn, among: Sequence[Kind], what: Asked) -> tuple[Need, ...]:
    """What is taken of each kind; some kinds never serve the request, for one reason or another."""
    never = [Need(code) for code in NEVER_CODES]
    return tuple(
        draw(
            st.sampled_from(
                (need_of(what, kind),) * 4 * len(never)
                + (*never, *_unhealthy(need_of(what, kind), kind))
            )
        )
        for kind in among
    )


def _unhealthy(need: Need, kind: Kind) -> tuple[Need, ...]:
    """What an unhealthy GPU of a kind says; the engine calls none of them plain."""
    if need.code or kind.plain:
        return ()
    return (Need(Reason.GPU_UNHEALTHY, most=need.most),) * 4


def amounts(room: Room, modest: bool) -> st.SearchStrategy[int]:
    """Nothing, or about as much as a node has or has left."""
    left = max(room.free, 0)
    if modest:
        return st.sampled_from((0, 0, 0, left // 2, left))
    return st.sampled_from((0, left // 2, *(left,) * 5, left + 1, room.total, room.total + 1))


@st.composite
def requests(draw: st.DrawFn, cluster: Cluster, modest: bool = False) -> Request:
    """A request made with some node in mind; a ``modest`` one has all that it needs beside GPUs."""
    usual = [n for n in cluster.nodes if n.slots and n.schedulable] or cluster.nodes or [Node()]
    node = draw(st.sampled_from(usual))
    what = draw(asked(node))
    each = draw(needs(cluster.kinds, what))
    # As many as there are, and one too many.
    fitting = len(naive.choose_first(node.slots, 64, each))
    usable = sum(need.most for need in (each[s.kind.number] for s in node.slots) if not need.code)
    counts = [1, fitting, 1, fitting + 1, 2, fitting // 2, len(node.slots), usable, usable + 1, 0]
    count = draw(st.sampled_from([fitting or 1, 1, fitting // 2 or 1, 2, 0] if modest else counts))
    resources = (
        [] if modest else [(k, draw(amounts(r, modest))) for k, r in enumerate(node.resources)]
    )
    unknown = [] if modest else draw(st.sampled_from(([],) * 7 + ([(-1, 0)], [(-1, 1)])))
    return Request(
        draw(amounts(node.cpu, modest)),
        draw(amounts(node.memory, modest)),
        count,
        each,
        count == 1 and not what.whole,
        (*resources, *unknown),
        not modest and draw(st.sampled_from((False, False, False, True))),
    )


@st.composite
def gpu_questions(draw: st.DrawFn, fits: bool = False) -> tuple[Cluster, Request]:
    """A node where all depends on the slots, and a request; it ``fits``, or may fit."""
    n_kinds = draw(st.sampled_from((1, 2, 3)))
    memory = draw(st.sampled_from(GPU_MEMORY))
    among = [draw(kinds(number)) for number in range(n_kinds)]
    among = [replace(k, model=0, memory=memory * min(k.capacity, WHOLE) // WHOLE) for k in among]
    node = Node(cpu=Room(128_000, 128_000), slots=draw(slots_of_node(among)))
    cluster = Cluster((node,), tuple(among), 0, draw(st.sampled_from((0, 3))))
    request = draw(requests(cluster, modest=fits))
    return cluster, replace(
        request, cpu=min(request.cpu, 128_000), memory=0, resources=(), needs_labels=False
    )


@st.composite
def pod_classes(draw: st.DrawFn, among: Sequence[Kind]) -> PodClass:
    """A typical pod with GPUs; its weight is a number of pods."""
    models = draw(st.sampled_from(({0, 1, 2, 3, 4},) * 4 + ({0}, {1}, set())))
    milli, thing = draw(st.sampled_from(MILLI)), draw(st.integers(0, len(PROFILES) - 1))
    what = Asked(milli, 0, milli == WHOLE, thing)
    if draw(st.sampled_from((False, False, True))):
        what = Asked(0, thing=thing, stacks=True)
    return PodClass(
        draw(st.sampled_from(CPU)),
        draw(st.sampled_from(GPU_COUNTS)),
        what.milli,
        draw(st.integers(1, 1_300)),
        frozenset(models),
        what.stacks,
        tuple(need_of(what, kind) for kind in among),
    )


@st.composite
def workloads(draw: st.DrawFn, among: Sequence[Kind]) -> tuple[PodClass, ...]:
    """Typical pods with GPUs, then those without; shares are counts over their total."""
    with_gpus = draw(st.lists(pod_classes(among), max_size=8))
    cpu, n_pods = st.sampled_from(CPU), st.integers(1, 1_300)
    cpu_only = st.builds(PodClass, cpu, st.just(0), st.just(0), n_pods, st.just(frozenset()))
    without = draw(st.lists(cpu_only, max_size=3, min_size=0 if with_gpus else 1))
    total = sum(typical.weight for typical in with_gpus + without)
    return tuple(replace(c, weight=c.weight / total) for c in with_gpus + without)


# --- what kernels take, by the names of their parameters ---------------------------------------


def call(kernel: Callable[..., Result], *arguments: Mapping[str, Any], **more: Any) -> Result:
    """Call a kernel with the arguments that its parameters name, and leave the others out."""
    given: dict[str, Any] = {}
    for mapping in (*arguments, more):
        given.update(mapping)
    names = inspect.signature(getattr(kernel, "py_func", kernel)).parameters
    return kernel(*[given[name] for name in names])


def ints(values: Sequence[int] | Sequence[Sequence[int]]) -> IntArray:
    """An array of integers."""
    return np.array(values, np.int64)


def mask(size: int, chosen: Sequence[int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A mask with the chosen rows."""
    result = np.zeros(size, np.bool_)
    result[list(chosen)] = True
    return result


def able_of(slot: Slot) -> int:
    """How many more of each thing find a place on a slot, in four bits each."""
    things = [(SEAT_SHIFT, SEAT), *((4 * k, k) for k in range(len(slot.kind.profiles)))]
    return sum(min(slot.left(thing), MOST_TOLD) << shift for shift, thing in things)


def bits(units: Collection[int]) -> int:
    """A mask of units."""
    return sum(1 << unit for unit in units)


def holding(kind: Kind, used: int) -> Slot:
    """A slot on which so many clients are, or which has the units of a mask in use."""
    if kind.units:
        return Slot(0, 0, kind, units=frozenset(u for u in range(kind.units) if used >> u & 1))
    return Slot(0, 0, kind, clients=min(used, kind.seats or 0))


def table_arguments(among: Sequence[Kind]) -> tuple[IntArray, list[int]]:
    """A table of what is still able to come, by what is there, and each kind's row of it, or -1."""
    limited = [kind for kind in among if kind.units or kind.seats is not None]
    table = [[able_of(holding(kind, used)) for used in range(N_MASKS)] for kind in limited]
    rows = [limited.index(kind) if kind in limited else -1 for kind in among]
    return ints(table).reshape(len(limited), N_MASKS), rows


def slot_arguments(slots: Sequence[Slot], among: Sequence[Kind], gap: int) -> dict[str, Any]:
    """The flat arrays of slots, with slots of nobody on both sides."""
    around = [ELSEWHERE] * gap
    tables, row_of = table_arguments(among)
    columns = {
        "slot_kind": [slot.kind.number for slot in slots],
        "slot_capacity": [slot.kind.capacity for slot in slots],
        "slot_free_milli": [slot.free_milli for slot in slots],
        "slot_free_mib": [slot.free_mib for slot in slots],
        "slot_able": [able_of(slot) for slot in slots],
        "slot_used": [bits(slot.units) if slot.kind.units else slot.clients for slot in slots],
        "slot_table": [row_of[slot.kind.number] for slot in slots],
    }
    arrays = {name: ints([*around, *column, *around]) for name, column in columns.items()}
    return {**arrays, "able_tables": tables}


def cluster_arguments(cluster: Cluster) -> dict[str, Any]:
    """The arrays of a cluster."""
    rows = cluster.nodes
    counts = [len(node.slots) for node in rows]
    starts = [cluster.gap + sum(counts[:i]) if n else 0 for i, n in enumerate(counts)]
    n_classes = max((len(node.class_pods) for node in rows), default=0)
    class_pods = np.zeros((len(rows), n_classes), np.int32)
    for row, node in enumerate(rows):
        class_pods[row, : len(node.class_pods)] = node.class_pods
    shape = (len(rows), cluster.n_resources)
    around = [0] * cluster.gap
    gpus = [*around, *(n.gpu_of(i) for n in rows for i in range(len(n.slots))), *around]
    return {
        "alive": np.array([node.alive for node in rows], np.bool_),
        "schedulable": np.array([node.schedulable for node in rows], np.bool_),
        "cpu_milli": ints([node.cpu.total for node in rows]),
        "cpu_free_milli": ints([node.cpu.free for node in rows]),
        "memory_mib": ints([node.memory.total for node in rows]),
        "memory_free_mib": ints([node.memory.free for node in rows]),
        "resources": ints([[r.total for r in n.resources] for n in rows]).reshape(shape),
        "resources_free": ints([[r.free for r in n.resources] for n in rows]).reshape(shape),
        "row_kind": ints([node.kind.number if node.kind else -1 for node in rows]),
        "plain_kind": np.array([kind.plain for kind in cluster.kinds], np.bool_),
        "gpu_count": ints([node.n_gpus for node in rows]),
        "slot_gpu": ints(gpus),
        "slot_start": ints(starts),
        "slot_count": ints(counts),
        "idle_milli": ints([node.idle_milli for node in rows]),
        "class_pods": class_pods,
        **slot_arguments([s for node in rows for s in node.slots], cluster.kinds, cluster.gap),
    }


def need_arguments(needs: Sequence[Need], among: Sequence[Kind]) -> dict[str, Any]:
    """What is taken of each kind, and where it goes on MIG GPUs, by what is there."""
    table: list[list[int]] = []
    places: list[list[int]] = []
    for need, kind in zip(needs, among, strict=True):
        shift = SEAT_SHIFT if need.thing == SEAT else 4 * need.thing
        place = -1
        if kind.units and not need.code:
            place = len(places)
            masks = range(N_MASKS)
            places.append([bits(holding(kind, used).place(need.thing)) for used in masks])
        table.append([need.code, need.milli, need.mib, shift, need.most, place])
        if need.code:
            table[-1][1:3] = [NEVER, 0]
    return {
        "needs": np.ascontiguousarray(ints(table).reshape(len(table), 6).T),
        "places": ints(places).reshape(len(places), N_MASKS),
    }


def request_arguments(request: Request, cluster: Cluster) -> dict[str, Any]:
    """What a request is to the kernels."""
    labelled = [row for row, node in enumerate(cluster.nodes) if node.labelled]
    return {
        "cpu": request.cpu,
        "memory": request.memory,
        "count": request.count,
        "share": request.share,
        **need_arguments(request.needs, cluster.kinds),
        "labelled": mask(len(cluster.nodes), labelled) if request.needs_labels else mask(0, []),
        "wanted": ints([column for column, _ in request.resources]),
        "amounts": ints([amount for _, amount in request.resources]),
    }


def workload_arguments(classes: Sequence[PodClass], among: Sequence[Kind]) -> dict[str, Any]:
    """What a workload is to the kernels."""
    asked = {(c.milli, c.stacks, c.needs) for c in classes if c.count}
    levels = sorted(asked, key=repr)
    tables = [need_arguments(needs, among)["needs"] for _, _, needs in levels]
    shape = (len(levels), 6, len(among))
    by_level = np.array(tables, np.int64).reshape(shape)
    allowed = [[typical.is_open_to(kind) for typical in classes] for kind in among]
    level = [levels.index((c.milli, c.stacks, c.needs)) if c.count else 0 for c in classes]
    return {
        "levels": ints([milli for milli, _, _ in levels]),
        "level_milli": np.ascontiguousarray(by_level[:, MILLI_ROW].T),
        "level_shift": np.ascontiguousarray(by_level[:, SHIFT_ROW].T),
        "level_most": np.ascontiguousarray(
            np.where([[stacks] for _, stacks, _ in levels], by_level[:, MOST_ROW], 1).T
            if levels
            else ints([]).reshape(len(among), 0)
        ),
        "n_gpu_classes": sum(1 for typical in classes if typical.count),
        "class_cpu": ints([typical.cpu for typical in classes]),
        "class_count": ints([typical.count for typical in classes]),
        "class_level": ints(level),
        "class_weight": np.array([typical.weight for typical in classes], np.float64),
        "class_allowed": np.array(allowed, np.bool_).reshape(len(among), len(classes)),
    }
