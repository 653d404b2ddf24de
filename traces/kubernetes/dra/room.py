"""What is left on a node: devices, the counters of their pools, parts of shared devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """What is on a node, used or not.

    Attributes
    ----------
    devices
        In the order in which kube-scheduler tries them.
    totals
        What each counter has.
    takes
        Of each device, of which counters it takes how much.
    sizes
        Of each device, how much of its physical device it is, in thousandths.
    index
        From a device to its place in ``devices``.
    away
        Devices of the same pools that only other nodes have, with what they take of counters.
    """

    devices: tuple[Device, ...]
    totals: tuple[int, ...]
    takes: tuple[tuple[tuple[int, int], ...], ...]
    sizes: tuple[int, ...]
    index: Mapping[DeviceId, int]
    away: Mapping[DeviceId, tuple[tuple[int, int], ...]]


def stock_of(pools: Iterable[Pool], nodes: Sequence[str]) -> Stock:
    """Return what pools have for a node.

    Parameters
    ----------
    pools
        The pools.
    nodes
        The node, and the one that stands for all.
    """
    devices: list[Device] = []
    elsewhere: list[Device] = []
    places: dict[tuple[str, str, str, str], int] = {}
    totals: list[int] = []
    for pool in sorted(pools, key=lambda each: each.id):
        for (group, name), total in pool.counters:
            places[*pool.id, group, name] = len(totals)
            totals.append(total)
        for node, device in pool.devices:
            (devices if node in nodes else elsewhere).append(device)

    def takes_of(device: Device) -> tuple[tuple[int, int], ...]:
        own = device.id.driver, device.id.pool
        return tuple(
            (_place(places, totals, (*own, group, name)), amount)
            for (group, name), amount in device.consumes
        )

    takes = tuple(takes_of(device) for device in devices)
    away = {device.id: takes_of(device) for device in elsewhere if device.consumes}
    return Stock(
        tuple(devices),
        tuple(totals),
        takes,
        tuple(_size(each, totals) for each in takes),
        {device.id: k for k, device in enumerate(devices)},
        away,
    )


def _place(
    places: dict[tuple[str, str, str, str], int],
    totals: list[int],
    key: tuple[str, str, str, str],
) -> int:
    if key not in places:  # a counter that nobody has published is one of which nothing is left
        places[key] = len(totals)
        totals.append(0)
    return places[key]


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
        self.left = list(stock.totals)
        self._holders = [0] * len(stock.devices)
        self._parts: dict[int, dict[str, int]] = {}

    def copy(self) -> Room:
        """Return one that is equal and shares nothing that changes."""
        other = Room.__new__(Room)
        other.stock, other.left = self.stock, self.left[:]
        other._holders = self._holders[:]
        other._parts = {place: dict(parts) for place, parts in self._parts.items()}
        return other

    def is_idle(self, place: int) -> bool:
        """Whether nobody has a device or a part of it."""
        return not self._holders[place]

    def is_free(self, place: int) -> bool:
        """Whether a device could be given to somebody, as far as counters go."""
        shared = self.stock.devices[place].shared
        if self._holders[place]:
            return shared
        left = self.left
        return all(left[counter] >= amount for counter, amount in self.stock.takes[place])

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
            for counter, amount in self.stock.takes[place]:
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
            for counter, amount in self.stock.takes[place]:
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
