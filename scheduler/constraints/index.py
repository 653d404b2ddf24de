"""What the filters know of a cluster, kept up to date by looking only at rows that changed."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.columns import Column
from bayplan.scheduler.constraints.matching import UNSCHEDULABLE, Template, Who, template_of
from bayplan.scheduler.constraints.types import Constraints, Taint
from bayplan.scheduler.types import Node, Request

_KEPT_BYTES = 64 << 20
_MAX_TEMPLATES = 65_536
_MAX_KNOWN = 4_096
_PLAIN = Constraints()
_NOBODY: Counter[Template] = Counter()
"""The pods of a row without any; never written to."""


@dataclass(slots=True)
class Kind:
    """The pods whom all of ``whos`` take; ``known`` says it of some templates seen."""

    whos: tuple[Who, ...]
    known: dict[Template, bool] = field(default_factory=dict)

    def takes(self, template: Template) -> bool:
        """Whether the pods of a template are of the kind."""
        found = self.known.get(template)
        if found is None:
            # Where each pod has labels of its own, all of them for all kinds would be gigabytes.
            if len(self.known) >= _MAX_KNOWN:
                self.known.clear()
            found = self.known[template] = all(who.takes(template) for who in self.whos)
        return found


@dataclass(slots=True)
class Tally:
    """How many pods of a kind are on each row: (capacity,)."""

    kind: Kind
    counts: IntArray


@dataclass(slots=True)
class Keeper:
    """Whom a term of anti-affinity keeps off, and how many pods have it on the rows with any."""

    kind: Kind
    on: dict[int, int] = field(default_factory=dict)

    def rows(self) -> IntArray:
        """Return the rows with any such pod, in no order."""
        return np.fromiter(self.on, np.int64, len(self.on))


class Index:
    """The nodes' labels and taints by column, and the pods by template.

    Attributes
    ----------
    size
        The capacity that all arrays have.
    node_changes
        Grows whenever a node's name, labels, taints or schedulability change.
    keepers
        Required anti-affinity of the pods that are there, by topology key and whom it keeps off.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.node_changes = 0
        self._clear()

    def _clear(self) -> None:
        self.node_changes += 1
        self._since = -1
        self._nodes: list[Node | None] = [None] * self.size
        self._pods: list[Counter[Template]] = [_NOBODY] * self.size
        self._on: dict[Template, dict[int, int]] = {}
        self._labels: dict[str, Column[str]] = {}
        self.names: Column[str] = Column(self._no_codes())
        self.taints: Column[tuple[Taint, ...]] = Column(self._no_codes())
        self._tallies: OrderedDict[tuple[Who, ...], Tally] = OrderedDict()
        self._taking: dict[Template, list[Tally]] = {}
        self.keepers: dict[tuple[str, Who], Keeper] = {}
        self._templates: dict[tuple[object, ...], Template] = {}
        self._by_id: dict[int, tuple[Constraints, Template]] = {}
        self._limit = _MAX_TEMPLATES

    def _no_codes(self) -> IntArray:
        return np.full(self.size, -1, np.int64)

    # --- reading, after ``bring_up`` -------------------------------------------------------------

    def label(self, key: str) -> Column[str]:
        """Return the column of a label."""
        column = self._labels.get(key)
        if column is None:
            column = self._labels[key] = Column(self._no_codes())
            for row, node in enumerate(self._nodes):
                if node is not None:
                    column.set(row, dict(node.labels).get(key))
        return column

    def tally(self, whos: tuple[Who, ...]) -> Tally:
        """Return the tally of the pods whom all of ``whos`` take."""
        tally = self._tallies.get(whos)
        if tally is not None:
            self._tallies.move_to_end(whos)
            return tally
        tally = Tally(Kind(whos), np.zeros(self.size, np.int64))
        for template, on in self._on.items():
            if tally.kind.takes(template):
                for row, number in on.items():
                    tally.counts[row] += number
        while len(self._tallies) >= max(16, _KEPT_BYTES // (8 * self.size + 1)):
            self._tallies.popitem(last=False)
        self._tallies[whos] = tally
        self._taking.clear()
        return tally

    def template(self, constraints: Constraints | None) -> Template:
        """Return the template of a pod; equal ones are one object."""
        constraints = constraints or _PLAIN
        known = self._by_id.get(id(constraints))
        if known is not None and known[0] is constraints:
            return known[1]
        key = (
            constraints.labels,
            constraints.namespace,
            constraints.namespace_labels,
            constraints.pod_anti_affinity,
        )
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = template_of(constraints)
        if len(self._by_id) >= _MAX_TEMPLATES:
            self._by_id.clear()
        self._by_id[id(constraints)] = constraints, template
        return template

    # --- bringing up to date ---------------------------------------------------------------------

    def bring_up(self, cluster: Cluster, rows: IntArray) -> None:
        """Take in what changed since the latest call; ``rows`` (capacity,) is scratch."""
        log = cluster.log
        if self._since == log.number:
            return
        n = -1 if self._since < 0 else log.rows_since(self._since, cluster.view, rows)
        if n < 0 or self._has_grown():
            self._clear()
            for row in range(cluster.view.n_rows):
                self._bring_up_row(cluster, row)
            self._limit = max(_MAX_TEMPLATES, 2 * len(self._templates))
        else:
            for row in rows[:n].tolist():
                self._bring_up_row(cluster, row)
        self._since = log.number

    def _has_grown(self) -> bool:
        """Whether templates and names of what left long ago are most of what is kept."""
        return len(self._templates) > self._limit or len(self.names.values) > 4 * self.size + 1024

    def _bring_up_row(self, cluster: Cluster, row: int) -> None:
        node = cluster.node_at(row) if cluster.view.alive[row] else None
        before = self._nodes[row]
        if node is not before:
            self._nodes[row] = node
            if node is None or before is None or _face(node) != _face(before):
                self._set_node(row, node)
        requests = [cluster.pods[uid].request for uid in cluster.pods_on(row)]
        self._set_pods(row, requests)

    def _set_node(self, row: int, node: Node | None) -> None:
        self.node_changes += 1
        if self._labels:
            labels = dict(node.labels) if node else {}
            for key, column in self._labels.items():
                column.set(row, labels.get(key))
        self.names.set(row, node.name if node else None)
        self.taints.set(row, _taints(node) if node else None)

    def _set_pods(self, row: int, requests: list[Request]) -> None:
        before = self._pods[row]
        if not requests and not before:
            return
        pods = Counter([self.template(request.constraints) for request in requests])
        if dict.__eq__(pods, before):  # that of counters looks at zeros as well, one by one
            return
        self._pods[row] = pods
        for template in {**before, **pods}:
            number = pods[template] - before[template]
            if number:
                self._count(row, template, number)

    def _count(self, row: int, template: Template, number: int) -> None:
        on = self._on.setdefault(template, {})
        _add(on, row, number)
        if not on:
            del self._on[template]
        for tally in self._taken_by(template):
            tally.counts[row] += number
        for kept in template.keeps_off:
            keeper = self.keepers.get(kept)
            if keeper is None:
                keeper = self.keepers[kept] = Keeper(Kind((kept[1],)))
            _add(keeper.on, row, number)
            if not keeper.on:
                del self.keepers[kept]

    def _taken_by(self, template: Template) -> list[Tally]:
        """Return the tallies that count the pods of a template."""
        taking = self._taking.get(template)
        if taking is None:
            if len(self._taking) >= _MAX_KNOWN:
                self._taking.clear()
            every = self._tallies.values()
            taking = self._taking[template] = [t for t in every if t.kind.takes(template)]
        return taking


def _add(on: dict[int, int], row: int, number: int) -> None:
    now = on.get(row, 0) + number
    if now:
        on[row] = now
    else:
        del on[row]


def _face(node: Node) -> tuple[object, ...]:
    return node.name, node.labels, node.taints, node.schedulable


def _taints(node: Node) -> tuple[Taint, ...]:
    return node.taints if node.schedulable else (*node.taints, UNSCHEDULABLE)
