"""The catalogue's own CSV files, read into ``Product`` and ``MigProfile``."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from bayplan.scheduler.hardware.types import MigProfile, Product

PRODUCTS, PROFILES = "products.csv", "mig_profiles.csv"
Row = dict[str, str]


@cache
def products() -> tuple[Product, ...]:
    """Return every product of the catalogue, sorted by name."""
    profiles: dict[str, list[MigProfile]] = {}
    for row in _rows(PROFILES):
        profiles.setdefault(row["product"], []).append(_profile(row))
    made = [_product(row, tuple(profiles.pop(row["product"], ()))) for row in _rows(PRODUCTS)]
    if profiles:
        raise ValueError(f"{PROFILES}: no such product in {PRODUCTS}: {', '.join(profiles)}")
    return tuple(sorted(made, key=lambda product: product.name))


def _rows(name: str) -> list[Row]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), strict=True))


def _profile(row: Row) -> MigProfile:
    return MigProfile(
        name=row["profile"],
        profile_id=int(row["profile_id"]),
        compute_slices=int(row["compute_slices"]),
        size=int(row["size_units"]),
        memory_mib=int(row["memory_mib"]),
        max_instances=int(row["max_instances"]),
        starts=tuple(map(int, _list(row["starts_units"]))),
        sm_count=_known(row["sm_count"]),
        copy_engines=_known(row["copy_engines"]),
        nvdec=_known(row["nvdec"]),
        inferred=row["inferred"] == "true",
        source=row["source"],
    )


def _product(row: Row, profiles: tuple[MigProfile, ...]) -> Product:
    price = row["price_usd_per_h"]
    return Product(
        name=row["product"],
        aliases=_list(row["aliases"]),
        pci_ids=_list(row["pci_ids"]),
        architecture=row["architecture"],
        memory_mib=int(row["memory_mib"]),
        sm_count=_known(row["sm_count"]),
        tdp_w=_known(row["tdp_w"]),
        idle_w=_known(row["idle_w"]),
        nvlink_island=int(row["nvlink_island_gpus"]),
        price_usd_per_h=float(price) if price else None,
        units=int(row["units"]),
        compute_slices=int(row["compute_slices"]),
        profiles=profiles,
        inferred=row["inferred"] == "true",
        source=row["source"],
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split(";")) if text else ()


def _known(text: str) -> int | None:
    return int(text) if text else None
