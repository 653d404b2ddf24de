"""The registry of deferral policies: when jobs that may wait are started, and where jobs go.

A package of your own adds one by an entry point in the group ``bayplan.deferrals`` that names a
factory: a callable that takes the ``Settings`` of a simulation and returns a ``DeferralPolicy``
for it.
"""

from __future__ import annotations

from bayplan.simulator.core.deferral._base import DeferralPolicy, Site
from bayplan.simulator.core.deferral.by_cost import make_carbon, make_cheapest
from bayplan.simulator.core.plugins import Registry

__all__ = ["DEFERRALS", "DeferralPolicy", "Site"]

DEFERRALS: Registry[DeferralPolicy | None] = Registry(
    "deferral policy",
    "bayplan.deferrals",
    {"none": lambda _: None, "carbon": make_carbon, "cheapest": make_cheapest},
)
