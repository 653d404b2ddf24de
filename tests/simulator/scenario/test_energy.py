from __future__ import annotations

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.energy import grid_of
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
    said = f"energy.co2_g_per_kwh: {problem}; write numbers from 0 to 10,000"
    with pytest.raises(InputError) as error:
        grid_of(scenario)
    assert str(error.value) == said
    assert [str(each) for each in conflicts(scenario)] == [said]


def test_an_intensity_says_nothing_where_energy_is_not_measured() -> None:
    scenario = Scenario().of(energy__co2_g_per_kwh="300")
    assert [path for path, _ in idle(scenario)] == ["energy.co2_g_per_kwh"]
