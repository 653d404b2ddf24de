"""A scenario made ready: nodes, jobs and settings, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from bayplan.scheduler.errors import InputError, InputErrors
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.types import Node
from bayplan.simulator.core.grid import Grid, Hours
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.services.replicas import with_replicas
from bayplan.simulator.core.settings import (
    Deferring,
    Interruptions,
    Locality,
    OutOfMemory,
    Reconfiguration,
    Settings,
    Watching,
)
from bayplan.simulator.core.sources import NodeChange
from bayplan.simulator.core.sources.autoscaler import SCAN_S
from bayplan.simulator.core.speeds import Speeds
from bayplan.simulator.scenario.changes import read_changes
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.deadlines import with_deadlines
from bayplan.simulator.scenario.elastic import made_elastic
from bayplan.simulator.scenario.energy import FILES, grid_of
from bayplan.simulator.scenario.hours import read_hours
from bayplan.simulator.scenario.jobs import first_jobs, resampled, scale_for, scaled
from bayplan.simulator.scenario.keys import BUILTIN, BY_PATH, NONE
from bayplan.simulator.scenario.names import unknown_names
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.speeds import read_speeds, speeds_of
from bayplan.simulator.scenario.startup import startup_of
from bayplan.simulator.scenario.synthetic import synthetic_jobs
from bayplan.simulator.sharing import Called, Modes, cuts, stated, with_product
from bayplan.traces import NodeTable, builtin_nodes, nodes_from, read_nodes
from bayplan.traces.clusters import ClusterFile, read_cluster
from bayplan.traces.gpu_outages import GpuOutages
from bayplan.traces.jobs import JobTable, builtin_jobs, read_jobs
from bayplan.traces.outages import Outages
from bayplan.traces.services import Service, ServiceFile, read_services

CALLED = Called(
    layout="sharing.layout",
    oversubscribe="sharing.oversubscribe",
    gpu="set cluster.gpu, such as A100-80GB, to simulate other GPUs, or say in a cluster file how"
    " each group shares",
)
CLUSTER_FILE = ".toml"
DEFAULT_LAYOUT = "all-balanced"

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """What a simulation takes.

    ``nodes`` are there at first, ``spare`` ones may come. ``groups`` are those of the cluster file,
    ``elastic`` those of them that an autoscaler lets grow and shrink, at every ``scan_s``.
    ``outages`` are how nodes go away by themselves, by name, ``gpu_outages`` how their GPUs fail,
    and ``changes`` what happens to nodes at stated times. ``services`` are there beside the jobs.
    """

    nodes: list[Node]
    jobs: JobTable
    settings: Settings
    spare: list[Node] = field(default_factory=list)
    groups: tuple[Group, ...] = ()
    elastic: tuple[Group, ...] = ()
    scan_s: float = SCAN_S
    outages: Mapping[str, Outages] = field(default_factory=dict)
    gpu_outages: Mapping[str, GpuOutages] = field(default_factory=dict)
    changes: tuple[NodeChange, ...] = ()
    services: tuple[Service, ...] = ()

    @property
    def rows(self) -> JobTable:
        """The jobs, and a row for each replica that there may be: who stints on GPUs are of."""
        return with_replicas(self.jobs, self.services)

    @property
    def all_nodes(self) -> list[Node]:
        """The nodes there at first, and those that may come."""
        return [*self.nodes, *self.spare]


@dataclass(frozen=True, slots=True)
class Files:
    """The tables that were read so far, so that runs of one comparison read each file once."""

    nodes: dict[tuple[str, str], ClusterFile] = field(default_factory=dict)
    jobs: dict[tuple[object, ...], JobTable] = field(default_factory=dict)
    speeds: dict[str, dict[tuple[str, str], float]] = field(default_factory=dict)
    changes: dict[tuple[str, str, str], tuple[NodeChange, ...]] = field(default_factory=dict)
    hours: dict[tuple[str, str], dict[str, Hours]] = field(default_factory=dict)
    services: dict[str, ServiceFile] = field(default_factory=dict)


def made_ready(scenario: Scenario, files: Files | None = None) -> Ready:
    """Return nodes, jobs and settings of a scenario.

    Parameters
    ----------
    scenario
        The scenario.
    files
        What was read before, and what this reads.

    Raises
    ------
    InputError
        The first thing that is wrong.
    """
    ready, problems = try_ready(scenario, files)
    refuse(problems)
    assert ready is not None
    return ready


def refuse(problems: Sequence[InputError]) -> None:
    """Raise the first of some problems, with how many more there are.

    Raises
    ------
    InputError
        There is one.
    """
    if len(problems) > 1:
        more = f"{len(problems) - 1} more: `bayplan scenario check` lists them"
        raise InputError(str(problems[0]), fix=f"and {more}")
    if problems:
        raise problems[0]


def wrong_with(scenario: Scenario) -> list[InputError]:
    """Return what is wrong with names and with keys beside each other; reads no file."""
    known, unknown = with_known_names(scenario)
    return [*unknown, *conflicts(known), *(error for _, error in idle(known))]


def with_known_names(scenario: Scenario) -> tuple[Scenario, list[InputError]]:
    """Return the scenario with defaults for unknown names, and an error for each of these."""
    unknown = dict(unknown_names(scenario))
    values = {path: BY_PATH[path].default for path in unknown}
    known = replace(
        scenario, values={**scenario.values, **values}, wrong=scenario.wrong | unknown.keys()
    )
    return known, list(unknown.values())


def try_ready(
    scenario: Scenario, files: Files | None = None
) -> tuple[Ready | None, list[InputError]]:
    """Return nodes, jobs and settings, or None and everything that is wrong with the files.

    Names must be known and types right.

    Parameters
    ----------
    scenario
        The scenario.
    files
        What was read before, and what this reads.
    """
    files = files or Files()
    tried = _Attempts(scenario)
    cluster, table, by_type, changes, hours, services = _read(scenario, files, tried)
    synthetic = bool(scenario["jobs.synthetic.count"])
    speeds = tried(lambda: speeds_of(scenario, by_type or {}))
    if cluster is None or by_type is None or speeds is None or (table is None and not synthetic):
        return None, tried.problems
    if changes is None or hours is None or services is None:
        return None, tried.problems
    if scenario["energy.measure"]:
        grid = tried(lambda: grid_of(scenario, set(cluster.nodes.zone), hours))
        if grid is None:
            return None, tried.problems
    else:
        grid = None
    jobs = tried(lambda: with_deadlines(scenario, _jobs(scenario, cluster.nodes, table)))
    if jobs is None:
        return None, tried.problems
    shared = tried(lambda: _shared(scenario, cluster, jobs))
    if shared is None:
        return None, tried.problems
    ready = _ready(scenario, cluster, *shared, settings_of(scenario, speeds, grid))
    ready = replace(ready, outages=cluster.outages, gpu_outages=cluster.gpu_outages)
    ready = replace(ready, changes=changes, services=services.services)
    return (None if tried(lambda: ready.rows) is None else ready), tried.problems


def _ready(
    scenario: Scenario, cluster: ClusterFile, every: list[Node], jobs: JobTable, settings: Settings
) -> Ready:
    """Tell the nodes that are there at first from those that may come."""
    later: set[int] = set()
    groups, elastic = [], []
    for each in cluster.groups:
        later.update(range(each.first + each.count, each.first + each.most))
        names = tuple(node.name for node in every[each.first : each.first + each.most])
        group = Group(
            each.name,
            names,
            each.least,
            each.price_per_h,
            each.provision_s,
            each.provision_jitter_s,
            each.idle_s,
        )
        groups.append(group)
        if each.is_elastic:
            elastic.append(group)
    return Ready(
        [node for row, node in enumerate(every) if row not in later],
        jobs,
        settings,
        [node for row, node in enumerate(every) if row in later],
        tuple(groups),
        tuple(elastic),
        scenario["autoscaler.scan_s"],
    )


def read_files(scenario: Scenario, files: Files) -> list[InputError]:
    """Read what a scenario reads, and return everything that is wrong with it.

    Parameters
    ----------
    scenario
        The scenario.
    files
        What was read before, and what this reads: no file is read later for the same scenario.
    """
    tried = _Attempts(scenario)
    _read(scenario, files, tried)
    return tried.problems


class _Attempts:
    """Things that are tried one after another, and what was wrong with them."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.problems: list[InputError] = []

    def __call__(self, make: Callable[[], Made], path: str = "") -> Made | None:
        try:
            return make()
        except InputError as error:
            several = isinstance(error, InputErrors)
            lines = str(error).splitlines() if several else [str(error)]
            self.problems.extend(
                self._scenario.error(path, line, "") if path else InputError(line) for line in lines
            )
        return None


