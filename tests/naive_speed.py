"""Slow and obvious twins of the speed kernels, one function a kernel, under the kernel's name.

A tenant is an object with a field per column of the kernels, a share has the default of the
whole GPU. The twins return values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tenant:
    """What the speed kernels know of a tenant; ``cap`` is ``compute`` where nothing is sliced."""

    busy: float = 1.0
    bandwidth: float = 0.0
    bottleneck: float = 1.0
    power: float = 0.0
    pcie: float = 0.0
    weight: float = 1.0
    pc: float = 0.0
    pm: float = 0.0
    compute: float = 1.0
    memory: float = 1.0
    instance: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """The parameters of the modes."""

    switch_cost: float = 0.11
    collision: float = 1.0
    overhead: float = 0.0
    client_cost: float = 0.0
    cache: float = 0.13
    thrashing: float = 0.43
    idle: float = 0.15
    power_exponent: float = 0.5


def slice_slowdown(pc: float, pm: float, compute: float, memory: float) -> float:
    """What does not scale, and what is stretched by either part."""
    return (1 - pc - pm) + pc / compute + pm / memory


def power_slowdown(activity: float, idle: float, exponent: float) -> float:
    """The power that would be drawn, over the limit."""
    return float(max(1.0, idle + (1 - idle) * activity) ** exponent)


def slow_timeslice(tenants: Sequence[Tenant], rates: Rates) -> list[float]:
    """Everybody in turns."""

    def held(tenant: Tenant) -> float:
        return min(tenant.busy, tenant.compute)

    slowdowns = []
    for me in tenants:
        others = [other for other in tenants if other is not me]
        meeting = sum((held(me) * held(other)) ** 1.5 for other in others)
        beyond = sum(held(tenant) for tenant in tenants) - 1
        waiting = rates.collision * max(meeting, beyond)
        switching = 1 + rates.switch_cost * min(1, waiting)
        compute = max(1, me.busy / me.compute) * (1 + waiting) * switching
        slowdowns.append((1 + rates.overhead) * max(compute, _pcie(me, others)))
    return slowdowns


def slow_mps(tenants: Sequence[Tenant], rates: Rates) -> list[float]:
    """Everybody at once, within caps."""
    caps = sum(tenant.compute for tenant in tenants)
    activity = sum(t.power / slice_slowdown(t.pc, 0, t.compute, 1) for t in tenants)
    throttled = power_slowdown(activity, rates.idle, rates.power_exponent)
    slowdowns = []
    for me in tenants:
        others = [other for other in tenants if other is not me]
        if caps <= 1:
            overlap = 0.0
        elif caps - 1 >= me.compute:
            overlap = 1.0
        else:
            overlap = (caps - 1) / me.compute
        contention = sum(
            math.sqrt(min(me.bottleneck, me.compute) * min(other.bottleneck, other.compute))
            * (other.weight / me.weight)
            for other in others
        )
        shared = _memory_bound(
            (1 + rates.client_cost * len(others)) * (1 + overlap * contention),
            me.bandwidth,
            [other.bandwidth for other in others],
            rates,
        )
        worst = max(shared, throttled, _pcie(me, others))
        slowdowns.append(slice_slowdown(me.pc, 0, me.compute, 1) * worst)
    return slowdowns


def slow_mig(tenants: Sequence[Tenant], rates: Rates) -> list[float]:
    """Everybody on an instance."""

    def alone(tenant: Tenant) -> float:
        return slice_slowdown(tenant.pc, tenant.pm, tenant.compute, tenant.memory)

    activity = sum(tenant.power / alone(tenant) for tenant in tenants)
    throttled = power_slowdown(activity, rates.idle, rates.power_exponent)
    slowdowns = []
    for me in tenants:
        others = [other for other in tenants if other is not me]
        beside = [other for other in others if other.instance == me.instance]
        contention = sum(
            math.sqrt(min(1, me.bottleneck / me.compute) * min(1, o.bottleneck / o.compute))
            * (o.weight / me.weight)
            for o in beside
        )
        shared = _memory_bound(
            (1 + rates.client_cost * len(beside)) * (1 + contention),
            min(1, me.bandwidth / me.memory),
            [min(1, other.bandwidth / other.memory) for other in beside],
            rates,
        )
        slowdowns.append(alone(me) * max(shared, throttled, _pcie(me, others)))
    return slowdowns


def _memory_bound(compute: float, mine: float, others: Sequence[float], rates: Rates) -> float:
    beyond = max(0.0, mine + sum(others) - 1)
    bound = max(compute, 1 + rates.cache * min(1, sum(others)), 1 + mine * beyond)
    return bound * (1 + rates.thrashing * min(1, beyond))


def _pcie(me: Tenant, others: Sequence[Tenant]) -> float:
    return 1 + me.pcie * sum(other.pcie for other in others)
