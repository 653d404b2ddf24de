"""Where the MIG instances of a GPU may lie, all together.

An instance takes ``[start, start + size)`` of the placement axis for itself. That no two
overlap is the whole rule for plain profiles: on every product of the catalogue it keeps the
compute slices and ``max_instances`` within bounds too. Profiles with media engines add one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.catalogue import profile_named
from bayplan.scheduler.hardware.cover import plain_profiles
from bayplan.scheduler.hardware.types import MigProfile, Product

Layout = tuple[tuple[int, str], ...]
"""The instances of one GPU as (start, profile name), ascending."""

BALANCED = "all-balanced"
_MEDIA = "+me"


def layouts(product: Product, *, double: bool = True) -> list[Layout]:
    """Return all legal layouts of plain profiles with one instance or more, sorted.

    Parameters
    ----------
    product
        The GPU; without MIG it has none.
    double
        Whether the one-slice profile with double memory is among the profiles.
    """
    return list(_layouts(product, double))


def multisets(product: Product, *, double: bool = True) -> list[tuple[str, ...]]:
    """Return the layouts without their starts: which profiles, how many of each; sorted.

    Parameters
    ----------
    product
        The GPU.
    double
        As in ``layouts``.
    """
    order = {profile.name: rank for rank, profile in enumerate(plain_profiles(product))}
    ranks = {tuple(sorted(order[name] for _, name in each)) for each in _layouts(product, double)}
    names = list(order)
    return [tuple(names[rank] for rank in each) for each in sorted(ranks)]


def maximal(product: Product, *, double: bool = True) -> list[Layout]:
    """Return the layouts that no instance of a plain profile can be added to, sorted.

    Parameters
    ----------
    product
        The GPU.
    double
        As in ``layouts``; without it a gap that only the double-memory profile fills is full.
    """
    profiles = {profile.name: profile for profile in _profiles(product, double)}
    masks = [(start, _mask(start, each)) for each in profiles.values() for start in each.starts]
    found = []
    for layout in _layouts(product, double):
        taken = sum(_mask(start, profiles[name]) for start, name in layout)
        if all(taken & mask for _, mask in masks):
            found.append(layout)
    return found


def presets(product: Product) -> dict[str, Layout]:
    """Return the layouts that mig-parted has names for, with starts.

    ``all-1g.10gb`` is as many of a plain profile as the GPU takes, and so for each;
    ``all-balanced`` is two of one slice, one of two and, where there is one, one of three.

    Parameters
    ----------
    product
        The GPU; without MIG it has none.
    """
    plain = plain_profiles(product)
    first: dict[tuple[tuple[str, int], ...], Layout] = {}
    for layout in _layouts(product, True):  # sorted: the first of a multiset has the lowest starts
        first.setdefault(_multiset([name for _, name in layout]), layout)
    named = {f"all-{each.name}": first[((each.name, each.max_instances),)] for each in plain}
    if plain:
        by_slices: dict[int, str] = {}
        for each in plain:  # smallest first, so that one slice is not the one of double memory
            by_slices.setdefault(each.compute_slices, each.name)
        wanted = [by_slices[1], by_slices[1], by_slices[2]]
        named[BALANCED] = first[_multiset(wanted + [by_slices[n] for n in (3,) if n in by_slices])]
    return named


def parse_layout(product: Product, text: str) -> Layout:
    """Return the layout that a text such as ``1g.10gb@0,2g.20gb@2`` writes down, checked.

    Profiles with variants (``+me``) are allowed.

    Parameters
    ----------
    product
        The GPU.
    text
        Profiles and their starts in placement units.

    Raises
    ------
    InputError
        The text is not of that form, names a profile that the product lacks or a start that the
        profile lacks, has instances that overlap, or too many of a profile.
    """
    placed = sorted(
        (_instance(product, item.strip(), text) for item in text.split(",")),
        key=lambda pair: (pair[0], pair[1].name),
    )
    for (start, profile), (other_start, other) in pairwise(placed):
        if other_start < start + profile.size:
            raise InputError(
                f"layout {text!r}: {profile.name}@{start} and {other.name}@{other_start} overlap",
                fix="move or drop one",
            )
    _check_counts(text, [profile for _, profile in placed])
    return tuple((start, profile.name) for start, profile in placed)


def format_layout(layout: Layout) -> str:
    """Return a layout as ``parse_layout`` reads it.

    Parameters
    ----------
    layout
        The layout.
    """
    return ",".join(f"{name}@{start}" for start, name in layout)


@lru_cache(maxsize=128)
def _layouts(product: Product, double: bool) -> tuple[Layout, ...]:
    options = sorted(
        (start, profile.name, profile.size)
        for profile in _profiles(product, double)
        for start in profile.starts
    )
    found: list[Layout] = []

    def extend(layout: Layout, end: int, index: int) -> None:
        if layout:
            found.append(layout)
        for at in range(index, len(options)):
            start, name, size = options[at]
            if start >= end:
                extend((*layout, (start, name)), start + size, at + 1)

    extend((), 0, 0)
    return tuple(sorted(found))


def _profiles(product: Product, double: bool) -> list[MigProfile]:
    plain = plain_profiles(product)
    if double or not plain:
        return list(plain)
    single = plain[0]
    return [
        each
        for each in plain
        if (each.compute_slices, each.size) != (single.compute_slices, 2 * single.size)
    ]


def _mask(start: int, profile: MigProfile) -> int:
    return ((1 << profile.size) - 1) << start


def _multiset(names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(names).items()))


def _instance(product: Product, item: str, text: str) -> tuple[int, MigProfile]:
    name, at, start = item.partition("@")
    if not at or not (start.isascii() and start.isdecimal()):
        raise InputError(
            f"layout {text!r}: {item!r} is no profile with a start",
            fix="write it like 1g.10gb@0, and commas between",
        )
    profile = profile_named(product, name)
    # By text: a start of thousands of digits is no int.
    if start.lstrip("0").rjust(1, "0") not in map(str, profile.starts):
        places = ", ".join(map(str, profile.starts))
        raise InputError(
            f"layout {text!r}: {profile.name} of {product.name} cannot start at {start[:20]}",
            fix=f"places for it: {places}",
        )
    return int(start), profile


def _check_counts(text: str, profiles: Sequence[MigProfile]) -> None:
    for profile, count in Counter(profiles).items():
        if count > profile.max_instances:
            raise InputError(
                f"layout {text!r}: {profile.name} {count} times",
                fix=f"a GPU takes at most {profile.max_instances}",
            )
    media = [profile.name for profile in profiles if profile.variant.startswith(_MEDIA)]
    if len(media) > 1:
        raise InputError(
            f"layout {text!r}: {' and '.join(media)}",
            fix="a GPU takes one instance of the profiles with +me",
        )
