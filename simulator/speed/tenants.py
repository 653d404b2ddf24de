"""Who is on a GPU: from ``heavy:1g.10gb,medium:3g.40gb`` to demands, shares and memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import MigProfile, Product, profile_named
from bayplan.scheduler.speed import WHOLE_GPU, Demand, Share, SharingMode
from bayplan.scheduler.speed.settings import nearest

_PERCENT = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)%")
MOST_JOBS = 1000
CAPPED: tuple[SharingMode, ...] = ("mps", "hami")
"""Modes in which a job may have a cap."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A job on a GPU: what it asks for, what it may use.

    ``part`` is the share as a person reads it, empty where the mode has none. Tenants with the
    same ``pool`` number are in one memory of ``pool_mib``: that of a GPU, or of a MIG instance.
    """

    job: str
    part: str
    demand: Demand
    share: Share
    pool: int
    pool_mib: int


def parse_tenants(
    text: str, mode: SharingMode, classes: Mapping[str, Demand], product: Product
) -> list[Tenant]:
    """Return the tenants that a person named.

    Parameters
    ----------
    text
        Names of job classes, separated by commas. For ``mig`` each with a profile after a
        colon, ``a+b:3g.40gb`` for two that share an instance by MPS; for ``mps`` and ``hami``
        with a percentage where there is a cap.
    mode
        How they share the GPU.
    classes
        The job classes by name.
    product
        The GPU.

    Raises
    ------
    InputError
        A job is unknown, a share is none of the mode, or the instances exceed the GPU.
    """
    items = [item.strip() for item in text.split(",")]
    if len(items) > MOST_JOBS:
        raise InputError(f"--jobs names {len(items)} jobs", fix=f"name up to {MOST_JOBS}")
    tenants: list[Tenant] = []
    profiles: list[MigProfile] = []
    for number, item in enumerate(items):
        names, colon, part = (piece.strip() for piece in item.partition(":"))
        if colon and not part:
            raise InputError(f"--jobs {item!r}: nothing after the colon", fix="write a share")
        members = [name.strip() for name in names.split("+")] if mode == "mig" else [names]
        demands = [_class(name, classes) for name in members]
        pool_mib = product.memory_mib
        if mode == "mig":
            profile = _profile(item, part, product)
            profiles.append(profile)
            share, part = _slice(profile, product, number), profile.name
            pool, pool_mib = number, profile.memory_mib
        else:
            share = _cap(item, part, mode)
            part = f"{100 * share.compute:g}%" if mode in CAPPED else ""
            pool = number if mode == "exclusive" else 0
        tenants += [
            Tenant(name, part, demand, share, pool, pool_mib)
            for name, demand in zip(members, demands, strict=True)
        ]
    _check_room(profiles, product)
    return tenants


def _class(name: str, classes: Mapping[str, Demand]) -> Demand:
    if not name:
        raise InputError("--jobs: a job without a name", fix=f"known are {', '.join(classes)}")
    if name not in classes:
        raise InputError(f"--jobs: no job class {name!r}", fix=nearest(name, classes))
    return classes[name]


def _cap(item: str, part: str, mode: SharingMode) -> Share:
    if not part:
        return WHOLE_GPU
    if mode not in CAPPED:
        raise InputError(
            f"--jobs {item!r}: {mode} has no shares", fix="leave out what follows the colon"
        )
    found = _PERCENT.fullmatch(part)
    if not found:
        raise InputError(
            f"--jobs {item!r}: {part!r} is no percentage", fix=f"{mode} takes one, such as 50%"
        )
    if not 0 < (percent := float(found[1])) <= 100:
        raise InputError(
            f"--jobs {item!r}: {part} is outside 0% to 100%",
            fix="give each job more than 0% and at most 100%",
        )
    return Share(compute=percent / 100)


def _profile(item: str, part: str, product: Product) -> MigProfile:
    if not product.has_mig:
        raise InputError(f"{product.name} has no MIG", fix="name another --gpu or --mode")
    if not part or _PERCENT.fullmatch(part):
        example = product.profiles[0].name
        raise InputError(
            f"--jobs {item!r}: no MIG profile", fix=f"write {item.partition(':')[0]}:{example}"
        )
    return profile_named(product, part)


def _slice(profile: MigProfile, product: Product, instance: int) -> Share:
    if profile.sm_count is not None and product.sm_count is not None:
        compute = profile.sm_count / product.sm_count
    else:  # no source has counted them: by slices
        compute = profile.compute_slices / product.compute_slices
    return Share(compute, profile.size / product.units, instance)


def _check_room(profiles: Sequence[MigProfile], product: Product) -> None:
    # On every product of the catalogue whatever passes these sums has a layout (all were tried).
    size = sum(profile.size for profile in profiles)
    slices = sum(profile.compute_slices for profile in profiles)
    for what, asked, there in (
        ("memory slices", size, product.units),
        ("compute slices", slices, product.compute_slices),
    ):
        if asked > there:
            raise InputError(
                f"the instances need {asked} {what}, {product.name} has {there}",
                fix="name fewer or smaller ones",
            )
    for profile, count in Counter(profiles).items():
        if count > profile.max_instances:
            raise InputError(
                f"{count} instances of {profile.name}, {product.name} has at most"
                f" {profile.max_instances}",
                fix="name fewer",
            )