class _Read(NamedTuple):
    """What the files of a scenario say; None where one is wrong, or there are no jobs in one."""

    cluster: ClusterFile | None
    jobs: JobTable | None
    speeds: dict[tuple[str, str], float] | None
    changes: tuple[NodeChange, ...] | None
    hours: dict[str, dict[str, Hours]] | None
    services: ServiceFile | None


def _read(scenario: Scenario, files: Files, tried: _Attempts) -> _Read:
    synthetic = bool(scenario["jobs.synthetic.count"])
    cluster = tried(lambda: _nodes(scenario, files), "cluster.file")
    return _Read(
        cluster,
        None if synthetic else tried(lambda: _job_file(scenario, files), "jobs.file"),
        tried(lambda: _speed_file(scenario, files), "speeds.file"),
        None
        if cluster is None
        else tried(lambda: _change_file(scenario, files, cluster), "cluster.changes"),
        _hour_files(scenario, files, tried),
        tried(lambda: _service_file(scenario, files), "services.file"),
    )


def settings_of(scenario: Scenario, speeds: Speeds, grid: Grid | None) -> Settings:
    """Return the core's settings of a scenario."""
    deferral = scenario.table("deferral")
    policy = scenario.table("policy")
    policy["backfill"] = "" if policy["backfill"] == NONE else policy["backfill"]
    path = scenario["sharing.mig_path"]
    return Settings(
        **policy,
        mig=scenario["sharing.mig"],
        estimate_error=scenario["jobs.estimate_error"],
        speeds=speeds,
        interruptions=Interruptions(**scenario.table("interruptions")),
        stragglers=Watching(**scenario.table("stragglers")),
        locality=Locality(**scenario.table("locality")),
        out_of_memory=OutOfMemory(**scenario.table("out_of_memory")),
        reconfiguration=Reconfiguration("" if path == NONE else path),
        deferring=Deferring(**{each.name: deferral[each.name] for each in fields(Deferring)}),
        grid=grid,
        startup=startup_of(scenario),
        await_series=scenario["services.end"] == "series",
        **scenario.table("run"),
    )


