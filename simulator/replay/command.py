"""What ``bayplan replay`` and ``bayplan policies`` do."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import Product, product_named
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies import (
    make_policy,
    policy_summary,
    usable_policies,
    uses_images,
)
from bayplan.scheduler.workload import Workload, typical_workload
from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.replay.compare import compare_tables
from bayplan.simulator.replay.orders import read_orders
from bayplan.simulator.replay.report import as_json
from bayplan.simulator.replay.settings import Experiment, IntArray, parse_seeds
from bayplan.simulator.replay.sweep import Packer, Run, kernel_groups, sweep
from bayplan.simulator.replay.table import as_table
from bayplan.simulator.sharing import Modes, cuts, parse_modes, with_product
from bayplan.simulator.targets import STDOUT, check_targets
from bayplan.traces import builtin_nodes, builtin_pods, read_nodes, read_pods, requests_from
from bayplan.traces.console import console, plain
from bayplan.traces.files import display, write_text

ALL = "all"
MIG_POLICIES = "mig-"
_RUNS_A_WORKER = 8


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of ``bayplan replay``; see its help."""

    nodes: Path | None
    pods: Path | None
    format: str
    policy: str
    load: float
    seeds: str
    arrivals: Path | None
    node_order: Path | None
    workers: int | None
    json: str | None
    plot: Path | None
    sharing: str | None = None
    gpu: str | None = None
    layout: str = ""
    oversubscribe: float = 1.0
    ignore_memory: bool = False
    mig: str | None = None


def replay(options: Options) -> None:
    """Run the experiment and write what was asked for.

    Raises
    ------
    InputError
        Anything wrong with the flags or files; found before the first run where possible.
    """
    seeds = parse_seeds(options.seeds)
    policies = _policies(
        options.policy, mig="mig" in (options.sharing or "") or options.sharing == ALL
    )
    experiment = _experiment(options, seeds)
    _workers(options.workers, 1)
    _check_outputs(options)
    screen = console(stderr=options.json == STDOUT)
    compile_kernels(kernel_groups(experiment, policies))
    _warn_unschedulable(experiment)
    n_runs = len(experiment.cuts) * len(policies) * len(seeds)
    workers = _workers(options.workers, n_runs)
    runs = _with_progress(sweep(experiment, policies, seeds, workers), n_runs)
    _write(runs, options)
    tables = (
        compare_tables(runs, options.load) if options.sharing else (as_table(runs, options.load),)
    )
    for table in tables:
        screen.print(table)
    for what, target in (("results", options.json), ("plot", options.plot)):
        if target is not None and target != STDOUT:
            screen.print(f"{what}: {target}", soft_wrap=True, highlight=False, markup=False)


def list_policies() -> None:
    """Print the policies, one line each."""
    workload = typical_workload(requests_from(builtin_pods()))
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in _usable(workload):
        table.add_row(plain(name), plain(policy_summary(name, workload)))
    console().print(table)


def _policies(text: str, *, mig: bool) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    workload = typical_workload(requests_from(builtin_pods()))
    for name in names:
        if name != ALL:
            make_policy(name, workload)
    if ALL in names:
        # Without a MIG GPU all those of MIG are the same, and no pod of a trace names its images.
        usable = [n for n in _usable(workload) if not uses_images(make_policy(n, workload))]
        return [name for name in usable if mig or not name.startswith(MIG_POLICIES)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"--policy {text!r}: {twice[0]} stands there twice", fix="name it once")
    return names


def _usable(workload: Workload) -> list[str]:
    names, problems = usable_policies(workload)
    for problem in problems:  # of a plug-in: the others do not suffer from it
        _warn(str(problem))
    return names


def _warn(what: str) -> None:
    print(f"bayplan: warning: {what}", file=sys.stderr)


