"""Products and layouts as JSON (``bayplan.devices/1``, ``bayplan.layouts/1``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from bayplan.scheduler.hardware import Product
from bayplan.scheduler.hardware.layouts import (
    Layout,
    format_layout,
    layouts,
    maximal,
    multisets,
    presets,
)

DEVICES, LAYOUTS = "bayplan.devices/1", "bayplan.layouts/1"


def products_as_json(products: Sequence[Product]) -> str:
    """Return products, one on a line, with their profiles and presets.

    Parameters
    ----------
    products
        The products.
    """
    lines = ",\n".join(_dumps(_product(product)) for product in products)
    return f'{{"schema":"{DEVICES}","products":[\n{lines}\n]}}\n'


def layouts_as_json(product: Product, *, double: bool, with_lists: bool) -> str:
    """Return how many layouts a product has, and with ``with_lists`` which.

    Parameters
    ----------
    product
        The GPU.
    double
        Whether the one-slice profile with double memory is among the profiles.
    with_lists
        Whether to add ``lists``: layouts as texts, multisets as lists of profile names.
    """
    every = layouts(product, double=double)
    sets = multisets(product, double=double)
    full = maximal(product, double=double)
    report: dict[str, object] = {
        "schema": LAYOUTS,
        "product": product.name,
        "double": double,
        "layouts": len(every),
        "multisets": len(sets),
        "maximal": len(full),
    }
    if with_lists:
        report["lists"] = {"layouts": _texts(every), "multisets": sets, "maximal": _texts(full)}
    return _dumps(report) + "\n"


def _product(product: Product) -> dict[str, object]:
    named = {name: format_layout(layout) for name, layout in presets(product).items()}
    return {**asdict(product), "presets": named}


def _texts(found: Iterable[Layout]) -> list[str]:
    return [format_layout(layout) for layout in found]


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
