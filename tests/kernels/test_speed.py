from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import naive_speed as naive
from bayplan.kernels import speed
from naive_speed import Rates, Tenant
from strategies import call, ints

Mode = Callable[[Sequence[Tenant], Rates], list[float]]

FRACTIONS = (0.0, 0.01, 0.1, 0.25, 0.44, 0.5, 0.9, 1.0)
PARTS = (0.01, 0.1, 14 / 108, 0.25, 0.3, 0.5, 0.51, 0.6, 1.0)
DEMANDS = ("busy", "bandwidth", "bottleneck", "power", "pcie", "weight")
LARGER = {**dict.fromkeys(DEMANDS, 1.0), "weight": 20.0}
NEAR = 1e-12
"""What the order of sums may change, over the value."""


def columns(tenants: Sequence[Tenant]) -> dict[str, np.ndarray]:
    """The kernels' columns of some tenants; what is not sliced has its compute as a cap."""
    names = [name for name in asdict(Tenant()) if name != "instance"]
    found = {name: np.array([getattr(t, name) for t in tenants], np.float64) for name in names}
    instance = ints([tenant.instance for tenant in tenants])
    return {**found, "cap": found["compute"], "instance": instance}


def run(kernel: Callable[..., None], tenants: Sequence[Tenant], rates: Rates) -> list[float]:
    out = np.full(len(tenants), np.nan)
    call(kernel, columns(tenants), asdict(rates), out=out)
    return [float(value) for value in out]


def timeslice(tenants: Sequence[Tenant], rates: Rates) -> list[float]:
    return run(speed.slow_timeslice, tenants, rates)


def mps(tenants: Sequence[Tenant], rates: Rates) -> list[float]:
    return run(speed.slow_mps, tenants, rates)


def mig(tenants: Sequence[Tenant], rates: Rates) -> list[float]:
    return run(speed.slow_mig, tenants, rates)


MODES = pytest.mark.parametrize("mode", [timeslice, mps, mig])

fractions = st.sampled_from(FRACTIONS) | st.floats(0.0, 1.0)
parts = st.sampled_from(PARTS) | st.floats(0.01, 1.0)

RATES = st.builds(
    Rates,
    switch_cost=st.sampled_from((0.0, 0.11, 0.25)),
    collision=st.sampled_from((0.0, 0.65, 1.0)),
    overhead=st.sampled_from((0.0, 0.02)),
    client_cost=st.sampled_from((0.0, 0.01)),
    cache=st.sampled_from((0.0, 0.13)),
    thrashing=st.sampled_from((0.0, 0.43)),
    idle=st.sampled_from((0.0, 0.18, 0.5)),
    power_exponent=st.sampled_from((0.0, 0.5, 1.0)),
)


@st.composite
def tenants(draw: st.DrawFn, smallest: int = 1) -> list[Tenant]:
    """Tenants of one GPU; those of an instance have the same part of it."""
    instances = draw(st.lists(st.tuples(parts, parts), min_size=3, max_size=3))
    found = []
    for _ in range(draw(st.integers(smallest, 6))):
        number = draw(st.integers(0, 2))
        compute, memory = instances[number]
        found.append(
            Tenant(
                busy=draw(fractions),
                bandwidth=draw(fractions),
                bottleneck=draw(fractions),
                power=draw(fractions),
                pcie=draw(fractions),
                weight=draw(st.sampled_from((0.05, 0.5, 1.0, 3.0, 20.0))),
                pc=draw(st.sampled_from((0.0, 0.35, 0.92, 1.2))),
                pm=draw(st.sampled_from((0.0, 0.1, 0.35, 1.0))),
                compute=compute,
                memory=memory,
                instance=number,
            )
        )
    return found


# --- the twins ---------------------------------------------------------------------------------


@given(fractions, fractions, parts, parts)
def test_a_slice_stretches_what_scales(pc: float, pm: float, compute: float, memory: float) -> None:
    found = speed.slice_slowdown(pc, pm, compute, memory)
    assert found == pytest.approx(naive.slice_slowdown(pc, pm, compute, memory), rel=1e-11)
    assert speed.slice_slowdown(pc, pm, 1.0, 1.0) == 1.0


@given(st.floats(0.0, 48.0), fractions, fractions)
def test_power_slows_down_beyond_the_limit_only(
    activity: float, idle: float, exponent: float
) -> None:
    found = speed.power_slowdown(activity, idle, exponent)
    assert found == pytest.approx(naive.power_slowdown(activity, idle, exponent), rel=NEAR)
    assert speed.power_slowdown(min(activity, 1.0), 0.25, exponent) == 1.0


