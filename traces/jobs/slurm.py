"""Reader for what ``sacct -P`` prints of Slurm's accounting.

``sacct -P -a -S now-30days -o JobID,User,Partition,Submit,Start,End,Timelimit,NNodes,AllocTRES``
is enough; ``ReqTRES`` says which GPU model was asked for. ``-P`` separates by ``|`` and quotes
nothing, so that a job name with a ``|`` in it breaks its row: ``JobName`` is best left out.

References
----------
https://slurm.schedmd.com/sacct.html for fields and times, https://slurm.schedmd.com/tres.html and
https://slurm.schedmd.com/gres.html for how trackable resources are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.traces.columns import Column, IntArray, shown
from bayplan.traces.jobs.leaving import LATER_END, kept_rows
from bayplan.traces.jobs.models import models_named
from bayplan.traces.jobs.naming import distinct
from bayplan.traces.jobs.schema import MAX_JOB_PODS, JobTable
from bayplan.traces.jobs.shapes import pods_on, taken
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT
from bayplan.traces.stamps import seconds_of

MARK = "|"
EXAMPLE = "2024-05-01T08:00:00"
ID = "JobID"
NO_TIME = frozenset({"", "Unknown", "None", "N/A"})
NO_LIMIT = frozenset({"", "UNLIMITED", "Partition_Limit", "INVALID"})
GPU = "gres/gpu"
MIG = re.compile(r"\d+g\.\d+gb(?:\+me)?")
_MIB = {"K": 2**-10, "M": 1, "G": 2**10, "T": 2**20, "P": 2**30}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]?)")
_LIMIT = re.compile(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?(?:\.\d+)?")


def _text(name: str, meaning: str, **more: bool) -> Column:
    return Column(name, "str", "", meaning, default="", **more)


COLUMNS: tuple[Column, ...] = (
    _text(ID, "the job's name; with a dot, a step of it", required=True),
    _text("Submit", "when it was submitted", required=True),
    _text("Start", "when it started", required=True),
    _text("End", "when it ended", required=True),
    _text("AllocTRES", "what it got: cpu=8,gres/gpu=2,mem=64G,node=1"),
    _text("ReqTRES", "what it asked for"),
    _text("Timelimit", "how long it might run: [days-]hours:minutes:seconds"),
    _text("Partition", "the partition"),
    _text("User", "who submitted it"),
)
"""What is read of an accounting list; columns that are left out are empty, except for times."""


@dataclass(frozen=True, slots=True)
class Tres:
    """Trackable resources of a job; ``models`` and ``profile`` are empty where none is named."""

    cpu_milli: int = 0
    memory_mib: int = 0
    gpus: int = 0
    nodes: int = 1
    models: str = ""
    profile: str = ""


def separator_of(line: str) -> str:
    """Return what separates the cells of a file, by its first line.

    Parameters
    ----------
    line
        The first line.
    """
    return MARK if ID in line.strip().split(MARK) and MARK in line else ","


def jobs_from_slurm(file: TableFile) -> JobTable:
    """Read an accounting list: sorted by submission, equal times in the order of the file.

    ``arrival_s`` counts from the first submission, ``work_s`` is the end less the start, the time
    limit is the estimate, the partition the queue. Each node of a job is a pod with its part of
    what the job got. Steps are passed over; jobs without a start or an end are left out, with a
    warning.

    Parameters
    ----------
    file
        A file with the columns of ``COLUMNS``.

    Raises
    ------
    InputError
        A column is missing or a row breaks a rule.
    """
    columns: dict[str, Sequence[str]] = file.read(COLUMNS)
    if not any(columns["AllocTRES"]) and not any(columns["ReqTRES"]):
        fix = "add AllocTRES to the fields that sacct prints"
        raise file.error("no row says what it got in AllocTRES", fix)
    jobs = [row for row, name in enumerate(columns[ID]) if "." not in name]
    if len(jobs) < len(columns[ID]):
        columns = {name: tuple(taken(cells, jobs)) for name, cells in columns.items()}
    of_jobs = _Jobs(file, jobs)
    submitted, start, end = (
        seconds_of(of_jobs, name, columns[name], example=EXAMPLE, unknown=unknown)
        for name, unknown in (("Submit", frozenset[str]()), ("Start", NO_TIME), ("End", NO_TIME))
    )
    kept = np.array(kept_rows(file, end >= start, LATER_END), dtype=np.int64)
    kept = kept[np.argsort(submitted[kept], kind="stable")]
    rows = kept.tolist()
    return JobTable.of(
        name=distinct(taken(columns[ID], rows)),
        arrival_s=submitted[kept] - submitted[kept].min(),
        work_s=(end - start)[kept],
        estimate_s=np.array(_each(of_jobs, "Timelimit", columns["Timelimit"], rows, _limit)),
        queue=taken(columns["Partition"], rows),
        user=taken(columns["User"], rows),
        **_shapes(of_jobs, columns, rows),
    )


class _Jobs:
    """The rows of jobs, without those of steps: their errors name rows of the file."""

    def __init__(self, file: TableFile, rows: list[int]) -> None:
        self.file = file
        self.rows = rows

    def error(self, problem: str, fix: str = "", *, record: int | None = None) -> InputError:
        row = None if record is None else self.rows[record]
        return self.file.error(problem, fix, record=row)


def _shapes(of_jobs: _Jobs, columns: dict[str, Sequence[str]], rows: list[int]) -> dict[str, Any]:
    """Return the columns of what jobs got, or asked for where that is empty.

    Jobs are alike: what is the same for many of them is found once.
    """
    texts = columns["AllocTRES"], columns["ReqTRES"]
    for name, cells in zip(("AllocTRES", "ReqTRES"), texts, strict=True):
        _each(of_jobs, name, cells, rows, _tres)  # all can be read
    codes: dict[tuple[str, str], int] = {}
    pairs = zip(*(taken(cells, rows) for cells in texts), strict=True)
    of = np.array([codes.setdefault(pair, len(codes)) for pair in pairs], dtype=np.int64)
    got = [_tres(alloc or asked) for alloc, asked in codes]
    models = [
        "" if each.profile or not each.gpus else _tres(asked).models
        for each, (_, asked) in zip(got, codes, strict=True)
    ]

    def numbers(name: str) -> IntArray:
        return np.array([getattr(each, name) for each in got], dtype=np.int64)

    shape = pods_on(numbers("gpus"), numbers("nodes"))
    shape |= {name: -(-numbers(name) // shape["pods"]) for name in ("cpu_milli", "memory_mib")}
    profiles = [each.profile for each in got]
    return {name: values[of] for name, values in shape.items()} | {
        name: [values[code] for code in of.tolist()]
        for name, values in (("gpu_models", models), ("mig_profile", profiles))
    }


Read = TypeVar("Read")


def _each(
    of_jobs: _Jobs,
    name: str,
    cells: Sequence[str],
    rows: list[int],
    read: Callable[[str], Read],
) -> list[Read]:
    """Read the cells of some rows, every text once."""
    wanted = [cells[row] for row in rows]
    known: dict[str, Read] = {}
    for text in dict.fromkeys(wanted):
        try:
            known[text] = read(text)
        except ValueError as error:
            problem = f"{name} is {shown(text)}, which {error}"
            record = rows[wanted.index(text)]
            raise of_jobs.error(problem, "print it as sacct does", record=record) from None
    return list(map(known.__getitem__, wanted))


def _tres(text: str) -> Tres:
    amounts = dict(part.partition("=")[::2] for part in text.split(",") if part)
    named = {
        key[len(GPU) + 1 :]: _amount(value, 1)
        for key, value in amounts.items()
        if key.startswith(GPU + ":")
    }
    gpus = _amount(amounts[GPU], 1) if GPU in amounts else sum(named.values())
    kinds = [kind for kind, count in named.items() if count]
    profile = MIG.search(kinds[0]) if len(kinds) == 1 and gpus else None
    nodes = _amount(amounts.get("node", "1"), 1)
    if nodes > MAX_JOB_PODS:
        raise ValueError(f"names {nodes} nodes, more than {MAX_JOB_PODS}")
    return Tres(
        cpu_milli=_amount(amounts.get("cpu", "0"), 1000),
        memory_mib=_mib(amounts.get("mem", "0")),
        gpus=gpus,
        nodes=nodes,
        models="|".join(map(models_named, kinds)),
        profile=profile[0] if profile else "",
    )


def _amount(text: str, unit: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise ValueError(f"has {shown(text)} for a whole number")
    return int(text) * unit


def _mib(text: str) -> int:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"has {shown(text)} for an amount of memory")
    amount = float(found[1]) * _MIB[found[2] or "M"]
    if amount > MAX_AMOUNT:
        raise ValueError(f"has {shown(text)} of memory")
    return int(np.ceil(amount))


def _limit(text: str) -> float:
    if text in NO_LIMIT:
        return float("nan")
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise ValueError("is no [days-]hours:minutes:seconds")
    days, first, second, third = (int(part or 0) for part in found.groups())
    if found[4] is None and found[1] is None:
        return first * 60.0 + second  # minutes:seconds
    return days * 86400.0 + first * 3600 + second * 60 + third
