"""The smallest MIG profile of a product that holds what is asked for."""

from __future__ import annotations

import re

from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.types import GPU_MILLI

_NAMED_GB = re.compile(r"\d+g\.(\d+)gb")


def plain_profiles(product: Product) -> tuple[MigProfile, ...]:
    """Return the profiles without variants (``+me``, ``+gfx``, ``-me``), smallest first.

    Small is few placement units, then few compute slices.

    Parameters
    ----------
    product
        The GPU; without MIG it has none.
    """
    plain = [profile for profile in product.profiles if not profile.variant]
    return tuple(sorted(plain, key=lambda profile: (profile.size, profile.compute_slices)))


def smallest_covering(product: Product, milli: int, memory_mib: int = 0) -> MigProfile | None:
    """Return the smallest plain profile that holds a share of the GPU, or None.

    It has at least ``milli`` thousandths of the compute slices and of the placement units, and
    at least the memory. Of an A100, 143 thousandths are more than one slice of seven.

    Parameters
    ----------
    product
        The GPU.
    milli
        Thousandths of it; 0 leaves only the memory to count.
    memory_mib
        Memory; 0 leaves only the share to count.
    """
    for profile in plain_profiles(product):
        enough_compute = profile.compute_slices * GPU_MILLI >= milli * product.compute_slices
        enough_units = profile.size * GPU_MILLI >= milli * product.units
        if enough_compute and enough_units and profile.memory_mib >= memory_mib:
            return profile
    return None


def smallest_for(product: Product, compute_slices: int, memory_gb: int) -> MigProfile | None:
    """Return the smallest plain profile with that many compute slices and gigabytes, or None.

    Gigabytes are those of the profiles' names: 10 are met by ``1g.10gb``, whatever MiB it has.

    Parameters
    ----------
    product
        The GPU.
    compute_slices
        The least number of compute slices.
    memory_gb
        The least memory.
    """
    for profile in plain_profiles(product):
        if profile.compute_slices >= compute_slices and named_gb(profile) >= memory_gb:
            return profile
    return None


def named_gb(profile: MigProfile) -> int:
    """Return the gigabytes in a profile's name.

    Parameters
    ----------
    profile
        The profile.
    """
    match = _NAMED_GB.match(profile.name)
    if match is None:
        raise ValueError(f"profile name {profile.name!r} is not like 1g.10gb")
    return int(match.group(1))
