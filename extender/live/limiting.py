"""What the limits of queues make of a pod's candidates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayplan.extender.live.asking import Candidates
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.plans import Plans
from bayplan.extender.live.quota import Quota
from bayplan.extender.live.reading import Seen
from bayplan.extender.names import NodeNames
from bayplan.extender.verbs import FilterAnswer, Why
from bayplan.scheduler.arrays import BoolArray
from bayplan.traces.kubernetes.gangs import Group


def refused(quota: Quota, mirror: Mirror, plans: Plans, seen: Seen, group: Group | None) -> str:
    """Return which rule of a queue keeps a pod out, whatever its node; empty: none.

    A gang counts whole, as its members that are there and not gated, until it has started. Who has
    room already, held or bound, is counted and let in.
    """
    there = mirror.cluster.pods
    if seen.uid in there:
        return ""
    waiting = [seen]
    if group is not None and not plans.has_started(group):
        others = [mirror.pods[m.uid] for m in group.members if m.uid not in there]
        waiting += [each for each in others if each.uid != seen.uid and not each.facts.gates]
    return quota.refusal([mirror.reader.request(each, each.group) for each in waiting])


def without(among: Candidates, closed: BoolArray) -> Candidates:
    """Return the candidates beside those on some rows (n_rows,)."""
    stays = ~np.append(closed, False)[among.rows]  # the last: of nodes without a row
    names = [name for name, kept in zip(among.names, stays.tolist(), strict=True) if kept]
    return Candidates(NodeNames.of(names), among.rows[stays])


def with_reasons(
    answer: FilterAnswer, among: Candidates, models: Mapping[str, str], mirror: Mirror
) -> FilterAnswer:
    """Return an answer in which nodes with GPUs of some models are closed, for their reasons."""
    codes, whys = answer.codes.copy(), list(answer.whys)
    for model, why in sorted(models.items()):
        whys.append(Why(why, lasting=True))
        rows = np.zeros(mirror.cluster.view.n_rows + 1, np.bool_)
        for name, node in mirror.cluster.nodes.items():
            rows[mirror.cluster.row(name)] = node.gpu_model == model
        codes[rows[among.rows] & (codes == 0)] = len(whys)
    return FilterAnswer(answer.names, codes, tuple(whys))
