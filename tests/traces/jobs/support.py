"""What the tests of job tables share: equal tables, and random ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bayplan.traces.jobs import JobTable, columns_of
from bayplan.traces.jobs.schema import MAX_PRIORITY, MIN_PRIORITY
from bayplan.traces.schema import MAX_AMOUNT

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
AMOUNT = st.integers(0, MAX_AMOUNT)
TIME = st.floats(0, MAX_AMOUNT)
PERHAPS = st.one_of(TIME, st.just(math.nan))


def same(one: JobTable, other: JobTable) -> bool:
    """Whether two tables are equal bit by bit; all not-a-numbers are one."""
    mine, theirs = columns_of(one), columns_of(other)
    return all(_same(values, theirs[name]) for name, values in mine.items())


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return bool(one == other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return bool((one == other).all())
    known = ~np.isnan(one)
    return bool((np.isnan(other) == ~known).all()) and (
        one[known].tobytes() == other[known].tobytes()
    )


@st.composite
def job_rows(draw: st.DrawFn) -> dict[str, Any]:
    gpus = draw(st.integers(0, 64))
    row: dict[str, Any] = {
        "gpu_count": gpus,
        "gpu_milli": draw(st.integers(1, 1000)) if gpus else 0,
        "gpu_memory_mib": draw(AMOUNT) if gpus else 0,
        "mig_profile": draw(TEXT) if gpus else "",
    }
    row |= {name: draw(TEXT) for name in ("gpu_models", "job_type", "queue", "user")}
    row |= {name: draw(TIME) for name in ("arrival_s", "work_s")}
    row |= {name: draw(PERHAPS) for name in ("estimate_s", "deadline_s")}
    row["cancel_s"] = draw(st.one_of(st.floats(row["arrival_s"], MAX_AMOUNT), st.just(math.nan)))
    row |= {name: draw(AMOUNT) for name in ("cpu_milli", "memory_mib")}
    row["pods"] = draw(st.integers(1, 10**5))
    row["preemptible"] = draw(st.integers(0, 1))
    row["priority"] = draw(st.integers(MIN_PRIORITY, MAX_PRIORITY))
    return row


GANGS = ("g", "h,\n")
OF_A_JOB = (
    "arrival_s", "work_s", "priority", "preemptible", "queue", "user", "cancel_s", "deadline_s",
    "estimate_s", "job_type",
)  # fmt: skip


@st.composite
def job_tables(draw: st.DrawFn) -> JobTable:
    unlike_gangs = TEXT.filter(lambda text: text not in ("", *GANGS))
    names = draw(st.lists(unlike_gangs, min_size=1, max_size=5, unique=True))
    rows = [draw(job_rows()) for _ in names]
    gangs = [draw(st.sampled_from(["", "", *GANGS])) for _ in names]
    first: dict[str, dict[str, Any]] = {}
    for gang, row in zip(gangs, rows, strict=True):
        if gang:
            head = first.setdefault(gang, row)
            row |= {name: head[name] for name in OF_A_JOB}
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    return JobTable.of(name=names, gang=gangs, **columns)
