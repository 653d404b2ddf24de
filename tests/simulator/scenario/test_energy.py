from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.scenario import builtin_grid
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.energy import grid_of
from bayplan.simulator.scenario.hours import CARBON, PRICE, read_hours
from bayplan.simulator.scenario.ready import made_ready
from bayplan.simulator.scenario.scenario import Scenario


def test_nothing_is_measured_unless_asked_for() -> None:
    assert grid_of(Scenario()) is None
    assert grid_of(Scenario().of(energy__measure=True)) == Grid((0.0,))


def test_hours_are_numbers_with_commas() -> None:
    scenario = Scenario().of(energy__measure=True, energy__co2_g_per_kwh="310, 290.5,0")
    assert grid_of(scenario) == Grid((310.0, 290.5, 0.0))
    assert not list(conflicts(scenario))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("310,,300", "hour 2 is ''"),
        ("much", "hour 1 is 'much'"),
        ("1,-2", "hour 2 is '-2'"),
        ("nan", "hour 1 is 'nan'"),
        ("10001", "hour 1 is '10001'"),
    ],
)
def test_what_is_no_intensity_is_named(given: str, problem: str) -> None:
    scenario = Scenario().of(energy__measure=True, energy__co2_g_per_kwh=given)
    said = f"energy.co2_g_per_kwh: {problem}; write numbers from 0 to 10,000, or builtin"
    with pytest.raises(InputError) as error:
        grid_of(scenario)
    assert str(error.value) == said
    assert [str(each) for each in conflicts(scenario)] == [said]


def test_an_intensity_says_nothing_where_energy_is_not_measured() -> None:
    scenario = Scenario().of(energy__co2_g_per_kwh="300")
    assert [path for path, _ in idle(scenario)] == ["energy.co2_g_per_kwh"]


def measured(**values: object) -> Scenario:
    return Scenario().of(energy__measure=True, **values)  # type: ignore[arg-type]


def test_the_made_up_hours_are_by_the_formula() -> None:
    # Monday 12:00 to 13:00, d = 12.5: cos 2π(12.5 - 19)/24 = -0.130526, sin π 6.5/12 = 0.991445;
    # 430 × (1 - 0.15 × 0.130526) - 300 × 0.991445 = 124.147…
    assert builtin_grid.carbon(0)[12] == 124.0
    # cos 2π 12.5/84 = 0.593820; 250 × (1 - 0.0130526) × (1 - 0.4 × 0.593820) = 188.13…
    assert builtin_grid.carbon(1)[12] == 188.0
    # Saturday 19:00, d = 19.5: cos 2π 0.5/24 = 0.991445; 680 × 0.9 × (1 + 0.08 × 0.991445)
    assert builtin_grid.carbon(2)[5 * 24 + 19] == 661.0
    # 0.12 × (1 - 0.35 × 0.130526) - 0.07 × 0.991445 = 0.045117
    assert builtin_grid.price(0)[12] == 0.0451
    for kind in range(builtin_grid.KINDS):
        hours = builtin_grid.carbon(kind)
        assert len(hours) == len(builtin_grid.price(kind)) == 7 * 24
        assert min(hours) > 0.0


def test_the_made_up_hours_are_dealt_out_by_the_names_of_zones() -> None:
    scenario = measured(energy__co2_g_per_kwh="builtin", energy__price_per_kwh="builtin")
    grid = grid_of(scenario, {"d", "b", "a", "c"})
    assert grid is not None
    kinds = [builtin_grid.carbon(kind) for kind in range(3)]
    assert dict(grid.zones) == dict(zip("abcd", [*kinds, kinds[0]], strict=True))
    assert grid.price("c") == builtin_grid.price(2)
    assert grid.carbon("elsewhere") == kinds[0]


def test_a_price_is_a_number_or_hours_and_may_be_below_0() -> None:
    grid = grid_of(measured(energy__price_per_kwh="0.25,-0.02"))
    assert grid == Grid((0.0,), {}, (0.25, -0.02), {})
    assert Grid().has_price is False
    wrong = measured(energy__price_per_kwh="0.25,dear")
    assert [str(each) for each in conflicts(wrong)] == [
        "energy.price_per_kwh: hour 2 is 'dear'; write numbers from -1,000,000 to 1,000,000, or"
        " builtin"
    ]


