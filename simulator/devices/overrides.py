"""Figures of one's own for products of the catalogue, from a TOML file.

::

    [products."A100-80GB"]
    price_usd_per_h = 2.5
    idle_w = 62
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import Product, product_named
from bayplan.traces.files import PathLike, display, read_text

TABLE = "products"
LEAST = {"price_usd_per_h": 0, "tdp_w": 0, "idle_w": 0, "nvlink_island": 1}
"""The keys of a product, and the least value of each; all but the price are whole numbers."""

FRACTIONS = {"price_usd_per_h"}
MOST = 10**6


def with_overrides(products: Sequence[Product], path: PathLike) -> tuple[Product, ...]:
    """Return the products with the figures of a TOML file in place of their own.

    Parameters
    ----------
    products
        The catalogue.
    path
        The file: a table ``products`` with one table for each product, by its name or an alias.

    Raises
    ------
    InputError
        The file cannot be read, or a product, a key or a value in it is none.
    """
    shown = display(path)
    changed: dict[str, Product] = {}
    for name, figures in _tables(path).items():
        product = _product(name, products, shown)
        if product.name in changed:
            raise InputError(
                f"product {name!r}: {product.name} stands there twice",
                file=shown,
                fix="keep one of its tables",
            )
        changed[product.name] = _changed(product, name, figures, shown)
    return tuple(changed.get(product.name, product) for product in products)


def _tables(path: PathLike) -> Mapping[str, Any]:
    shown = display(path)
    if Path(path).is_dir():
        raise InputError("this is a folder", file=shown, fix="name a TOML file in it")
    try:
        content = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}", file=shown, fix="mend the line") from None
    except RecursionError:
        raise InputError("not TOML: nested too deep", file=shown, fix="mend the file") from None
    for key in content:
        if key != TABLE:
            raise InputError(
                f"unknown table {key!r}", file=shown, fix=f'tables are like [{TABLE}."A100-80GB"]'
            )
    tables = content.get(TABLE, {})
    if not isinstance(tables, dict):
        raise InputError(
            f"{TABLE} is no table", file=shown, fix=f'write it like [{TABLE}."A100-80GB"]'
        )
    return tables


def _product(name: str, products: Sequence[Product], shown: str) -> Product:
    try:
        return product_named(name, products)
    except InputError as error:
        raise InputError(str(error), file=shown) from None


def _changed(product: Product, name: str, figures: object, shown: str) -> Product:
    if not isinstance(figures, dict):
        raise InputError(
            f"product {name!r} is no table", file=shown, fix=f'write it like [{TABLE}."{name}"]'
        )
    for key, value in figures.items():
        if key not in LEAST:
            raise InputError(
                f"product {name!r}: unknown key {key!r}", file=shown, fix=_near(key, LEAST)
            )
        _check(value, key, f"product {name!r}: {key} = {value!r}", shown)
    return replace(product, **figures)


def _near(key: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"keys are {', '.join(names)}"


def _check(value: object, key: str, what: str, shown: str) -> None:
    kinds = (int, float) if key in FRACTIONS else (int,)
    least = LEAST[key]
    number = "number" if key in FRACTIONS else "whole number"
    fix = f"give a {number} from {least} to {MOST}"
    # A truth value is an int to Python.
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise InputError(f"{what} is no {number}", file=shown, fix=fix)
    if not (math.isfinite(value) and least <= value <= MOST):
        raise InputError(what, file=shown, fix=fix)
