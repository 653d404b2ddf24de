"""The filters that look at the pods that are there: topology spread, affinity, anti-affinity.

Sources: KEP-895 (pod topology spread), KEP-3022 (minDomains), KEP-3094 (node inclusion policies),
KEP-3243 (matchLabelKeys); the design of inter-pod affinity, with its symmetry, is in the
Kubernetes community's ``podaffinity.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import BoolArray, CodeArray
from bayplan.scheduler.constraints.index import Index
from bayplan.scheduler.constraints.matching import Template, Who, spread_who, who_of
from bayplan.scheduler.constraints.static import Static
from bayplan.scheduler.constraints.types import Constraints, Spread, Unsatisfiable
from bayplan.scheduler.types import Reason


@dataclass(frozen=True, slots=True, eq=False)
class Wishes:
    """A pod's constraints with everything that can be looked up beforehand.

    ``spread`` has only the constraints that keep a pod away. ``near`` and ``apart`` are terms of
    affinity and anti-affinity: the topology key, and who is meant.
    """

    template: Template
    spread: tuple[tuple[Spread, Who], ...]
    near: tuple[tuple[str, Who], ...]
    apart: tuple[tuple[str, Who], ...]


def wishes_of(constraints: Constraints, template: Template) -> Wishes:
    """Look up what a pod with these constraints wishes of the pods that are there."""
    namespace = constraints.namespace
    return Wishes(
        template,
        tuple(
            (spread, spread_who(spread, template.labels, namespace))
            for spread in constraints.spread
            if spread.unsatisfiable is Unsatisfiable.DO_NOT_SCHEDULE
        ),
        tuple((term.topology_key, who_of(term, namespace)) for term in constraints.pod_affinity),
        template.keeps_off,
    )


def refuse(index: Index, wishes: Wishes, static: Static, codes: CodeArray) -> None:
    """Write why rows do not suit the pods that are there into ``codes`` (capacity,), all ``FITS``.

    Of several reasons the first in the order of ``Reason`` stands.
    """
    codes[_too_near(index, wishes)] = Reason.POD_ANTI_AFFINITY
    unlabelled, skewed = _skewed(index, wishes, static)
    codes[skewed] = Reason.TOPOLOGY_SPREAD
    if wishes.near:
        codes[~_near(index, wishes, static)] = Reason.POD_AFFINITY
    codes[unlabelled] = Reason.SPREAD_LABEL


def _skewed(index: Index, wishes: Wishes, static: Static) -> tuple[BoolArray, BoolArray]:
    """Return where a topology label is missing, and where a domain would stand out too far."""
    labelled = static.alive.copy()
    for spread, _ in wishes.spread:
        labelled &= index.label(spread.topology_key).present()
    skewed = np.zeros(index.size, np.bool_)
    for spread, who in wishes.spread:
        # Nodes without all of the labels are in no domain of any constraint.
        counted = labelled
        if spread.node_affinity_honored:
            counted = counted & static.matched
        if spread.node_taints_honored:
            counted = counted & static.tolerated
        skewed |= _stands_out(index, wishes.template, spread, who, counted)
    return ~labelled, skewed


def _stands_out(
    index: Index, template: Template, spread: Spread, who: Who, counted: BoolArray
) -> BoolArray:
    column = index.label(spread.topology_key)
    there = column.sums(np.ones(index.size, np.int64), counted) > 0
    in_domain = np.zeros(there.size, np.int64)
    # kube-scheduler counts nobody for a selector that is empty; of the newcomer it says yes.
    if who.selector is not None and who.selector.expressions:
        in_domain = column.sums(index.tally((who,)).counts, counted)
    n_domains = int(np.count_nonzero(there))
    # Too few domains: the missing ones hold none.
    least = int(in_domain[there].min()) if n_domains >= max(1, spread.min_domains) else 0
    own = int(who.takes(template))
    return column.spread_out(in_domain) + own - least > spread.max_skew


def _near(index: Index, wishes: Wishes, static: Static) -> BoolArray:
    """Return where all terms of affinity find a pod; who is wanted is whom *all* terms mean."""
    tally = index.tally(tuple(who for _, who in wishes.near))
    labelled = static.alive.copy()
    near = static.alive.copy()
    nobody = True
    for key, _ in wishes.near:
        column = index.label(key)
        found = column.sums(tally.counts, static.alive) > 0
        nobody &= not found.any()
        labelled &= column.present()
        near &= column.spread_out(found.astype(np.int64)) > 0
    if nobody and all(who.takes(wishes.template) for _, who in wishes.near):
        # The first of a group that wants to be together may go anywhere.
        return labelled
    return near


def _too_near(index: Index, wishes: Wishes) -> BoolArray:
    """Return where a pod is that this one keeps off, or that keeps this one off."""
    too_near = np.zeros(index.size, np.bool_)
    for key, who in wishes.apart:
        rows = np.flatnonzero(index.tally((who,)).counts)
        too_near |= index.label(key).beside(rows)
    for (key, _), keeper in index.keepers.items():
        if keeper.kind.takes(wishes.template):
            too_near |= index.label(key).beside(keeper.rows())
    return too_near
