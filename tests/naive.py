"""Slow and obvious twins of the kernels, one function a kernel, under the kernel's name.

They say what is meant, on plain Python data: sorted lists instead of searches, fractions instead
of integer tricks, six named sums for the fragmentation of a node. Where the kernels write into
arrays, the twins return values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import combinations

from bayplan.scheduler.types import Reason

DEAD = -1
WHOLE = 1000
SEAT = -1
"""What a tenant takes where no MIG instance is made: a seat; of a MIG GPU that is all of it."""
MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Room:
    """How much of something a node has, and how much of that is free (negative: overcommitted)."""

    total: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """A MIG profile: how many units it takes, and its starts, in the order that a rule tries."""

    size: int
    starts: tuple[int, ...]

    def at(self, start: int) -> frozenset[int]:
        """The units of an instance."""
        return frozenset(range(start, start + self.size))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of slot; a ``plain`` one is an ungoverned GPU.

    ``seats`` are its clients at most (None: no limit), ``units`` the length of the axis of a MIG
    GPU on which instances of ``profiles`` come and go.
    """

    number: int = 0
    model: int = 0
    plain: bool = True
    capacity: int = WHOLE
    memory: int = 0
    seats: int | None = None
    units: int = 0
    profiles: tuple[Profile, ...] = ()


PLAIN = Kind()


@dataclass(frozen=True, slots=True)
class Need:
    """What a request takes of a slot of some kind, up to ``most`` times; or why never (``code``).

    ``thing`` is ``SEAT`` or the index of a MIG profile.
    """

    code: int = Reason.FITS
    milli: int = WHOLE
    mib: int = 0
    thing: int = SEAT
    most: int = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """What is free of a slot, and who is on it: clients, or units of MIG instances."""

    free_milli: int
    free_mib: int = 0
    kind: Kind = PLAIN
    clients: int = 0
    units: frozenset[int] = frozenset()

    @property
    def in_use(self) -> bool:
        """Whether anything is on it."""
        return bool(self.clients or self.units)

    def left(self, thing: int) -> int:
        """How many more of a thing find a place."""
        if thing != SEAT:
            return most_instances(self.kind.profiles[thing], self.units)
        return 1 if self.kind.seats is None else self.kind.seats - self.clients

    def place(self, thing: int) -> frozenset[int]:
        """The units that a new tenant of a MIG GPU takes; none where it has no place."""
        if thing == SEAT:
            return frozenset() if self.units else frozenset(range(self.kind.units))
        profile = self.kind.profiles[thing]
        places = [profile.at(start) for start in profile.starts]
        return next((place for place in places if not place & self.units), frozenset())

    def take(self, need: Need) -> Slot:
        """The slot with one more tenant."""
        left = replace(self, free_milli=self.free_milli - need.milli)
        if self.kind.units:
            return replace(left, units=self.units | self.place(need.thing))
        return replace(left, clients=self.clients + 1)


@cache
def most_instances(profile: Profile, used: frozenset[int]) -> int:
    """The largest number of instances that fit beside each other into what is not used."""
    places = [place for place in map(profile.at, profile.starts) if not place & used]
    for n in range(len(places), 0, -1):
        if any(len(frozenset().union(*few)) == n * profile.size for few in combinations(places, n)):
            return n
    return 0


