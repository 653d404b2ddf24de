"""The job formats that Bayplan reads, and the door: ``read_jobs``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from bayplan.traces import parquet
from bayplan.traces.columns import BadRow, Column, listed
from bayplan.traces.files import PathLike
from bayplan.traces.jobs import canonical, gavel, lists, philly, pods
from bayplan.traces.jobs.schema import JOB_COLUMNS, JobTable
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
    arrivals in such times.
    """

    interarrival_s: float | None = None


@dataclass(frozen=True, slots=True)
class JobFormat:
    """A job format: its name, one line about it, its columns and its reader.

    A reader raises ``InputError`` for what is wrong with the file's own columns, and ``BadRow``,
    by row of the file, for what the job table refuses.
    """

    name: str
    summary: str
    columns: tuple[Column, ...]
    read: Callable[[TableFile, JobOptions], JobTable]


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
)
"""Every job format, in the order in which ``auto`` tries them."""


def read_jobs(
    path: PathLike, format: str = AUTO, *, interarrival_s: float | None = None
) -> JobTable:
    """Read a job list.

    Parameters
    ----------
    path
        A CSV file, plain or gzip, or a Parquet file by the name ``.parquet``.
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
    try:
        return chosen.read(file, JobOptions(interarrival_s))
    except BadRow as bad:
        raise file.bad_row(bad) from None


def open_table(path: PathLike) -> TableFile:
    """Open a table: Parquet by the name ``.parquet``, else CSV.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    return parquet.open_parquet(path) if is_parquet(path) else open_csv(path)


def is_parquet(path: PathLike) -> bool:
    """Say whether a file is Parquet by its name."""
    return os.fspath(path).endswith(parquet.SUFFIX)


def matching(header: tuple[str, ...]) -> JobFormat | None:
    """Return the first format whose required columns are all in a header, or None."""
    return next((each for each in JOB_FORMATS if not absent(each.columns, header)), None)


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
    header = open_csv(path).header
    return any(not absent(each.columns, header) for each in JOB_FORMATS) and all(
        absent(each.pod_columns, header) and absent(each.node_columns, header) for each in FORMATS
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


def _known_by_header(file: TableFile) -> JobFormat:
    if found := matching(file.header):
        return found
    check_separator(file)
    lacks = [(absent(each.columns, file.header), each) for each in JOB_FORMATS]
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
