"""The layouts that a MIG manager has names for, and what a node shows under each.

They are those of the GPU operator (``config-default.yaml`` of NVIDIA's mig-parted) as far as the
catalogue knows the product, or those of a file in mig-parted's own format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from bayplan.scheduler.hardware import Product
from bayplan.scheduler.hardware.layouts import multisets, presets
from bayplan.scheduler.partition import resource_of
from bayplan.scheduler.partition.static import DISABLED
from bayplan.scheduler.partition.strategy import GPU_RESOURCE

Shown = Mapping[str, int]
"""Extended resources of GPUs that a node shows under the strategy ``mixed``, by name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a config: which GPUs it is about, and their instances.

    ``gpus`` are indices, None: all. ``pci_ids`` are device ids (hexadecimal, upper case) of the
    products that it is for, empty: any. ``instances`` are how many of each profile a GPU has; None:
    MIG is off.
    """

    gpus: tuple[int, ...] | None = None
    pci_ids: tuple[str, ...] = ()
    instances: tuple[tuple[str, int], ...] | None = None

    def is_for(self, gpu: int, product: Product) -> bool:
        """Whether it is about a GPU of a product."""
        named = not self.pci_ids or not set(self.pci_ids).isdisjoint(product.pci_ids)
        return named and (self.gpus is None or gpu in self.gpus)


@dataclass(frozen=True, slots=True)
class Configs:
    """Configs by name; ``named`` None: those of the GPU operator."""

    named: tuple[tuple[str, tuple[Entry, ...]], ...] | None = None
    _known: dict[tuple[str, int], dict[str, Shown]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def of(self, product: Product, n_gpus: int) -> dict[str, Shown]:
        """Return what a node of a product shows under each config that suits it, by name.

        Parameters
        ----------
        product, n_gpus
            The node's GPUs, all of one product.
        """
        kind = product.name, n_gpus
        if kind not in self._known:  # by name: to hash all of a product takes longer than the rest
            named = _operators(product) if self.named is None else self.named
            shown = {name: _of_entries(entries, product, n_gpus) for name, entries in named}
            self._known[kind] = {
                name: each for name, each in sorted(shown.items()) if each is not None
            }
        return self._known[kind]


def _operators(product: Product) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    found = {DISABLED: (Entry(),)}
    for name, layout in presets(product).items():
        counts = Counter(profile for _, profile in layout)
        found[name] = (Entry(instances=tuple(sorted(counts.items()))),)
    return tuple(found.items())


def _of_entries(entries: tuple[Entry, ...], product: Product, n_gpus: int) -> Shown | None:
    """Return what a node shows; None where the config says nothing of a GPU, or does not fit it."""
    shown: Counter[str] = Counter()
    for gpu in range(n_gpus):
        entry = next((each for each in entries if each.is_for(gpu, product)), None)
        if entry is None or not _fits(entry, product):
            return None
        if entry.instances is None:
            shown[GPU_RESOURCE] += 1
        for profile, count in entry.instances or ():
            shown[resource_of(profile)] += count
    return dict(sorted(shown.items()))


def _fits(entry: Entry, product: Product) -> bool:
    """Whether a GPU can have the instances at once; those with media engines lie as others do."""
    if entry.instances is None:
        return True
    known = {profile.name for profile in product.profiles}
    if not entry.instances or any(name not in known for name, _ in entry.instances):
        return False
    media = sum(count for name, count in entry.instances if "+me" in name)
    names = [_plain(name) for name, count in entry.instances for _ in range(count)]
    return media <= 1 and tuple(sorted(names)) in _sets(product)


@lru_cache(maxsize=64)
def _sets(product: Product) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(sorted(each)) for each in multisets(product))


def _plain(name: str) -> str:
    return name.partition("+")[0].partition("-")[0]
