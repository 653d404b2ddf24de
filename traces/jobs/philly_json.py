"""Reader for Philly's job log as it was published: ``cluster_job_log``, which is JSON.

References
----------
https://github.com/msr-fiddle/philly-traces: an array of jobs with ``status``, ``vc``, ``jobid``,
``user``, ``submitted_time`` and ``attempts``; an attempt has ``start_time``, ``end_time`` and
``detail``, the servers that it was on with their GPUs. Times that were not logged are null or
``"None"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.traces.columns import Column, FloatArray, IntArray
from bayplan.traces.jobs.leaving import kept_rows
from bayplan.traces.jobs.naming import distinct
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.jobs.shapes import pods_of
from bayplan.traces.json_file import JsonFile
from bayplan.traces.reading import TableFile
from bayplan.traces.stamps import seconds_of

COLUMNS: tuple[Column, ...] = (
    Column("jobid", "str", "", "the job's name", required=True),
    Column("submitted_time", "str", "", "when it was submitted", required=True),
    Column("attempts", "str", "", "when and where it ran", required=True),
    Column("vc", "str", "", "the virtual cluster", default=""),
    Column("user", "str", "", "who submitted it", default=""),
)
"""What is read of a job; the keys of its JSON object."""

NO_TIME = frozenset({"", "None"})


def jobs_from_log(file: TableFile) -> JobTable:
    """Read a job log: sorted by submission, equal times in the order of the file.

    ``work_s`` is the time of all attempts together: a job that failed and was started anew did
    the work of each. Its GPUs are the most that an attempt had; how they were spread over servers
    is not asked for. Jobs without an attempt whose start, end and GPUs are known are left out,
    with a warning. ``arrival_s`` counts from the first submission, the virtual cluster is the
    queue.

    Parameters
    ----------
    file
        A JSON file with the keys of ``COLUMNS``.

    Raises
    ------
    InputError
        It is none, or a job breaks a rule; the message counts jobs from 1.
    """
    if not isinstance(file, JsonFile) or not isinstance(file.value, list):
        raise file.error("this is no JSON array of jobs", "give Philly's cluster_job_log")
    jobs = [_job(file, record, each) for record, each in enumerate(file.value)]
    names = [_text(file, record, each, "jobid") for record, each in enumerate(jobs)]
    stamps = [str(each.get("submitted_time") or "") for each in jobs]
    submitted = seconds_of(file, "submitted_time", stamps, unknown=NO_TIME)
    work, gpus = _attempts(file, jobs)
    ran = (gpus > 0) & ~np.isnan(submitted)
    kept = np.array(kept_rows(file, ran, "an attempt with a start, an end and GPUs"))
    kept = kept[np.argsort(submitted[kept], kind="stable")]
    rows = kept.tolist()
    return JobTable.of(
        name=distinct([names[row] for row in rows]),
        arrival_s=submitted[kept] - submitted[kept].min(),
        work_s=work[kept],
        queue=[str(jobs[row].get("vc") or "") for row in rows],
        user=[str(jobs[row].get("user") or "") for row in rows],
        **pods_of(gpus[kept]),
    )


def _job(file: JsonFile, record: int, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise file.error("this is no job", "write an object with jobid", record=record)
    return value


def _text(file: JsonFile, record: int, job: dict[str, Any], key: str) -> str:
    value = job.get(key)
    if not isinstance(value, str) or not value:
        said = "there is no" if value is None else f"{value!r} is no text for"
        raise file.error(f"{said} {key}", f"write a {key}", record=record)
    return value


def _attempts(file: JsonFile, jobs: Sequence[dict[str, Any]]) -> tuple[FloatArray, IntArray]:
    """Return the seconds of all attempts of each job, and the most GPUs of one: ``(n_jobs,)``."""
    owner: list[int] = []
    starts: list[str] = []
    ends: list[str] = []
    numbers: list[int] = []
    for record, job in enumerate(jobs):
        attempts = job.get("attempts")
        if not isinstance(attempts, list):
            raise file.error("attempts is no array", "write [] for none", record=record)
        for attempt in attempts:
            number = _gpus(attempt)
            if number is None:
                problem = "an attempt is no object with start_time, end_time and detail"
                raise file.error(problem, "correct it", record=record)
            owner.append(record)
            starts.append(str(attempt.get("start_time") or ""))
            ends.append(str(attempt.get("end_time") or ""))
            numbers.append(number)
    rows = np.array(owner, dtype=np.int64)
    times = _Attempts(file, rows)
    start = seconds_of(times, "start_time of an attempt", starts, unknown=NO_TIME)
    end = seconds_of(times, "end_time of an attempt", ends, unknown=NO_TIME)
    work, gpus = np.zeros(len(jobs)), np.zeros(len(jobs), dtype=np.int64)
    known = end >= start  # false where one is not known
    np.add.at(work, rows[known], (end - start)[known])
    np.maximum.at(gpus, rows[known], np.array(numbers, dtype=np.int64)[known])
    return work, gpus


class _Attempts:
    """The attempts of a file: their errors name the jobs that they are of."""

    def __init__(self, file: JsonFile, owner: IntArray) -> None:
        self.file = file
        self.owner = owner

    def error(self, problem: str, fix: str = "", *, record: int | None = None) -> InputError:
        of = None if record is None else int(self.owner[record])
        return self.file.error(problem, fix, record=of)


def _gpus(attempt: Any) -> int | None:
    """Return the number of GPUs of an attempt; None where it is none."""
    detail = attempt.get("detail") if isinstance(attempt, dict) else None
    if detail is None and isinstance(attempt, dict):
        return 0
    if not isinstance(detail, list):
        return None
    number = 0
    for server in detail:
        gpus = server.get("gpus") if isinstance(server, dict) else None
        if not isinstance(gpus, list):
            return None
        number += len(gpus)
    return number