@given(tenants(), RATES)
def test_turns_are_those_of_the_twin(who: list[Tenant], rates: Rates) -> None:
    assert timeslice(who, rates) == pytest.approx(naive.slow_timeslice(who, rates), rel=1e-11)


@given(tenants(), RATES)
def test_mps_is_that_of_the_twin(who: list[Tenant], rates: Rates) -> None:
    assert mps(who, rates) == pytest.approx(naive.slow_mps(who, rates), rel=1e-11)


@given(tenants(), RATES)
def test_mig_is_that_of_the_twin(who: list[Tenant], rates: Rates) -> None:
    assert mig(who, rates) == pytest.approx(naive.slow_mig(who, rates), rel=1e-11)


# --- what holds in every mode ------------------------------------------------------------------


@MODES
@given(who=tenants(), rates=RATES)
def test_nobody_is_faster_than_alone_on_the_whole_gpu(
    mode: Mode, who: list[Tenant], rates: Rates
) -> None:
    assert all(value >= 1.0 for value in mode(who, rates))


@MODES
@given(who=tenants(), rates=RATES)
def test_alone_on_a_whole_gpu_nothing_is_lost(mode: Mode, who: list[Tenant], rates: Rates) -> None:
    alone = replace(who[0], compute=1.0, memory=1.0)
    assert mode([alone], replace(rates, overhead=0.0)) == [1.0]


@MODES
@given(who=tenants(smallest=2), rates=RATES)
def test_one_more_tenant_speeds_nobody_up(mode: Mode, who: list[Tenant], rates: Rates) -> None:
    before, after = mode(who[:-1], rates), mode(who, rates)
    assert all(b <= a * (1 + NEAR) for b, a in zip(before, after, strict=False))


@MODES
@given(
    who=tenants(smallest=2),
    rates=RATES,
    demand=st.sampled_from(DEMANDS),
    part=st.sampled_from((0.3, 1.0)),
)
def test_more_demand_of_one_speeds_no_other_up(
    mode: Mode, who: list[Tenant], rates: Rates, demand: str, part: float
) -> None:
    last = getattr(who[-1], demand)
    more = replace(who[-1], **{demand: last + part * (LARGER[demand] - last)})
    before, after = mode(who, rates)[:-1], mode([*who[:-1], more], rates)[:-1]
    assert all(b <= a * (1 + NEAR) for b, a in zip(before, after, strict=True))


@pytest.mark.parametrize("mode", [timeslice, mps])
@given(who=tenants(smallest=2), rates=RATES)
def test_a_larger_cap_of_one_speeds_no_other_up(
    mode: Mode, who: list[Tenant], rates: Rates
) -> None:
    larger = [*who[:-1], replace(who[-1], compute=1.0)]
    before, after = mode(who, rates)[:-1], mode(larger, rates)[:-1]
    assert all(b <= a * (1 + NEAR) for b, a in zip(before, after, strict=True))


@MODES
@given(who=tenants(), rates=RATES, seed=st.integers(0, 10))
def test_the_order_of_tenants_does_not_matter(
    mode: Mode, who: list[Tenant], rates: Rates, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(who)).tolist()
    straight, shuffled = mode(who, rates), mode([who[i] for i in order], rates)
    assert shuffled == pytest.approx([straight[i] for i in order], rel=NEAR)


@MODES
@given(who=tenants(), rates=RATES, n=st.integers(2, 5))
def test_equal_tenants_are_equally_fast(
    mode: Mode, who: list[Tenant], rates: Rates, n: int
) -> None:
    found = mode([replace(who[0]) for _ in range(n)], rates)
    assert found == pytest.approx([found[0]] * n, rel=NEAR)


# --- what the modes are meant to say -----------------------------------------------------------


@given(tenants(), RATES)
def test_turns_do_no_more_work_than_one_gpu(who: list[Tenant], rates: Rates) -> None:
    found = timeslice(who, replace(rates, collision=1.0))
    assert sum(t.busy / value for t, value in zip(who, found, strict=True)) <= 1.0 + 1e-9


@pytest.mark.parametrize("n", [2, 3, 7])
def test_saturating_tenants_in_turns_get_a_part_less_the_switching(n: int) -> None:
    assert timeslice([Tenant()] * 1, Rates()) == [1.0]
    who = [Tenant() for _ in range(n)]
    assert timeslice(who, Rates()) == pytest.approx([1.11 * n] * n)


def test_tenants_that_are_rarely_busy_together_pay_little_for_switching() -> None:
    who = [Tenant(busy=0.1) for _ in range(2)]
    assert max(timeslice(who, Rates())) < 1.002


