"""From ResourceSlices to pools of devices.

A driver replaces a pool by publishing slices of a higher generation: only the highest counts, and
until all of its slices are there the pool offers nothing (``ResourcePool`` of
``k8s.io/api/resource/v1``). Counters may be in slices of their own (from Kubernetes 1.35 on) or
beside devices (1.34).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import orjson

from bayplan.traces.kubernetes.dra.types import (
    Amounts,
    Attribute,
    Capacity,
    Device,
    DeviceId,
    PoolId,
    Taint,
    Unread,
    Version,
)
from bayplan.traces.kubernetes.objects import (
    Object,
    dict_of,
    key_of,
    list_of,
    metadata_of,
    objects_in,
)
from bayplan.traces.kubernetes.quantity import nano_of, text_of
from bayplan.traces.kubernetes.resources import BadField

Read = TypeVar("Read")

MOST_ALIKE = 16_384
"""Different capacities and uses of counters that are remembered: a GPU has some thirty of each."""

EVERYWHERE = ""
"""The node of devices that all nodes, or nodes by a selector, can use."""

KEEPING_AWAY = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: its devices by node, in order, and counters by (set, counter)."""

    name: str
    pool: PoolId
    generation: int
    n_slices: int
    devices: tuple[tuple[str, Device], ...]
    counters: tuple[tuple[tuple[str, str], int], ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool that is complete: devices by node in the order in which they are tried, counters."""

    id: PoolId
    devices: tuple[tuple[str, Device], ...] = ()
    counters: tuple[tuple[tuple[str, str], int], ...] = ()


def read_slice(thing: Object) -> Slice:
    """Return a slice.

    Devices of slices with a node selector count as being everywhere: whether a node is one of
    theirs kube-scheduler has looked at.

    Parameters
    ----------
    thing
        The ResourceSlice object.

    Raises
    ------
    BadField
        An amount of it cannot be read.
    """
    spec = dict_of(thing.get("spec"))
    pool = dict_of(spec.get("pool"))
    driver = str(spec.get("driver") or "")
    id_ = PoolId(driver, str(pool.get("name") or ""))
    by_device = bool(spec.get("perDeviceNodeSelection"))
    node = str(spec.get("nodeName") or EVERYWHERE)
    devices = [
        (str(each.get("nodeName") or EVERYWHERE) if by_device else node,
         _device(each, id_, index, by_labels="nodeSelector" in (each if by_device else spec)))
        for index, each in enumerate(objects_in(spec.get("devices")))
    ]  # fmt: skip
    counters = [
        ((str(group.get("name") or ""), str(name)), nano)
        for index, group in enumerate(objects_in(spec.get("sharedCounters")))
        for name, nano in _counters(group, f"spec.sharedCounters[{index}]")
    ]
    return Slice(
        str(metadata_of(thing).get("name") or ""),
        id_,
        _whole(pool.get("generation")),
        _whole(pool.get("resourceSliceCount")),
        tuple(devices),
        tuple(counters),
    )


def pool_of(slices: Iterable[Slice]) -> Pool | None:
    """Return the pool that slices of one pool make; None while some of them are missing.

    Parameters
    ----------
    slices
        All that are known of the pool, of any generation; one at least.
    """
    every = sorted(slices, key=lambda each: each.name)
    newest = max(each.generation for each in every)
    current = [each for each in every if each.generation == newest]
    if len(current) != current[0].n_slices:
        return None
    return Pool(
        current[0].pool,
        tuple(pair for each in current for pair in each.devices),
        tuple(pair for each in current for pair in each.counters),
    )


def qualified(name: str, driver: str) -> str:
    """Return an attribute's or capacity's name with its domain: the driver's where it has none.

    Parameters
    ----------
    name, driver
        As published.
    """
    return name if "/" in name else f"{driver}/{name}"


def nano(value: object, path: str) -> int:
    """Return a quantity in billionths.

    Parameters
    ----------
    value
        What stands in the JSON.
    path
        Where, for errors.

    Raises
    ------
    BadField
        It is no quantity.
    """
    try:
        return nano_of(text_of(value))
    except ValueError as error:
        raise BadField(path, str(error)) from None


def amounts(given: object, path: str, driver: str = "") -> Amounts:
    """Return named quantities, sorted by name; with ``driver`` names are qualified.

    Parameters
    ----------
    given, path
        As of ``nano``.
    driver
        Whose names they are.

    Raises
    ------
    BadField
        One is no quantity.
    """
    return tuple(
        sorted(
            (qualified(str(name), driver) if driver else str(name), nano(value, f"{path}.{name}"))
            for name, value in dict_of(given).items()
        )
    )


def _device(thing: Object, pool: PoolId, index: int, *, by_labels: bool) -> Device:
    path, driver = f"spec.devices[{index}]", pool.driver
    return Device(
        DeviceId(*pool, str(thing.get("name") or "")),
        {
            qualified(str(name), driver): _attribute(dict_of(given))
            for name, given in dict_of(thing.get("attributes")).items()
        },
        _read_once(_capacities, thing.get("capacity"), driver, path),
        _read_once(_consumes, thing.get("consumesCounters"), driver, path),
        tuple(_taints(thing)),
        bool(thing.get("allowMultipleAllocations")),
        by_labels,
    )


def _read_once(
    read: Callable[[str | bytes, str], Read], given: object, driver: str, path: str
) -> Read:
    """Return what a part of a device is; devices are many, and most of their parts are alike."""
    try:
        return read(key_of(given), driver)
    except BadField as bad:
        raise BadField(f"{path}.{bad.field}", str(bad)) from None


@lru_cache(maxsize=MOST_ALIKE)
def _capacities(given: str | bytes, driver: str) -> Mapping[str, Capacity]:
    return {
        qualified(str(name), driver): _capacity(dict_of(each), f"capacity.{name}")
        for name, each in dict_of(orjson.loads(given)).items()
    }


@lru_cache(maxsize=MOST_ALIKE)
def _consumes(given: str | bytes, driver: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return tuple(
        ((str(each.get("counterSet") or ""), name), taken)
        for k, each in enumerate(objects_in(orjson.loads(given)))
        for name, taken in _counters(each, f"consumesCounters[{k}]")
        if taken
    )


def _attribute(given: Object) -> Attribute:
    if isinstance(given.get("bool"), bool):
        return bool(given["bool"])
    if isinstance(given.get("int"), int):
        return int(given["int"])
    if isinstance(given.get("string"), str):
        return str(given["string"])
    version = version_of(str(given["version"])) if given.get("version") else None
    return version or Unread(str(key_of(given)))


@lru_cache(maxsize=1024)
def version_of(text: str) -> Version | None:
    """Return a semantic version; None for one with a pre-release, whose order is not known here.

    Parameters
    ----------
    text
        Such as ``12.8.0``.
    """
    parts = text.partition("+")[0].split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    return Version(*map(int, parts))


def _capacity(given: Object, path: str) -> Capacity:
    policy = dict_of(given.get("requestPolicy"))
    limits = dict_of(policy.get("validRange"))

    def stated(where: Object, key: str) -> int | None:
        return None if where.get(key) is None else nano(where[key], f"{path}.requestPolicy.{key}")

    values = [nano(each, f"{path}.validValues") for each in list_of(policy.get("validValues"))]
    return Capacity(
        nano(given.get("value"), f"{path}.value"),
        stated(policy, "default"),
        tuple(sorted(values)),
        stated(limits, "min"),
        stated(limits, "max"),
        stated(limits, "step"),
    )


def _counters(thing: Object, path: str) -> Amounts:
    values = {
        name: dict_of(each).get("value") for name, each in dict_of(thing.get("counters")).items()
    }
    return amounts(values, f"{path}.counters")


def _taints(thing: Object) -> Iterator[Taint]:
    for each in objects_in(thing.get("taints")):
        effect = str(each.get("effect") or "")
        if effect in KEEPING_AWAY:
            yield Taint(str(each.get("key") or ""), str(each.get("value") or ""), effect)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
