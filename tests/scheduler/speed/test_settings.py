from __future__ import annotations

from dataclasses import fields

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.speed import SHARING_MODES, SpeedSettings, mode_named
from bayplan.scheduler.speed.settings import RANGES

NAMES = [field.name for field in fields(SpeedSettings)]


def test_every_parameter_has_a_range_and_is_documented() -> None:
    assert sorted(RANGES) == sorted(NAMES)
    text = SpeedSettings.__doc__ or ""
    assert [name for name in NAMES if f"    {name}\n" not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_takes_both_ends_of_its_range_and_nothing_beyond(name: str) -> None:
    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(SpeedSettings(**{name: value}), name) == value
    for value in (low - 1e-6, high + 1e-6, float("nan"), 10**400):
        with pytest.raises(InputError, match=f"^{name} is .*, outside {low:g} to {high:g}; "):
            SpeedSettings(**{name: value})


@pytest.mark.parametrize("value", [True, None])
def test_a_parameter_is_a_number(value: float) -> None:
    with pytest.raises(InputError, match=f"cache is {value}, not a number; write a number from 0"):
        SpeedSettings(cache=value)


def test_a_mode_is_known_by_its_name_and_the_nearest_is_suggested() -> None:
    assert [mode_named(name) for name in SHARING_MODES] == list(SHARING_MODES)
    with pytest.raises(
        InputError, match=r"^no sharing mode 'timeslise'; did you mean timeslice\?$"
    ):
        mode_named("timeslise")
    with pytest.raises(InputError, match=r"; known are exclusive, mig, mps, timeslice, hami$"):
        mode_named("?")
