"""The GPUs of a node: how many, which, and how they are shared.

Where the device plugin picks the GPU, ``nvidia.com/gpu`` is a number of anonymous slots: GPUs,
replicas of time slicing or MPS, or MIG instances under the strategy ``single``. What else it
shows (``nvidia.com/mig-1g.10gb``, ``nvidia.com/gpu.shared``) are counts of other resources, since
it shows no place. GPUs have an index where a register or a resource of a peer says what is on
them: HAMi and Volcano by annotation, gpushare and Koordinator by resource.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bayplan.scheduler.hardware import find_product
from bayplan.scheduler.sharing import MAX_CLIENTS, Hami, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object
from bayplan.traces.kubernetes.quantity import MIB, NANO
from bayplan.traces.kubernetes.registry import Registered, registered
from bayplan.traces.kubernetes.resources import Amounts, BadField

MAX_GPUS = 64
MAX_SPLIT = 64
SHARED = "-SHARED"

_MIG = re.compile(r"-MIG-([0-9]+g\.[0-9]+gb(?:\.[a-z]+)?)(?:-SHARED)?$", re.IGNORECASE)
_MOST_GIB = 1024
_PERCENT = GPU_MILLI // 100


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs of a node.

    ``product`` is their name as somebody wrote it, ``registered`` those of a register, by index,
    ``aliyun_mib`` what one unit of ``aliyun.com/gpu-mem`` is. ``minors`` are the numbers by which
    Koordinator names them, by index; empty: they are the indices.
    """

    count: int = 0
    model: str = ""
    memory_mib: int = 0
    anonymous: bool = False
    sharing: tuple[Sharing, ...] = ()
    product: str = ""
    registered: tuple[Registered, ...] = ()
    aliyun_mib: int = 1024
    minors: tuple[int, ...] = ()


NO_GPUS = Gpus()


