"""The electricity that a cluster draws."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.errors import InputError


@dataclass(frozen=True, slots=True)
class Grid:
    """Carbon intensity of electricity, g CO2 per kWh, by the hour from time 0 on, repeated."""

    g_per_kwh: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if not self.g_per_kwh:
            raise InputError("there are no hours of carbon intensity", fix="give one at least")
