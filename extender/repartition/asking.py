"""What a plan is made of: who waits for GPUs, and what idle nodes may become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from bayplan.extender.live.enforcing import Way
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.extender.repartition.candidates import (
    configs_of,
    hindrance,
    product_of,
    refusal,
    uses_gpus,
)
from bayplan.extender.repartition.configs import Shown
from bayplan.extender.repartition.mark import Step
from bayplan.extender.repartition.observing import SeenNode, Watched
from bayplan.extender.repartition.planning import Case, Option, Want
from bayplan.extender.repartition.settings import Repartition
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.hardware import Product
from bayplan.scheduler.partition import resource_of
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.traces.kubernetes import keys

MOST_PODS = 500
"""Pods and gangs that a plan looks at, those first that have waited the longest."""
PASSING = frozenset(
    f"node.kubernetes.io/{what}"
    for what in ("unschedulable", "not-ready", "unreachable", "network-unavailable")
)
"""Taints that Kubernetes gives a node which is cordoned or reboots, and takes away by itself."""
MOST_NODES = 50
"""Idle nodes that a plan looks at, by name."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who waits, which nodes may be changed for them, and why others may not, by name."""

    wants: tuple[Want, ...] = ()
    free: tuple[SeenNode, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)


def outlook(
    owner: Owner, watched: Watched, wants: tuple[Want, ...], now_s: float, settings: Repartition
) -> Outlook:
    """Return who waits and what may be done about it.

    Parameters
    ----------
    owner, watched
        The live state.
    wants
        Who waits.
    now_s, settings
        The time, and what the controller goes by.
    """
    refused = {
        name: refusal(owner, watched, watched.nodes[name], now_s, settings)
        for name in sorted(watched.nodes)
    }
    free = [watched.nodes[name] for name, why in refused.items() if not why]
    return Outlook(
        wants,
        tuple(free[:MOST_NODES]),
        {name: why for name, why in refused.items() if why},
    )


def case_of(
    owner: Owner, watched: Watched, seen: Outlook, now_s: float, settings: Repartition
) -> Case:
    """Return what a plan is made of; it shares nothing that changes with the live state.

    Parameters
    ----------
    owner, watched
        The live state.
    seen
        The outlook.
    now_s, settings
        The time, and what the controller goes by.
    """
    nodes = owner.mirror.cluster.nodes
    coming = []
    for node, mark in watched.under_way():
        shown = configs_of(node, settings).get(mark.config)
        if mark.step is Step.FAILED or shown is None:
            continue
        if not hindrance(owner, watched, node.name):  # else it is about to be undone
            coming.append(_changed(nodes[node.name], _product(node), mark.config, shown))
    return Case(
        owner.mirror.cluster.copy(),
        owner.engine.policy,
        owner.engine.seed,
        seen.wants,
        {node.name: _options(nodes[node.name], node, settings) for node in seen.free},
        tuple(coming),
        now_s,
    )


def asks(seen: Seen) -> bool:
    """Whether a pod waits for GPUs whose number a repartition may change.

    Parameters
    ----------
    seen
        The pod.
    """
    return seen.way in (None, Way.PLUGIN) and uses_gpus(seen)


def wants_of(
    owner: Owner, watched: Watched, now_s: float, settings: Repartition
) -> tuple[Want, ...]:
    """Return who has been waiting for GPUs long enough, who has waited the longest first.

    Parameters
    ----------
    owner, watched
        The live state.
    now_s, settings
        The time, and what the controller goes by.
    """
    return tuple(islice(_wants(owner, watched, now_s, settings), MOST_PODS))


def _wants(owner: Owner, watched: Watched, now_s: float, settings: Repartition) -> Iterator[Want]:
    gangs: set[str] = set()
    mirror = owner.mirror
    for uid, since_s in sorted(watched.waiting.items(), key=lambda pair: (pair[1], pair[0])):
        seen = mirror.pods.get(uid)
        if now_s - since_s < settings.wait_s:
            return
        if seen is None or seen.node or seen.leaving or not asks(seen):
            continue
        if uid in mirror.holds or uid in mirror.assumed or uid in watched.nominated:
            continue  # it is about to have room
        if owner.objection(seen) or seen.group in gangs:
            continue
        group = owner.plans.group(seen.group) if seen.group else None
        if owner.refused(seen, group):
            continue  # no layout makes more of its queue's share
        if group is not None:
            gangs.add(group.name)
            if owner.plans.missing(group, owner.plans.least(group)):
                continue  # it could not start wherever there was room
        gang = None if group is None else owner.plans.gang(group.name)
        yield _want(owner, seen, gang, since_s)


def _want(owner: Owner, seen: Seen, gang: Gang | None, since_s: float) -> Want:
    nodes = owner.mirror.giving(seen)
    nodes = None if nodes is None else nodes.copy()
    priority = seen.facts.priority
    if gang is None:
        request = owner.mirror.reader.request(seen)
        return Want((seen.uid,), request, priority, since_s, nodes)
    uids = tuple(member.uid for role in gang.roles for member in role.members)
    return Want(uids, gang, priority, since_s, nodes)


def _options(known: Node, node: SeenNode, settings: Repartition) -> tuple[Option, ...]:
    product = _product(node)
    milli = {
        resource_of(profile.name): GPU_MILLI * profile.size // product.units
        for profile in product.profiles
    }
    return tuple(
        Option(config, _changed(known, product, config, shown), milli)
        for config, shown in configs_of(node, settings).items()
        if config != node.config
    )


def _product(node: SeenNode) -> Product:
    product = product_of(node)
    assert product is not None  # it has configs
    return product


def _changed(known: Node, product: Product, config: str, shown: Shown) -> Node:
    """Return a node as it will be under a config, in the form that the reader gives it."""
    whole = shown.get(keys.GPU, 0)
    kept = {name: n for name, n in known.resources if not name.startswith(keys.MIG_PREFIX)}
    made = {name: n for name, n in shown.items() if name != keys.GPU}
    return replace(
        known,
        gpu_count=whole,
        gpu_model=product.name if whole else "",
        gpu_memory_mib=product.memory_mib if whole else 0,
        anonymous_gpus=whole > 0,
        schedulable=True,
        sharing=(),
        unhealthy=(),
        gpu_uuids=(),
        taints=tuple(taint for taint in known.taints if taint.key not in PASSING),
        labels=tuple(sorted((dict(known.labels) | {keys.MIG_CONFIG: config}).items())),
        resources=tuple(sorted((kept | made).items())),
    )
