"""Jobs drawn from a mix of shapes: arrivals, work, users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.jobs import gpu_seconds
from bayplan.traces import NodeTable
from bayplan.traces.columns import BadRow
from bayplan.traces.draws import Draws, zipf
from bayplan.traces.jobs import JobTable, columns_of
from bayplan.traces.schema import MAX_AMOUNT

FloatArray = NDArray[np.float64]

_COPIED = (
    "pods", "min_pods", "max_pods", "gpu_count", "gpu_memory_mib", "mig_profile", "gpu_models",
    "cpu_milli", "memory_mib", "job_type", "priority", "queue",
)  # fmt: skip


def synthetic_jobs(wanted: Mapping[str, Any], nodes: NodeTable, seed: int) -> JobTable:
    """Draw jobs.

    Shape, work, gap to the next arrival and user are drawn for each job by itself. The rate of
    arrivals is ``rate_per_s``, or what makes the GPU-seconds of the jobs drawn ``load`` times
    those of the cluster during the mean time of their arrivals.

    Parameters
    ----------
    wanted
        The values of ``jobs.synthetic`` by name.
    nodes
        The cluster, for the load.
    seed
        Of the draw.

    Raises
    ------
    InputError
        There is no load because no job of the mix, or no node, has a GPU; a shape cannot be; or
        times get too long.
    """
    count, mix = wanted["count"], wanted["mix"]
    draws = Draws(seed)
    picked = draws.pick([row["weight"] for row in mix], count)
    work = _work(wanted, _means(wanted, mix)[picked], draws)
    even = wanted["arrivals"] == "even"
    gaps = np.ones(count) if even else draws.exponential(count)
    users = draws.pick(zipf(wanted["users"]), count)
    columns = {name: _column(mix, name, picked) for name in _COPIED}
    if work.max() > MAX_AMOUNT:
        raise InputError(
            f"jobs.synthetic.mean_s: a job has {work.max():.3g} s of work, above 10^12",
            fix="lower jobs.synthetic.mean_s, or set most_s",
        )
    gpu_milli = np.array([row["gpu_milli"] for row in mix], dtype=np.int64)[picked]
    width, user_width = len(str(count)), len(str(wanted["users"]))
    try:
        jobs = JobTable.of(
            name=[f"job-{i:0{width}}" for i in range(1, count + 1)],
            work_s=work,
            gpu_milli=np.where(np.asarray(columns["gpu_count"]) > 0, gpu_milli, 0),
            arrival_s=np.cumsum(gaps) - gaps[0],
            user=[f"user-{i + 1:0{user_width}}" for i in users.tolist()],
            **columns,
        )
    except BadRow as bad:  # amounts that do not go together: the bounds of each are checked
        raise InputError(f"jobs.synthetic.mix: {bad.problem}", fix=bad.fix) from None
    return _spread(jobs, wanted, nodes)


def _spread(jobs: JobTable, wanted: Mapping[str, Any], nodes: NodeTable) -> JobTable:
    """Return jobs that arrive one a second on average at the rate that is wanted."""
    stated = wanted["rate_per_s"]
    arrivals = jobs.arrival_s / (stated or _rate(wanted["load"], jobs, nodes))
    if arrivals.max() > MAX_AMOUNT:
        path = "jobs.synthetic.rate_per_s" if stated else "jobs.synthetic.load"
        fix = f"raise {path}" if stated else f"lower jobs.synthetic.mean_s, or raise {path}"
        raise InputError(f"{path}: the arrivals end after 10^12 seconds", fix=fix)
    return JobTable(**{**columns_of(jobs), "arrival_s": arrivals})


def _means(wanted: Mapping[str, Any], mix: Sequence[Mapping[str, Any]]) -> FloatArray:
    return np.array([row.get("mean_s") or wanted["mean_s"] for row in mix], dtype=np.float64)


def _work(wanted: Mapping[str, Any], means: FloatArray, draws: Draws) -> FloatArray:
    """Return the work of each job, mean 1 of the distribution times its mean: (n_jobs,)."""
    count, sigma = len(means), wanted["sigma"]
    work: FloatArray = means
    match wanted["duration"]:
        case "lognormal":
            work = means * np.exp(sigma * draws.normal(count) - sigma**2 / 2)
        case "exponential":
            work = means * draws.exponential(count)
    most: float | None = wanted["most_s"]
    return work if most is None else np.minimum(work, most)


def _column(mix: Sequence[Mapping[str, Any]], name: str, picked: NDArray[np.int64]) -> Any:
    values = [row[name] for row in mix]
    if isinstance(values[0], str):
        return [values[i] for i in picked.tolist()]
    return np.array(values, dtype=np.int64)[picked]


def _rate(load: float, jobs: JobTable, nodes: NodeTable) -> float:
    asked, capacity = gpu_seconds(jobs), float(nodes.gpu_count.sum())
    if not asked or not capacity:
        lacking = "no shape has GPUs" if capacity else "no node has a GPU"
        raise InputError(
            f"jobs.synthetic.load: {lacking}, so there is no load", fix="give rate_per_s"
        )
    return load * capacity * len(jobs) / asked
