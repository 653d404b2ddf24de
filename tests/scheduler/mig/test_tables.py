"""The tables by mask against counting, for every product and every mask that can come up."""

from __future__ import annotations

from functools import cache

import pytest

from bayplan.scheduler.hardware import MigProfile, Product, products
from bayplan.scheduler.mig.tables import (
    MEDIA,
    SEAT_SHIFT,
    able_table,
    all_units,
    bits_of,
    seat_table,
    shift_of,
)

GEOMETRIES = {
    (product.units, product.compute_slices): product for product in products() if product.has_mig
}
"""One product of each geometry."""


@cache
def most(used: frozenset[int], profile: MigProfile, media_taken: bool) -> int:
    """The most instances of a profile beside what is used: every way to place them is tried."""
    if "+me" in profile.variant and media_taken:
        return 0
    best = 0
    for start in profile.starts:
        units = frozenset(range(start, start + profile.size))
        if not units & used:
            with_it = most(used | units, profile, media_taken or "+me" in profile.variant)
            best = max(best, 1 + with_it)
    return best


@pytest.mark.parametrize("product", GEOMETRIES.values(), ids=lambda product: product.name)
def test_how_many_more_fit_is_the_most_that_any_arrangement_holds(product: Product) -> None:
    table = able_table(product)
    step = 1 if product.units <= 8 else 3  # RTX PRO: three units a slice, used together
    for coarse in range(1 << (product.units // step)):
        units = {u for u in range(product.units) if coarse >> (u // step) & 1}
        for media in (False, True):
            mask = sum(1 << u for u in units) | (MEDIA if media else 0)
            for profile in product.profiles:
                said = table[mask] >> shift_of(product, profile) & 15
                counted = most(frozenset(units), profile, media)
                assert said == min(counted, profile.max_instances), (mask, profile.name)
            assert table[mask] >> SEAT_SHIFT == 1


@pytest.mark.parametrize("product", [p for p in products() if p.has_mig], ids=lambda p: p.name)
def test_the_memory_of_instances_beside_each_other_fits_the_gpu(product: Product) -> None:
    # The engine takes memory off the GPU's: it must not run out before the places do.
    def fullest(start: int) -> int:
        if start >= product.units:
            return 0
        return max(
            [fullest(start + 1)]
            + [
                p.memory_mib + fullest(start + p.size)
                for p in product.profiles
                if start in p.starts
            ]
        )

    assert fullest(0) <= product.memory_mib


@pytest.mark.parametrize("product", GEOMETRIES.values(), ids=lambda product: product.name)
def test_bits_are_the_units_and_the_media_token(product: Product) -> None:
    for profile in product.profiles:
        for start in profile.starts:
            bits = bits_of(profile, start)
            units = [u for u in range(product.units) if bits >> u & 1]
            assert units == list(range(start, start + profile.size))
            assert bool(bits & MEDIA) is ("+me" in profile.name)
            assert bits & ~MEDIA & ~all_units(product) == 0


@pytest.mark.parametrize("limit", [1, 2, 14, 15, 16, 48, 1000])
def test_seats_run_out_at_the_limit(limit: int) -> None:
    table = seat_table(limit)
    for used in range(limit + 3):
        assert table[used] >> SEAT_SHIFT == min(15, max(0, limit - used))
