"""Compile kernels ahead of their first call, by what they are for."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from bayplan.kernels import _jit

GROUPS = {
    "decide": ("hashing", "fit", "choose", "fragment", "pick", "change"),
    "baselines": ("score",),
    "governed": ("governed", "mig"),
    "power": ("power",),
    "speed": ("speed",),
    "gangs": ("gang", "island"),
    "ordering": ("order", "backfill"),
    "preempt": ("victim_order", "victims"),
    "simulate": ("calendar", "queue", "progress", "speed", "tenants", "advance"),
    "elastic": ("elastic",),
    "names": ("names",),
}
"""The modules needed for any decision; by the policies that FGD is compared with; where GPUs are
governed; by the policy pwr; for speeds; for orders and backfilling; for preemption; for time;
for elastic jobs; for names in calls.

Callees come first. A module is imported with its group: each takes some milliseconds.
"""


def warm(groups: Iterable[str] = tuple(GROUPS)) -> None:
    """Compile the kernels of some groups, or load them from the cache; with JIT off, nothing."""
    if _jit.jit_is_off():
        return
    for group in groups:
        names = {import_module(f"bayplan.kernels.{name}").__name__ for name in GROUPS[group]}
        for compiled, signature in _jit.KERNELS:
            if compiled.__module__ in names:
                compiled.compile(signature)
        _jit.mark_warm(group)


def is_warm(groups: Iterable[str] = tuple(GROUPS)) -> bool:
    """Whether the compiled kernels of some groups are in this installation's cache already."""
    return all(_is_warm(group) for group in groups)


def _is_warm(group: str) -> bool:
    mark = _jit.warm_mark(group)
    if mark is None or not mark.exists():
        return False
    folders = [_jit.cache_folder(module) for module in GROUPS[group]]
    return all(folder and any(folder.iterdir()) for folder in folders)


if __name__ == "__main__":
    warm()
