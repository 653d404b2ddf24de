"""The job formats that Bayplan reads, and the door: ``read_jobs``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from bayplan.traces import parquet
from bayplan.traces.columns import BadRow, Column, listed
from bayplan.traces.files import PathLike, read_data
from bayplan.traces.jobs import (
    alibaba,
    canonical,
    dump,
    gavel,
    helios,
    lists,
    pai,
    philly,
    philly_json,
    pods,
    pollux,
    slurm,
)
from bayplan.traces.jobs.schema import JOB_COLUMNS, JobTable
from bayplan.traces.json_file import JsonFile, is_json, json_from
from bayplan.traces.reading import TableFile, open_csv
from bayplan.traces.registry import (
    AUTO,
    FORMATS,
    absent,
    all_slips,
    check_separator,
    unknown_format,
)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What some formats leave open.

    ``interarrival_s`` is the mean time between arrivals, in seconds, of a stream that states its
    arrivals in such times. ``path`` is where the file is, for those that have others beside it.
    """

    interarrival_s: float | None = None
    path: PathLike = ""


@dataclass(frozen=True, slots=True)
class JobFormat:
    """A job format: its name, one line about it, its columns and its reader.

    A reader raises ``InputError`` for what is wrong with the file's own columns, and ``BadRow``,
    by row of the file, for what the job table refuses. The columns of a ``json`` format are keys
    of its first object.
    """

    name: str
    summary: str
    columns: tuple[Column, ...]
    read: Callable[[TableFile, JobOptions], JobTable]
    json: bool = False


def _plain(read: Callable[[TableFile], JobTable]) -> Callable[[TableFile, JobOptions], JobTable]:
    """Return a reader that takes options and needs none."""
    return lambda file, _: read(file)


JOB_FORMATS: tuple[JobFormat, ...] = (
    JobFormat(
        "canonical",
        "Bayplan's own CSV or Parquet: the job table as documented",
        JOB_COLUMNS,
        _plain(canonical.jobs_from_file),
    ),
    JobFormat(
        "pods",
        "a canonical pod table with run times: each pod, or gang, is a job",
        pods.TABLE_COLUMNS,
        _plain(pods.jobs_from_table),
    ),
    JobFormat(
        "openb",
        "Alibaba 2023 GPU cluster in time: openb_pod_list_*.csv with creation and deletion times",
        pods.OPENB_COLUMNS,
        _plain(pods.jobs_from_openb),
    ),
    JobFormat(
        "philly",
        "Microsoft Philly 2017, as Pollux has it: philly.csv",
        philly.PHILLY_COLUMNS,
        _plain(philly.jobs_from_philly),
    ),
    JobFormat(
        "philly-json",
        "Microsoft Philly 2017, as published: cluster_job_log",
        philly_json.COLUMNS,
        _plain(philly_json.jobs_from_log),
        json=True,
    ),
    JobFormat(
        "helios",
        "SenseTime Helios 2020: cluster_log.csv",
        helios.HELIOS_COLUMNS,
        _plain(helios.jobs_from_helios),
    ),
    JobFormat(
        "acme",
        "Shanghai AI Lab Acme 2023: trace_seren.csv and trace_kalos.csv",
        helios.ACME_COLUMNS,
        _plain(helios.jobs_from_acme),
    ),
    JobFormat(
        "pai",
        "Alibaba PAI 2020: pai_task_table, with pai_job_table beside it or not",
        pai.TASK_COLUMNS,
        lambda file, options: pai.jobs_from_tasks(file, options.path),
    ),
    JobFormat(
        "pai-instances",
        "Alibaba PAI 2020: pai_instance_table, with pai_task_table beside it",
        pai.INSTANCE_COLUMNS,
        lambda file, options: pai.jobs_from_instances(file, options.path),
    ),
    JobFormat(
        "dlrm",
        "Alibaba 2025 inference of recommendation models: disaggregated_DLRM_trace.csv",
        alibaba.DLRM_COLUMNS,
        _plain(alibaba.jobs_from_dlrm),
    ),
    JobFormat(
        "spot-gpu",
        "Alibaba 2026 spot and other GPU jobs: job_info_df.csv",
        alibaba.SPOT_COLUMNS,
        _plain(alibaba.jobs_from_spot),
    ),
    JobFormat(
        "elasticflow",
        "Microsoft ITP 2021 with models and deadlines: elasticflow-traces",
        lists.ELASTICFLOW_COLUMNS,
        _plain(lists.jobs_from_elasticflow),
    ),
    JobFormat(
        "elasticflow-sim",
        "job lists of ElasticFlow's simulator: traces_for_ElasticFlow/*.csv",
        lists.ELASTICFLOW_SIMULATOR_COLUMNS,
        _plain(lists.jobs_from_elasticflow_simulator),
    ),
    JobFormat(
        "itp",
        "Microsoft ITP 2021, as published with ElasticFlow: cluster*.csv",
        philly.ITP_COLUMNS,
        _plain(philly.jobs_from_itp),
    ),
    JobFormat(
        "muri",
        "job lists of Muri: trace*.csv and cluster_trace.csv",
        lists.MURI_COLUMNS,
        _plain(lists.jobs_from_muri),
    ),
    JobFormat(
        "chronus",
        "job lists of Chronus, with deadlines: trace_job_Philly_*.csv",
        lists.CHRONUS_COLUMNS,
        _plain(lists.jobs_from_chronus),
    ),
    JobFormat(
        "tiresias",
        "job lists of Tiresias: 60_job.csv",
        lists.TIRESIAS_COLUMNS,
        _plain(lists.jobs_from_tiresias),
    ),
    JobFormat(
        "gavel",
        "job streams of Gavel's generator: continuous_*.csv",
        gavel.COLUMNS,
        lambda file, options: gavel.jobs_from_stream(file, options.interarrival_s),
    ),
    JobFormat(
        "pollux",
        "workloads of Pollux, Sia and ElasticFlow: workload-*.csv",
        pollux.COLUMNS,
        _plain(pollux.jobs_from_pollux),
    ),
    JobFormat(
        "slurm",
        "accounting of your own Slurm cluster: sacct -P -o JobID,Submit,Start,End,AllocTRES",
        slurm.COLUMNS,
        _plain(slurm.jobs_from_slurm),
    ),
    JobFormat(
        "kubernetes",
        "pods of your own cluster that ended: kubectl get pods,nodes -A -o json",
        dump.COLUMNS,
        _plain(dump.jobs_from_dump),
        json=True,
    ),
)
"""Every job format, in the order in which ``auto`` tries them."""


