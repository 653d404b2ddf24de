"""The parameters of the speed models, each with its range and where its value comes from."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, get_args

from bayplan.scheduler.errors import InputError

SharingMode: TypeAlias = Literal["exclusive", "mig", "mps", "timeslice", "hami"]
"""How the tenants of a GPU share it."""

SHARING_MODES: tuple[SharingMode, ...] = get_args(SharingMode)

RANGES: dict[str, tuple[float, float]] = {
    "switch_cost": (0.0, 0.25),
    "collision": (0.0, 1.0),
    "pacing_overhead": (0.0, 0.15),
    "client_cost": (0.0, 0.02),
    "cache": (0.0, 0.15),
    "thrashing": (0.0, 0.5),
    "idle_power": (0.0, 0.5),
    "power_exponent": (0.0, 1.0),
    "context_mib": (0.0, 1024.0),
}
"""Smallest and largest value of each parameter."""


@dataclass(frozen=True, slots=True)
class SpeedSettings:
    """How much sharing costs; fractions, without a unit, unless the name has one.

    Parameters
    ----------
    switch_cost
        Time-slicing: what is lost to switching between tenants that are busy at the same time;
        0.05 to 0.20 observed. Fitted to YOLOS-small on an A100-80 with 3, 5 and 7 tenants (demo
        of nebuly's nos; ``bench/sharing.py``); not fitted, beside it: 0.18 to 0.23 with 4
        tenants on an A30, 0.08 with 2 on a T4.
    collision
        Time-slicing: how far busy times of tenants collide. 1 where ``busy`` is the true busy
        fraction, 0.65 where it is the utilisation that nvidia-smi shows, which counts a GPU as
        used that is used in part (published training pairs on RTX 3090; not fitted here).
    pacing_overhead
        Software vGPU: 0.02 under sustained load on an RTX 3080, up to 0.12 in attention
        kernels (GPU-Virt-Bench of HAMi-core).
    client_cost
        MPS: what each further client costs. No direct source: YOLOS-small with up to 7 clients
        is met within 2 % by 0; 0.005 to 0.01 is plausible (launch delay of iGniter, V100).
    cache
        MPS: slowdown by co-residents that saturate memory while multiprocessors are apart; 0.05
        to 0.13 per co-resident (iGniter artifact, V100: four networks with caps of their own).
    thrashing
        MPS: further loss when bandwidth demands add up to 2 or more. 0.43 makes 30 % less
        throughput, the worst that an evaluation of MPS and MIG states, in its abstract only.
    idle_power
        Idle power over the power limit: 0.14 to 0.20 (A100 72 of 400 W, H100 95 of 700 W, V100
        54 of 300 W; representative values, not measured ones).
    power_exponent
        How speed falls with power beyond the limit. No direct source: assumed. An A30 lost 4 %
        with four busy MIG instances, a V100 6.5 % of its clock at the limit.
    context_mib
        Memory of a CUDA context beside what the job allocates, MiB: 300 to 500 seen, no direct
        source.
    """

    switch_cost: float = 0.11
    collision: float = 1.0
    pacing_overhead: float = 0.02
    client_cost: float = 0.0
    cache: float = 0.13
    thrashing: float = 0.43
    idle_power: float = 0.18
    power_exponent: float = 0.5
    context_mib: float = 400.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_range(field.name, getattr(self, field.name), RANGES[field.name])


def check_range(name: str, value: object, allowed: tuple[float, float]) -> None:
    """Refuse what is no number, or a number outside its range.

    Raises
    ------
    InputError
        One line with the name, the value and the range.
    """
    low, high = allowed
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(
            f"{name} is {reprlib.repr(value)}, not a number",
            fix=f"write a number from {low:g} to {high:g}",
        )
    if not low <= value <= high:  # nor NaN
        raise InputError(
            f"{name} is {reprlib.repr(value)}, outside {low:g} to {high:g}",
            fix="write a value in that range",
        )


def mode_named(name: str) -> SharingMode:
    """Return the sharing mode of a name.

    Raises
    ------
    InputError
        There is none of that name; the nearest is suggested.
    """
    for mode in SHARING_MODES:
        if mode == name:
            return mode
    raise InputError(f"no sharing mode {name!r}", fix=nearest(name, dict.fromkeys(SHARING_MODES)))


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Return a question for the known name nearest to a wrong one, or the list of names."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
