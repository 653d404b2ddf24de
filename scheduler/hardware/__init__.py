"""The device catalogue: GPU products, their MIG profiles, and how instances lie on a GPU.

- ``types``: ``Product`` and ``MigProfile``
- ``tables``: the CSV files ``products.csv`` and ``mig_profiles.csv``, which hold the figures
- ``catalogue``: products and profiles by name, alias, PCI id or Kubernetes resource
- ``cover``: the smallest profile that holds a share or an amount
- ``watts``: what a GPU draws
- ``layouts``: where the instances of a GPU may lie; imported by its own name
"""

from bayplan.scheduler.hardware.catalogue import (
    find_by_pci_id,
    find_product,
    product_named,
    profile_name_of_resource,
    profile_named,
    profile_of_resource,
)
from bayplan.scheduler.hardware.cover import plain_profiles, smallest_covering, smallest_for
from bayplan.scheduler.hardware.tables import products
from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.hardware.watts import gpu_watts

__all__ = [
    "MigProfile",
    "Product",
    "find_by_pci_id",
    "find_product",
    "gpu_watts",
    "plain_profiles",
    "product_named",
    "products",
    "profile_name_of_resource",
    "profile_named",
    "profile_of_resource",
    "smallest_covering",
    "smallest_for",
]
