"""The electricity that a cluster draws: its carbon and its price, by hour and zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bayplan.scheduler.errors import InputError

Hours = tuple[float, ...]
"""A value for each hour from time 0 on, repeated."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Carbon intensity of electricity and its price, by the hour from time 0 on, repeated.

    Attributes
    ----------
    g_per_kwh
        CO2 of a kWh in g, in all zones that ``zones`` does not name.
    zones
        The same by zone.
    price_per_kwh
        Price of a kWh in whatever currency, where ``price_zones`` does not name the zone; empty:
        there is none.
    price_zones
        The same by zone.
    """

    g_per_kwh: Hours = (0.0,)
    zones: Mapping[str, Hours] = field(default_factory=dict)
    price_per_kwh: Hours = ()
    price_zones: Mapping[str, Hours] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.g_per_kwh or not all(self.zones.values()):
            raise InputError("there are no hours of carbon intensity", fix="give one at least")

    @property
    def has_price(self) -> bool:
        """Whether a kWh has a price somewhere."""
        return bool(self.price_per_kwh or self.price_zones)

    def carbon(self, zone: str) -> Hours:
        """Return the g of CO2 of a kWh in a zone."""
        return self.zones.get(zone, self.g_per_kwh)

    def price(self, zone: str) -> Hours:
        """Return the price of a kWh in a zone, 0 where there is none."""
        return self.price_zones.get(zone, self.price_per_kwh) or (0.0,)
