"""What is left on a node: devices, the counters of their pools, parts of shared devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bayplan.traces.kubernetes.dra.slices import Pool, qualified
from bayplan.traces.kubernetes.dra.types import (
    Amounts,
    Ask,
    Capacity,
    Device,
    DeviceId,
    Given,
    Taint,
    Toleration,
)

WHOLE = 1000
"""The size of a device that takes all that its counters have, or has none: thousandths."""


Consumes = tuple[tuple[tuple[str, str], int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How devices take of counters; nodes that are alike share it.

    Attributes
    ----------
    totals
        What each counter has.
    takes
        Of each device, of which counters it takes how much.
    sizes
        Of each device, how much of its physical device it is, in thousandths.
    places
        From (pool, set, counter) to its place in ``totals``; pools by their number.
    """

    totals: tuple[int, ...]
    takes: tuple[tuple[tuple[int, int], ...], ...]
    sizes: tuple[int, ...]
    places: Mapping[tuple[int, str, str], int]


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """What is on a node, used or not.

    Attributes
    ----------
    devices
        In the order in which kube-scheduler tries them.
    plan
        How they take of counters.
    index
        From a device to its place in ``devices``.
    away
        Devices of the same pools that only other nodes have, with what they take of counters.
    plain
        Whether none has a taint or is shared: what is left then is told by counters and holders.
    """

    devices: tuple[Device, ...]
    plan: Plan
    index: Mapping[DeviceId, int]
    away: Mapping[DeviceId, tuple[tuple[int, int], ...]]
    plain: bool


def stock_of(pools: Iterable[Pool], nodes: Sequence[str]) -> Stock:
    """Return what pools have for a node.

    Parameters
    ----------
    pools
        The pools.
    nodes
        The node, and the one that stands for all.
    """
    ordered = sorted(pools, key=lambda each: each.id)
    here = [tuple([device for at, device in pool.devices if at in nodes]) for pool in ordered]
    plan = _plan(
        tuple(
            (pool.counters, tuple([device.consumes for device in own]))
            for pool, own in zip(ordered, here, strict=True)
        )
    )
    away = {
        device.id: tuple(
            (plan.places[number, group, name], amount)
            for (group, name), amount in device.consumes
            if (number, group, name) in plan.places
        )
        for number, pool in enumerate(ordered)
        for at, device in (pool.devices if len(here[number]) < len(pool.devices) else ())
        if at not in nodes and device.consumes
    }
    devices = tuple(device for own in here for device in own)
    plain = not any(device.taints or device.shared for device in devices)
    return Stock(devices, plan, {device.id: k for k, device in enumerate(devices)}, away, plain)


@lru_cache(maxsize=1024)
def _plan(pools: tuple[tuple[Consumes, tuple[Consumes, ...]], ...]) -> Plan:
    """Return the plan of some pools, of each its counters and what its devices take."""
    places: dict[tuple[int, str, str], int] = {}
    totals: list[int] = []
    for number, (counters, _) in enumerate(pools):
        for (group, name), total in counters:
            places[number, group, name] = len(totals)
            totals.append(total)
    takes = []
    for number, (_, every) in enumerate(pools):
        for consumes in every:
            for (group, name), _ in consumes:
                if (number, group, name) not in places:  # of one that nobody publishes none is left
                    places[number, group, name] = len(totals)
                    totals.append(0)
            takes.append(tuple((places[number, group, name], n) for (group, name), n in consumes))
    sizes = tuple(_size(each, totals) for each in takes)
    return Plan(tuple(totals), tuple(takes), sizes, places)


