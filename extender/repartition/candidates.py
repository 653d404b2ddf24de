"""Which nodes may be repartitioned, and why others may not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.extender.repartition.configs import Shown
from bayplan.extender.repartition.machine import FAILED, SUCCESS
from bayplan.extender.repartition.observing import SeenNode, Watched
from bayplan.extender.repartition.settings import Repartition
from bayplan.scheduler.hardware import Product, find_product
from bayplan.traces.kubernetes import keys

MIXED, NONE = "mixed", "none"
_GPUS = (keys.MIG_PREFIX, keys.GPU_SHARED)


def refusal(owner: Owner, watched: Watched, node: SeenNode, now_s: float,
            settings: Repartition) -> str:  # fmt: skip
    """Return why a node may not be repartitioned now; empty: it may.

    Parameters
    ----------
    owner, watched
        The live state.
    node
        The node.
    now_s, settings
        The time, and what the controller goes by.
    """
    return (
        _by_itself(node, now_s, settings)
        or _by_manager(node)
        or ("" if configs_of(node, settings) else "its GPUs are of no product with known layouts")
        or hindrance(owner, watched, node.name)
        or _by_state(owner, node.name)
    )


def hindrance(owner: Owner, watched: Watched, name: str) -> str:
    """Return why the GPUs of a node are to stay as they are; empty: nothing is against it.

    Somebody uses them or is promised room, or they are sick: they would take no pods afterwards.

    Parameters
    ----------
    owner, watched
        The live state.
    name
        The node.
    """
    if name not in owner.mirror.cluster.nodes:
        return "it is not known"
    for seen in owner.mirror.there(name):
        if uses_gpus(seen):
            return f"pod {seen.uid} uses its GPUs"
        if why := seen.problem or ("spec.resourceClaims" if seen.claims else ""):
            return f"it cannot be told what pod {seen.uid} uses: {why}"
    promised = set(owner.promised(name))
    promised |= {uid for uid, at in watched.nominated.items() if at == name}
    return f"pod {min(promised)} is to have room there" if promised else _sick(owner, name)


def _sick(owner: Owner, name: str) -> str:
    marker = owner.mirror.reader.health
    marks = None if marker is None else marker.marks.get(name)
    if marks is None:
        return ""
    quarantined = (f"{each.name} is quarantined" for each in marks.quarantined)
    return next(chain(marks.reasons, quarantined), "")


def uses_gpus(seen: Seen) -> bool:
    """Whether a pod asks for GPUs, in any words.

    Parameters
    ----------
    seen
        The pod.
    """
    _, _, asks, resources = seen.facts.room
    return bool(asks) or any(name.startswith(_GPUS) for name, _ in resources)


def product_of(node: SeenNode) -> Product | None:
    """Return what the GPUs of a node are; None where the catalogue does not know.

    Parameters
    ----------
    node
        The node.
    """
    return find_product(node.labels.get(keys.PRODUCT, ""))


def configs_of(node: SeenNode, settings: Repartition) -> dict[str, Shown]:
    """Return what a node shows under each config that suits it, by name.

    Parameters
    ----------
    node, settings
        The node, and what the controller goes by.
    """
    product = product_of(node)
    count = node.labels.get(keys.GPU_COUNT, "")
    if product is None or not (count.isascii() and count.isdecimal() and 0 < len(count) <= 2):
        return {}
    return settings.configs.of(product, int(count))


def _by_itself(node: SeenNode, now_s: float, settings: Repartition) -> str:
    key, _, value = settings.label.partition("=")
    if key and (key not in node.labels or (value and node.labels[key] != value)):
        return f"it has no label {settings.label}"
    if node.mark is not None:
        return f"it is {node.mark.step.value}" + (f": {node.mark.why}" if node.mark.why else "")
    if node.cordoned:
        return "somebody has cordoned it"
    left_s = 0.0 if node.ended_s is None else node.ended_s + settings.cooldown_s - now_s
    return f"it was repartitioned lately; again in {left_s:.0f} s" if left_s > 0 else ""


def _by_manager(node: SeenNode) -> str:
    """Return why the node's MIG manager or device plugin would not do it."""
    return next(_objections(node), "")


def _objections(node: SeenNode) -> Iterator[str]:
    if node.state == FAILED:
        yield f"{keys.MIG_STATE} is failed: see the log of the MIG manager"
    if not node.state and node.labels.get(keys.MIG_MANAGER) != "true":
        yield f"no MIG manager: {keys.MIG_STATE} is not set"
    if node.state not in ("", SUCCESS):
        yield f"its MIG manager is at work: {keys.MIG_STATE} is {node.state}"
    if node.labels.get(keys.MIG_STRATEGY) != MIXED:
        yield f"{keys.MIG_STRATEGY} is {node.labels.get(keys.MIG_STRATEGY, 'not set')}, not mixed"
    if node.labels.get(keys.STRATEGY, NONE) != NONE:
        yield f"its GPUs are shared by {node.labels[keys.STRATEGY]}"


def _by_state(owner: Owner, name: str) -> str:
    if owner.mirror.reader.nodes[name].gpus.registered:
        return "HAMi or Volcano shares its GPUs"
    return "" if owner.mirror.cluster.nodes[name].schedulable else "it is not ready"