def test_a_file_of_hours_is_read_by_zone(tmp_path: Path) -> None:
    path = tmp_path / "co2.csv"
    path.write_text("hour,zone,g_per_kwh\n1,zone-0,30\n0,zone-0,20.5\n0,,400\n")
    assert read_hours(path, CARBON) == {"zone-0": (20.5, 30.0), "": (400.0,)}
    grid = made_ready(measured(energy__co2_file=str(path))).settings.grid
    assert grid == Grid((400.0,), {"zone-0": (20.5, 30.0)}, (), {})
    path.write_text("hour,price_per_kwh\n0,0.1\n1,-0.2\n")
    assert read_hours(path, PRICE) == {"": (0.1, -0.2)}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("0,a,1\n0,a,2", "co2.csv:3: hour 0 of zone 'a' is there twice; keep one"),
        ("0,a,1\n2,a,2", "co2.csv:3: hour 1 of zone 'a' is missing; give every hour from 0 on"),
        ("1,,1", "co2.csv:2: hour 0 is missing; give every hour from 0 on"),
        ("-1,a,1", "co2.csv:2: hour"),
        ("0,a,10001", "co2.csv:2: g_per_kwh"),
        ("0.5,a,1", "co2.csv:2: hour"),
    ],
)
def test_what_is_wrong_with_a_file_of_hours_is_named(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "co2.csv"
    path.write_text(f"hour,zone,g_per_kwh\n{rows}\n")
    with pytest.raises(InputError) as error:
        read_hours(path, CARBON)
    assert str(error.value).removeprefix(f"{tmp_path}/").startswith(said)


def test_a_zone_without_hours_is_named(tmp_path: Path) -> None:
    path = tmp_path / "co2.csv"
    path.write_text("hour,zone,g_per_kwh\n0,zone-0,30\n")
    with pytest.raises(InputError) as error:
        made_ready(measured(energy__co2_file=str(path)))
    assert str(error.value) == (
        f"energy.co2_file: {path} has no hours of zone 'zone-1'; add rows of it, or rows without a"
        " zone"
    )


def test_one_of_list_and_file_is_enough() -> None:
    both = measured(energy__co2_g_per_kwh="3", energy__co2_file="x.csv")
    assert [str(each) for each in conflicts(both)] == [
        "energy.co2_g_per_kwh: energy.co2_file says it too; leave one of the two out"
    ]


def test_deferral_goes_by_something() -> None:
    assert [str(each) for each in conflicts(Scenario().of(policy__deferral="carbon"))] == [
        "policy.deferral: carbon goes by the carbon intensity of the electricity; set"
        " energy.measure = true, and energy.co2_g_per_kwh or energy.co2_file"
    ]
    named = Scenario().of(deferral__jobs="batch")
    assert [str(each) for each in conflicts(named)] == [
        "deferral.jobs: it says nothing without deferral.slack_h or deferral.slack_factor; set one"
        " of these, or leave it out"
    ]
    assert [path for path, _ in idle(Scenario().of(deferral__margin=0.5))] == ["deferral.margin"]


def test_a_policy_that_nothing_follows_from_is_told() -> None:
    def told(**values: object) -> list[str]:
        return [line for line in doubts(made_ready(measured(**values))) if "deferral" in line]

    slack = {"deferral__slack_h": 2.0}
    assert told(policy__deferral="carbon", **slack) == [
        "policy.deferral: the carbon intensity is the same at all times and places"
    ]
    assert told(policy__deferral="cheapest", **slack) == [
        "policy.deferral: nothing has a price; set energy.price_per_kwh or a price_per_h"
    ]
    assert told(policy__deferral="carbon", energy__co2_g_per_kwh="1,2") == [
        "policy.deferral: nobody waits, as no job has a deadline; set deferral.slack_h"
    ]
    assert told(policy__deferral="carbon", energy__co2_g_per_kwh="1,2", **slack) == []
