"""Whether a selector takes a device, as far as it can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bayplan.traces.kubernetes.dra.types import Device
from bayplan.traces.kubernetes.dra.values import value_of
from bayplan.traces.kubernetes.dra.words import NotRead, Tree, parsed


def takes(selectors: Sequence[str], device: Device) -> bool | None:
    """Whether all selectors take a device; None: that cannot be told here.

    Parameters
    ----------
    selectors
        CEL expressions.
    device
        The device.
    """
    told = True
    for expression in selectors:
        tree = _tree(expression)
        value = value_of(tree, device) if tree is not None else None
        if value is False:
            return False
        told = told and value is True
    return True if told else None


@lru_cache(maxsize=4096)
def _tree(expression: str) -> Tree | None:
    try:
        return parsed(expression)
    except NotRead:
        return None
