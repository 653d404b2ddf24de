"""What a pod's claims ask for: of those that have devices the node is given, the others want some.

Claims of pods that we have promised a node count as if they had theirs: kube-scheduler allocates
them there, and until the watch shows it nobody else is to be sent after the same devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bayplan.extender.live.dra.inventory import Inventory
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from bayplan.traces.kubernetes.dra.types import PodClaim, Wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pod still wants; ``nodes`` are the only ones where its other claims are, None: any."""

    wanted: tuple[Wanted, ...]
    nodes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Promised:
    """Claims without devices of pods that have a node: by node, and the node of each claim."""

    on_node: Mapping[str, tuple[Wanted, ...]] = field(default_factory=dict)
    at: Mapping[str, str] = field(default_factory=dict)


def asked_by(seen: Seen, inventory: Inventory, promised: Promised) -> Asked | str:
    """Return what a pod wants of the node that it goes to, or why that is not known.

    Parameters
    ----------
    seen
        The pod.
    inventory
        Devices and claims.
    promised
        What others were promised.
    """
    wanted, nodes = [], None
    for each in seen.claims:
        claim = inventory.claims.get(each.claim)
        if claim is not None and claim.given is not None:
            only = frozenset(claim.nodes) if claim.nodes else None
        elif at := promised.at.get(each.claim):
            only = frozenset((at,))
        else:
            found = _wanted(each, inventory)
            if isinstance(found, str):
                return found
            wanted.append(found)
            continue
        if only is not None:
            nodes = only if nodes is None else nodes & only
    return Asked(tuple(wanted), nodes)


def promises(mirror: Mirror, inventory: Inventory, but: str = "") -> Promised:
    """Return what pods were promised that have a node, and whose claims have no devices yet.

    Parameters
    ----------
    mirror
        The pods. Those whose claims all have theirs are not looked at again.
    inventory
        Devices and claims.
    but
        A pod that does not count.
    """
    on_node: dict[str, list[Wanted]] = {}
    at: dict[str, str] = {}
    for uid in list(mirror.claiming):
        placed, seen = mirror.cluster.pods.get(uid), mirror.pods.get(uid)
        if seen is None or placed is None or uid == but:
            continue
        node, owes = placed.placement.node, False
        for each in seen.claims:
            claim = inventory.claims.get(each.claim)
            if claim is not None and claim.given is not None:
                continue
            owes = True
            found = _wanted(each, inventory)
            if each.claim in at or isinstance(found, str):
                continue
            if each.claim:
                at[each.claim] = node
            on_node.setdefault(node, []).append(found)
        if not owes and seen.node:
            del mirror.claiming[uid]
    return Promised({node: tuple(every) for node, every in on_node.items()}, at)


def _wanted(each: PodClaim, inventory: Inventory) -> Wanted | str:
    claim = inventory.claims.get(each.claim)
    if claim is not None:
        return claim.wanted
    if each.template:  # the claim is made of it in a moment, or by now
        template = inventory.templates.get(each.template)
        if template is not None:
            return template
        return f"there is no ResourceClaimTemplate {each.template} that can be read"
    return f"there is no ResourceClaim {each.claim} that can be read"
