"""Which sets of MIG instances a product allows.

Two instances never share a placement unit; that alone keeps their compute slices within the GPU's.
Above it, a profile has a ``max_instances``, and one instance per GPU may have media engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.types import Product
from bayplan.scheduler.partition.types import Instance, Layout
from bayplan.scheduler.types import GPU_MILLI


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of an instance: ``mask`` has a bit per placement unit, ``end`` is exclusive."""

    instance: Instance
    mask: int
    end: int
    milli: int
    most: int
    media: bool

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.instance.profile_name

    @property
    def start(self) -> int:
        """The first placement unit."""
        return self.instance.start


@dataclass(frozen=True, slots=True)
class Geometry:
    """The spots of a product, by start and profile name; ``units`` long."""

    product_name: str
    units: int
    spots: tuple[Spot, ...]
    by_instance: dict[Instance, Spot]
    milli: dict[str, int]
    most: dict[str, int]

    def lookup(self, instances: Iterable[Instance]) -> tuple[Spot, ...]:
        """Return the spots of instances that may be together, by start.

        Raises
        ------
        InputError
            An instance of an unknown profile or at a start that is not its own, or instances that
            cannot be on one GPU together.
        """
        spots: list[Spot] = []
        room = Room()
        for instance in sorted(instances):
            spot = self.by_instance.get(instance)
            if spot is None:
                raise InputError(self._unknown(instance))
            if not room.takes(spot):
                raise InputError(
                    f"{self.product_name}: {instance.profile_name} at {instance.start} cannot be"
                    f" beside {', '.join(f'{s.name} at {s.start}' for s in spots)}"
                )
            room = room.plus(spot)
            spots.append(spot)
        return tuple(spots)

    def _unknown(self, instance: Instance) -> str:
        name = instance.profile_name
        starts = [str(spot.start) for spot in self.spots if spot.name == name]
        if starts:
            return (
                f"{self.product_name}: {name} cannot start at {instance.start},"
                f" only at {', '.join(starts)}"
            )
        return f"{self.product_name} has no MIG profile {name!r}"


@dataclass(frozen=True, slots=True)
class Room:
    """What instances leave of a GPU."""

    taken: int = 0
    media: bool = False
    names: tuple[str, ...] = ()

    def takes(self, spot: Spot) -> bool:
        """Whether one more instance may be there."""
        return not (
            self.taken & spot.mask
            or (self.media and spot.media)
            or self.names.count(spot.name) >= spot.most
        )

    def plus(self, spot: Spot) -> Room:
        """Return what is left with one more instance."""
        return Room(self.taken | spot.mask, self.media or spot.media, (*self.names, spot.name))


def room_beside(spots: Iterable[Spot]) -> Room:
    """Return what instances leave."""
    room = Room()
    for spot in spots:
        room = room.plus(spot)
    return room


def open_spots(geometry: Geometry, room: Room) -> int:
    """Return how many placements (profile and start) are still open: much is little scattered."""
    return sum(room.takes(spot) for spot in geometry.spots)


@lru_cache(maxsize=256)
def geometry_of(product: Product) -> Geometry:
    """Return the geometry of a product; one without MIG has no spots."""
    spots = sorted(
        (
            Spot(
                Instance(start, profile.name),
                ((1 << profile.size) - 1) << start,
                start + profile.size,
                GPU_MILLI * profile.size // product.units,
                profile.max_instances,
                "+me" in profile.variant,
            )
            for profile in product.profiles
            for start in profile.starts
        ),
        key=lambda spot: spot.instance,
    )
    return Geometry(
        product.name,
        product.units,
        tuple(spots),
        {spot.instance: spot for spot in spots},
        {spot.name: spot.milli for spot in spots},
        {spot.name: spot.most for spot in spots},
    )


@lru_cache(maxsize=256)
def full_layouts(product: Product) -> tuple[Layout, ...]:
    """Return a layout per multiset of profiles to which no instance can be added.

    Of equal multisets it is the one with the smallest starts; the layouts are sorted.
    """
    geometry = geometry_of(product)
    seen: dict[tuple[tuple[str, int], ...], Layout] = {}
    for spots, room in _layouts(geometry, 0, (), Room()):
        if spots and not any(room.takes(spot) for spot in geometry.spots):
            layout = tuple(spot.instance for spot in spots)
            multiset = tuple(sorted(Counter(room.names).items()))
            if multiset not in seen or layout < seen[multiset]:
                seen[multiset] = layout
    return tuple(sorted(seen.values()))


def _layouts(
    geometry: Geometry, first: int, spots: tuple[Spot, ...], room: Room
) -> Iterator[tuple[tuple[Spot, ...], Room]]:
    yield spots, room
    for index in range(first, len(geometry.spots)):
        spot = geometry.spots[index]
        if room.takes(spot):
            yield from _layouts(geometry, index + 1, (*spots, spot), room.plus(spot))