def _size(takes: Sequence[tuple[int, int]], totals: Sequence[int]) -> int:
    shares = [WHOLE * amount // totals[place] for place, amount in takes if totals[place] > 1]
    return min(WHOLE, max(shares, default=WHOLE))


class Room:
    """What of a stock is free; ``take`` and ``put_back`` undo each other.

    Attributes
    ----------
    stock
        What there is.
    left
        What each counter has left.
    """

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.left = list(stock.plan.totals)
        self._holders = [0] * len(stock.devices)
        self._parts: dict[int, dict[str, int]] = {}

    def copy(self) -> Room:
        """Return one that is equal and shares nothing that changes."""
        other = Room.__new__(Room)
        other.stock, other.left = self.stock, self.left[:]
        other._holders = self._holders[:]
        other._parts = {place: dict(parts) for place, parts in self._parts.items()}
        return other

    @property
    def state(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What tells rooms of one plan apart, where no device is shared."""
        return tuple(self.left), tuple(self._holders)

    def is_idle(self, place: int) -> bool:
        """Whether nobody has a device or a part of it."""
        return not self._holders[place]

    def is_free(self, place: int) -> bool:
        """Whether a device could be given to somebody, as far as counters go."""
        shared = self.stock.devices[place].shared
        if self._holders[place]:
            return shared
        left = self.left
        return all(left[counter] >= amount for counter, amount in self.stock.plan.takes[place])

    def part(self, place: int, ask: Ask) -> Amounts | None:
        """Return what an ask gets of a device's capacity; None: it cannot have it.

        Of a device that is not shared it gets all, which stands as nothing.
        """
        device = self.stock.devices[place]
        wanted = {qualified(name, device.id.driver): amount for name, amount in ask.capacity}
        if not wanted.keys() <= device.capacity.keys():
            return None
        used, parts = self._parts.get(place, {}), []
        for name, has in device.capacity.items():
            amount = consumed(has, wanted.get(name)) if device.shared else wanted.get(name, 0)
            if amount is None or used.get(name, 0) + amount > has.value:
                return None
            parts.append((name, amount))
        return tuple(parts) if device.shared else ()

    def take(self, place: int, part: Amounts = ()) -> None:
        """Let somebody have a device, or a part of it."""
        if not self._holders[place]:
            for counter, amount in self.stock.plan.takes[place]:
                self.left[counter] -= amount
        self._holders[place] += 1
        if part:
            parts = self._parts.setdefault(place, {})
            for name, amount in part:
                parts[name] = parts.get(name, 0) + amount

    def put_back(self, place: int, part: Amounts = ()) -> None:
        """Let a device, or a part of it, be free again."""
        self._holders[place] -= 1
        if not self._holders[place]:
            for counter, amount in self.stock.plan.takes[place]:
                self.left[counter] += amount
        for name, amount in part:
            self._parts[place][name] -= amount

    def take_given(self, given: Given) -> None:
        """Let a claim have what it was allocated, where that concerns the node."""
        place = self.stock.index.get(given.device)
        if place is not None:
            self.take(place, given.consumed if given.shared else ())
            return
        for counter, amount in self.stock.away.get(given.device, ()):
            self.left[counter] -= amount

    def free_share(self, place: int) -> int:
        """Return how much of a shared device is free, in thousandths, by what is scarcest."""
        has, used = self.stock.devices[place].capacity, self._parts.get(place, {})
        return min(
            (WHOLE * (each.value - used.get(name, 0)) // each.value
             for name, each in has.items() if each.value > 0),
            default=WHOLE,
        )  # fmt: skip


def consumed(has: Capacity, wanted: int | None) -> int | None:
    """Return what a request for a part of a capacity takes; None: there is no such part.

    Parameters
    ----------
    has
        The capacity of a shared device.
    wanted
        What is asked for, in billionths; None: nothing is said.

    Notes
    -----
    ``CapacityRequestPolicy`` of ``k8s.io/api/resource/v1``: what is asked for is rounded up to what
    the policy allows.
    """
    if wanted is None:
        return has.value if has.default is None else has.default
    if has.values:
        return next((value for value in has.values if value >= wanted), None)
    if has.least is not None:
        steps = -(-(wanted - has.least) // has.step) if has.step else 0
        if wanted <= has.least:
            wanted = has.least
        elif has.step:
            wanted = has.least + steps * has.step
    return None if has.most is not None and wanted > has.most else wanted


def tolerates(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """Whether some toleration passes over a taint.

    Parameters
    ----------
    tolerations, taint
        Of a request, and of a device.
    """
    return any(
        (not each.key or each.key == taint.key)
        and each.effect in ("", taint.effect)
        and (each.any_value or each.value == taint.value)
        for each in tolerations
    )
