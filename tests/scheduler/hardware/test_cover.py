from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.hardware import (
    Product,
    plain_profiles,
    product_named,
    products,
    smallest_covering,
    smallest_for,
)
from bayplan.scheduler.hardware.cover import named_gb

A100 = product_named("A100-80GB")
MEMORY = sorted({row.memory_mib + step for each in products() for row in each.profiles
                 for step in (-1, 0, 1)})  # fmt: skip


def covering(product: Product, milli: int, memory_mib: int) -> str | None:
    """Every profile is tried, with fractions; the least (size, slices) wins."""
    share = Fraction(milli, 1000)
    fitting = [
        (row.size, row.compute_slices, row.name)
        for row in product.profiles
        if not set(row.name) & set("+-")
        and Fraction(row.compute_slices, product.compute_slices) >= share
        and Fraction(row.size, product.units) >= share
        and row.memory_mib >= memory_mib
    ]
    return min(fitting)[2] if fitting else None


@given(
    st.sampled_from(products()),
    st.integers(0, 1001),
    st.one_of(st.just(0), st.sampled_from(MEMORY), st.integers(0, 300_000)),
)
def test_the_covering_profile_is_the_least_of_all_that_hold_the_share(
    product: Product, milli: int, memory_mib: int
) -> None:
    found = smallest_covering(product, milli, memory_mib)
    assert (found and found.name) == covering(product, milli, memory_mib)


@pytest.mark.parametrize(
    ("milli", "memory_mib", "name"),
    [
        (0, 0, "1g.10gb"), (1, 0, "1g.10gb"), (125, 0, "1g.10gb"),
        # an eighth of the memory is less than a seventh of the compute: the double profile next
        (126, 0, "1g.20gb"), (142, 0, "1g.20gb"), (143, 0, "2g.20gb"), (250, 0, "2g.20gb"),
        (251, 0, "3g.40gb"), (428, 0, "3g.40gb"), (429, 0, "4g.40gb"), (500, 0, "4g.40gb"),
        (501, 0, "7g.80gb"), (1000, 0, "7g.80gb"), (1001, 0, None),
        (0, 9856, "1g.10gb"), (0, 9857, "1g.20gb"), (143, 9857, "2g.20gb"), (0, 80384, "7g.80gb"),
        (0, 80385, None), (1, 19969, "3g.40gb"),
    ],
)  # fmt: skip
def test_shares_of_an_a100_take_these_profiles(
    milli: int, memory_mib: int, name: str | None
) -> None:
    found = smallest_covering(A100, milli, memory_mib)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("slices", "gb", "name"),
    [(1, 1, "1g.10gb"), (1, 10, "1g.10gb"), (1, 11, "1g.20gb"), (2, 5, "2g.20gb"),
     (1, 21, "3g.40gb"), (4, 5, "4g.40gb"), (5, 5, "7g.80gb"), (1, 80, "7g.80gb"),
     (0, 0, "1g.10gb"), (1, 81, None), (8, 1, None)],
)  # fmt: skip
def test_slices_and_gigabytes_are_rounded_up_to_a_profile(
    slices: int, gb: int, name: str | None
) -> None:
    found = smallest_for(A100, slices, gb)
    assert (found and found.name) == name


@given(st.sampled_from(products()), st.integers(0, 8), st.integers(0, 300))
def test_no_smaller_profile_has_the_slices_and_gigabytes(
    product: Product, slices: int, gb: int
) -> None:
    fitting = [
        (row.size, row.compute_slices, row.name)
        for row in product.profiles
        if row.variant == "" and row.compute_slices >= slices and named_gb(row) >= gb
    ]
    found = smallest_for(product, slices, gb)
    assert (found and found.name) == (min(fitting)[2] if fitting else None)


def test_plain_profiles_have_no_variants_and_go_from_small_to_large() -> None:
    assert [row.name for row in plain_profiles(A100)] == [
        "1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb",
    ]  # fmt: skip
    assert [row.name for row in plain_profiles(product_named("RTX-PRO-6000"))] == [
        "1g.24gb", "2g.48gb", "4g.96gb",
    ]  # fmt: skip
    assert plain_profiles(product_named("T4")) == ()
    assert smallest_covering(product_named("T4"), 0) is None
