"""Nodes whose GPUs are not what they seem, and device plugins that nobody tells what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from bayplan.extender.check.findings import Finding, note, some, warning
from bayplan.extender.config.keys import DRA
from bayplan.extender.live.enforcing import Way, ways_on
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.nodes import read_node
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, name_of
from bayplan.traces.kubernetes.types import Problem

GPU_PREFIXES = (keys.GPU, keys.MIG_PREFIX, keys.ALIYUN, "volcano.sh/vgpu-", keys.KOORD_GPU)
"""Resources that pods ask for GPUs by begin so."""
GPU_DRIVERS = "gpu."
"""Drivers of GPUs, such as ``gpu.nvidia.com``, ``gpu.amd.com``, ``gpu.intel.com``, begin so."""
NO_MIG = ("", "all-disabled")
WITH_DRIVERS = {
    Way.HAMI: ("devices.hami", "HAMi"),
    Way.VOLCANO: ("devices.volcano", "Volcano"),
    Way.ALIYUN: ("devices.gpushare", "gpushare"),
    Way.KOORDINATOR: ("devices.koordinator", "Koordinator"),
}


def gpu_resources(nodes: Sequence[Object]) -> list[str]:
    """Return the resources of GPUs that nodes have, sorted.

    Parameters
    ----------
    nodes
        The Node objects.
    """
    names = {name for node in nodes for name, n in _amounts(node).items() if n not in ("0", 0)}
    return sorted(name for name in names if name.startswith(GPU_PREFIXES))


def of_nodes(
    nodes: Sequence[Object], values: Mapping[str, object], slices: Sequence[Object] = ()
) -> Iterator[Finding]:
    """Yield what is wrong with nodes.

    Parameters
    ----------
    nodes
        The Node objects.
    values
        The extender's configuration, by key.
    slices
        The ResourceSlice objects: GPUs may be published by them alone.
    """
    if not gpu_resources(nodes):
        yield from _without_resources(values, _drivers(slices))
    yield from _unread(nodes)
    yield from _without_product(nodes)
    yield from _device_plugins(nodes, values)
    yield from _mig(nodes)


def _without_resources(values: Mapping[str, object], drivers: Sequence[str]) -> Iterator[Finding]:
    """Yield what is wrong where no node has a resource of GPUs."""
    if not drivers:
        yield warning("nodes", "none has GPUs", "install a device plugin")
    elif not values[DRA]:
        yield warning(
            "nodes", f"their GPUs are published by {', '.join(drivers)} alone, and {DRA} is off:"
            " pods with claims are turned away", f"set {DRA} = true",
        )  # fmt: skip


def _drivers(slices: Sequence[Object]) -> list[str]:
    """Return the drivers that publish GPUs, sorted."""
    found = set()
    for spec in (dict_of(each.get("spec")) for each in slices):
        driver = str(spec.get("driver") or "")
        if driver.startswith(GPU_DRIVERS) and spec.get("devices"):
            found.add(driver)
    return sorted(found)


def _unread(nodes: Sequence[Object]) -> Iterator[Finding]:
    by_text: dict[tuple[str, str], list[str]] = defaultdict(list)
    for node in nodes:
        problems: list[Problem] = []
        read_node(node, problems)
        for each in problems:
            by_text[each.field, each.text].append(name_of(node))
    for (field, text), names in sorted(by_text.items()):
        yield warning(f"node {some(names)}", f"{field}: {text}", "what is above is not used")


def _without_product(nodes: Sequence[Object]) -> Iterator[Finding]:
    names = [
        name_of(node)
        for node in nodes
        if _has(node, keys.GPU) and not _label(node, keys.PRODUCT) and ways_on(node) == {Way.PLUGIN}
    ]
    if names:
        yield warning(
            f"node {some(names)}", f"has {keys.GPU} and no label {keys.PRODUCT}: its GPUs are of"
            " no known model and memory", "install GPU feature discovery",
        )  # fmt: skip


def _device_plugins(nodes: Sequence[Object], values: Mapping[str, object]) -> Iterator[Finding]:
    ways = {name_of(node): ways_on(node) for node in nodes}
    for way, (key, project) in WITH_DRIVERS.items():
        names = sorted(name for name, found in ways.items() if way in found)
        if names and not values[key]:
            yield warning(
                f"node {some(names)}", f"{way.value} runs there and {key} is off: pods that ask"
                " for its shares are turned away", f"set {key} = true and end {project}'s own"
                " scheduler, or leave such pods to that one",
            )  # fmt: skip
        if values[key] and not names:
            yield warning(key, f"is on, and {way.value} runs on no node", f"set {key} = false")


def _mig(nodes: Sequence[Object]) -> Iterator[Finding]:
    hidden, failed, capable = [], [], []
    for node in nodes:
        is_none = _label(node, keys.MIG_STRATEGY) == "none"
        if _label(node, keys.MIG_STATE) == "failed":
            failed.append(name_of(node))
        if is_none and _label(node, keys.MIG_CONFIG) not in NO_MIG:
            hidden.append(name_of(node))
        elif is_none and _label(node, keys.MIG_CAPABLE) == "true":
            capable.append(name_of(node))
    if failed:
        yield warning(
            f"node {some(failed)}", f"{keys.MIG_STATE} is failed: the instances are not what the"
            " configuration says", "see the log of the MIG manager",
        )  # fmt: skip
    if hidden:
        yield warning(
            f"node {some(hidden)}", f"{keys.MIG_CONFIG} makes instances and {keys.MIG_STRATEGY}"
            " is none: nobody can ask for them",
            "set the device plugin's migStrategy to mixed or single",
        )  # fmt: skip
    if capable:
        yield note(f"node {some(capable)}", "its GPUs can be split by MIG, and are not")


def _amounts(node: Object) -> Object:
    status = dict_of(node.get("status"))
    return dict_of(status.get("allocatable")) or dict_of(status.get("capacity"))


def _has(node: Object, resource: str) -> bool:
    return _amounts(node).get(resource, "0") not in ("0", 0)


def _label(node: Object, key: str) -> str:
    return str(dict_of(metadata_of(node).get("labels")).get(key) or "")
