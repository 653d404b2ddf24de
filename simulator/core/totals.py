"""The sums of a run, from the parts that each kept one of them."""

from __future__ import annotations

import math

from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.core.deferral.holding import Holding
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.gpus import Gpus
from bayplan.simulator.core.machines import Machines
from bayplan.simulator.core.results import Totals


def totals_of(
    floor: Floor,
    machines: Machines,
    gpus: Gpus,
    holding: Holding | None,
    *,
    n_gpus: int,
    events: int,
    passes: int,
    service_gpu_s: float,
) -> Totals:
    """Return the sums up to now.

    Parameters
    ----------
    floor, machines, gpus, holding
        The parts, brought up to now.
    n_gpus
        GPUs at the beginning.
    events, passes
        How many there were.
    service_gpu_s
        Work of replicas, in GPU-seconds.
    """
    book, meter, now_s = floor.book, floor.meter, floor.now_s
    work = ((book.done_s + book.lost_s) * book.work_gpus)[: book.n_batch]
    return Totals(
        n_gpus=n_gpus,
        capacity_milli=GPU_MILLI * n_gpus,
        known_gpus=machines.n_gpus,
        first_s=meter.first_s,
        end_s=now_s,
        there_gpu_s=meter.there_gpu_s(now_s),
        allocated_gpu_s=meter.allocated_gpu_s,
        effective_gpu_s=float(work.sum()) + service_gpu_s,
        busy_gpu_s=meter.busy_gpu_s,
        tenant_gpu_s=meter.tenant_gpu_s,
        events=events,
        passes=passes,
        decisions=floor.decisions,
        **_energy(floor),
        **_pulls(floor),
        **_deferral(holding),
        node_s=machines.bill.node_s(now_s),
        cost=math.fsum(group.cost for group in machines.bill.lines(now_s)),
        gpu_faults=sum(gpus.faults.values()),
        closed_gpu_s=gpus.closed_gpu_s(now_s),
        alarms=gpus.alarms,
        false_alarms=gpus.false_alarms,
    )


def _energy(floor: Floor) -> dict[str, float]:
    energy = floor.energy
    if energy is None:
        return {}
    energy.upto(floor.now_s)
    return {
        "idle_j": energy.idle_j,
        "active_j": energy.active_j,
        "co2_g": energy.co2_g,
        "active_co2_g": energy.active_co2_g,
        "energy_price": energy.price,
        "active_price": energy.active_price,
    }


def _pulls(floor: Floor) -> dict[str, float]:
    if floor.startup is None:
        return {}
    tally = floor.startup.upto(floor.now_s)
    return {
        "pulls": tally.pulls,
        "pulled_mib": tally.pulled_mib,
        "images_looked_for": tally.looked_for,
        "images_found": tally.found,
    }


def _deferral(holding: Holding | None) -> dict[str, float]:
    if holding is None:
        return {}
    held_s = holding.held_s()
    return {
        "deferred": holding.n_deferred,
        "deferral_s": math.fsum(held_s),
        "most_deferral_s": float(held_s.max(initial=0.0)),
    }