def gpus_of(
    amounts: Amounts, labels: Mapping[str, str], annotations: Object, found: list[BadField]
) -> Gpus:
    """Return the GPUs of a node; what cannot be used goes to ``found``.

    Parameters
    ----------
    amounts
        What the node can give, in billionths.
    labels, annotations
        The node's.
    found
        Where problems go.
    """
    try:
        listed = registered(annotations)
        if listed:
            return _of_register(listed)
    except BadField as bad:
        found.append(bad)
    product = labels.get(keys.PRODUCT, "") or labels.get(keys.KOORD_MODEL, "")
    if amounts.get(keys.KOORD_CORE):
        gpus = _of_koordinator(amounts, product)
    elif amounts.get(keys.ALIYUN_COUNT):
        gpus = _of_aliyun(amounts, product)
    elif amounts.get(keys.GPU):
        gpus = _of_plugin(amounts[keys.GPU] // NANO, product, labels, found)
    else:
        return NO_GPUS
    if gpus.count <= MAX_GPUS:
        return gpus
    found.append(BadField("status.allocatable", f"{gpus.count} GPUs or replicas; {MAX_GPUS} count"))
    return Gpus(MAX_GPUS, gpus.model, gpus.memory_mib, gpus.anonymous, gpus.sharing, gpus.product)


def in_parts(node: Node) -> bool:
    """Whether what the device plugin hands out is less than a GPU each.

    Parameters
    ----------
    node
        A node: replicas of its GPUs, or instances of MIG, may pass for GPUs.
    """
    return node.anonymous_gpus and (bool(node.sharing) or "-MIG-" in node.gpu_model)


def is_model(text: str, gpus: Gpus) -> bool:
    """Whether a text names the GPUs of a node: a product or an alias, or a part of their name.

    Parameters
    ----------
    text
        What a pod wants.
    gpus
        What the node has.
    """
    product = find_product(text)
    if product is not None and gpus.model == product.name:
        return True
    return text.lower() in gpus.product.lower() or text.lower() in gpus.model.lower()


def is_product(text: str, gpus: Gpus) -> bool:
    """Whether a text names the GPUs of a node by whole words: ``L4`` is no L40S.

    Parameters
    ----------
    text
        A product as GPU feature discovery writes it, a name of the catalogue, or some of its words.
    gpus
        What the node has.
    """
    names = gpus.product.lower().removesuffix(SHARED.lower()), gpus.model.lower()
    if text.lower().removesuffix(SHARED.lower()) in names:
        return True
    if _MIG.search(text) or _MIG.search(gpus.product):
        return False  # a slice is no GPU
    product = find_product(text)
    if product is not None:
        return gpus.model == product.name
    words = _words(text)
    return any(f" {words} " in f" {_words(name)} " for name in names)


def named_on(gpus: Gpus, uuids: Collection[str]) -> tuple[tuple[int, str], ...]:
    """Return (index, uuid) of the GPUs of a node that are among some.

    Parameters
    ----------
    gpus
        Those of the node.
    uuids
        The ones that somebody names.
    """
    return tuple([(i, gpu.uuid) for i, gpu in enumerate(gpus.registered) if gpu.uuid in uuids])


def _words(name: str) -> str:
    return " ".join(re.split(r"[-_ ]+", name.lower()))


def _named(product: str) -> tuple[str, int]:
    """Return (model, MiB) of a name, MiB 0 where it is not in the catalogue."""
    known = find_product(product) if product else None
    return (known.name, known.memory_mib) if known else (product.removesuffix(SHARED), 0)


def _of_plugin(count: int, product: str, labels: Mapping[str, str], found: list[BadField]) -> Gpus:
    model, memory = _named(product)
    memory = whole_label(labels, keys.GPU_MEMORY, memory, found)
    mig = _MIG.search(product)
    if mig:
        # A slice must not pass for a GPU of that model.
        return Gpus(count, f"{model}-MIG-{mig[1].lower()}", memory, True, product=product)
    replicas = whole_label(labels, keys.REPLICAS, 1, found)
    strategy = labels.get(keys.STRATEGY, "none")
    if replicas <= 1 or strategy == "none":
        return Gpus(count, model, memory, True, product=product)
    # Each slot is one replica: one client, beside others that have their own slots.
    sharing = Mps(clients=1, replicas=1) if strategy == "mps" else TimeSlicing(replicas=1)
    return Gpus(count, model, memory // replicas, True, (sharing,), product)


def _of_register(listed: tuple[Registered, ...]) -> Gpus:
    listed = listed[:MAX_GPUS]
    best = min(listed, key=lambda gpu: gpu.memory_mib)
    model, memory = _named(best.model)
    sharing = tuple([_hami(gpu) for gpu in listed])
    return Gpus(
        len(listed),
        model,
        best.memory_mib or memory,
        sharing=sharing[:1] if len(set(sharing)) == 1 else sharing,
        product=best.model,
        registered=listed,
    )


def _hami(gpu: Registered) -> Sharing:
    capacity = max(GPU_MILLI, min(gpu.cores * _PERCENT, MAX_SPLIT * GPU_MILLI))
    return Hami(max(1, min(gpu.split, MAX_CLIENTS)), capacity)


def _of_aliyun(amounts: Amounts, product: str) -> Gpus:
    model, _ = _named(product)
    count = amounts[keys.ALIYUN_COUNT] // NANO
    units = amounts.get(keys.ALIYUN_MEMORY, 0) // NANO // max(1, count)
    # The plugin counts GiB unless it is told MiB: no GPU has a thousand GiB.
    mib = 1 if units > _MOST_GIB else 1024
    return Gpus(count, model, units * mib, product=product, aliyun_mib=mib)


def _of_koordinator(amounts: Amounts, product: str) -> Gpus:
    model, memory = _named(product)
    count = amounts[keys.KOORD_CORE] // NANO // 100
    stated = amounts.get(keys.KOORD_MEMORY, 0) // NANO // MIB // max(1, count)
    return Gpus(count, model, stated or memory, product=product)


def whole_label(labels: Mapping[str, str], key: str, default: int, found: list[BadField]) -> int:
    """Return the whole number that a label holds; ``default`` where it is absent or none."""
    text = labels.get(key, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        found.append(BadField(f"metadata.labels.{key}", f"{text[:40]!r} is no whole number"))
        return default
    return int(text)