def test_pacing_holds_a_tenant_to_its_cap() -> None:
    rates = Rates(overhead=0.02)
    assert timeslice([Tenant(busy=0.9, compute=0.3)], rates) == pytest.approx([3.0 * 1.02])
    assert timeslice([Tenant(busy=0.2, compute=0.3)], rates) == pytest.approx([1.02])


@pytest.mark.parametrize("n", [2, 3, 7])
def test_mps_without_caps_adds_up_what_the_bottlenecks_share(n: int) -> None:
    who = [Tenant(bottleneck=0.44) for _ in range(n)]
    assert mps(who, Rates()) == pytest.approx([1 + 0.44 * (n - 1)] * n)
    costly = Rates(client_cost=0.01)
    expected = (1 + 0.01 * (n - 1)) * (1 + 0.44 * (n - 1))
    assert mps(who, costly) == pytest.approx([expected] * n)


def test_long_kernels_get_more_of_mps() -> None:
    short, long = mps([Tenant(weight=1.0), Tenant(weight=2.0)], Rates())
    assert (short, long) == pytest.approx((3.0, 1.5))


def test_mps_with_caps_of_their_own_shares_the_memory_only() -> None:
    who = [Tenant(compute=0.5, pc=0.8), Tenant(compute=0.5, bandwidth=0.6)]
    assert mps(who, Rates()) == pytest.approx([1.8 * (1 + 0.13 * 0.6), 1.0])


def test_mps_caps_contend_in_what_overlaps() -> None:
    # 0.2 of 1.2 is claimed twice, a third of either's 0.6.
    who = [Tenant(compute=0.6), Tenant(compute=0.6)]
    assert mps(who, Rates()) == pytest.approx([1 + 0.6 / 3] * 2)


def test_memory_bandwidth_is_shared_whatever_the_caps() -> None:
    who = [Tenant(bandwidth=1.0, compute=0.5), Tenant(bandwidth=1.0, compute=0.5)]
    assert mps(who, Rates()) == pytest.approx([2.0 * 1.43] * 2)
    assert mps(who, Rates(thrashing=0.0)) == pytest.approx([2.0] * 2)


def test_mig_neighbours_matter_through_power_and_pcie_alone() -> None:
    me = Tenant(pc=0.4, pm=0.4, compute=0.25, memory=0.25)
    greedy = Tenant(bandwidth=1.0, compute=0.5, memory=0.5, instance=1)
    alone = 1 + 0.4 * 3 + 0.4 * 3
    assert mig([me, greedy], Rates())[0] == pytest.approx(alone)
    hungry = replace(greedy, power=1.0)
    limit = (0.15 + 0.85 * (1.0 + 1.0 / alone)) ** 0.5
    assert mig([replace(me, power=1.0), hungry], Rates())[0] == pytest.approx(alone * limit)
    copying = replace(greedy, pcie=1.0)
    assert mig([replace(me, pcie=1.0), copying], Rates())[0] == pytest.approx(alone * 2)


def test_clients_of_one_mig_instance_contend_for_its_smaller_part() -> None:
    who = [Tenant(bottleneck=0.1, pc=0.2, compute=0.2, memory=0.25, instance=i) for i in (4, 4, 5)]
    assert mig(who, Rates()) == pytest.approx([1.8 * 1.5, 1.8 * 1.5, 1.8])
    small = [Tenant(bandwidth=0.25, bottleneck=0.0, memory=0.25) for _ in range(2)]
    assert mig(small, Rates()) == pytest.approx([2.0 * 1.43] * 2)


@given(tenants(), RATES)
def test_clients_of_an_instance_that_is_the_whole_gpu_are_mps_without_caps(
    who: list[Tenant], rates: Rates
) -> None:
    whole = [replace(t, compute=1.0, memory=1.0, instance=3) for t in who]
    assert mig(whole, rates) == pytest.approx(mps(whole, rates), rel=NEAR)


@given(tenants(), RATES)
def test_no_overlap_of_caps_is_no_contention(who: list[Tenant], rates: Rates) -> None:
    apart = [replace(t, compute=t.compute / len(who), bandwidth=0.0, pcie=0.0) for t in who]
    assume(all(t.compute >= 1e-3 for t in apart))
    cold = replace(rates, power_exponent=0.0, client_cost=0.0)
    expected = [naive.slice_slowdown(t.pc, 0.0, t.compute, 1.0) for t in apart]
    assert mps(apart, cold) == pytest.approx(expected, rel=1e-9)
