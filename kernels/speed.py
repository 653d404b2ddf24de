"""How much slower each tenant of one GPU runs than alone on the whole GPU, per sharing mode.

Arrays are (n_tenants,), one row a tenant, of fractions (no unit) unless said otherwise. ``busy``:
of the time that kernels run, ``bandwidth``: of the memory bandwidth used, ``bottleneck``: of
what limits the tenant most that it occupies, ``power``: of the range between idle and the power
limit that it draws, ``pcie``: of the time that it copies over PCIe; all measured alone on the
whole GPU. ``weight`` (relative, > 0) is how long its kernels are. ``pc`` and ``pm`` say how it
scales with multiprocessors and with memory bandwidth. ``compute`` and ``memory`` are the
fractions of the GPU that it may use (slice or cap). ``out`` gets slowdowns, 1 or more.

In every mode another tenant, or more demand of another tenant, slows nobody down less. Sums run
over the tenants in the order of the rows: another order changes the last bits only. Where two
things that are shared could hold a tenant back, the tighter one does (``max``): a tenant that
waits for one uses the other less.
"""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, IntArray


@kernel
def slice_slowdown(pc: float, pm: float, compute: float, memory: float) -> float:
    """Slowdown on a part of a GPU: a roofline of what scales with each of the two parts.

    On 32 training jobs and the A100's slices the mean error is 5 % where Amdahl's law (``pm`` 0)
    has 6 % and a power law 10 % (MISO artifact; ``bench/sharing.py``).
    """
    return 1.0 + pc * (1.0 / compute - 1.0) + pm * (1.0 / memory - 1.0)


@kernel
def power_slowdown(activity: float, idle: float, exponent: float) -> float:
    """Slowdown when all tenants together would draw more than the power limit.

    ``activity`` is the sum of what they draw, ``idle`` the idle power over the limit.
    """
    return float(max(1.0, idle + (1.0 - idle) * activity) ** exponent)


@kernel
def slow_timeslice(
    busy: FloatArray,
    pcie: FloatArray,
    cap: FloatArray,
    switch_cost: float,
    collision: float,
    overhead: float,
    out: FloatArray,
) -> None:
    """One tenant at a time, in turns; ``cap`` is the fraction of the time that it may be busy.

    Without caps (1) this is the driver's time-slicing. With them it is software pacing of
    kernel launches: a tenant waits for its own cap first, then for the others. ``switch_cost``
    is paid in proportion to how much the turns collide: of two tenants that are rarely busy
    together neither pays. ``overhead`` is what the pacing costs, alone too. No more work is done
    than one GPU does: nobody waits less than all together are busy beyond the time there is.
    """
    total = 0.0
    for i in range(busy.size):
        total += min(busy[i], cap[i])
    for i in range(busy.size):
        mine = min(busy[i], cap[i])
        waiting = 0.0
        copying = 0.0
        for j in range(busy.size):
            if j != i:
                waiting += (mine * min(busy[j], cap[j])) ** 1.5
                copying += pcie[j]
        waiting = collision * max(waiting, total - 1.0)
        turns = (1.0 + waiting) * (1.0 + switch_cost * min(1.0, waiting))
        paced = max(1.0, busy[i] / cap[i])
        out[i] = (1.0 + overhead) * max(paced * turns, 1.0 + pcie[i] * copying)


@kernel
def slow_mps(
    bandwidth: FloatArray,
    bottleneck: FloatArray,
    power: FloatArray,
    pcie: FloatArray,
    weight: FloatArray,
    pc: FloatArray,
    cap: FloatArray,
    client_cost: float,
    cache: float,
    thrashing: float,
    idle: float,
    power_exponent: float,
    out: FloatArray,
) -> None:
    """All tenants at once, each on at most ``cap`` of the multiprocessors.

    Caps are no reservations. Where they add up to 1 or less each has its own multiprocessors,
    and only the memory is shared (``cache``). What they add up to beyond 1 overlaps: a tenant
    contends with that part of its own. With all caps 1 nothing is anybody's own, which is MPS
    without caps.
    """
    caps = 0.0
    used = 0.0
    activity = 0.0
    for i in range(cap.size):
        caps += cap[i]
        used += bandwidth[i]
        activity += power[i] / slice_slowdown(pc[i], 0.0, cap[i], 1.0)
    excess = max(0.0, used - 1.0)
    throttled = power_slowdown(activity, idle, power_exponent)
    for i in range(cap.size):
        overlap = min(1.0, max(0.0, caps - 1.0) / cap[i])
        contention = 0.0
        streaming = 0.0
        copying = 0.0
        for j in range(cap.size):
            if j != i:
                both = min(bottleneck[i], cap[i]) * min(bottleneck[j], cap[j])
                contention += both**0.5 * weight[j] / weight[i]
                streaming += bandwidth[j]
                copying += pcie[j]
        shared = (1.0 + client_cost * (cap.size - 1)) * (1.0 + overlap * contention)
        shared = max(shared, 1.0 + cache * min(1.0, streaming), 1.0 + bandwidth[i] * excess)
        shared *= 1.0 + thrashing * min(1.0, excess)
        shared = max(shared, throttled, 1.0 + pcie[i] * copying)
        out[i] = slice_slowdown(pc[i], 0.0, cap[i], 1.0) * shared


@kernel
def slow_mig(
    bandwidth: FloatArray,
    bottleneck: FloatArray,
    power: FloatArray,
    pcie: FloatArray,
    weight: FloatArray,
    pc: FloatArray,
    pm: FloatArray,
    compute: FloatArray,
    memory: FloatArray,
    instance: IntArray,
    client_cost: float,
    cache: float,
    thrashing: float,
    idle: float,
    power_exponent: float,
    out: FloatArray,
) -> None:
    """Tenants of MIG instances; those with the same ``instance`` number share it by MPS.

    Tenants of other instances matter through the power limit and PCIe alone. Within an instance
    the demands, measured on the whole GPU, are that much more of the smaller part.
    """
    activity = 0.0
    for i in range(pc.size):
        activity += power[i] / slice_slowdown(pc[i], pm[i], compute[i], memory[i])
    throttled = power_slowdown(activity, idle, power_exponent)
    for i in range(pc.size):
        own = min(1.0, bandwidth[i] / memory[i])
        mine = min(1.0, bottleneck[i] / compute[i])
        clients = 0
        contention = 0.0
        streaming = 0.0
        copying = 0.0
        for j in range(pc.size):
            if j == i:
                continue
            copying += pcie[j]
            if instance[j] == instance[i]:
                clients += 1
                both = mine * min(1.0, bottleneck[j] / compute[j])
                contention += both**0.5 * weight[j] / weight[i]
                streaming += min(1.0, bandwidth[j] / memory[j])
        excess = max(0.0, own + streaming - 1.0)
        shared = (1.0 + client_cost * clients) * (1.0 + contention)
        shared = max(shared, 1.0 + cache * min(1.0, streaming), 1.0 + own * excess)
        shared *= 1.0 + thrashing * min(1.0, excess)
        shared = max(shared, throttled, 1.0 + pcie[i] * copying)
        out[i] = slice_slowdown(pc[i], pm[i], compute[i], memory[i]) * shared
