"""What a deferral policy promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bayplan.simulator.core.grid import Hours


@dataclass(frozen=True, slots=True)
class Site:
    """Nodes that are one place to a deferral policy.

    Attributes
    ----------
    zone
        Their zone; empty: none.
    price_per_gpu_h
        What an hour of one of their GPUs costs by itself: a node's price over its GPUs.
    kw_per_gpu
        What jobs add at most to the idle watts of one of their GPUs, in kW, the mean.
    """

    zone: str
    price_per_gpu_h: float
    kw_per_gpu: float


class DeferralPolicy(Protocol):
    """Says what it costs to run at a place at a time; jobs are run where and when it is least."""

    def hours(self, site: Site) -> Hours:
        """Return the cost of a GPU-hour at a place, in whatever unit, for each hour from 0 on."""
