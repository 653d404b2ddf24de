"""Products, profiles and layouts for the terminal, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bayplan.scheduler.hardware import MigProfile, Product
from bayplan.traces.console import plain

UNKNOWN = "-"
INFERRED = "~"
NOTE = f"{INFERRED} inferred: at least one figure was not read from such a device"


def product_table(products: Sequence[Product]) -> Table:
    """Return one line a product.

    Parameters
    ----------
    products
        The products.
    """
    table = _table(NOTE)
    table.add_column("product", no_wrap=True)
    for heading in ("memory\nMiB", "SMs", "TDP\nW", "idle\nW", "NVLink\nGPUs", "USD/h", "MIG"):
        table.add_column(heading, justify="right", overflow="fold")
    for product in products:
        table.add_row(
            _marked(product.name, product.inferred),
            str(product.memory_mib),
            _known(product.sm_count),
            _known(product.tdp_w),
            _known(product.idle_w),
            str(product.nvlink_island),
            _price(product),
            f"{product.compute_slices}/{product.units}" if product.has_mig else UNKNOWN,
        )
    return table


def facts_table(product: Product) -> Table:
    """Return what is known of one product, a line a fact.

    Parameters
    ----------
    product
        The product.
    """
    table = Table(box=None, show_header=False, pad_edge=False)
    slices = f"{product.compute_slices} compute slices, {product.units} placement units"
    for label, value in (
        ("product", _marked(product.name, product.inferred)),
        ("other names", ", ".join(product.aliases) or UNKNOWN),
        ("PCI ids", ", ".join(product.pci_ids) or UNKNOWN),
        ("architecture", product.architecture),
        ("memory, MiB", str(product.memory_mib)),
        ("SMs", _known(product.sm_count)),
        ("TDP, idle, W", f"{_known(product.tdp_w)}, {_known(product.idle_w)}"),
        ("NVLink, GPUs of a host", str(product.nvlink_island)),
        ("price, USD/h", _price(product)),
        ("MIG", slices if product.has_mig else "none"),
        ("source", product.source),
    ):
        table.add_row(label, plain(value))
    return table


def profile_table(profiles: Iterable[MigProfile]) -> Table:
    """Return one line a MIG profile.

    Parameters
    ----------
    profiles
        The profiles.
    """
    table = _table(NOTE)
    table.add_column("profile", no_wrap=True)
    for heading in (
        "id",
        "compute",
        "units",
        "memory\nMiB",
        "most",
        "starts",
        "SMs",
        "CE",
        "NVDEC",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for profile in profiles:
        table.add_row(
            _marked(profile.name, profile.inferred),
            str(profile.profile_id),
            str(profile.compute_slices),
            str(profile.size),
            str(profile.memory_mib),
            str(profile.max_instances),
            ",".join(map(str, profile.starts)),
            _known(profile.sm_count),
            _known(profile.copy_engines),
            _known(profile.nvdec),
        )
    return table


def _table(caption: str) -> Table:
    return Table(
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,  # its room goes to the numbers
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _marked(name: str, inferred: bool) -> str:
    return name + INFERRED if inferred else name


def _known(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def _price(product: Product) -> str:
    return UNKNOWN if product.price_usd_per_h is None else f"{product.price_usd_per_h:.2f}"
