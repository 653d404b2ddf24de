"""What fits a MIG GPU, and where, for every mask of used placement units: looked up, not searched.

A mask has one bit a placement unit (4, 8 or 12), and ``MEDIA`` when an instance with media
extensions is there, of which a GPU has one. Non-overlap on this axis suffices: no legal layout
exceeds the compute slices (NVIDIA MIG user guide; enumerated in the tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.mig.rules import MigRule

UNITS = 12
MEDIA = 1 << UNITS
N_MASKS = 2 * MEDIA
SEAT_SHIFT = 56
"""Where the count of free seats stands among the nibbles; below are those of the profiles."""

MAX_COUNT = 15

Mix = Mapping[str, float]
"""How common each profile is, by name."""


def bits_of(profile: MigProfile, start: int) -> int:
    """Return the mask of an instance."""
    media = MEDIA if "+me" in profile.variant else 0
    return ((1 << profile.size) - 1) << start | media


def all_units(product: Product) -> int:
    """Return the mask of a GPU that is used as a whole."""
    return (1 << product.units) - 1


def shift_of(product: Product, profile: MigProfile) -> int:
    """Return where the count of a profile stands in an entry of ``able_table``."""
    return 4 * product.profiles.index(profile)


@cache
def able_table(product: Product) -> IntArray:
    """Return, for each mask, how many more of each profile fit: (N_MASKS,), 4 bits a profile.

    The seat, which a whole GPU needs, is always there: what is free is said by the milli-GPU.
    """
    table = np.full(N_MASKS, 1 << SEAT_SHIFT, np.int64)
    for i, profile in enumerate(product.profiles):
        table += _times(profile) << (4 * i)
    return table


def _times(profile: MigProfile) -> IntArray:
    # From the lowest start on is the most there can be: the starts of a profile are as far
    # apart as it is long, or farther.
    used = np.arange(N_MASKS)
    times = np.zeros(N_MASKS, np.int64)
    for start in profile.starts:
        bits = bits_of(profile, start)
        fits = (used & bits) == 0
        times += fits
        used = np.where(fits, used | bits, used)
    return np.minimum(times, min(profile.max_instances, MAX_COUNT))


@cache
def seat_table(limit: int) -> IntArray:
    """Return, for each number of clients, how many seats are left of ``limit``: (N_MASKS,)."""
    left = np.maximum(limit - np.arange(N_MASKS), 0)
    return np.asarray(np.minimum(left, MAX_COUNT) << SEAT_SHIFT, np.int64)


def options_table(product: Product, mix: Mix) -> FloatArray:
    """Return, for each mask, how many placements (profile, start) are possible: (N_MASKS,).

    Each counts as much as its profile in ``mix``; with an empty mix the plain profiles count 1.
    """
    masks = np.arange(N_MASKS)
    options = np.zeros(N_MASKS)
    for profile in product.profiles:
        weight = mix.get(profile.name, 0.0) if mix else float(not profile.variant)
        if weight:
            for start in profile.starts:
                options += weight * ((masks & bits_of(profile, start)) == 0)
    return options


def place_table(product: Product, profile: MigProfile, rule: MigRule, mix: Mix) -> IntArray:
    """Return, for each mask, the bits of the instance that the rule places: (N_MASKS,), 0 none."""
    gain = _start_gain(product, profile, rule, mix)
    best = gain.argmax(axis=0)  # the first among equals
    bits = np.array([bits_of(profile, start) for start in profile.starts], np.int64)
    return np.where(gain.max(axis=0) > -np.inf, bits[best], 0)


def gain_table(product: Product, profile: MigProfile, rule: MigRule, mix: Mix) -> FloatArray:
    """Return, for each mask, how good a GPU it is for one more of a profile: (N_MASKS,).

    Higher is better, -inf where it does not fit; the first GPU among equals is taken.
    """
    masks = np.arange(N_MASKS)
    placed = place_table(product, profile, rule, mix)
    gain = np.zeros(N_MASKS)
    if rule is MigRule.BEST_FIT:
        free = product.units - _popcount(masks & all_units(product))
        gain = -(free - profile.size).astype(np.float64)
    elif rule is MigRule.MAX_OPTIONS:
        options = options_table(product, mix)
        gain = options[masks | placed] - options
    return np.where(placed > 0, gain, -np.inf)


def _start_gain(product: Product, profile: MigProfile, rule: MigRule, mix: Mix) -> FloatArray:
    """Return how good each start is for each mask: (n_starts, N_MASKS), -inf where taken."""
    masks = np.arange(N_MASKS)
    rows = []
    options = options_table(product, mix) if rule is MigRule.MAX_OPTIONS else None
    for i, start in enumerate(profile.starts):
        bits = bits_of(profile, start)
        if rule is MigRule.FIRST_FIT:
            gain = np.full(N_MASKS, -float(i))
        elif rule is MigRule.DRIVER_GREEDY:
            gain = np.full(N_MASKS, float(i))
        elif rule is MigRule.BEST_FIT:
            gain = -_gap(masks, start, product.units).astype(np.float64)
        else:
            assert options is not None
            gain = options[masks | bits]
        rows.append(np.where((masks & bits) == 0, gain, -np.inf))
    return np.array(rows)


def _gap(masks: IntArray, start: int, units: int) -> IntArray:
    """Return how many free units lie together around ``start``, itself included."""
    length = np.zeros(masks.size, np.int64)
    for step in (1, -1):
        position = start if step > 0 else start - 1
        open_ = np.ones(masks.size, np.bool_)
        while 0 <= position < units:
            open_ &= (masks >> position) & 1 == 0
            length += open_
            position += step
    return length


def _popcount(masks: IntArray) -> IntArray:
    return np.asarray(sum((masks >> i) & 1 for i in range(UNITS)), np.int64)
