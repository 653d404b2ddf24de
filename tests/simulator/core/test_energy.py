"""Energy by hand, to the joule."""

from __future__ import annotations

import math

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import find_product
from bayplan.scheduler.sharing import Mps
from bayplan.scheduler.speed import Demand
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.settings import Interruptions, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import Listed, NodeChange
from bayplan.simulator.core.zones import ZONE_LABEL

from .support import job, node, run, speeds, table

A100 = find_product("A100-80GB")
assert A100 is not None
assert A100.idle_w is not None
assert A100.tdp_w is not None
IDLE_W, RANGE_W = A100.idle_w, A100.tdp_w - A100.idle_w


def test_two_gpus_to_the_joule() -> None:
    demands = {"half": Demand(sm=0.5), "full": Demand(sm=1.0)}
    jobs = [
        job("a", 10.0, job_type="half"),
        job("b", 4.0, job_type="full", gpu_count=2, arrival_s=2.0),
        job("c", 8.0, job_type="full", gpu_milli=250, arrival_s=3.0),
    ]
    # a: 0 to 10 on one GPU; c: 3 to 11 on a quarter of the other; b: 11 to 15 on both.
    done = run([node("n0", 2)], jobs, speeds=speeds(demands), grid=Grid((100.0,)))
    totals = done.totals
    assert done.jobs.finish_s.tolist() == [10.0, 15.0, 11.0]
    assert totals.idle_j == 2 * IDLE_W * 15.0
    assert totals.active_j == pytest.approx(
        0.5 * RANGE_W * 10.0 + RANGE_W / 4 * 8.0 + 2 * RANGE_W * 4.0, rel=1e-12
    )
    joules = totals.idle_j + totals.active_j
    assert totals.co2_g == pytest.approx(100.0 * joules / 3.6e6, rel=1e-12)


def test_carbon_follows_the_hours_and_begins_again() -> None:
    grid = Grid((100.0, 300.0, 0.0))
    done = run([node("n0", 1)], [job("a", 3 * 3600.0, arrival_s=1.5 * 3600.0)],
               speeds=speeds(), grid=grid)  # fmt: skip
    # From 1.5 h to 4.5 h: half an hour of 300, one of 0, one of 100, half of 300.
    kilowatts = (IDLE_W + RANGE_W) / 1000.0
    assert done.totals.co2_g == pytest.approx(kilowatts * (150.0 + 0.0 + 100.0 + 150.0), rel=1e-12)


def test_each_zone_has_its_own_hours_to_the_gram() -> None:
    zones = {"a": (100.0, 300.0), "b": (50.0,)}
    nodes = [
        node("n0", 1, labels=((ZONE_LABEL, "a"),)),
        node("n1", 1, labels=((ZONE_LABEL, "b"),)),
        node("n2", 1),
    ]
    grid = Grid((10.0,), zones, (0.5,), {"b": (0.2, -0.1)})
    # One job on all three for 1.5 h, then nothing until the lone one on n0 ends at 2.5 h.
    jobs = [job("a", 1.5 * 3600.0, pods=3), job("b", 3600.0, arrival_s=1.5 * 3600.0)]
    done = run(nodes, jobs, speeds=speeds(), grid=grid)
    assert [entry.detail for entry in done.log if entry.what == "start"] == ["n0 n1 n2", "n0"]
    idle, busy = IDLE_W / 1000.0, RANGE_W / 1000.0
    # g h per kW: zone a has 100 in hour 0, 300 in hour 1, 100 in hour 2.
    all_a, all_b, all_0 = 100.0 + 300.0 + 0.5 * 100.0, 2.5 * 50.0, 2.5 * 10.0
    busy_a, busy_b, busy_0 = all_a, 1.5 * 50.0, 1.5 * 10.0
    active = busy * (busy_a + busy_b + busy_0)
    assert done.totals.active_co2_g == pytest.approx(active, rel=1e-12)
    whole = idle * (all_a + all_b + all_0) + active
    assert done.totals.co2_g == pytest.approx(whole, rel=1e-12)
    # Prices: 0.5 in a and without a zone; in b 0.2, -0.1, 0.2.
    active = busy * (0.5 * 2.5 + (0.2 - 0.05) + 0.5 * 1.5)
    assert done.totals.active_price == pytest.approx(active, rel=1e-12)
    whole = idle * (0.5 * 2.5 + (0.2 - 0.1 + 0.1) + 0.5 * 2.5) + active
    assert done.totals.energy_price == pytest.approx(whole, rel=1e-12)
    joules = 1000.0 * (3 * idle * 2.5 + busy * (3 * 1.5 + 1.0)) * 3600.0
    assert done.totals.idle_j + done.totals.active_j == pytest.approx(joules, rel=1e-12)


