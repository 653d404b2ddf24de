"""What ``bayplan traces …`` does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bayplan.scheduler.errors import InputError
from bayplan.traces.builtin import BUILTIN, builtin_nodes, builtin_pods
from bayplan.traces.canonical import write_nodes, write_pods
from bayplan.traces.console import console, plain
from bayplan.traces.files import display
from bayplan.traces.info import describe
from bayplan.traces.registry import known, read_nodes, read_pods
from bayplan.traces.schema import NodeTable, PodTable
from bayplan.traces.synth import synthesize

PODS, NODES = "pods.csv", "nodes.csv"


def list_traces() -> None:
    """Print the formats and the built-in trace, one line each."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for kind, name, summary in known():
        table.add_row(kind, name, summary)
    console().print(table)


def show_info(pods: Path | None, nodes: Path | None, format: str) -> None:
    """Print what a trace holds."""
    if pods is None and nodes is not None:
        raise InputError("--nodes without a pod file", fix="give a pod file too")
    table = Table(box=None, show_header=False, pad_edge=False)
    pod_table = builtin_pods() if pods is None else read_pods(pods, format)
    node_table = builtin_nodes() if pods is None else nodes and read_nodes(nodes, format)
    for label, value in describe(pod_table, node_table or None):
        table.add_row(plain(label), plain(value))
    console().print(table)


def convert(out: Path, pods: Path | None, nodes: Path | None, format: str) -> None:
    """Read pods and nodes in any format and write them in our own."""
    if pods is None and nodes is None:
        raise InputError("nothing to convert", fix="give --pods, --nodes or both")
    pod_table = None if pods is None else read_pods(pods, format)
    node_table = None if nodes is None else read_nodes(nodes, format)
    for source, target in ((pods, out / PODS), (nodes, out / NODES)):
        if source is not None and target.exists() and target.samefile(source):
            raise InputError(
                "this would overwrite the file that is read",
                file=display(source),
                fix="give another folder as --out",
            )
    _write(out, pod_table, node_table)


def synth(out: Path, seed: int, nodes: int, load: float) -> None:
    """Make a trace and write it."""
    node_table, pod_table = synthesize(replace(BUILTIN, seed=seed, nodes=nodes, load=load))
    _write(out, pod_table, node_table)


def _write(out: Path, pods: PodTable | None, nodes: NodeTable | None) -> None:
    for target in (out / PODS, out / NODES):
        # Found out before the first of two files is written.
        if target.is_dir():
            raise InputError("this is a folder", file=display(target), fix="remove or rename it")
    screen = Console(soft_wrap=True, highlight=False, markup=False)
    if pods is not None:
        write_pods(pods, out / PODS)
        screen.print(f"{len(pods)} pods: {out / PODS}")
    if nodes is not None:
        write_nodes(nodes, out / NODES)
        screen.print(f"{len(nodes)} nodes: {out / NODES}")
