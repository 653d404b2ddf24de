"""How much of a MIG GPU's free room is of no use to the profiles that it would suffice for."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from bayplan.scheduler.arrays import FloatArray
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.mig.tables import N_MASKS, all_units, bits_of
from bayplan.scheduler.view import View


def blocked(view: View) -> float:
    """Return the mean of ``blocked_table`` over GPUs whose instances come and go, NaN without any.

    GPUs that are full, or have less free than the smallest profile, count 0: nothing is lost.
    """
    kinds = view.kinds.kinds
    total, count = 0.0, 0
    for number, kind in enumerate(kinds):
        if not (kind.is_dynamic_mig and kind.healthy) or kind.product is None:
            continue
        slots = np.flatnonzero(view.slot_kind[: view.n_slots] == number)
        total += float(blocked_table(kind.product.name)[view.slot_used[slots]].sum())
        count += slots.size
    return total / count if count else math.nan


@cache
def blocked_table(product_name: str) -> FloatArray:
    """Return the share of blocked placements for each mask of used units: (N_MASKS,).

    Of the placements (profile, start) of plain profiles that take no more units than are free,
    the share whose units are not all free: 0 where whatever fits by size fits, 1 where nothing
    does. After the blocked share of free slices in MFI, arXiv 2511.18906, with placements counted
    instead of slices.
    """
    product = product_named(product_name)
    everything = all_units(product)
    table = np.zeros(N_MASKS)
    places = [
        (profile.size, bits_of(profile, start))
        for profile in product.profiles
        if not profile.variant
        for start in profile.starts
    ]
    for used in range(everything + 1):
        free = (everything & ~used).bit_count()
        suffices = [bits for size, bits in places if size <= free]
        if suffices:
            table[used] = sum(bool(bits & used) for bits in suffices) / len(suffices)
    return table