@dataclass(frozen=True, slots=True)
class Node:
    """A node. ``class_pods`` are its pods by GPU class; ``gpu_count`` 0: a slot a GPU."""

    alive: bool = True
    schedulable: bool = True
    labelled: bool = True
    cpu: Room = Room()
    memory: Room = Room()
    resources: tuple[Room, ...] = ()
    slots: tuple[Slot, ...] = ()
    gpu_count: int = 0
    class_pods: tuple[int, ...] = ()

    @property
    def n_gpus(self) -> int:
        """How many GPUs it has."""
        return self.gpu_count or len(self.slots)

    def gpu_of(self, index: int) -> int:
        """The GPU that a slot is on: those of one GPU lie together, as many on each."""
        return index * self.n_gpus // len(self.slots)

    @property
    def idle_milli(self) -> int:
        """The free milli-GPU of all slots."""
        return sum(self.free)

    @property
    def free(self) -> list[int]:
        """The free milli of each slot."""
        return [slot.free_milli for slot in self.slots]

    @property
    def kind(self) -> Kind | None:
        """The kind of its slots; None where they differ, or are none."""
        kinds = {slot.kind for slot in self.slots}
        return kinds.pop() if len(kinds) == 1 else None

    @property
    def is_plain(self) -> bool:
        """Whether it has ungoverned GPUs, or no GPUs."""
        return not self.slots or (self.kind is not None and self.kind.plain)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of ``count`` slots, with what it takes of each by the number of its kind.

    A ``share`` is one of one GPU. ``resources`` are (column or -1, amount) pairs.
    """

    cpu: int = 0
    memory: int = 0
    count: int = 0
    needs: tuple[Need, ...] = ()
    share: bool = False
    resources: tuple[tuple[int, int], ...] = ()
    needs_labels: bool = False


@dataclass(frozen=True, slots=True)
class PodClass:
    """A typical pod of a workload, and how common it is.

    ``milli`` is what it takes of an ungoverned GPU, ``needs`` of other kinds of slots, by their
    number; ``stacks``: it asks for a MIG profile by name, of which one GPU may hold several.
    """

    cpu: int
    count: int
    milli: int
    weight: float
    models: frozenset[int]
    stacks: bool = False
    needs: tuple[Need, ...] = ()

    def is_open_to(self, kind: Kind) -> bool:
        """Whether it may use slots of a kind at all."""
        return kind.model in self.models and not (self.stacks and kind.plain)


# --- hashing -----------------------------------------------------------------------------------


def mix(key: int, value: int) -> int:
    """SplitMix64's output for the state ``key + golden ratio × (value + 1)``."""
    z = (key + 0x9E3779B97F4A7C15 * (value + 1)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


# --- fit ---------------------------------------------------------------------------------------


def needed_milli(milli: int, mib: int, gpu_memory_mib: int) -> int:
    """What is asked, or the part of the GPU's memory that is asked, rounded down, but something."""
    if milli or not mib:
        return milli
    if not gpu_memory_mib:
        return WHOLE + 1
    return math.floor(Fraction(mib, gpu_memory_mib) * WHOLE) or 1


def needed_mib(milli: int, mib: int, gpu_memory_mib: int, capacity_milli: int) -> int:
    """What is asked, or the memory that goes with the part of what is handed out, rounded down."""
    return mib or math.floor(Fraction(milli, capacity_milli) * gpu_memory_mib)


def code(node: Node, request: Request) -> int:
    """The first of all reasons for which a request does not fit a node."""
    if not node.alive:
        return DEAD
    tests = {
        Reason.CORDONED: not node.schedulable,
        Reason.NODE_LABELS: request.needs_labels and not node.labelled,
        Reason.CPU_CAPACITY: node.cpu.total < request.cpu,
        Reason.MEMORY_CAPACITY: node.memory.total < request.memory,
        Reason.RESOURCE_CAPACITY: any(
            column < 0 or node.resources[column].total < amount
            for column, amount in request.resources
        ),
        Reason.CPU_FREE: node.cpu.free < request.cpu,
        Reason.MEMORY_FREE: node.memory.free < request.memory,
        Reason.RESOURCE_FREE: any(
            column >= 0 and node.resources[column].free < amount
            for column, amount in request.resources
        ),
    }
    reasons: list[int] = [reason for reason, holds in tests.items() if holds]
    if request.count:
        reasons += [_lasting(node.slots, request), _shortage(node.slots, request)]
    return min([reason for reason in reasons if reason], default=Reason.FITS)


def _lasting(slots: Sequence[Slot], request: Request) -> int:
    """Why the slots could not serve a request if they were empty."""
    needs = [request.needs[slot.kind.number] for slot in slots]
    serving = [need.most for need in needs if need.code == Reason.FITS]
    if sum(serving) >= request.count:
        return Reason.FITS
    sick = [need.most for need in needs if need.code == Reason.GPU_UNHEALTHY]
    if sum(serving) + sum(sick) >= request.count:
        return Reason.GPU_UNHEALTHY
    needs = [need for need in needs if need.code != Reason.GPU_UNHEALTHY]
    nearest = max([need.code for need in needs], default=Reason.GPU_COUNT)
    # There may be no more to say than that there are too few; but of other models, it is said.
    too_few = len(slots) < request.count and nearest not in (Reason.GPU_MODEL, Reason.GPU_UUID)
    return Reason.GPU_COUNT if serving or sick or too_few else nearest


def _shortage(slots: Sequence[Slot], request: Request) -> int:
    """What there is too little of on the slots that could serve a request."""
    serving = [(slot, request.needs[slot.kind.number]) for slot in slots]
    roomy = [(s, n) for s, n in serving if not n.code and s.free_milli >= n.milli]
    with_memory = [(s, n) for s, n in roomy if s.free_mib >= n.mib]
    if sum(_times_milli(s, n) for s, n in roomy) < request.count:
        return Reason.GPU_FREE
    if sum(_times_milli(s, n) for s, n in with_memory) < request.count:
        return Reason.GPU_MEMORY_FREE
    if sum(min(_times_milli(s, n), s.left(n.thing)) for s, n in with_memory) >= request.count:
        return Reason.FITS
    no_seat = any(n.thing == SEAT and not s.left(SEAT) for s, n in with_memory)
    return Reason.GPU_CLIENTS if no_seat else Reason.MIG_PLACE


def _times_milli(slot: Slot, need: Need) -> int:
    return min(need.most, slot.free_milli // need.milli)


def refit(
    nodes: Sequence[Node], rows: Sequence[int], request: Request
) -> tuple[dict[int, int], list[int]]:
    """The code of each of ``rows``, and those that fit."""
    codes = {row: code(nodes[row], request) for row in rows}
    return codes, [row for row in rows if codes[row] == Reason.FITS]


def count_codes(codes: Sequence[int], candidates: Collection[int]) -> list[int]:
    """How many rows have each reason; who is no candidate is excluded."""
    counts = Counter(
        reason if row in candidates else Reason.EXCLUDED
        for row, reason in enumerate(codes)
        if reason != DEAD
    )
    return [counts[reason] for reason in Reason]


# --- choose ------------------------------------------------------------------------------------


def choose_first(slots: Sequence[Slot], count: int, needs: Sequence[Need]) -> list[int]:
    """The first that fit."""
    return _chosen(slots, count, needs, lambda i: (i,))


def choose_best_fit(slots: Sequence[Slot], count: int, needs: Sequence[Need]) -> list[int]:
    """The fullest that fit."""
    return _chosen(slots, count, needs, lambda i: (slots[i].free_milli, i))


def choose_worst_fit(slots: Sequence[Slot], count: int, needs: Sequence[Need]) -> list[int]:
    """The emptiest that fit."""
    return _chosen(slots, count, needs, lambda i: (-slots[i].free_milli, i))


def choose_hashed(slots: Sequence[Slot], count: int, needs: Sequence[Need], key: int) -> list[int]:
    """Those with the least hashes that fit."""
    return _chosen(slots, count, needs, lambda i: (mix(key, i),))


def _chosen(
    slots: Sequence[Slot], count: int, needs: Sequence[Need], rank: Callable[[int], tuple[int, ...]]
) -> list[int]:
    """The slots in some order, each as often as it takes what is wanted."""
    times = [_times(slot, needs[slot.kind.number]) for slot in slots]
    return [i for i in sorted(range(len(slots)), key=rank) for _ in range(times[i])][:count]


def _times(slot: Slot, need: Need) -> int:
    if need.code or slot.free_milli < need.milli or slot.free_mib < need.mib:
        return 0
    return min(slot.left(need.thing), need.most)


# --- score -------------------------------------------------------------------------------------


def wanted_milli(slots: Sequence[Slot], count: int, needs: Sequence[Need]) -> int:
    """What a request takes of the slots that best fit chooses."""
    chosen = choose_best_fit(slots, count, needs)
    return sum(needs[slots[i].kind.number].milli for i in chosen)


def score_best_fit(node: Node, request: Request, cpu_scale: float, gpu_scale: float) -> float:
    """The baseline BestFit of the FGD paper."""
    gpu_request = wanted_milli(node.slots, request.count, request.needs)
    cpu_left = 0.5 * (node.cpu.free - request.cpu) / cpu_scale
    gpu_left = 0.5 * (node.idle_milli - gpu_request) / gpu_scale
    return float(int(100 * (1 - (cpu_left + gpu_left))))


def score_dot_product(node: Node, request: Request, cpu_scale: float, gpu_scale: float) -> float:
    """The baseline DotProd of the FGD paper."""
    gpu_request = wanted_milli(node.slots, request.count, request.needs)
    # Not ``sum``: from Python 3.12 on it compensates for rounding.
    product = (node.cpu.free / cpu_scale) * (request.cpu / cpu_scale)
    product += (node.idle_milli / gpu_scale) * (gpu_request / gpu_scale)
    return float(int(100 * (1 - 0.5 * product)))


def score_gpu_clustering(node: Node, gpu_class: int, gpu_scale: int) -> float:
    """The baseline GpuClustering of the FGD paper."""
    if gpu_class < 0:
        return 0.0
    present = {k for k, pods in enumerate(node.class_pods) if pods}
    bonus = 75 if present == {gpu_class} else 50 if gpu_class in present else 0 if present else 25
    scale = max(gpu_scale, WHOLE * node.n_gpus)
    return float(math.floor(25 * Fraction(max(scale - node.idle_milli, 0), scale)) + bonus)


def score_gpu_packing(node: Node, request: Request) -> float:
    """The baseline GpuPacking of the FGD paper."""
    if not request.count:
        return 0.0
    if all(slot.free_milli == slot.kind.capacity for slot in node.slots):
        return float(min(max(33 - node.n_gpus, node.n_gpus), 32))
    chosen = choose_best_fit(node.slots, request.count, request.needs)
    slots = [node.slots[i] for i in chosen]
    fresh = sum(1 for slot in slots if slot.free_milli == slot.kind.capacity)
    if fresh:
        return float(max(50 - fresh, 33))
    percents = [math.floor(Fraction(slot.free_milli * 100, slot.kind.capacity)) for slot in slots]
    return float(max(100 - math.floor(Fraction(sum(percents), 10)), 50))


# --- fragment ----------------------------------------------------------------------------------


def expected_fragment(
    cpu_free: int, kind: Kind | None, free: Sequence[int], classes: Sequence[PodClass]
) -> float:
    """F(n): the shares times f(n, m), in six sums over the classes in order, then added up."""
    sums = dict.fromkeys(
        ("lack both", "lack GPU", "lack CPU", "CPU only, fits", "CPU only, does not", "no access"),
        0.0,
    )
    for typical in classes:
        case, fragment = _class_fragment(cpu_free, kind, free, typical)
        sums[case] += typical.weight * fragment
    total = 0.0
    for part in sums.values():
        total += part
    return total


def _class_fragment(
    cpu_free: int, kind: Kind | None, free: Sequence[int], typical: PodClass
) -> tuple[str, int]:
    idle = sum(free)
    enough_cpu = cpu_free >= typical.cpu
    if not typical.count:
        return ("CPU only, fits" if enough_cpu else "CPU only, does not"), idle
    if kind is None or not typical.is_open_to(kind):
        return "no access", idle
    if len([x for x in free if x >= typical.milli]) < typical.count:
        return ("lack GPU" if enough_cpu else "lack both"), idle
    if not enough_cpu:
        return "lack CPU", idle
    return "lack GPU", sum(x for x in free if x < typical.milli)


def governed_fragment(cpu_free: int, slots: Sequence[Slot], classes: Sequence[PodClass]) -> float:
    """F(n) where a slot is lost to a class as far as it has no place or seat for it."""
    lost = 0.0
    for typical in classes:
        lost += typical.weight * _governed_class_fragment(cpu_free, slots, typical)
    return lost


def _governed_class_fragment(cpu_free: int, slots: Sequence[Slot], typical: PodClass) -> int:
    idle = sum(slot.free_milli for slot in slots)
    if not typical.count or cpu_free < typical.cpu:
        return idle
    if not any(typical.is_open_to(slot.kind) for slot in slots):
        return idle
    usable = [slot for slot in slots if _places(slot, typical)]
    having = len(usable)
    if typical.stacks:
        having = sum(_most(slot, typical) for slot in usable)
    if having < typical.count:
        return idle
    return idle - sum(slot.free_milli for slot in usable)


def _places(slot: Slot, typical: PodClass) -> int:
    need = typical.needs[slot.kind.number]
    return 0 if need.code or slot.free_milli < need.milli else slot.left(need.thing)


def _most(slot: Slot, typical: PodClass) -> int:
    return min(_places(slot, typical), typical.needs[slot.kind.number].most)


def governed_fragments(nodes: Sequence[Node], classes: Sequence[PodClass]) -> list[float]:
    """F(n) of each node, whatever its slots."""
    return [governed_fragment(n.cpu.free, n.slots, classes) for n in nodes]


def node_fragments(nodes: Sequence[Node], classes: Sequence[PodClass]) -> list[float]:
    """F(n) of each node with ungoverned GPUs, or without any."""
    return [expected_fragment(n.cpu.free, n.kind, n.free, classes) for n in nodes]


def fragments(nodes: Sequence[Node], classes: Sequence[PodClass]) -> list[float]:
    """F(n) of each node by the protocol where that says it, and else by places and seats."""
    return [
        (node_fragments if node.is_plain else governed_fragments)([node], classes)[0]
        for node in nodes
    ]


def score_fgd(node: Node, request: Request, classes: Sequence[PodClass]) -> tuple[float, int]:
    """The FGD score of a node that fits, and the first slot to take there (-1: it takes none)."""
    choices = [choose_best_fit(node.slots, request.count, request.needs)]
    if request.share:
        needs = [request.needs[slot.kind.number] for slot in node.slots]
        choices = [[i] for i, slot in enumerate(node.slots) if _times(slot, needs[i])]
    (before,) = fragments([node], classes)
    after = fragments([_after(node, request, slots) for slots in choices], classes)
    scores = [sigmoid_score(before - fragment) for fragment in after]
    best = scores.index(max(scores))
    return scores[best], choices[best][0] if request.count else -1


def _after(node: Node, request: Request, chosen: Sequence[int]) -> Node:
    slots = list(node.slots)
    for i in chosen:
        slots[i] = slots[i].take(request.needs[slots[i].kind.number])
    cpu = replace(node.cpu, free=node.cpu.free - request.cpu)
    return replace(node, cpu=cpu, slots=tuple(slots))


def score_fgd_governed(
    node: Node, request: Request, classes: Sequence[PodClass]
) -> tuple[float, int]:
    """The same: what is lost of a node is another question there, and the search is not."""
    return score_fgd(node, request, classes)


def sigmoid_score(saved_milli: float) -> float:
    """The score of what is saved."""
    return float(int(100 * (1 / (1 + math.exp(-(saved_milli / 1000))))))


# --- mig ---------------------------------------------------------------------------------------


def score_places(
    node: Node, needs: Sequence[Need], gain: Callable[[Slot, Need], float]
) -> tuple[float, int]:
    """The gain of the best place on a node that fits, and the first slot with it.

    ``gain`` is asked for MIG GPUs; other slots are as good as they become full.
    """
    gains = []
    for i, slot in enumerate(node.slots):
        need = needs[slot.kind.number]
        if _times(slot, need):
            full = -(slot.free_milli - need.milli) / WHOLE
            gains.append((gain(slot, need) if slot.kind.units else full, -i))
    best, index = max(gains)
    return best, -index


# --- power -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watts:
    """What a GPU and a CPU package add when they wake, and the millicores of a package."""

    gpu: int
    package: int
    package_milli: int


def score_power(node: Node, request: Request, watts: Watts, scale_w: float) -> float:
    """100 less what is added, in percent of a scale; GPUs of a node are of one model."""
    used = node.cpu.total - node.cpu.free
    packages = [math.ceil(Fraction(n, watts.package_milli)) for n in (used, used + request.cpu)]
    awake = {node.gpu_of(i) for i, slot in enumerate(node.slots) if slot.in_use}
    chosen = choose_best_fit(node.slots, request.count, request.needs)
    woken = {node.gpu_of(i) for i in chosen} - awake
    added = (packages[1] - packages[0]) * watts.package + len(woken) * watts.gpu
    return 100.0 * (1.0 - added / scale_w)


# --- pick --------------------------------------------------------------------------------------


def pick_first_among(column: Sequence[float], candidates: Collection[int]) -> int:
    """The lowest row among the highest scores."""
    return min(_highest(column, candidates), default=-1)


def pick_hashed(
    column: Sequence[float], candidates: Collection[int], salt: int, keys: Sequence[int]
) -> int:
    """The row with the least hash among the highest scores."""
    ranked = sorted((mix(salt, keys[row]), row) for row in _highest(column, candidates))
    return ranked[0][1] if ranked else -1


def _highest(column: Sequence[float], candidates: Collection[int]) -> list[int]:
    fitting = [row for row in candidates if column[row] > -math.inf]
    best = max((column[row] for row in fitting), default=math.inf)
    return [row for row in fitting if column[row] == best]


# --- change ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tenant:
    """What somebody takes of the slot at an index of a node: a seat, or units of a MIG GPU."""

    index: int
    milli: int
    mib: int
    units: frozenset[int] = frozenset()


def change_room(
    node: Node, sign: int, cpu: int, memory: int, tenant: Tenant | None, gpu_class: int
) -> Node:
    """The node after a tenant came (-1) or went (1), or a pod without GPUs."""
    slots = list(node.slots)
    pods = [*node.class_pods, *[0] * (gpu_class + 1 - len(node.class_pods))]
    if gpu_class >= 0:
        pods[gpu_class] -= sign
    if tenant:
        slot = slots[tenant.index]
        slot = replace(
            slot,
            free_milli=slot.free_milli + sign * tenant.milli,
            free_mib=slot.free_mib + sign * tenant.mib,
        )
        if not slot.kind.units:
            slot = replace(slot, clients=slot.clients - sign)
        elif sign < 0:
            slot = replace(slot, units=slot.units | tenant.units)
        else:
            slot = replace(slot, units=slot.units - tenant.units)
        slots[tenant.index] = slot
    return replace(
        node,
        cpu=replace(node.cpu, free=node.cpu.free + sign * cpu),
        memory=replace(node.memory, free=node.memory.free + sign * memory),
        slots=tuple(slots),
        class_pods=tuple(pods),
    )


def changed_rows(history: Sequence[int], since: int) -> list[int]:
    """The rows of the changes after number ``since``, by their latest; the first change is 1."""
    latest = {row: number for number, row in enumerate(history, start=1)}
    return sorted((row for row in latest if latest[row] > since), key=lambda row: latest[row])
