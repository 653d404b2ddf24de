"""Changes of nodes at stated times, from a file."""

from __future__ import annotations

from collections.abc import Collection

from bayplan.simulator.core.sources import CHANGES, NodeChange
from bayplan.simulator.scenario.values import nearest
from bayplan.traces.columns import Column, shown
from bayplan.traces.files import PathLike
from bayplan.traces.reading import open_csv, read_columns

MAX_S = 10**12

COLUMNS: tuple[Column, ...] = (
    Column("time_s", "float64", "s", "when, in the time of the jobs", required=True,
           minimum=0, maximum=MAX_S),
    Column("node", "str", "", "the node", required=True),
    Column("what", "str", "", f"what happens to it: {', '.join(CHANGES)}", required=True),
)  # fmt: skip
"""Columns of a file of changes."""


def read_changes(path: PathLike, nodes: Collection[str]) -> tuple[NodeChange, ...]:
    """Read a file of changes; those of one time happen in its order.

    Parameters
    ----------
    path
        A CSV file with the columns of ``COLUMNS``, plain or gzip.
    nodes
        The names of the cluster's nodes.

    Raises
    ------
    InputError
        The file cannot be read, or a row names no node or no change.
    """
    file = open_csv(path)
    columns = read_columns(file, COLUMNS)
    known = set(nodes)
    found = []
    rows = zip(columns["time_s"].tolist(), columns["node"], columns["what"], strict=True)
    for record, (time_s, node, what) in enumerate(rows):
        if node not in known:
            problem = f"there is no node {shown(node)} in the cluster"
            raise file.error(problem, nearest(node, nodes), record=record)
        if what not in CHANGES:
            problem = f"{shown(what)} is no change of a node"
            raise file.error(problem, f"choose from {', '.join(CHANGES)}", record=record)
        found.append(NodeChange(time_s, node, what))
    return tuple(found)
