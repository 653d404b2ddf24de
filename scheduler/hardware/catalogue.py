"""Products and MIG profiles by the names that people, clusters and traces use."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import cache

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.tables import products
from bayplan.scheduler.hardware.types import MigProfile, Product

_GFD_SUFFIX = re.compile(r"(-shared|-mig-[^-]+(-me)?)$")
_RESOURCE = re.compile(r"(?:nvidia\.com/)?mig-(\d+g\.\d+gb)(-me|\.[a-z.]+)?")
_PCI_VENDOR = "10DE"


def find_product(name: str, among: Sequence[Product] | None = None) -> Product | None:
    """Return the product of a name or an alias, or None.

    Case does not matter, nor what GPU feature discovery hangs on (``-SHARED``,
    ``-MIG-1g.10gb``), nor whether words are joined by spaces or hyphens.

    Parameters
    ----------
    name
        As the catalogue, ``nvidia.com/gpu.product``, ``nvidia-smi`` or a trace writes it.
    among
        The products to look in, such as some with prices of your own; None is the catalogue.
    """
    index = _catalogue_index() if among is None else _index(among)
    key = _key(name)
    while key not in index:
        bare = _GFD_SUFFIX.sub("", key)
        if bare == key:
            return None
        key = bare
    return index[key]


def product_named(name: str, among: Sequence[Product] | None = None) -> Product:
    """Return the product of a name or an alias.

    Parameters
    ----------
    name
        As ``find_product`` takes it.
    among
        The products to look in; None is the catalogue.

    Raises
    ------
    InputError
        There is none; the error names the nearest.
    """
    product = find_product(name, among)
    if product is not None:
        return product
    near = _nearest_products(name, products() if among is None else among)
    fix = f"did you mean {_or_list(near)}?" if near else "bayplan devices lists them all"
    raise InputError(f"no GPU product {name!r} is known", fix=fix)


def find_by_pci_id(pci_id: str, among: Sequence[Product] | None = None) -> Product | None:
    """Return the product of a PCI device id, or None.

    Parameters
    ----------
    pci_id
        Hexadecimal: ``20B2``, ``0x20b2``, ``10de:20b2``, or with the vendor behind it as
        NVML writes it, ``0x20B210DE``.
    among
        The products to look in; None is the catalogue.
    """
    wanted = pci_id.upper().removeprefix("0X").removeprefix(f"{_PCI_VENDOR}:")
    if len(wanted) == 8:
        wanted = wanted.removesuffix(_PCI_VENDOR)
    for product in products() if among is None else among:
        if wanted in product.pci_ids:
            return product
    return None


def profile_named(product: Product, name: str) -> MigProfile:
    """Return the MIG profile of a product.

    Parameters
    ----------
    product
        The GPU.
    name
        The profile as NVIDIA writes it, such as ``1g.10gb`` or ``1g.10gb+me``.

    Raises
    ------
    InputError
        The product has no such profile; the error says which it has.
    """
    by_name = {profile.name: profile for profile in product.profiles}
    found = by_name.get(name.lower())
    if found is not None:
        return found
    if not by_name:
        raise InputError(f"{product.name} has no MIG profiles: {name!r} cannot be had on it")
    every = f"it has {', '.join(by_name)}"
    owners = [other.name for other in products() if _has(other, name)]
    if owners:
        more = ", …" if len(owners) > 3 else ""
        raise InputError(
            f"{product.name} has no MIG profile {name!r}, which is one of"
            f" {', '.join(owners[:3])}{more}",
            fix=every,
        )
    near = difflib.get_close_matches(name.lower(), by_name, n=1)
    raise InputError(
        f"{product.name} has no MIG profile {name!r}",
        fix=f"did you mean {near[0]!r}?" if near else every,
    )


def profile_name_of_resource(resource: str) -> str | None:
    """Return the profile name that a Kubernetes resource stands for, or None for any other.

    ``nvidia.com/mig-1g.10gb.me`` and ``mig-1g.10gb.me`` are ``1g.10gb+me``: a resource name
    cannot hold a plus sign.

    Parameters
    ----------
    resource
        The name of the resource.
    """
    match = _RESOURCE.fullmatch(resource.lower())
    if match is None:
        return None
    plain, variant = match.group(1), match.group(2) or ""
    return plain + (f"+{variant[1:]}" if variant.startswith(".") else variant)


def profile_of_resource(product: Product, resource: str) -> MigProfile:
    """Return the MIG profile of a product that a Kubernetes resource stands for.

    Parameters
    ----------
    product
        The GPU.
    resource
        Such as ``nvidia.com/mig-1g.10gb``.

    Raises
    ------
    InputError
        It is no MIG resource, or the product has no such profile.
    """
    name = profile_name_of_resource(resource)
    if name is None:
        raise InputError(
            f"{resource!r} is no MIG resource", fix="it looks like nvidia.com/mig-1g.10gb"
        )
    return profile_named(product, name)


def _has(product: Product, name: str) -> bool:
    return any(profile.name == name.lower() for profile in product.profiles)


@cache
def _catalogue_index() -> dict[str, Product]:
    return _index(products())


def _index(among: Sequence[Product]) -> dict[str, Product]:
    return {_key(name): product for product in among for name in (product.name, *product.aliases)}


def _key(name: str) -> str:
    # GPU feature discovery writes a hyphen for each run of spaces of the driver's name.
    return "-".join(name.split()).lower()


def _nearest_products(name: str, among: Sequence[Product]) -> list[str]:
    key = _key(name)
    # A family name (A100) is no typing error: every product of it is meant.
    family = [product.name for product in among if _key(product.name).startswith(f"{key}-")]
    if family:
        return family[:4]
    index = _index(among)
    near = difflib.get_close_matches(key, index, n=1)
    return [index[near[0]].name] if near else []


def _or_list(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)
