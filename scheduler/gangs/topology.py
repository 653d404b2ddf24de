"""The tree of topology domains of a cluster, read from node labels and kept up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import Node, TopologyLevel

if TYPE_CHECKING:
    import networkx as nx

NOWHERE = -1
"""The domain of a node that is in none."""

LABELLED = (
    TopologyLevel.ZONE,
    TopologyLevel.BLOCK,
    TopologyLevel.RACK,
    TopologyLevel.NVLINK_DOMAIN,
)
"""The levels that labels name, from the outermost inward."""

DEFAULT_KEYS: Mapping[TopologyLevel, tuple[str, ...]] = {
    TopologyLevel.NVLINK_DOMAIN: (
        "nvidia.com/gpu.clique",
        "network.topology.nvidia.com/accelerator",
    ),
    TopologyLevel.RACK: (
        "topology.kubernetes.io/rack",
        "network.topology.nvidia.com/leaf",
        "cloud.provider.com/topology-rack",
        "cloud.google.com/gce-topology-subblock",
    ),
    TopologyLevel.BLOCK: (
        "topology.kubernetes.io/block",
        "network.topology.nvidia.com/spine",
        "cloud.provider.com/topology-block",
        "cloud.google.com/gce-topology-block",
    ),
    TopologyLevel.ZONE: ("topology.kubernetes.io/zone",),
}
"""Label keys by level; the first one that a node has counts. They are those of the GPU feature
discovery, of Kubernetes, of NVIDIA's topograph, and of the examples of Kueue and GKE."""


@dataclass(frozen=True, slots=True)
class TopologyKeys:
    """Which node labels name the domains of a level; a level without keys has no domains.

    Raises
    ------
    InputError
        A level that no label names, or a key that is to name two levels.
    """

    keys: tuple[tuple[TopologyLevel, tuple[str, ...]], ...] = tuple(DEFAULT_KEYS.items())

    def __post_init__(self) -> None:
        seen: dict[str, TopologyLevel] = {}
        for level, keys in self.keys:
            if level not in LABELLED:
                raise InputError(
                    f"topology level {level.name.lower()} has no label",
                    fix=f"give keys for {', '.join(each.name.lower() for each in LABELLED)}",
                )
            for key in keys:
                if seen.setdefault(key, level) is not level:
                    raise InputError(
                        f"label {key} is to name both {seen[key].name.lower()} and"
                        f" {level.name.lower()}",
                        fix="give each level keys of its own",
                    )

    def by_key(self) -> dict[str, tuple[TopologyLevel, int]]:
        """Return the level and the rank of each key."""
        return {key: (level, i) for level, keys in self.keys for i, key in enumerate(keys)}


