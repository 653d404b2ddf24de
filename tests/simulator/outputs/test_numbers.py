from __future__ import annotations

import math

import pytest

from bayplan.simulator.outputs.numbers import decimals, lasting, number, time_unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (7.0, "7"),
        (0.12345, "0.123"),
        (1.23456, "1.235"),
        (12.3456, "12.35"),
        (123.456, "123.5"),
        (1234.56, "1,235"),
        (1823179.4, "1,823,179"),
        (-12.3456, "-12.35"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_a_number_has_about_four_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_column_has_the_decimals_of_its_largest() -> None:
    assert decimals([0.5, 123.4, math.nan]) == 1
    assert decimals([1.0, 2.0]) == decimals([]) == decimals([math.nan]) == 0
    assert number(0.5, 1) == "0.5"


def test_a_long_time_is_in_a_unit_that_one_can_imagine() -> None:
    assert [lasting(s) for s in (119, 120, 7200, 172800, math.nan)] == [
        "", "2.0 min", "2.0 h", "2.0 d", "",
    ]  # fmt: skip
    assert [time_unit(s)[1] for s in (0, 600, 20_000, 300_000)] == [
        "seconds", "minutes", "hours", "days",
    ]  # fmt: skip
