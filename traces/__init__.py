"""Traces: readers, writers and a generator, all of one pod table and one node table.

``schema`` states the tables; ``registry`` has the formats and the doors ``read_pods`` and
``read_nodes``; ``openb`` and ``canonical`` are one format each, over the shared ``reading``,
``cells``, ``stamps`` and ``files``, ``bulk`` where files are large and ``json_file`` where they are
JSON; ``jobs`` is the job table with readers of its own, ``parquet`` reads and writes it too;
``series`` is the load of services, and ``services`` reads files of these; ``fetch`` downloads
public traces;
``clusters`` reads clusters in TOML; ``synth`` makes traces, and ``builtin`` is the one that is
shipped; ``requests`` turns tables into what the engine takes; ``info`` describes them, and
``console`` is where tables for people are printed.
"""

from bayplan.traces.builtin import BUILTIN, builtin_nodes, builtin_pods
from bayplan.traces.canonical import write_nodes, write_pods
from bayplan.traces.info import describe
from bayplan.traces.registry import FORMATS, known, read_nodes, read_pods
from bayplan.traces.requests import node_table, nodes_from, requests_from
from bayplan.traces.schema import NodeTable, PodTable
from bayplan.traces.synth import synthesize
from bayplan.traces.synth_settings import SynthSettings

__all__ = [
    "BUILTIN",
    "FORMATS",
    "NodeTable",
    "PodTable",
    "SynthSettings",
    "builtin_nodes",
    "builtin_pods",
    "describe",
    "known",
    "node_table",
    "nodes_from",
    "read_nodes",
    "read_pods",
    "requests_from",
    "synthesize",
    "write_nodes",
    "write_pods",
]
