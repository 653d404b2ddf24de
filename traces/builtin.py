"""The built-in trace: a synthetic cluster and its pods, shipped with the package."""

from __future__ import annotations

from pathlib import Path

from bayplan.traces.canonical import nodes_from_csv, pods_from_csv, write_nodes, write_pods
from bayplan.traces.files import PathLike
from bayplan.traces.reading import open_csv
from bayplan.traces.schema import NodeTable, PodTable
from bayplan.traces.synth import synthesize
from bayplan.traces.synth_settings import SynthSettings

BUILTIN = SynthSettings(seed=21, nodes=320)
"""The settings that the built-in trace was made with."""

DATA = Path(__file__).parent / "data"
NODES_FILE = "builtin_nodes.csv.gz"
PODS_FILE = "builtin_pods.csv.gz"


def builtin_pods() -> PodTable:
    """Return the pods of the built-in trace."""
    return pods_from_csv(open_csv(DATA / PODS_FILE))


def builtin_nodes() -> NodeTable:
    """Return the nodes of the built-in trace."""
    return nodes_from_csv(open_csv(DATA / NODES_FILE))


def write_builtin(folder: PathLike = DATA) -> None:
    """Make the built-in trace anew from ``BUILTIN``.

    Parameters
    ----------
    folder
        Where the two files go.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    nodes, pods = synthesize(BUILTIN)
    write_nodes(nodes, Path(folder) / NODES_FILE)
    write_pods(pods, Path(folder) / PODS_FILE)
