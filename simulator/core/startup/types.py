"""What is stated of start-ups: sizes, rates, who needs what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bayplan.scheduler.errors import InputError

NOBODY, RACK, CLUSTER = "none", "rack", "cluster"
MODEL_CACHES = (NOBODY, RACK, CLUSTER)
"""Who shares a cache of models: nobody, the nodes of a rack, all nodes."""

_RATES = (
    "node_mib_per_s", "registry_mib_per_s", "store_mib_per_s", "shared_mib_per_s",
    "local_mib_per_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wants:
    """What the pods of a job type need on their node: names, empty for nothing."""

    image: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Startup:
    """How long pods take to start.

    Attributes
    ----------
    images, models
        MiB of container images, and of models (weights), by name; no name is in both.
    types, default
        What job types need, and what all others do.
    container_s
        From when the image is there until the container runs; seconds.
    lazy_part
        The part of an image with which a container starts; the rest comes while it runs. 1 is a
        full pull; lazy pulling (eStargz, SOCI) is less.
    node_mib_per_s
        A node's link, shared by what the node transfers at the same time.
    registry_mib_per_s, store_mib_per_s, shared_mib_per_s
        The most that one transfer gets: of an image from the registry, of a model from the object
        store, of a model from a shared cache.
    local_mib_per_s
        How fast a model that the node keeps is read from there.
    model_cache
        One of ``MODEL_CACHES``.
    cache_mib
        What a node keeps of images and models at most.
    """

    images: Mapping[str, int] = field(default_factory=dict)
    models: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, Wants] = field(default_factory=dict)
    default: Wants = Wants()
    container_s: float = 0.0
    lazy_part: float = 1.0
    node_mib_per_s: float = math.inf
    registry_mib_per_s: float = 100.0
    store_mib_per_s: float = 500.0
    shared_mib_per_s: float = 2000.0
    local_mib_per_s: float = math.inf
    model_cache: str = NOBODY
    cache_mib: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises
        ------
        InputError
            A name without a size, or of an image and a model; a size, a rate or a part that is
            not above 0; nobody of that name shares a cache.
        """
        for problem, fix in _faults(self):
            raise InputError(f"startup: {problem}", fix=fix)

    def mib(self, name: str) -> int:
        """Return the size of an image or a model."""
        return self.images[name] if name in self.images else self.models[name]


def _faults(given: Startup) -> list[tuple[str, str]]:
    faults = [
        (f"{name} is {getattr(given, name)}", "write more than 0")
        for name in _RATES
        if not getattr(given, name) > 0.0
    ]
    sizes = [*given.images.items(), *given.models.items()]
    faults += [(f"{name} has {mib} MiB", "write 1 or more") for name, mib in sizes if mib < 1]
    faults += [
        (f"{name!r} is an image and a model", "rename one of them")
        for name in given.images
        if name in given.models
    ]
    for wants in (given.default, *given.types.values()):
        if wants.image and wants.image not in given.images:
            faults.append((f"no size of image {wants.image!r}", "state it in images"))
        if wants.model and wants.model not in given.models:
            faults.append((f"no size of model {wants.model!r}", "state it in models"))
    if not 0.0 < given.lazy_part <= 1.0:
        faults.append((f"lazy_part is {given.lazy_part}", "write more than 0, up to 1"))
    if given.model_cache not in MODEL_CACHES:
        faults.append((f"model_cache {given.model_cache!r}", f"one of {', '.join(MODEL_CACHES)}"))
    if not 0.0 <= given.container_s < math.inf:
        faults.append((f"container_s is {given.container_s}", "write 0 or more"))
    return faults
