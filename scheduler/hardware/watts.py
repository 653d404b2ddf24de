"""What a GPU draws, by its model."""

from __future__ import annotations

from bayplan.scheduler.hardware.catalogue import find_product

UNKNOWN_GPU_W = (30, 300)
"""Watts idle and full of a GPU that the catalogue does not know."""


def gpu_watts(model: str) -> tuple[int, int]:
    """Return the watts of a GPU that idles, and at its power limit.

    Parameters
    ----------
    model
        Name of a product, or any text.
    """
    product = find_product(model) if model else None
    if product is None or product.idle_w is None or product.tdp_w is None:
        return UNKNOWN_GPU_W
    return product.idle_w, product.tdp_w
