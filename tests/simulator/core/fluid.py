"""Jobs on one GPU as a fluid: from one arrival or end to the next at constant rates, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.scheduler.speed import WHOLE_GPU, Demand, Share, SharingMode, SpeedSettings, slowdowns


@dataclass(frozen=True, slots=True)
class Tenant:
    """A job that starts when it arrives."""

    arrival_s: float
    work_s: float
    demand: Demand
    share: Share = WHOLE_GPU
    base: float = 1.0


def finish_times(
    mode: SharingMode, tenants: Sequence[Tenant], settings: SpeedSettings
) -> list[float]:
    """When each is done."""
    left = [tenant.work_s for tenant in tenants]
    finish = [math.nan] * len(tenants)
    now = 0.0
    while any(math.isnan(time) for time in finish):
        here = [k for k, t in enumerate(tenants) if t.arrival_s <= now and math.isnan(finish[k])]
        slow = slowdowns(
            mode, [tenants[k].demand for k in here], [tenants[k].share for k in here], settings
        )
        rate = {k: tenants[k].base / by for k, by in zip(here, slow.tolist(), strict=True)}
        ends = {k: now + left[k] / rate[k] for k in here}
        later = [tenant.arrival_s for tenant in tenants if tenant.arrival_s > now]
        then = min([*ends.values(), *later])
        for k in here:
            left[k] -= rate[k] * (then - now)
            if ends[k] == then:
                finish[k] = then
        now = then
    return finish