def test_zones_alike_are_one_to_the_last_bit() -> None:
    hours = (123.0, 45.6, 789.0)
    nodes = [node(f"n{i}", 2, labels=((ZONE_LABEL, f"z{i % 3}"),)) for i in range(5)]
    jobs = [job(f"j{i}", 500.0 + 37.0 * i, arrival_s=91.0 * i, gpu_milli=400) for i in range(40)]
    by_zone = Grid((1.0,), dict.fromkeys(("z0", "z1", "z2"), hours))
    one, three = (run(nodes, jobs, grid=grid) for grid in (Grid(hours), by_zone))
    assert repr(one.totals) == repr(three.totals)


def test_energy_without_a_price_has_none() -> None:
    totals = run([node("n0")], [job("a", 10.0)], grid=Grid()).totals
    assert math.isnan(totals.energy_price)
    assert math.isnan(totals.active_price)


def test_tenants_draw_by_their_rates() -> None:
    jobs = [job("a", 100.0, gpu_milli=500), job("b", 100.0, gpu_milli=500)]
    done = run([node("n0", 1, Mps())], jobs, speeds=speeds(), grid=Grid())
    # Work done is the integral of the rate, and both draw all of the range at rate 1.
    assert done.totals.active_j == pytest.approx(RANGE_W * 200.0, rel=1e-9)
    assert done.totals.idle_j == pytest.approx(IDLE_W * done.totals.end_s, rel=1e-12)


def test_work_that_is_lost_has_drawn_too() -> None:
    source = Listed([NodeChange(4.0, "n0", "down"), NodeChange(6.0, "n0", "up")])
    settings = Settings(grid=Grid(), speeds=speeds(), interruptions=Interruptions(checkpoint_s=3.0))
    jobs = table([job("a", 10.0)])
    done = Simulation([node("n0", 1)], jobs, settings, Parts(sources=[source])).run()
    assert done.jobs.finish_s.tolist() == [6.0 + 7.0]
    assert done.totals.idle_j == IDLE_W * (4.0 + 7.0)
    assert done.totals.active_j == pytest.approx(RANGE_W * (4.0 + 7.0), rel=1e-12)


def test_energy_is_measured_when_asked_for_and_changes_nothing_else() -> None:
    jobs = [job(f"j{i}", 10.0 + i, arrival_s=float(i), gpu_milli=400) for i in range(9)]
    nodes = [node("n0", 1, Mps()), node("n1", 1, gpu_model="T4", gpu_memory_mib=16_384)]
    plain, measured = (run(nodes, jobs, speeds=speeds(), grid=grid) for grid in (None, Grid()))
    assert math.isnan(plain.totals.active_j)
    assert plain.jobs.finish_s.tolist() == measured.jobs.finish_s.tolist()
    assert plain.log == measured.log


def test_hours_are_needed() -> None:
    with pytest.raises(InputError, match="no hours of carbon intensity"):
        Grid(())
    with pytest.raises(InputError, match="no hours of carbon intensity"):
        Grid((1.0,), {"a": ()})
