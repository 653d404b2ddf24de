"""The deferral policies: by carbon, and by price."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.deferral._base import Site
from bayplan.simulator.core.grid import Grid, Hours
from bayplan.simulator.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Carbon:
    """Run when and where a GPU-hour emits least: by carbon intensity, and by watts of the GPUs.

    The start is that of the uninterrupted window with the least mean carbon intensity before the
    deadline. Source: Wiesner et al., Let's Wait Awhile, Middleware 2021: their
    non-interrupting strategy, with a forecast without error.
    """

    grid: Grid

    def hours(self, site: Site) -> Hours:
        """Return the g of CO2 that an hour of a GPU adds."""
        return tuple(site.kw_per_gpu * grams for grams in self.grid.carbon(site.zone))


@dataclass(frozen=True, slots=True)
class Cheapest:
    """Run when and where a GPU-hour costs least: the node's price and the electricity."""

    grid: Grid

    def hours(self, site: Site) -> Hours:
        """Return the price of a GPU-hour, of node and electricity."""
        return tuple(
            site.price_per_gpu_h + site.kw_per_gpu * price for price in self.grid.price(site.zone)
        )


def make_carbon(settings: Settings) -> Carbon:
    """Return the policy for a simulation.

    Raises
    ------
    InputError
        There is no carbon intensity.
    """
    if settings.grid is None:
        raise InputError(
            "deferral carbon goes by the grid's carbon intensity", fix="give the settings a grid"
        )
    return Carbon(settings.grid)


def make_cheapest(settings: Settings) -> Cheapest:
    """Return the policy for a simulation; without a grid it goes by the prices of nodes."""
    return Cheapest(settings.grid or Grid())