def _nodes(scenario: Scenario, files: Files) -> ClusterFile:
    named = (scenario["cluster.file"], scenario["cluster.format"])
    if named not in files.nodes:
        files.nodes[named] = _read_nodes(*named)
    return files.nodes[named]


def _read_nodes(name: str, format: str) -> ClusterFile:
    if name.endswith(CLUSTER_FILE):
        return read_cluster(name)
    nodes = builtin_nodes() if name == BUILTIN else read_nodes(name, format)
    return ClusterFile(nodes, ("",) * len(nodes))


def _job_file(scenario: Scenario, files: Files) -> JobTable:
    name, format = scenario["jobs.file"], scenario["jobs.format"]
    between = scenario["jobs.interarrival_s"]
    named = (name, format, between)
    if named not in files.jobs:
        if name == BUILTIN:
            jobs = builtin_jobs()
        elif name == NONE:
            jobs = JobTable.of(name=[], work_s=[], gpu_count=[])
        else:
            jobs = read_jobs(Path(name), format, interarrival_s=between)
        files.jobs[named] = jobs
    return files.jobs[named]


def _service_file(scenario: Scenario, files: Files) -> ServiceFile:
    if not (name := scenario["services.file"]):
        return ServiceFile(())
    if name not in files.services:
        files.services[name] = read_services(name)
    return files.services[name]


