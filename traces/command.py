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
from bayplan.traces.info import Rows, describe
from bayplan.traces.jobs import describe_jobs, known_jobs, read_jobs, write_jobs
from bayplan.traces.jobs.registry import is_jobs_only
from bayplan.traces.registry import known, read_nodes, read_pods
from bayplan.traces.schema import NodeTable, PodTable
from bayplan.traces.series import (
    binned,
    describe_series,
    is_series,
    known_series,
    read_series,
    write_rates,
    write_series,
)
from bayplan.traces.synth import synthesize

PODS, NODES, JOBS, PARQUET = "pods.csv", "nodes.csv", "jobs.csv", "jobs.parquet"
REQUESTS, RATES = "requests.csv", "rates.csv"


def list_traces() -> None:
    """Print the formats and the built-in trace, one line each."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for kind, name, summary in [*known(), *known_jobs(), *known_series()]:
        table.add_row(kind, name, summary)
    console().print(table)


def show_info(
    pods: Path | None,
    nodes: Path | None,
    format: str,
    jobs: Path | None = None,
    interarrival_s: float | None = None,
) -> None:
    """Print what a trace holds."""
    if jobs is not None and (pods is not None or nodes is not None):
        raise InputError("--jobs beside pods or nodes", fix="describe one after the other")
    if pods is None and nodes is not None:
        raise InputError("--nodes without a pod file", fix="give a pod file too")
    if pods is not None and nodes is None and is_jobs_only(pods, format):
        pods, jobs = None, pods
    elif pods is not None and nodes is None and is_series(pods, format):
        show_requests(pods, format)
        return
    if jobs is not None:
        _show(describe_jobs(read_jobs(jobs, format, interarrival_s=interarrival_s)))
        return
    pod_table = builtin_pods() if pods is None else read_pods(pods, format)
    node_table = builtin_nodes() if pods is None else nodes and read_nodes(nodes, format)
    _show(describe(pod_table, node_table or None))


def convert(
    out: Path,
    pods: Path | None,
    nodes: Path | None,
    format: str,
    jobs: Path | None = None,
    interarrival_s: float | None = None,
    parquet: bool = False,
) -> None:
    """Read pods, nodes or jobs in any format and write them in our own."""
    if jobs is not None:
        if pods is not None or nodes is not None:
            raise InputError("--jobs beside --pods or --nodes", fix="convert them one by one")
        _convert_jobs(out / (PARQUET if parquet else JOBS), jobs, format, interarrival_s)
        return
    if parquet:
        raise InputError("only jobs are written as Parquet", fix="give --jobs, or no --parquet")
    if pods is None and nodes is None:
        raise InputError("nothing to convert", fix="give --pods, --nodes, both, or --jobs")
    pod_table = None if pods is None else read_pods(pods, format)
    node_table = None if nodes is None else read_nodes(nodes, format)
    for source, target in ((pods, out / PODS), (nodes, out / NODES)):
        if source is not None:
            _keep(source, target)
    _write(out, pod_table, node_table)


def show_requests(requests: Path, format: str) -> None:
    """Print what a request series holds."""
    _show(describe_series(read_series(requests, format)))


def convert_requests(out: Path, requests: Path, format: str, bin_s: float | None) -> None:
    """Read requests in any format, and write them in our own, or their rates."""
    series = read_series(requests, format)
    target = out / (REQUESTS if bin_s is None else RATES)
    _keep(requests, target)
    if bin_s is None:
        write_series(series, target)
        said = f"{len(series)} requests"
    else:
        rates = binned(series, bin_s)
        write_rates(rates, target)
        said = f"{len(rates.start_s)} bins of {bin_s:g} s"
    screen = Console(soft_wrap=True, highlight=False, markup=False)
    screen.print(f"{said}: {target}")


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


def _show(rows: Rows) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, value in rows:
        table.add_row(plain(label), plain(value))
    console().print(table)


def _convert_jobs(target: Path, source: Path, format: str, interarrival_s: float | None) -> None:
    table = read_jobs(source, format, interarrival_s=interarrival_s)
    _keep(source, target)
    write_jobs(table, target)
    screen = Console(soft_wrap=True, highlight=False, markup=False)
    screen.print(f"{len(table)} jobs: {target}")


def _keep(source: Path, target: Path) -> None:
    """Refuse to write over the file that was read."""
    if target.exists() and target.samefile(source):
        raise InputError(
            "this would overwrite the file that is read",
            file=display(source),
            fix="give another folder as --out",
        )
