"""Compiling kernels before work starts, and saying so where it takes time."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bayplan.scheduler.compiled import is_warm, warm


def compile_kernels(groups: Sequence[str], *, quiet: bool = False) -> None:
    """Compile the kernels of some groups, or load them from the cache.

    Parameters
    ----------
    groups
        Names of groups of kernels.
    quiet
        Whether to say nothing where it takes time.
    """
    if not quiet and not is_warm(groups):
        print(
            "bayplan: compiling the kernels; this takes some seconds",
            file=sys.stderr,
            flush=True,
        )
    warm(groups)


_OF_POLICIES = {
    "best-fit": "baselines",
    "dot-product": "baselines",
    "gpu-": "baselines",
    "mig-": "governed",
    "pwr": "power",
}
"""Which kernels a policy calls beyond those of every decision, by a part of its name or sum."""


def groups_of(policies: Sequence[str]) -> set[str]:
    """Return the groups of kernels that placement policies call beyond those of every decision."""
    parts = _OF_POLICIES.items()
    return {group for part, group in parts if any(part in name for name in policies)}
