"""From a Node object to the engine's node: capacity, GPUs, labels, taints."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bayplan.scheduler.constraints.types import Effect, Taint
from bayplan.scheduler.types import MAX_AMOUNT, Node
from bayplan.traces.kubernetes.gpus import Gpus, gpus_of, whole_label
from bayplan.traces.kubernetes.keys import GPU, GPU_ISLAND, SHARED_PREFIXES
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, name_of, objects_in
from bayplan.traces.kubernetes.quantity import NANO, down
from bayplan.traces.kubernetes.resources import (
    CPU,
    MEMORY,
    PODS,
    Amounts,
    BadField,
    amounts_of,
    in_unit,
)
from bayplan.traces.kubernetes.types import Problem

DEFAULT_PODS = 110
"""What a kubelet takes at most when nothing is said (``maxPods``)."""

VOLUMES = "attachable-volumes-"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node, and what only the reading of its pods needs of it."""

    node: Node
    gpus: Gpus


def read_node(thing: Object, problems: list[Problem], *, indexed: bool = False) -> NodeFacts:
    """Return a node; what cannot be used of it becomes a problem, and counts as absent.

    Parameters
    ----------
    thing
        The Node object.
    problems
        Where problems go.
    indexed
        Whether GPUs that the device plugin hands out have an index all the same, because
        somebody shares them by groups.
    """
    name, metadata = name_of(thing), metadata_of(thing)
    status, spec = dict_of(thing.get("status")), dict_of(thing.get("spec"))
    which = "allocatable" if status.get("allocatable") else "capacity"
    found: list[BadField] = []
    amounts = _amounts(dict_of(status.get(which)), f"status.{which}", found)
    labels = {key: str(value) for key, value in dict_of(metadata.get("labels")).items()}
    gpus = gpus_of(amounts, labels, dict_of(metadata.get("annotations")), found)
    if indexed and gpus.anonymous and not gpus.sharing:
        gpus = replace(gpus, anonymous=False)
    counted = _counted(amounts, f"status.{which}", found)
    node = Node(
        name=name,
        cpu_milli=counted.pop(CPU, 0),
        memory_mib=counted.pop(MEMORY, 0),
        gpu_count=gpus.count,
        gpu_model=gpus.model,
        gpu_memory_mib=gpus.memory_mib,
        anonymous_gpus=gpus.anonymous,
        schedulable=not spec.get("unschedulable") and _is_ready(status),
        labels=tuple(sorted(labels.items())),
        resources=tuple(sorted((key, n) for key, n in counted.items() if n)),
        sharing=gpus.sharing,
        taints=_taints(objects_in(spec.get("taints")), found),
        gpu_island=whole_label(labels, GPU_ISLAND, 0, found),
        unhealthy=tuple(k for k, gpu in enumerate(gpus.registered) if not gpu.healthy),
    )
    problems += [Problem("node", name, bad.field, bad.text) for bad in found]
    return NodeFacts(node, gpus)


def _amounts(given: Object, path: str, found: list[BadField]) -> Amounts:
    amounts: Amounts = {}
    for name, value in given.items():
        try:
            amounts |= amounts_of({name: value}, path)
        except BadField as bad:
            found.append(bad)
    amounts.setdefault(PODS, DEFAULT_PODS * NANO)
    return amounts


def _counted(amounts: Amounts, path: str, found: list[BadField]) -> dict[str, int]:
    """Return all but GPUs in the units that they are planned in."""
    counted = {}
    for name, nano in amounts.items():
        if name == GPU or name.startswith((VOLUMES, *SHARED_PREFIXES)):
            continue
        try:
            counted[name] = in_unit(name, nano, down, path)
        except BadField as bad:
            found.append(bad)
            counted[name] = MAX_AMOUNT
    return counted


def _is_ready(status: Object) -> bool:
    for condition in objects_in(status.get("conditions")):
        if condition.get("type") == "Ready":
            return condition.get("status") == "True"
    return True  # a node made by hand


def _taints(given: list[Object], found: list[BadField]) -> tuple[Taint, ...]:
    taints = []
    for index, taint in enumerate(given):
        try:
            effect = Effect(taint.get("effect"))
        except ValueError:
            text = f"{taint.get('effect')!r} is no effect of a taint"
            found.append(BadField(f"spec.taints[{index}].effect", text))
            continue
        taints.append(Taint(str(taint.get("key", "")), str(taint.get("value") or ""), effect))
    return tuple(taints)
