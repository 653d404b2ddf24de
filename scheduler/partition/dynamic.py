"""Plans of MIG changes for pending demand, on GPUs whose used instances stay as they are."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import sub

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.types import Product
from bayplan.scheduler.partition._geometry import (
    Geometry,
    Spot,
    geometry_of,
    open_spots,
    room_beside,
)
from bayplan.scheduler.partition._single import Outcome, Search, as_demand
from bayplan.scheduler.partition.types import Change, Create, Destroy, GpuState, Plan
from bayplan.scheduler.types import GPU_MILLI


def plan_changes(states: Sequence[GpuState], demand: Mapping[str, int]) -> Plan:
    """Return the changes that make the most of pending demand servable by idle instances.

    First the most milli of demand is served, then changes are few, then placements stay open,
    then GPU indices and starts are low. The milli of a profile are size / units of 1000 (the
    least of them where products of the list differ). Used instances are never touched.

    Parameters
    ----------
    states
        The GPUs; a plan names them by their index here.
    demand
        Pending instances by profile name; what no GPU offers stays unmet.

    Raises
    ------
    InputError
        A negative count, or instances that cannot be on their GPU together.

    Notes
    -----
    On one GPU this is exact. Over several it is greedy, in three steps: (1) idle instances that
    are asked for are kept, first those on GPUs with little room beside their used instances; (2)
    what is missing is created in free places, the largest profile first, where it costs the
    fewest open placements; (3) every GPU is searched exactly for its share and all that is still
    missing; in the order of what they gain those that gain are changed so, again until none does.
    In the end no change of a single GPU's part improves the plan. So it serves at least half
    of what the best plan would: on each GPU as much as the best plan does there, less what of that
    other GPUs serve already.

    Neither the order of ``demand`` nor that of a GPU's instances matters.
    """
    for name, count in sorted(demand.items()):
        if count < 0:
            raise InputError(f"the demand for {name} is {count}", fix="give 0 or more")
    fleet = _Fleet.of(states, demand)
    fleet.keep()
    fleet.fill()
    fleet.improve()
    unmet = Counter({name: count for name, count in demand.items() if count})
    for gpu in fleet.gpus:
        unmet.subtract(dict(gpu.now.served))
    return Plan(tuple(fleet.changes()), as_demand(unmet.items()))


@dataclass(slots=True)
class _Gpu:
    """A GPU, what is planned for it so far, and the names that could be on it (``possible``)."""

    kind: int
    geometry: Geometry
    used: tuple[Spot, ...]
    idle: tuple[Spot, ...]
    possible: frozenset[str]
    now: Outcome

    @property
    def free_milli(self) -> int:
        """What the used instances leave."""
        return GPU_MILLI - sum(spot.milli for spot in self.used)


@dataclass(slots=True)
class _Fleet:
    """The GPUs of a plan, and the demand that nothing serves yet, by name."""

    gpus: list[_Gpu]
    weights: dict[str, int]
    missing: Counter[str]
    searched: dict[object, Outcome] = field(default_factory=dict)
    cheapest: dict[object, tuple[int, Spot] | None] = field(default_factory=dict)

    @classmethod
    def of(cls, states: Sequence[GpuState], demand: Mapping[str, int]) -> _Fleet:
        """Return the fleet with nothing planned."""
        kinds: dict[Product, int] = {}
        gpus = [_gpu(state, kinds.setdefault(state.product, len(kinds))) for state in states]
        weights: dict[str, int] = {}
        for product in kinds:
            for name, milli in geometry_of(product).milli.items():
                weights[name] = min(milli, weights.get(name, milli))
        return cls(gpus, weights, Counter(dict(as_demand(demand.items()))))

    def keep(self) -> None:
        """Let idle instances serve what is asked for."""
        for name in self._largest_first():
            owners = sorted(
                (gpu.free_milli, index)
                for index, gpu in enumerate(self.gpus)
                for spot in gpu.idle
                if spot.name == name
            )
            for _, index in owners[: self.missing[name]]:
                self._serve(self.gpus[index], name)

    def fill(self) -> None:
        """Create what is missing where nothing has to go."""
        for name in self._largest_first():
            heap: list[tuple[int, int, int]] = []
            for index in range(len(self.gpus)):
                self._push(heap, index, name)
            while heap and self.missing[name]:
                _, index, _ = heapq.heappop(heap)
                gpu = self.gpus[index]
                cost, spot = self._cheapest(gpu, name) or (0, None)
                if spot is None:
                    continue
                created = sorted((*gpu.now.created, spot), key=lambda s: s.instance)
                room = gpu.now.room - cost
                gpu.now = replace(gpu.now, created=tuple(created), room=room)
                self._serve(gpu, name)
                self._push(heap, index, name)

    def improve(self) -> None:
        """Search single GPUs again until none gains."""
        while True:
            gains: list[tuple[int, ...]] = []
            for index, gpu in enumerate(self.gpus):
                if then := self._better(gpu):
                    gain = map(sub, then.rank, gpu.now.rank)
                    gains.append((*(-part for part in gain), index))
            if not gains:
                return
            for *_, index in sorted(gains):
                gpu = self.gpus[index]
                # What is missing may be less than when the gain was computed: search again.
                if then := self._better(gpu):
                    self.missing.update(dict(gpu.now.served))
                    self.missing.subtract(dict(then.served))
                    gpu.now = then

    def changes(self) -> Iterator[Change]:
        """Yield the planned changes in order."""
        for index, gpu in enumerate(self.gpus):
            for spot in gpu.now.destroyed:
                yield Destroy(index, spot.instance)
            for spot in gpu.now.created:
                yield Create(index, spot.instance)

    def _largest_first(self) -> list[str]:
        names = [name for name in self.missing if name in self.weights]
        return sorted(names, key=lambda name: (-self.weights[name], name))

    def _serve(self, gpu: _Gpu, name: str) -> None:
        served = Counter(dict(gpu.now.served))
        served[name] += 1
        milli = gpu.now.milli + self.weights[name]
        gpu.now = replace(gpu.now, milli=milli, served=as_demand(served.items()))
        self.missing[name] -= 1

    def _push(self, heap: list[tuple[int, int, int]], index: int, name: str) -> None:
        found = self._cheapest(self.gpus[index], name)
        if found:
            heapq.heappush(heap, (found[0], index, found[1].start))

    def _cheapest(self, gpu: _Gpu, name: str) -> tuple[int, Spot] | None:
        """Return the free place that costs the fewest open placements, and how many it costs."""
        held = (*gpu.used, *gpu.idle, *gpu.now.created)
        key = (gpu.kind, held, name)
        if key not in self.cheapest:
            room = room_beside(held)
            costs = [
                (gpu.now.room - open_spots(gpu.geometry, room.plus(spot)), spot.start, spot)
                for spot in gpu.geometry.spots
                if spot.name == name and room.takes(spot)
            ]
            best = min(costs, default=None, key=lambda each: each[:2])
            self.cheapest[key] = best and (best[0], best[2])
        return self.cheapest[key]

    def _better(self, gpu: _Gpu) -> Outcome | None:
        """Return the best of a GPU for its share and what is missing, if better than now."""
        wanted = [name for name in gpu.possible if self.missing[name]]
        if not wanted and not gpu.now.changes:
            return None  # nothing to add and nothing to undo
        offer = Counter(dict(gpu.now.served))
        for name in wanted:
            # More than fits makes no difference, and equal offers are searched once.
            offer[name] = min(offer[name] + self.missing[name], gpu.geometry.most[name])
        key = (gpu.kind, gpu.used, gpu.idle, pairs := as_demand(offer.items()))
        if key not in self.searched:
            search = Search(gpu.geometry, gpu.used, gpu.idle, pairs, self.weights)
            self.searched[key] = search.run(gpu.now)
        then = self.searched[key]
        return then if then.better_than(gpu.now) else None


def _gpu(state: GpuState, kind: int) -> _Gpu:
    geometry = geometry_of(state.product)
    spots = geometry.lookup((*state.used, *state.idle))
    running = set(state.used)
    used = tuple(spot for spot in spots if spot.instance in running)
    idle = tuple(spot for spot in spots if spot.instance not in running)
    beside = room_beside(used)
    possible = frozenset(spot.name for spot in geometry.spots if beside.takes(spot))
    room = open_spots(geometry, room_beside(spots))
    return _Gpu(kind, geometry, used, idle, possible, Outcome(0, (), (), (), room))
