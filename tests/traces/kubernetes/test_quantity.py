"""Quantities are what Kubernetes says they are, to the billionth."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.traces.kubernetes.quantity import MIB, NANO, down, nano_of, text_of, up

UNITS = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12),
    "P": Fraction(10**15), "E": Fraction(10**18), "Ki": Fraction(2**10), "Mi": Fraction(2**20),
    "Gi": Fraction(2**30), "Ti": Fraction(2**40), "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("1", 1), ("100m", "0.1"), ("1.5", "1.5"), (".5", "0.5"), ("5.", 5), ("+2", 2),
        ("-1", -1), ("1k", 1000), ("1Ki", 1024), ("1.5Gi", 1610612736), ("2e3", 2000),
        ("2E3", 2000), ("2E", 2 * 10**18), ("1e-3", "0.001"), ("12e+2", 1200),
        ("0.0000000001", "1e-9"), ("-0.0000000001", "-1e-9"), ("1n", "1e-9"), ("1u", "1e-6"),
        ("0001", 1), ("1Ei", 2**60),
    ],
)  # fmt: skip
def test_a_quantity_is_worth_what_the_api_says(text: str, value: int | str) -> None:
    assert nano_of(text) == Fraction(value) * NANO


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1K", "1mi", "1e", "e3", "1Gi2", "1.2.3", "--1", "1e3m", "0x10", "1_000",
     "१", "one", ".", "1KiB", "1e999", "9" * 70],
)  # fmt: skip
def test_anything_else_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match=r"quantity|amounts"):
        nano_of(text)


@settings(max_examples=300)
@given(
    st.sampled_from(["", "+", "-"]),
    st.integers(0, 10**12),
    st.text("0123456789", max_size=12),
    st.sampled_from([*UNITS, "e3", "E-4", "e0", "e+12", "E12"]),
)
def test_quantities_agree_with_fractions(sign: str, whole: int, part: str, unit: str) -> None:
    text = f"{sign}{whole}.{part}{unit}" if part else f"{sign}{whole}{unit}"
    factor = UNITS[unit] if unit in UNITS else Fraction(10) ** int(unit[1:])
    exact = (Fraction(whole) + (Fraction(int(part), 10 ** len(part)) if part else 0)) * factor
    away = math.ceil(exact * NANO)
    assert nano_of(text) == (-away if sign == "-" else away)


@given(st.integers(0, 10**30), st.sampled_from([NANO // 1000, NANO, NANO * MIB]))
def test_rounding_goes_up_and_down(nano: int, unit: int) -> None:
    exact = Fraction(nano, unit)
    assert up(nano, unit) == math.ceil(exact)
    assert down(nano, unit) == math.floor(exact)


def test_json_numbers_are_taken_and_other_things_are_not() -> None:
    assert text_of(2) == "2"
    assert nano_of(text_of(0.5)) == NANO // 2
    others: tuple[object, ...] = (True, None, [], {})
    for value in others:
        with pytest.raises(ValueError, match="is no quantity"):
            text_of(value)
