"""The runs that ``bench/simulate.py`` measures: their nodes, jobs and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bayplan.scheduler.sharing import Exclusive, Mps
from bayplan.scheduler.types import Node
from bayplan.simulator.core.settings import Settings
from bayplan.traces.jobs import JobTable, read_jobs
from measure import DATA

SEED = 1
GPUS_PER_NODE = 8

SHARES_MILLI = (100, 150, 200, 250, 300, 400, 500)
SHARES_WEIGHT = (0.10, 0.15, 0.20, 0.20, 0.20, 0.10, 0.05)
MEAN_S = 3600.0
LOAD = 0.98
"""GPU-seconds that tenants hold, over what there is while they arrive."""

STRETCH = 1.34
"""How much longer tenants hold a GPU-second under MPS than alone; the bench prints what it was."""

POOL_GPUS = 800
POOL_SHARES_MILLI = (100, 250, 500, 1000, 2000, 4000, 8000)
POOL_WEIGHT = (0.15, 0.15, 0.15, 0.25, 0.1, 0.1, 0.1)
POOL_LOAD = 1.3


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A run: ``kernels`` are the groups that it calls, ``about`` says what it is."""

    about: str
    nodes: Sequence[Node]
    jobs: JobTable
    settings: Settings
    kernels: tuple[str, ...]


def philly(strict: bool, scale: float) -> Case:
    """The Philly subset, arrivals three times as fast, on 140 nodes of 8 whole GPUs."""
    jobs = read_jobs(DATA / "philly" / "philly.csv")
    kept = round(scale * len(jobs))
    if kept < len(jobs):
        jobs = JobTable.of(
            name=jobs.name[:kept],
            arrival_s=jobs.arrival_s[:kept],
            work_s=jobs.work_s[:kept],
            pods=jobs.pods[:kept],
            gpu_count=jobs.gpu_count[:kept],
            queue=jobs.queue[:kept],
        )
    return Case(
        f"Philly, FIFO, {'strict' if strict else 'skipping'}",
        [_node(i, Exclusive()) for i in range(140)],
        replace(jobs, arrival_s=jobs.arrival_s / 3.0),
        Settings(strict=strict),
        ("decide", "baselines", "gangs", "governed", "simulate"),
    )


def tenants(n_jobs: int, n_nodes: int, scale: float) -> Case:
    """Shares of GPUs under MPS on nodes of 8, as many as these can just serve."""
    n_nodes = max(8, round(n_nodes * scale))
    n_jobs = round(n_jobs * scale)
    rng = np.random.default_rng(SEED)
    milli = rng.choice(SHARES_MILLI, n_jobs, p=SHARES_WEIGHT)
    work_s = rng.lognormal(np.log(MEAN_S) - 0.5, 1.0, n_jobs)
    asked = float(np.mean(milli)) / 1000.0 * float(np.mean(work_s)) * STRETCH
    gap_s = asked / (LOAD * n_nodes * GPUS_PER_NODE)
    jobs = JobTable.of(
        name=[f"j{i:07d}" for i in range(n_jobs)],
        arrival_s=np.cumsum(rng.exponential(gap_s, n_jobs)),
        work_s=work_s,
        cpu_milli=np.full(n_jobs, 1000),
        gpu_count=np.ones(n_jobs, np.int64),
        gpu_milli=milli,
        job_type=rng.choice(["light", "medium"], n_jobs).tolist(),
    )
    return Case(
        f"shares under MPS, {n_nodes:,} nodes",
        [_node(i, Mps()) for i in range(n_nodes)],
        jobs,
        Settings(),
        ("decide", "baselines", "governed", "simulate"),
    )


def pool(ordering: str, shape: str, scale: float) -> Case:
    """20,000 jobs of 0.1 to 8 GPUs, more than 800 GPUs can serve.

    ``shape``: ``steps`` and ``any`` are one pool, in which a job takes its part of a sum: one node
    that counts a GPU as 1,000 millicores. Parts are of seven sizes, or any number of
    thousandths, so that no two jobs need be alike. ``nodes``: seven sizes on 100 nodes of 8 GPUs,
    where a part of a GPU is a share of one, and more are whole ones of one node.
    """
    n_jobs = round(20_000 * scale)
    rng = np.random.default_rng(SEED)
    if shape == "any":
        milli = np.exp(rng.uniform(np.log(100), np.log(8000), n_jobs)).astype(np.int64)
    else:
        milli = rng.choice(POOL_SHARES_MILLI, n_jobs, p=POOL_WEIGHT)
    work_s = rng.lognormal(np.log(MEAN_S) - 0.5, 1.0, n_jobs)
    gap_s = float(np.mean(milli / 1000.0 * work_s)) / (POOL_LOAD * POOL_GPUS)
    columns: dict[str, Any] = {
        "name": [f"j{i:05d}" for i in range(n_jobs)],
        "arrival_s": np.cumsum(rng.exponential(gap_s, n_jobs)),
        "work_s": work_s,
    }
    if shape == "nodes":
        count = np.maximum(1, milli // 1000)
        jobs = JobTable.of(**columns, gpu_count=count, gpu_milli=np.minimum(milli, 1000))
        nodes = [_node(i) for i in range(POOL_GPUS // GPUS_PER_NODE)]
    else:
        jobs = JobTable.of(**columns, gpu_count=np.zeros(n_jobs, np.int64), cpu_milli=milli)
        nodes = [Node("pool", POOL_GPUS * 1000, 0)]
    return Case(
        f"textbook, {ordering.upper()}, {_SHAPES[shape]}",
        nodes,
        jobs,
        Settings(ordering=ordering),
        ("decide", "baselines", "ordering", "simulate"),
    )


_SHAPES = {
    "steps": "one pool, 7 sizes",
    "any": "one pool, any size",
    "nodes": "100 nodes of 8",
}

CASES: dict[str, Callable[[float], Case]] = {
    "philly-strict": partial(philly, True),
    "philly-skipping": partial(philly, False),
    "mps-1m": partial(tenants, 1_000_000, 1_000),
    # A cluster that is full soon: few jobs come while it fills, whichever the size.
    "mps-small-50k": partial(tenants, 50_000, 100),
    "mps-small-200k": partial(tenants, 200_000, 100),
    "mps-small-800k": partial(tenants, 800_000, 100),
    **{
        f"{ordering}-{shape}": partial(pool, ordering, shape)
        for shape in _SHAPES
        for ordering in ("fifo", "sjf")
    },
}


def _node(i: int, *sharing: Exclusive | Mps) -> Node:
    return Node(
        f"n{i:04d}",
        cpu_milli=96_000,
        memory_mib=1_000_000,
        gpu_count=GPUS_PER_NODE,
        gpu_model="A100-80GB",
        gpu_memory_mib=81_920,
        sharing=sharing,
    )
