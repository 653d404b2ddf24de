"""The ``bayplan`` command: reads arguments, calls what does the work, prints.

Exit codes: 0 done, 1 partial or a difference found, 2 bad input (one line on stderr). Modules
that load Numba or Matplotlib are imported by the commands that need them.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, Token, UnusedCliTokensError

from bayplan import __version__, cli_extender, cli_remote, cli_simulate, cli_why
from bayplan.scheduler.errors import BayplanError, InputError


def _whole(type_: object, tokens: Sequence[Token]) -> int:
    # The parser's own conversion rounds 3.5.
    text = tokens[0].value
    if not text.removeprefix("-").isdecimal():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


Whole = Annotated[int, Parameter(converter=_whole)]

_GC_THRESHOLD = 50_000
"""Objects that are made before the youngest are looked through; a service would ask for less."""

_MIN_WIDTH = 40
"""Help cannot be laid out in fewer columns."""

app = App(
    name="bayplan",
    help="Place pods on GPUs: pack traces through the scheduling engine, and compare policies.",
    version=__version__,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,  # `_run` says what became of it
)
traces = App(name="traces", help="List, describe, convert, make and download traces.")
app.command(traces)
devices = App(name="devices", help="Describe GPU products, and the MIG layouts that they can take.")
app.command(devices)
cli_simulate.register(app, Whole)
cli_extender.register(app)
cli_why.register(app)
cli_remote.register(app)


@app.command
def replay(
    *,
    nodes: Path | None = None,
    pods: Path | None = None,
    format: str = "auto",
    policy: str = "all",
    load: float = 1.3,
    seeds: str = "42",
    arrivals: Path | None = None,
    node_order: Path | None = None,
    workers: Whole | None = None,
    json: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    plot: Path | None = None,
    sharing: str | None = None,
    gpu: str | None = None,
    layout: str = "",
    oversubscribe: float = 1.0,
    ignore_memory: bool = False,
    mig: str | None = None,
) -> None:
    """Pack a shuffled, inflated workload onto a cluster, and compare policies.

    Pods arrive one by one in a random order and stay; what does not fit is dropped. Times,
    priorities, queues and gangs of the trace play no part. Without --nodes and --pods the
    built-in trace is packed.

    Parameters
    ----------
    nodes
        Node file (CSV, may be gzip).
    pods
        Pod file (CSV, may be gzip).
    format
        Format of both files: auto, or one that `bayplan traces list` names.
    policy
        Placement policies, separated by commas, or all (those of MIG only with a MIG mode);
        `bayplan policies` lists them. A weighted sum is written `0.9*fgd+0.1*pwr`.
    load
        GPU demand that arrives, over the GPU capacity, 0.01 to 100: 1.3 is 130 %. Given
        arrivals are not cut: then it only says how far the columns go.
    seeds
        Seeds of the orders, such as 42-51 or 1,2,7-9; at most 10,000.
    arrivals
        CSV with a column seedNN for each seed: rows of the pod file in order of arrival.
    node_order
        CSV with a column seedNN for each seed: rows of the node file in order of ties.
    workers
        Processes; the default is one for every 8 runs, at most one a core.
    json
        Write the results as JSON to this file, or to stdout with -.
    plot
        Draw the results into this file, whose name ends in .svg.
    sharing
        Compare ways to share GPUs, separated by commas, or all: exclusive, mig-static,
        mig-dynamic, mps, timeslice, hami. Without it shares simply add up.
    gpu
        Replace all GPUs by this product, such as A100-80GB; pods may then use any GPU.
    layout
        MIG layout of mig-static: all-balanced, all-1g.10gb, 1g.10gb@0,3g.40gb@4, or fitted to
        what the pods ask for. Without it all-balanced and fitted.
    oversubscribe
        GPU compute handed out under mps, timeslice and hami, over what there is: 1 to 16.
    ignore_memory
        Under timeslice, let memory of co-residents exceed the GPU's.
    mig
        Where MIG instances start under mig-dynamic: first-fit, driver-greedy, best-fit, or
        max-options, which is the default.
    """
    from bayplan.simulator.replay import command

    options = command.Options(
        nodes=nodes,
        pods=pods,
        format=format,
        policy=policy,
        load=load,
        seeds=seeds,
        arrivals=arrivals,
        node_order=node_order,
        workers=workers,
        json=json,
        plot=plot,
        sharing=sharing,
        gpu=gpu,
        layout=layout,
        oversubscribe=oversubscribe,
        ignore_memory=ignore_memory,
        mig=mig,
    )
    command.replay(options)


@app.command
def plan(
    *,
    dump: Annotated[
        tuple[Path, ...], Parameter(allow_leading_hyphen=True, show_default=False)
    ] = (),
    nodes: Path | None = None,
    pods: Path | None = None,
    format: str = "auto",
    policy: str = "best-fit",
    order: str = "priority",
    preempt: str = "never",
    queues: Path | None = None,
    json: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    all_: Annotated[bool, Parameter(name="--all")] = False,
) -> int:
    """Say what would be placed where, who would be evicted, and why the rest waits.

    Nothing is changed anywhere. Pods that wait are served in order, gangs whole, each before the
    next. The exit code is 1 when something in the files could not be used: it is left out.

    Parameters
    ----------
    dump
        Kubernetes cluster, from `kubectl get nodes,pods -A -o json`; may be gzip, or - for
        stdin; give it again for more files of the same cluster. Priority classes, pod groups
        and disruption budgets in it are used.
    nodes
        Node file (CSV, may be gzip), instead of a dump.
    pods
        Pod file (CSV, may be gzip), instead of a dump: pods without a node wait.
    format
        Format of both files: auto, or one that `bayplan traces list` names.
    policy
        Placement policy, one that `bayplan policies` lists, or a weighted sum.
    order
        Who is served first: priority, fifo, sjf, smallest-first, drf, fair-share, edf or
        another ordering policy.
    preempt
        Who may be evicted: never, priority (lower priorities), fair-reclaim (who uses more than
        the queue is guaranteed) or spot.
    queues
        TOML file with a table [queues.NAME] for each queue: parent, guaranteed, limit, weight.
    json
        Write the plan as JSON to this file, or to stdout with -.
    all_
        Show all rows of all tables.
    """
    from bayplan.simulator.plan import command

    options = command.Options(
        dump=dump,
        nodes=nodes,
        pods=pods,
        format=format,
        policy=policy,
        order=order,
        preempt=preempt,
        queues=queues,
        json=json,
        all=all_,
    )
    return command.plan(options)


@app.command
def policies() -> None:
    """List the placement policies."""
    from bayplan.simulator.replay import command

    command.list_policies()


@app.command
def speed(
    *,
    mode: str,
    jobs: str,
    gpu: str = "A100-80GB",
    calibration: Path | None = None,
    json: bool = False,
) -> None:
    """Say how fast jobs run that share one GPU.

    Parameters
    ----------
    mode
        How they share it: exclusive, mig, mps, timeslice or hami.
    jobs
        Job classes, separated by commas: light,heavy. A class may have a MIG profile or a cap:
        heavy:3g.40gb, light:50%.
    gpu
        The GPU product.
    calibration
        TOML or JSON file that overrides parameters and job classes.
    json
        Print JSON.
    """
    from bayplan.simulator.speed import command

    command.show_speed(mode, jobs, calibration, json, gpu)


@devices.default
def devices_show(
    product: str | None = None, *, overrides: Path | None = None, json: bool = False
) -> None:
    """Describe GPU products: memory, power, price, MIG profiles.

    Parameters
    ----------
    product
        A product, as `bayplan devices` lists them or as GPU feature discovery names it; without
        it all are listed.
    overrides
        TOML file with prices, watts and NVLink islands of your own.
    json
        Print JSON.
    """
    from bayplan.simulator.devices import command

    if product is None:
        command.list_devices(json, overrides)
    else:
        command.show_device(product, json, overrides)


@devices.command(name="layouts")
def devices_layouts(
    product: str,
    *,
    without_double: bool = False,
    list_: Annotated[bool, Parameter(name="--list")] = False,
    json: bool = False,
) -> None:
    """Count the MIG layouts of a product: legal, distinct as multisets, maximal.

    Parameters
    ----------
    product
        The product.
    without_double
        Leave the profile with one compute slice and double memory out.
    list_
        List them too.
    json
        Print JSON.
    """
    from bayplan.simulator.devices import command

    command.show_layouts(product, without_double, json, list_)


@traces.command(name="list")
def traces_list() -> None:
    """List the formats of pods, nodes, jobs and requests, and the built-in trace."""
    from bayplan.traces import command

    command.list_traces()


@traces.command
def info(
    pods: Path | None = None,
    *,
    nodes: Path | None = None,
    jobs: Path | None = None,
    format: str = "auto",
    interarrival_s: float | None = None,
) -> None:
    """Describe a trace: how many pods or jobs, what they ask for, what the cluster has.

    Parameters
    ----------
    pods
        Pod file, or a file of jobs or requests that is nothing else; without it the built-in
        trace is described.
    nodes
        Node file.
    jobs
        Job file (CSV or JSON, may be gzip, or Parquet), instead of pods.
    format
        Format of the files: auto, or one that `bayplan traces list` names.
    interarrival_s
        Mean seconds between arrivals, for job streams that state their arrivals in those.
    """
    from bayplan.traces import command

    command.show_info(pods, nodes, format, jobs, interarrival_s)


@traces.command
def convert(
    *,
    out: Path,
    pods: Path | None = None,
    nodes: Path | None = None,
    jobs: Path | None = None,
    requests: Path | None = None,
    format: str = "auto",
    interarrival_s: float | None = None,
    bin_s: float | None = None,
    parquet: bool = False,
) -> None:
    """Convert a trace to Bayplan's own files in a folder.

    They are pods.csv and nodes.csv, or jobs.csv, or requests.csv.

    Parameters
    ----------
    out
        Folder to write into; it must exist.
    pods
        Pod file.
    nodes
        Node file.
    jobs
        Job file (CSV or JSON, may be gzip, or Parquet), instead of pods and nodes.
    requests
        File of requests to a service (CSV, may be gzip), instead of pods, nodes and jobs.
    format
        Format of the files: auto, or one that `bayplan traces list` names.
    interarrival_s
        Mean seconds between arrivals, for job streams that state their arrivals in those.
    bin_s
        Write rates.csv, the rates of the requests in bins of so many seconds, rather than
        requests.csv.
    parquet
        Write jobs.parquet rather than jobs.csv.
    """
    from bayplan.traces import command

    if requests is not None:
        if pods is not None or nodes is not None or jobs is not None or parquet:
            raise InputError("--requests beside others", fix="convert them one by one, as CSV")
        command.convert_requests(out, requests, format, bin_s)
        return
    if bin_s is not None:
        raise InputError("--bin-s without --requests", fix="give a file of requests too")
    command.convert(out, pods, nodes, format, jobs, interarrival_s, parquet)


@traces.command
def fetch(name: str | None = None, *, to: Path | None = None) -> None:
    """Download a public trace, and check it; without a name, list what there is.

    A download that was cut short goes on where it ended when it is run again. Checksums are
    recorded in SHA256SUMS in the folder: where a publisher states none, later downloads are
    held to the first.

    Parameters
    ----------
    name
        The trace.
    to
        Folder to write into, made if it is not there; without it one named like the trace.
    """
    from bayplan.traces import fetch as fetching

    if name is None:
        if to is not None:
            raise InputError("--to without a trace", fix="name one that is listed without --to")
        fetching.list_sources()
    else:
        fetching.fetch(name, to)


@traces.command
def synth(*, out: Path, seed: Whole = 0, nodes: Whole = 320, load: float = 0.98) -> None:
    """Make a synthetic trace: pods.csv and nodes.csv in a folder.

    Parameters
    ----------
    out
        Folder to write into; it must exist.
    seed
        Same seed, same bytes.
    nodes
        Nodes of the cluster.
    load
        GPU demand of all pods together, over the GPU capacity.
    """
    from bayplan.traces import command

    command.synth(out, seed, nodes, load)


def main() -> None:
    """Run the command line and exit with its code."""
    # Modules are no garbage: looking for some among them takes a tenth of the time of loading.
    gc.set_threshold(_GC_THRESHOLD)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± gets a ?
    width = os.environ.get("COLUMNS", "")
    if width.isdecimal() and int(width) < _MIN_WIDTH:
        del os.environ["COLUMNS"]
    warnings.formatwarning = lambda message, *_: f"bayplan: warning: {message}\n"
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(_run(sys.argv[1:]))


def _terminated(number: int, _: object) -> None:
    # As an exception, so that workers are ended and nothing is left behind.
    sys.exit(128 + number)


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except UnusedCliTokensError as error:
        unused = " ".join(error.unused_tokens or [])
        return _refuse(f"unexpected argument {unused!r}", _see(error))
    except CycloptsError as error:
        said = " ".join(str(error).split()).rstrip(".")
        head, cut, _ = said.partition(" Available commands: ")
        if cut and error.app is not None:  # the parser's list ends after eight
            said = f"{head} Known are {', '.join(name for name in error.app if name[0] != '-')}"
        return _refuse(said, _see(error))
    except BayplanError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _refuse(f"{error.strerror or error}")
    except KeyboardInterrupt:
        print("bayplan: interrupted", file=sys.stderr)
        return 130
    return code if isinstance(code, int) else 0


def _see(error: CycloptsError) -> str:
    return f"; see {' '.join(('bayplan', *(error.command_chain or ())))} --help"


def _refuse(problem: str, hint: str = "") -> int:
    for line in f"{problem}{hint}".splitlines():
        print(f"bayplan: {line}", file=sys.stderr)
    return 2
