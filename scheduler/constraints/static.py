"""The filters that look at nodes alone: taints, required labels and node affinity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from bayplan.scheduler.arrays import BoolArray, CodeArray
from bayplan.scheduler.constraints.columns import where_holds
from bayplan.scheduler.constraints.index import Index
from bayplan.scheduler.constraints.matching import tolerated
from bayplan.scheduler.constraints.types import Labels, NodeAffinityTerm, Toleration
from bayplan.scheduler.types import Reason

Question = tuple[tuple[Toleration, ...], tuple[NodeAffinityTerm, ...] | None, Labels]


@dataclass(frozen=True, slots=True, eq=False)
class Static:
    """What nodes by themselves say to a pod, as of ``node_changes`` of the index.

    All are (capacity,): ``codes`` are ``Reason``, -1 without a node; ``alive`` where there is a
    node, ``tolerated`` where its taints are, ``matched`` where its labels are as required.
    """

    node_changes: int
    codes: CodeArray
    alive: BoolArray
    tolerated: BoolArray
    matched: BoolArray


def static_of(index: Index, question: Question) -> Static:
    """Ask all nodes: tolerations, node affinity and required labels of a pod."""
    tolerations, terms, labels = question
    alive = index.names.present()
    # A node without taints has the empty tuple of them, and no row with a node is without a value.
    allowed = index.taints.where(lambda taints: tolerated(taints, tolerations))
    labelled = _all([index.label(key).equals(value) for key, value in labels], index.size)
    near = np.ones(index.size, np.bool_)
    if terms is not None:
        near = _any([_matches(index, term) for term in terms], index.size)
    codes = np.full(index.size, Reason.FITS, np.int8)
    codes[~near] = Reason.NODE_AFFINITY
    codes[~labelled] = Reason.NODE_LABELS
    codes[~allowed] = Reason.TAINT
    codes[~alive] = -1
    return Static(index.node_changes, codes, alive, allowed, labelled & near)


def _matches(index: Index, term: NodeAffinityTerm) -> BoolArray:
    if not term.expressions and not term.fields:
        return np.zeros(index.size, np.bool_)
    by_label = [where_holds(index.label(e.key), e) for e in term.expressions]
    return _all([*by_label, *(where_holds(index.names, e) for e in term.fields)], index.size)


def _all(masks: list[BoolArray], size: int) -> BoolArray:
    return reduce(np.logical_and, masks, np.ones(size, np.bool_))


def _any(masks: list[BoolArray], size: int) -> BoolArray:
    return reduce(np.logical_or, masks, np.zeros(size, np.bool_))
