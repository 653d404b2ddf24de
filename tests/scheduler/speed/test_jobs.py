from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.speed import JOB_CLASSES, Demand, demand_from_telemetry
from bayplan.scheduler.speed.jobs import RANGES

NAMES = [field.name for field in fields(Demand)]


def test_every_demand_has_a_range() -> None:
    assert sorted(RANGES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_demand_is_held_to_its_range(name: str) -> None:
    def made(value: float) -> Demand:
        given: dict[str, Any] = {name: value}
        return Demand(**given)

    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(made(value), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(InputError, match=rf"^{name} is .*, outside "):
            made(value)


def test_memory_is_a_whole_number() -> None:
    with pytest.raises(InputError, match=r"^memory_mib is 1.5, not a whole number; round it up$"):
        Demand(memory_mib=1.5)  # type: ignore[arg-type]


def test_what_is_not_said_of_bottleneck_and_power_is_taken_from_use() -> None:
    assert Demand(sm=0.3, bandwidth=0.6).occupied == 0.6
    assert Demand(sm=0.3, bandwidth=0.1).occupied == 0.3
    assert Demand(sm=0.3, bandwidth=0.6, bottleneck=0.2).occupied == 0.2
    assert Demand(sm=0.3).drawn == 0.3
    assert Demand(sm=0.3, power=0.0).drawn == 0.0


def test_training_classes_scale_more_the_heavier_they_are() -> None:
    light, medium, heavy = (JOB_CLASSES[name] for name in ("light", "medium", "heavy"))
    for name in ("busy", "bandwidth", "bottleneck", "power", "pc", "pm"):
        assert getattr(light, name) < getattr(medium, name) < getattr(heavy, name)


def test_power_is_believed_before_utilisation() -> None:
    assert demand_from_telemetry(1.0, 1.0, power_share=0.5).pc == pytest.approx(0.65)
    assert demand_from_telemetry(0.8, 0.5).pc == pytest.approx(0.654)


@given(st.floats(0, 1), st.floats(0, 1), st.none() | st.floats(0, 1), st.integers(0, 80_000))
def test_any_telemetry_is_a_demand_that_grows_with_it(
    busy: float, bandwidth: float, power: float | None, memory: int
) -> None:
    demand = demand_from_telemetry(busy, bandwidth, power, memory)
    more = demand_from_telemetry(1.0, 1.0, None if power is None else 1.0, memory)
    assert 0.0 <= demand.pc <= more.pc <= 1.0
    assert demand.pm == 0.0
    assert demand.occupied == max(demand.pc, bandwidth)
    assert demand.memory_mib == memory
