"""How single GPUs of a cluster file fail and slow down by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.xids import DEFAULT_MIX, MTTR_H, REBOOT_S, RESET_S, parse_mix


@dataclass(frozen=True, slots=True)
class GpuOutages:
    """How each GPU of a node fails, where ``mtbf_h`` is set, and slows down, where ``slow_mtbf_h``.

    ``mix`` has the weights of the classes of faults (``scheduler.hardware.xids``). A slow GPU does
    ``slow_factor`` of what a sound one does, for ``slow_h`` hours. Times in hours are means.
    """

    mtbf_h: float | None = None
    mix: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MIX))
    reset_s: float = RESET_S
    reboot_s: float = REBOOT_S
    mttr_h: float = MTTR_H
    slow_mtbf_h: float | None = None
    slow_h: float | None = None
    slow_factor: float | None = None


_OF_FAULTS = ("gpu_faults", "gpu_reset_s", "gpu_reboot_s", "gpu_mttr_h")
_OF_SLOW = ("gpu_slow_h", "gpu_slow_factor")


def gpu_outages_of(table: Mapping[str, Any]) -> GpuOutages | None:
    """Return how the GPUs of a ``[[nodes]]`` table fail; None: they do not.

    Parameters
    ----------
    table
        The table, which has no problems.
    """
    given = {
        name: float(table[f"gpu_{name}"])
        for name in GpuOutages.__dataclass_fields__
        if f"gpu_{name}" in table
    }
    if "mtbf_h" not in given and "slow_mtbf_h" not in given:
        return None
    return GpuOutages(**given, mix=parse_mix(table.get("gpu_faults", "")))


def gpu_outage_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with these keys of a table beside each other, and with the mix.

    Parameters
    ----------
    table
        The table, whose values are each of the right kind.
    """
    yield from _without(table, "gpu_mtbf_h", _OF_FAULTS)
    yield from _without(table, "gpu_slow_mtbf_h", _OF_SLOW)
    for key in _OF_SLOW:
        if key not in table and "gpu_slow_mtbf_h" in table:
            yield f"gpu_slow_mtbf_h is given without {key}; add it"
    if table.get("gpu_slow_factor") == 1:
        yield "gpu_slow_factor is 1, which is not slow; write less"
    try:
        parse_mix(table.get("gpu_faults", ""))
    except InputError as error:
        yield f"gpu_faults: {error}"


def _without(table: Mapping[str, Any], main: str, others: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with a key that the others need, and with those without it."""
    if main in table and not table.get("gpus"):
        yield f"{main} is given for nodes with gpus 0; remove it, or write how many GPUs"
    for key in others:
        if key in table and main not in table:
            yield f"{key} is given without {main}; say how often that happens, or remove it"