def read_jobs(
    path: PathLike, format: str = AUTO, *, interarrival_s: float | None = None
) -> JobTable:
    """Read a job list.

    Parameters
    ----------
    path
        A CSV or JSON file, plain or gzip, a tar archive of one, or a Parquet file by the name
        ``.parquet``.
    format
        Name of a format, or ``auto`` to know it by its columns.
    interarrival_s
        Mean time between arrivals in seconds, for the formats that do not state it.

    Raises
    ------
    InputError
        The format is unknown, or the file cannot be read; one line says where and what to do.
    """
    chosen = _named(format)
    file = open_table(path)
    chosen = chosen or _known_by_header(file)
    if isinstance(file, JsonFile) and not chosen.json:
        file.read(chosen.columns)  # says so
    try:
        return chosen.read(file, JobOptions(interarrival_s, path))
    except BadRow as bad:
        raise file.bad_row(bad) from None


def open_table(path: PathLike) -> TableFile:
    """Open a table: Parquet by the name ``.parquet``, JSON by its first character, else CSV.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    if is_parquet(path):
        return parquet.open_parquet(path)
    data = read_data(path)
    if is_json(data):
        return json_from(path, data)
    return open_csv(path, data=data, header_of=pai.header_of, separator_of=slurm.separator_of)


def is_parquet(path: PathLike) -> bool:
    """Say whether a file is Parquet by its name."""
    return os.fspath(path).endswith(parquet.SUFFIX)


def matching(file: TableFile) -> JobFormat | None:
    """Return the first format whose required columns a file has, or None."""
    return next((each for each in _of_kind(file) if not absent(each.columns, file.header)), None)


def is_jobs_only(path: PathLike, format: str) -> bool:
    """Say whether a file is a job list that no reader of pods takes.

    Parameters
    ----------
    path
        The file.
    format
        Name of a format, or ``auto`` to look at the columns.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    if format != AUTO:
        names = {each.name for each in JOB_FORMATS}
        return format in names and format not in {each.name for each in FORMATS}
    if is_parquet(path):
        return True
    file = open_table(path)
    if isinstance(file, JsonFile):
        return True
    return matching(file) is not None and all(
        absent(each.pod_columns, file.header) and absent(each.node_columns, file.header)
        for each in FORMATS
    )


def known_jobs() -> list[tuple[str, str, str]]:
    """Return the job formats, as rows of (kind, name, one line about it)."""
    return [("job format", each.name, each.summary) for each in JOB_FORMATS]


def _named(name: str) -> JobFormat | None:
    """Return the format of that name; None for ``auto``."""
    if name == AUTO:
        return None
    for each in JOB_FORMATS:
        if each.name == name:
            return each
    raise unknown_format(name, [each.name for each in JOB_FORMATS])


def _of_kind(file: TableFile) -> list[JobFormat]:
    """Return the formats that a file may be of: JSON is no table."""
    return [each for each in JOB_FORMATS if each.json == isinstance(file, JsonFile)]


def _known_by_header(file: TableFile) -> JobFormat:
    if found := matching(file):
        return found
    check_separator(file)
    lacks = [(absent(each.columns, file.header), each) for each in _of_kind(file)]
    for names, each in lacks:
        if all_slips(names, file.header):
            return each  # its reader says which column
    fewest = min(len(names) for names, _ in lacks)
    nearest = "; ".join(
        f"{each.name} lacks {listed(names)}" for names, each in lacks if len(names) == fewest
    )
    problem = f"the columns ({listed(file.header)}) match no job format: {nearest}"
    fix = "rename the columns or add the missing ones; bayplan traces list names all formats"
    raise file.error(problem, fix)