class Domains:
    """The domains of a cluster: node → NVLink domain → rack → block → zone.

    A domain is told by its path from the outermost level that its nodes name: rack ``r1`` of
    zone ``a`` and rack ``r1`` of zone ``b`` are two, so no domain has two parents, and the domains
    of an inner level never cross those of an outer one. A node without a label of a level is in
    no domain of it. Numbers of domains are given in the order in which they are first seen, and
    stay.

    What was read is kept by node, so that a change of a few nodes is read in the time of these.
    """

    def __init__(self, cluster: Cluster, keys: TopologyKeys | None = None) -> None:
        self._cluster = cluster
        self._keys = (keys or TopologyKeys()).by_key()
        self._since = -1
        self._changed = np.zeros(0, np.int64)
        self._nodes: list[Node | None] = []
        self._numbers: dict[TopologyLevel, dict[tuple[str, str], int]] = {}
        self._paths: dict[TopologyLevel, list[str]] = {}
        self._ids: dict[TopologyLevel, IntArray] = {}
        self._clear()

    def _clear(self) -> None:
        self._nodes = []
        self._numbers = {level: {} for level in LABELLED}
        self._paths = {level: [] for level in LABELLED}
        self._ids = {level: np.zeros(0, np.int64) for level in (*LABELLED, TopologyLevel.NODE)}

    def ids(self, level: TopologyLevel) -> IntArray:
        """Return the number of the domain of each row at a level, (n_rows,); -1 in none.

        At ``NODE`` it is the row. Read it before the next change of the cluster.

        Raises
        ------
        ValueError
            ``GPU_ISLAND``: GPUs of one node, no domain of nodes.
        """
        if level is TopologyLevel.GPU_ISLAND:
            raise ValueError("a GPU island is inside a node")
        self._bring_up()
        return self._ids[level][: self._cluster.view.n_rows]

    def count(self, level: TopologyLevel) -> int:
        """Return how many numbers of domains there are at a level."""
        self._bring_up()
        if level is TopologyLevel.NODE:
            return self._cluster.view.n_rows
        return len(self._paths[level])

    def name(self, level: TopologyLevel, number: int) -> str:
        """Return the path of a domain, outermost first, such as ``zone-a/block-1/rack-7``."""
        if level is TopologyLevel.NODE:
            return self._cluster.name(number)
        return self._paths[level][number]

    def tree(self) -> nx.DiGraph:
        """Return the domains that have nodes as a tree, with edges from the outer to the inner.

        Its nodes are (level, path), with the number of machines in the attribute ``nodes``; the
        root is ``(None, "")``. Machines themselves are left out.
        """
        import networkx as nx  # here: it takes long, and decisions go without

        tree = nx.DiGraph()
        tree.add_node((None, ""), nodes=int(np.count_nonzero(self.ids(TopologyLevel.NODE) >= 0)))
        root: tuple[TopologyLevel | None, str] = (None, "")
        parents = dict.fromkeys(range(self._cluster.view.n_rows), root)
        for level in LABELLED:
            for row, number in enumerate(self.ids(level).tolist()):
                if number < 0:
                    continue
                domain = (level, self._paths[level][number])
                if domain not in tree:
                    tree.add_edge(parents[row], domain)
                    tree.nodes[domain]["nodes"] = 0
                tree.nodes[domain]["nodes"] += 1
                parents[row] = domain
        return tree

    def _bring_up(self) -> None:
        view, log = self._cluster.view, self._cluster.log
        if self._since == log.number and len(self._nodes) == view.n_rows:
            return
        n = -1
        if self._changed.size != view.alive.size:
            self._changed = np.zeros(view.alive.size, np.int64)
        elif self._since >= 0:
            n = log.rows_since(self._since, view, self._changed)
        rows = range(view.n_rows) if n < 0 else self._changed[:n].tolist()
        self._fit_to(view.n_rows)
        for row in rows:
            if row >= view.n_rows:
                continue  # of a node that came and was taken back
            node = self._cluster.node_at(row) if view.alive.item(row) else None
            if node is not self._nodes[row]:
                self._read(row, node)
        self._since = log.number

    def _fit_to(self, n_rows: int) -> None:
        # Labels that come and go leave numbers behind: after many, count anew.
        if any(len(paths) > 2 * n_rows + 1024 for paths in self._paths.values()):
            self._clear()
        del self._nodes[n_rows:]
        self._nodes += [None] * (n_rows - len(self._nodes))
        for level, ids in self._ids.items():
            if ids.size < n_rows:
                longer = np.full(max(n_rows, 2 * ids.size), NOWHERE, np.int64)
                longer[: ids.size] = ids
                self._ids[level] = longer
            self._ids[level][n_rows:] = NOWHERE

    def _read(self, row: int, node: Node | None) -> None:
        self._nodes[row] = node
        self._ids[TopologyLevel.NODE][row] = row if node else NOWHERE
        named: dict[TopologyLevel, tuple[int, str]] = {}
        for key, value in node.labels if node else ():
            found = self._keys.get(key)
            if found and value:
                level, rank = found
                named[level] = min(named.get(level, (rank, value)), (rank, value))
        above = ""
        for level in LABELLED:
            if level not in named:
                self._ids[level][row] = NOWHERE
                continue
            above = self._enter(level, row, above, named[level][1])

    def _enter(self, level: TopologyLevel, row: int, above: str, value: str) -> str:
        numbers, paths = self._numbers[level], self._paths[level]
        number = numbers.setdefault((above, value), len(paths))
        if number == len(paths):
            paths.append(f"{above}/{value}" if above else value)
        self._ids[level][row] = number
        return paths[number]
