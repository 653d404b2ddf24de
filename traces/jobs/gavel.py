"""Reader for Gavel's job streams.

References
----------
https://github.com/stanford-futuredata/gavel: the streams that its generator yields for a seed.
"""

from __future__ import annotations

import math

from bayplan.traces.columns import Column
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.jobs.shapes import gpus_column, pods_of
from bayplan.traces.reading import TableFile
from bayplan.traces.schema import MAX_AMOUNT

COLUMNS: tuple[Column, ...] = (
    Column("job_id", "str", "", "the job's name", required=True, unique=True),
    Column(
        "arrival_unit", "float64", "mean times between arrivals", "when it is submitted",
        required=True, minimum=0, maximum=MAX_AMOUNT,
    ),
    Column("job_type", "str", "", "model and batch size", required=True),
    gpus_column("scale_factor"),
    Column(
        "v100_duration_s", "float64", "seconds", "how long it runs on V100",
        required=True, minimum=0, maximum=MAX_AMOUNT,
    ),
)  # fmt: skip
"""What is read of a stream."""


def jobs_from_stream(file: TableFile, interarrival_s: float | None) -> JobTable:
    """Read a stream; ``work_s`` is seconds on V100.

    Parameters
    ----------
    file
        A file with the columns of ``COLUMNS``.
    interarrival_s
        Mean time between arrivals in seconds, which sets the load: the stream has none of its own.

    Raises
    ------
    InputError
        The time is not given, a column is missing or a row breaks a rule.
    """
    if interarrival_s is None or not (0 < interarrival_s < math.inf):
        given = "" if interarrival_s is None else f", not {interarrival_s:g}"
        problem = f"arrivals are stated in mean times between arrivals{given}"
        raise file.error(problem, "give that time as interarrival_s, such as 4500 (seconds)")
    columns = file.read(COLUMNS)
    return JobTable.of(
        name=columns["job_id"],
        arrival_s=columns["arrival_unit"] * interarrival_s,
        work_s=columns["v100_duration_s"],
        job_type=columns["job_type"],
        **pods_of(columns["scale_factor"]),
    )
