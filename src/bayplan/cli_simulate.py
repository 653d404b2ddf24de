"""The commands about scenarios: ``simulate``, ``compare``, ``sweep``, ``report``, ``scenario``.

``simulate`` and ``compare`` have a flag for every key of a scenario, made from its declaration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from bayplan.cli_connecting import decided_at
from bayplan.simulator.scenario.key import NESTED, Key
from bayplan.simulator.scenario.keys import KEYS, TABLES

Set = Annotated[tuple[str, ...], Parameter(name="--set", show_default=False)]
Stdout = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
Flag = str | bool | None


@Parameter(name="*")
@dataclass(frozen=True)
class Elsewhere:
    """Who decides in place of the engine of the run.

    Parameters
    ----------
    remote
        Let the extender decide whose gRPC service is at this host and port. Its nodes must be those
        of the scenario, with nobody on them: `bayplan remote snapshot --nodes` writes them.
    ca
        File of what that server's certificate must be signed by; without it plain HTTP/2 is spoken.
    certificate
        File of this client's certificate.
    key
        File of its private key.
    server_name
        Name in the server's certificate, where it is not the host.
    """

    remote: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""


HERE = Elsewhere()

sweep = App(name="sweep")
scenario = App(name="scenario", help="Write, check and show scenarios: cluster, jobs, policies.")


def register(app: App, whole: Any) -> None:
    """Add the commands.

    Parameters
    ----------
    app
        The ``bayplan`` command.
    whole
        The annotation of whole numbers.
    """
    simulate.__annotations__["trace_events"] = whole | None
    app.command(_with_keys(simulate, shown=True))
    compare.__annotations__["workers"] = whole | None
    app.command(_with_keys(compare, shown=False))
    sweep_run.__annotations__["workers"] = whole | None
    sweep.default(sweep_run)
    app.command(sweep)
    app.command(report)
    app.command(scenario)


def simulate(
    scenario: Path | None = None,
    *,
    set_: Set = (),
    out: Path | None = None,
    plot: Path | None = None,
    trace_events: int | None = None,
    force: bool = False,
    quiet: bool = False,
    elsewhere: Elsewhere = HERE,
    **keys: Flag,
) -> int:
    """Run jobs through a cluster in simulated time, and say how they fared.

    Every key of a scenario is a flag too, by its full name, and goes before --set, which goes
    before the file. The exit code is 1 when the run was interrupted: what was done until then is
    written.

    Parameters
    ----------
    scenario
        TOML file, as `bayplan scenario init` writes one; without it the built-in trace is run.
    set_
        A key and its value, such as policy.placement=fgd, or placement=fgd where one key has the
        name; give it again for more.
    out
        Folder to write report.html, summary.json, tables (Parquet) and trace.json into.
    plot
        Draw the run over time into this file, whose name ends in .svg.
    trace_events
        The most events of trace.json, in the folder; 0: none is written (default: 100,000).
    force
        Write into a folder that holds other things.
    quiet
        Print nothing but errors.
    """
    from bayplan.simulator.simulate import command

    settings = _settings(set_, keys)
    options = command.Options(
        scenario, settings, out, plot, trace_events, force, quiet, _decider(elsewhere)
    )
    return command.simulate(options)


def compare(
    scenario: Path | None = None,
    *,
    vary: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    seeds: str = "1-5",
    set_: Set = (),
    workers: int | None = None,
    metrics: str = "",
    json: Stdout = None,
    csv: Stdout = None,
    plot: Path | None = None,
    quiet: bool = False,
    **keys: Flag,
) -> int:
    """Run a scenario in every combination of variations, under several seeds, and compare.

    Every key of a scenario is a flag too, as `bayplan simulate --help` lists them. The
    exit code is 1 when it was interrupted: the runs done until then are shown and written.

    Parameters
    ----------
    scenario
        TOML file, as `bayplan scenario init` writes one; without it the built-in trace is run.
    vary
        A key and its values, such as sharing=mps,timeslice or placement=fgd,best-fit; give it
        again for more. Values that have commas are separated by semicolons.
    seeds
        Seeds, such as 1-5 or 1,2,7-9. Each draws the jobs anew: all variations get the same ones.
    set_
        A key and its value, such as jobs.limit=1000; give it again for more.
    workers
        Processes; the default is one a core.
    metrics
        Metrics of the table, separated by commas, such as jct_mean_s,wait_p99_s.
    json
        Write the runs as JSON to this file, or to stdout with -.
    csv
        Write a row a run as CSV to this file, or to stdout with -.
    plot
        Draw the comparison into this file, whose name ends in .svg.
    quiet
        Print nothing but errors.
    """
    from bayplan.simulator.simulate import compare_command

    options = compare_command.Options(
        scenario, _settings(set_, keys), vary, seeds, workers, metrics, json, csv, plot, quiet
    )
    return compare_command.compare(options)


def sweep_run(
    grid: Path,
    /,
    *,
    out: Path | None = None,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
    resume: bool = False,
    check: bool = False,
    quiet: bool = False,
) -> int:
    """Run a grid of scenarios under several seeds, a row a run: runs.parquet and runs.csv.

    What is done is kept, whatever happens. The exit code is 1 when runs failed, each a row with
    its error, or when it was interrupted.

    Parameters
    ----------
    grid
        TOML file: scenario, axes, points, seeds, metrics.
    out
        Folder to write into, which must not be there yet.
    engine
        Where it runs: local (processes of this machine) or ray (a Ray cluster; needs
        `pip install 'bayplan[ray]'`).
    address
        The Ray cluster, such as 10.0.0.1:6379 or auto; without it one is started on this
        machine.
    workers
        How many runs at a time; the default is one a core.
    resume
        Go on with the sweep in the folder: only what is missing is run. Refused when the grid,
        the scenario or a file that they read has changed.
    check
        Run nothing: say everything that is wrong with the grid, and how many runs there are.
    quiet
        Print nothing but errors.
    """
    if check:
        from bayplan.simulator.sweep.check import check as check_grid

        return check_grid(grid)
    from bayplan.simulator.sweep import command

    options = command.Options(grid, out, engine, address, workers, resume, quiet)
    return command.sweep(options)


@sweep.command
def export(folder: Path, /, *, mlflow: str, experiment: str = "") -> int:
    """Bring the runs of a sweep to MLflow: parameters, metrics, tags; runs there already are left.

    Parameters
    ----------
    folder
        The folder of the sweep.
    mlflow
        Where MLflow keeps its runs: sqlite:///mlflow.db, or the address of a server.
    experiment
        The experiment that they go into; the default is the folder's name.
    """
    from bayplan.simulator.sweep.export import to_mlflow

    return to_mlflow(folder, mlflow, experiment)


def report(folders: tuple[Path, ...], /, *, out: Path, quiet: bool = False) -> int:
    """Write a page about a run, or about several side by side, from their folders.

    The page is one HTML file that needs no network; `bayplan simulate --out` writes the one of its
    run.

    Parameters
    ----------
    folders
        Folders that `bayplan simulate --out` wrote; a dozen at most.
    out
        The file, such as report.html.
    quiet
        Print nothing but errors.
    """
    from bayplan.simulator.report import command

    return command.report(command.Options(folders, out, quiet))


@scenario.command
def init(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)] = "scenario.toml",
) -> None:
    """Write a scenario that has every key with its default and its meaning.

    Parameters
    ----------
    file
        The file, which must not be there yet; - is stdout.
    """
    from bayplan.simulator.scenario import command

    command.init(file)


@scenario.command
def check(file: Path, /, *, set_: Set = ()) -> int:
    """Say everything that is wrong with a scenario, a line each.

    Parameters
    ----------
    file
        The scenario.
    set_
        A key and its value; give it again for more.
    """
    from bayplan.simulator.scenario import command

    return command.check(file, _settings(set_, {}))


@scenario.command
def show(file: Path | None = None, *, set_: Set = ()) -> int:
    """Print a scenario as TOML with every key that is set, defaults included.

    Parameters
    ----------
    file
        The scenario; without it the defaults.
    set_
        A key and its value; give it again for more.
    """
    from bayplan.simulator.scenario import command

    return command.show(file, _settings(set_, {}))


def _decider(elsewhere: Elsewhere) -> Callable[[], Any] | None:
    where = elsewhere.ca, elsewhere.certificate, elsewhere.key, elsewhere.server_name
    if elsewhere.remote:
        return partial(decided_at, elsewhere.remote, *where)
    if any(where):
        from bayplan.scheduler.errors import InputError

        raise InputError("certificates without --remote", fix="name host and port of the service")
    return None


def _settings(texts: tuple[str, ...], keys: dict[str, Flag]) -> list[tuple[str, str]]:
    from bayplan.simulator.scenario.reading import parse_setting

    given = {name: value for name, value in keys.items() if value is not None}
    flags = [(name.replace("__", "."), _text(value)) for name, value in given.items()]
    return [*map(parse_setting, texts), *flags]


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _with_keys(command: Callable[..., int], *, shown: bool) -> Callable[..., int]:
    """Give a command that takes ``**keys`` a flag for every key."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    groups = {
        table: Group(f"{table}: {meaning[0].lower()}{meaning[1:].rstrip('.')}", sort_key=i)
        for i, (table, meaning) in enumerate(TABLES.items(), 1)
    }
    flags = [_flag(key, groups[key.table], shown) for key in KEYS]
    parameters = [*own, *flags]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _flag(key: Key, group: Group, shown: bool) -> inspect.Parameter:
    # Values are texts here: what a file holds and what a flag says is checked in one place.
    about = Parameter(
        name=f"--{key.path}",
        help=f"{key.meaning[0].upper()}{key.meaning[1:]}{_said(key)}",
        group=group,
        show=shown,
        show_default=False,
        allow_leading_hyphen=key.kind in ("whole", "number") or key.registry == "placement",
    )
    kind = bool if key.kind == "yes" else str
    name, only = key.path.replace(".", "__"), inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, only, default=None, annotation=Annotated[kind | None, about])


def _said(key: Key) -> str:
    said = [key.unit, key.range]
    if key.default not in (None, "") and key.kind not in ("yes", *NESTED):
        said.append(f"default: {key.default}")
    text = "; ".join(part for part in said if part)
    return f" ({text})." if text else "."
