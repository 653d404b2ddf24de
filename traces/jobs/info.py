"""What is in a job list: counts, GPUs, work, types and times, as rows of text."""

from __future__ import annotations

from collections import Counter

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.info import Rows, percent, span
from bayplan.traces.jobs.amounts import gpus_of
from bayplan.traces.jobs.schema import JobTable, roles

TOP = 8
S_PER_H = 3600


def describe_jobs(jobs: JobTable) -> Rows:
    """Describe a job list.

    Parameters
    ----------
    jobs
        The jobs.

    Returns
    -------
    Rows of (label, value), ready to be shown.
    """
    gangs = roles(jobs.gang)
    number = len(jobs) - sum(len(rows) - 1 for rows in gangs.values())
    rows = [("jobs", f"{number:,}")]
    if number < len(jobs):
        rows.append(("rows (roles of gangs)", f"{len(jobs):,}"))
    rows.append(("pods", f"{int(jobs.pods.sum()):,}"))
    return [
        *rows,
        *_size_rows(jobs),
        *_amount_rows(jobs),
        *_top_rows("type", jobs.job_type, len(jobs)),
        *_top_rows("queue", jobs.queue, len(jobs)),
        *_time_rows(jobs),
        *_flag_rows(jobs),
    ]


def _size_rows(jobs: JobTable) -> Rows:
    sizes = Counter(zip(jobs.pods.tolist(), jobs.gpu_count.tolist(), strict=True))
    share = int(((jobs.gpu_count > 0) & (jobs.gpu_milli < GPU_MILLI)).sum())
    top = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        (f"rows of {_pods(pods)} x {_gpus(gpus)}", f"{count:,} ({percent(count, len(jobs))})")
        for (pods, gpus), count in top[:TOP]
    ]
    if len(top) > TOP:
        rest = sum(count for _, count in top[TOP:])
        rows.append((f"rows of {len(top) - TOP} other sizes", f"{rest:,}"))
    return [*rows, ("rows with shares of GPUs", f"{share:,} ({percent(share, len(jobs))})")]


def _pods(number: int) -> str:
    return "1 pod" if number == 1 else f"{number:,} pods"


def _gpus(number: int) -> str:
    return "1 GPU" if number == 1 else f"{number} GPUs"


def _amount_rows(jobs: JobTable) -> Rows:
    gpus = gpus_of(jobs)
    rows = [("GPUs asked for, all at once", f"{float(gpus.sum()):,.1f}")]
    hours = float((gpus * jobs.work_s).sum()) / S_PER_H
    rows.append(("work", f"{hours:,.0f} GPU-hours"))
    between_s = float(np.ptp(jobs.arrival_s)) if len(jobs) else 0.0
    if between_s:
        rows.append(("GPUs kept busy while jobs arrive", f"{hours * S_PER_H / between_s:,.1f}"))
    return rows


def _top_rows(label: str, texts: tuple[str, ...], number: int) -> Rows:
    counts = Counter(text for text in texts if text)
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        (f"{label} {name}", f"{count:,} ({percent(count, number)})") for name, count in top[:TOP]
    ]
    if len(top) > TOP:
        rest = sum(count for _, count in top[TOP:])
        rows.append((f"{len(top) - TOP} other {label}s", f"{rest:,}"))
    return rows


def _time_rows(jobs: JobTable) -> Rows:
    if not len(jobs):
        return []
    first, last = float(jobs.arrival_s.min()), float(jobs.arrival_s.max())
    middle, high = float(np.median(jobs.work_s)), float(np.percentile(jobs.work_s, 99))
    mean, longest = float(jobs.work_s.mean()), float(jobs.work_s.max())
    return [
        ("arrivals", f"{first:,.0f} s to {last:,.0f} s ({span(last - first)})"),
        ("work of a job", f"median {span(middle)}, mean {span(mean)}"),
        ("long jobs", f"99th percentile {span(high)}, longest {span(longest)}"),
    ]


def _flag_rows(jobs: JobTable) -> Rows:
    number = len(jobs)
    rows = [
        (label, f"{count:,} ({percent(count, number)})")
        for label, values in (
            ("rows with an estimate", jobs.estimate_s),
            ("rows with a deadline", jobs.deadline_s),
            ("rows that are cancelled", jobs.cancel_s),
        )
        if (count := int((~np.isnan(values)).sum()))
    ]
    if fixed := int((jobs.preemptible == 0).sum()):
        rows.append(("rows never preempted", f"{fixed:,} ({percent(fixed, number)})"))
    return rows