def _speed_file(scenario: Scenario, files: Files) -> dict[tuple[str, str], float]:
    if not (name := scenario["speeds.file"]):
        return {}
    if name not in files.speeds:
        files.speeds[name] = read_speeds(name)
    return files.speeds[name]


def _change_file(scenario: Scenario, files: Files, cluster: ClusterFile) -> tuple[NodeChange, ...]:
    if not (name := scenario["cluster.changes"]):
        return ()
    named = (name, scenario["cluster.file"], scenario["cluster.format"])
    if named not in files.changes:
        files.changes[named] = read_changes(name, cluster.nodes.name)
    return files.changes[named]


def _hour_files(
    scenario: Scenario, files: Files, tried: _Attempts
) -> dict[str, dict[str, Hours]] | None:
    """Return what the files of hours say, by key; None where one of them is wrong."""
    found: dict[str, dict[str, Hours]] = {}
    for key, column in FILES.items():
        if name := scenario[key]:
            hours = tried(partial(_hour_file, files, name, column), key)
            if hours is None:
                return None
            found[key] = hours
    return found


def _hour_file(files: Files, name: str, column: str) -> dict[str, Hours]:
    if (name, column) not in files.hours:
        files.hours[name, column] = read_hours(name, column)
    return files.hours[name, column]


def _jobs(scenario: Scenario, nodes: NodeTable, table: JobTable | None) -> JobTable:
    seed = scenario["run.seed"]
    if table is None:
        own = scenario["jobs.synthetic.seed"]
        wanted = scenario.table("jobs.synthetic")
        return synthetic_jobs(wanted, nodes, seed if own is None else own)
    if not len(table):
        return table
    if (limit := scenario["jobs.limit"]) is not None:
        table = first_jobs(table, limit)
    if (how := scenario["jobs.resample"]) in ("permute", "bootstrap"):
        table = resampled(table, how, seed)
    scale, load = scenario["jobs.scale"], scenario["jobs.load"]
    table = made_elastic(table, scenario["jobs.shrink_to"], scenario["jobs.grow_to"])
    try:
        if load is not None:
            scale = scale_for(table, nodes, load)
        return table if scale == 1.0 else scaled(table, scale)
    except InputError as error:
        path = "jobs.scale" if load is None else "jobs.load"
        raise scenario.error(path, str(error), "") from None


def _shared(
    scenario: Scenario, cluster: ClusterFile, jobs: JobTable
) -> tuple[list[Node], JobTable]:
    """Return the nodes with their GPUs replaced and shared, and the jobs for them."""
    table = cluster.nodes
    if scenario["cluster.gpu"]:
        table, jobs = with_product(table, jobs, product_named(scenario["cluster.gpu"]))
    mode = scenario["sharing.mode"]
    if mode == NONE:
        cut = stated(cluster.sharing, table, replace(CALLED, layout="cluster.file: sharing"))
    else:
        modes = Modes(
            (mode,),
            scenario["sharing.layout"] or DEFAULT_LAYOUT,
            scenario["sharing.oversubscribe"],
            scenario["sharing.ignore_memory"],
            CALLED,
        )
        (cut,) = cuts(modes, table, jobs)
    return cut.nodes(nodes_from(table)), jobs
