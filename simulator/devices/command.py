"""What ``bayplan devices`` and ``bayplan layouts`` do."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import Product, product_named, products
from bayplan.scheduler.hardware.layouts import (
    format_layout,
    layouts,
    maximal,
    multisets,
    presets,
)
from bayplan.simulator.devices.overrides import with_overrides
from bayplan.simulator.devices.report import layouts_as_json, products_as_json
from bayplan.simulator.devices.table import facts_table, product_table, profile_table
from bayplan.traces.console import console


def list_devices(json: bool, overrides: Path | None) -> None:
    """Print every product of the catalogue.

    Parameters
    ----------
    json
        Print JSON.
    overrides
        TOML file with figures of one's own.

    Raises
    ------
    InputError
        The file cannot be used.
    """
    known = _products(overrides)
    if json:
        sys.stdout.write(products_as_json(known))
    else:
        console().print(product_table(known))


def show_device(product: str, json: bool, overrides: Path | None) -> None:
    """Print one product, its MIG profiles and the layouts that have names.

    Parameters
    ----------
    product
        Its name or an alias.
    json
        Print JSON.
    overrides
        TOML file with figures of one's own.

    Raises
    ------
    InputError
        There is no such product, or the file cannot be used.
    """
    shown = product_named(product, _products(overrides))
    if json:
        sys.stdout.write(products_as_json([shown]))
        return
    screen = console()
    screen.print(facts_table(shown))
    if shown.has_mig:
        screen.print(profile_table(shown.profiles))
        for name, layout in presets(shown).items():
            print(f"{name:13} {format_layout(layout)}")  # whole, to be copied from


def show_layouts(product: str, without_double: bool, json: bool, list_: bool) -> None:
    """Print how many MIG layouts a product has, and with ``list_`` which.

    Parameters
    ----------
    product
        Its name or an alias.
    without_double
        Leave out the one-slice profile with double memory.
    json
        Print JSON.
    list_
        Print the layouts too, one a line.

    Raises
    ------
    InputError
        There is no such product, or it has no MIG.
    """
    gpu, double = product_named(product), not without_double
    if not gpu.has_mig:
        raise InputError(
            f"{gpu.name} has no MIG, so no layouts", fix="bayplan devices shows which have"
        )
    if json:
        sys.stdout.write(layouts_as_json(gpu, double=double, with_lists=list_))
        return
    every = [format_layout(each) for each in layouts(gpu, double=double)]
    sets = [_counted(names) for names in multisets(gpu, double=double)]
    full = [format_layout(each) for each in maximal(gpu, double=double)]
    print(f"{gpu.name}, plain profiles{'' if double else ' without double memory'}")
    for what, found in (("layouts", every), ("multisets", sets), ("maximal layouts", full)):
        print(f"{len(found):5} {what}")
        if list_:
            print("\n".join(found), end="\n\n")


def _products(overrides: Path | None) -> tuple[Product, ...]:
    return products() if overrides is None else with_overrides(products(), overrides)


def _counted(names: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return " + ".join(f"{count}x {name}" for name, count in counts.items())
