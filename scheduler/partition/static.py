"""Static layouts: what an idle GPU takes by a preset's name, a node label or an explicit list.

Names are those of NVIDIA's mig-parted: ``all-disabled`` (no MIG), ``all-enabled`` (MIG without
instances), presets such as ``all-1g.10gb`` and ``all-balanced``, and our own explicit form
``1g.10gb@0,2g.20gb@2`` (profile, and start in placement units).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.layouts import parse_layout, presets
from bayplan.scheduler.hardware.types import Product
from bayplan.scheduler.partition.types import Instance, Layout

MIG_CONFIG_LABEL = "nvidia.com/mig.config"
"""The node label by which mig-manager is told a layout."""

DISABLED = "all-disabled"
ENABLED = "all-enabled"


def static_layout(product: Product, name: str) -> Layout | None:
    """Return the instances that a name stands for, by start; None leaves the GPU undivided.

    Parameters
    ----------
    product
        What the GPU is.
    name
        A preset's name, ``all-disabled``, ``all-enabled``, or ``profile@start,...``.

    Raises
    ------
    InputError
        An unknown name, an instance that the product has not, or instances that overlap.
    """
    if name == DISABLED:
        return None
    if not product.has_mig:
        raise InputError(f"{product.name} has no MIG", fix=f"use {DISABLED!r} instead of {name!r}")
    if name == ENABLED:
        return ()
    named = presets(product)
    if name not in named and "@" not in name:
        raise InputError(
            f"{product.name} has no MIG layout {name!r}",
            fix=_advice(name, sorted({*named, DISABLED, ENABLED})),
        )
    pairs = named[name] if name in named else parse_layout(product, name)
    return tuple(Instance(start, profile) for start, profile in pairs)


def labelled_layout(
    product: Product, labels: Iterable[tuple[str, str]], default: str = DISABLED
) -> Layout | None:
    """Return the layout that a node's label asks of each of its GPUs; see ``static_layout``.

    Parameters
    ----------
    product
        What the node's GPUs are.
    labels
        The node's labels; only ``nvidia.com/mig.config`` is read.
    default
        The name that stands for a missing label.

    Raises
    ------
    InputError
        As ``static_layout``.
    """
    return static_layout(product, dict(labels).get(MIG_CONFIG_LABEL, default))


def _advice(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