def _experiment(options: Options, seeds: Sequence[int]) -> Experiment:
    if (options.nodes is None) != (options.pods is None):
        given, missing = ("--nodes", "--pods") if options.pods is None else ("--pods", "--nodes")
        raise InputError(f"{given} without {missing}", fix="give both, or neither")
    if options.nodes is None or options.pods is None:
        nodes, pods = builtin_nodes(), builtin_pods()
    else:
        nodes = read_nodes(options.nodes, options.format)
        pods = read_pods(options.pods, options.format)
    if options.gpu is not None:
        nodes, pods = with_product(nodes, pods, _product(options.gpu))
    return Experiment(
        nodes,
        pods,
        options.load,
        _orders(options.arrivals, len(pods), seeds, complete=False),
        _orders(options.node_order, len(nodes), seeds, complete=True),
        cuts=cuts(_modes(options), nodes, pods),
        places=_mig_rule(options.mig or MigRule.MAX_OPTIONS.value),
        nodes_file=display(options.nodes or "--nodes"),
        pods_file=display(options.pods or "--pods"),
    )


def _product(name: str) -> Product:
    try:
        return product_named(name)
    except InputError as error:
        raise InputError(f"--gpu: {error}") from None


def _modes(options: Options) -> Modes:
    names = () if options.sharing is None else parse_modes(options.sharing)
    for flag, given, needs in (
        ("--layout", bool(options.layout), {"mig-static"}),
        ("--oversubscribe", options.oversubscribe != 1.0, {"mps", "timeslice", "hami"}),
        ("--ignore-memory", options.ignore_memory, {"timeslice"}),
        ("--mig", options.mig is not None, {"mig-dynamic"}),
    ):
        if given and not needs & set(names):
            raise InputError(
                f"{flag} says nothing without --sharing {'|'.join(sorted(needs))}",
                fix="add that mode, or leave the flag out",
            )
    return Modes(names, options.layout, options.oversubscribe, options.ignore_memory)


def _mig_rule(text: str) -> MigRule:
    rules = [rule.value for rule in MigRule]
    if text not in rules:
        near = difflib.get_close_matches(text, rules, n=1)
        raise InputError(
            f"--mig: unknown placement policy {text!r}",
            fix=f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(rules)}",
        )
    return MigRule(text)


def _orders(
    path: Path | None, n_rows: int, seeds: Sequence[int], *, complete: bool
) -> dict[int, IntArray]:
    if path is None:
        return {}
    orders = read_orders(path, n_rows, complete=complete)
    # An order that is drawn instead must not pass for the given one.
    absent = [str(seed) for seed in seeds if seed not in orders]
    if absent:
        _warn(
            f"{display(path)} has no column for {len(absent)} of the seeds"
            f" ({', '.join(absent[:5])}{', …' if len(absent) > 5 else ''});"
            " their orders are drawn"
        )
    return orders


def _workers(asked: int | None, n_runs: int) -> int:
    if asked is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        return max(1, min(cores, n_runs // _RUNS_A_WORKER))
    if asked < 1:
        raise InputError(f"--workers {asked}", fix="give 1 or more")
    return asked


def _check_outputs(options: Options) -> None:
    given = (options.nodes, options.pods, options.arrivals, options.node_order)
    read = [path for path in given if path is not None]
    check_targets([("--json", options.json)], options.plot, read)


def _warn_unschedulable(experiment: Experiment) -> None:
    for cut in experiment.cuts:
        counts = Packer(experiment, cut).unschedulable()
        if counts:
            reasons = ", ".join(f"{n}: {reason.text}" for reason, n in sorted(counts.items()))
            _warn(
                f"{cut.label + ': ' if cut.label else ''}"
                f"{sum(counts.values())} of {len(experiment.pods)} pods fit no node"
                f" even of the empty cluster ({reasons}); they count as arrived"
            )


def _with_progress(runs: Iterable[Run], total: int) -> list[Run]:
    screen = console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
    done = []
    with progress:
        task = progress.add_task("packing", total=total)
        for run in runs:
            done.append(run)
            progress.update(task, advance=1, description=f"packing {run.policy} {run.seed}")
    return done


def _write(runs: Sequence[Run], options: Options) -> None:
    json, plot = as_json(runs, options.load), ""
    if options.plot is not None:
        from bayplan.simulator.replay.plot import as_svg

        plot = as_svg(runs, options.load)
    # Both are there before either is written.
    if options.json == STDOUT:
        sys.stdout.write(json)
    elif options.json is not None:
        write_text(options.json, json)
    if options.plot is not None:
        write_text(options.plot, plot)
