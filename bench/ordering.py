"""How long does it take to put a long queue in order, and to backfill it?

100,000 pending pods of 1,000 queues (and of 10), seeded: every ordering policy. Then EASY
and conservative backfilling of 10,000 queued jobs on a machine that is nearly full, in four kinds
of queues: ``spread`` (all run times and sizes differ), ``long`` (run times from seconds to weeks),
``wide`` (many jobs of nearly the whole pool between small ones), ``comb`` (gaps that are wide
enough and too short), and with the promises of the plan before. Least, median and maximum of 7.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from bayplan.scheduler.compiled import warm
from bayplan.scheduler.ordering import (
    Pending,
    Pool,
    Progress,
    QueueUse,
    conservative,
    easy,
    make_ordering,
    ordering_names,
    pending_of,
)
from bayplan.scheduler.types import DeviceRequest, GpuShare, Request, WholeGpus
from measure import write_result

NOW = 1e6
ROUNDS = 7
HISTORY = 20_000
PODS, QUEUES = 100_000, (10, 1_000)
JOBS, RUNNING, GPUS = 10_000, 2_000, 4_000


def main() -> int:
    """Measure, print and write bench/results/ordering.json."""
    warm(["ordering"])
    rows = [row for n_queues in QUEUES for row in order_rows(n_queues)]
    backfilling = [row for kind in KINDS for row in backfill_rows(kind)]
    figures = {"pods": PODS, "ordering": rows, "jobs": JOBS, "backfill": backfilling}
    print(f"results: {write_result('ordering', figures)}")
    return 0


def order_rows(n_queues: int) -> list[dict[str, Any]]:
    """Return a row a policy, for as many queues."""
    pending = random_pending(PODS, n_queues)
    sizes = np.random.default_rng(3).lognormal(7, 2, HISTORY).tolist()
    rows = []
    for name in ordering_names():
        policy = make_ordering(name, sizes)
        rows.append({"queues": n_queues, "policy": name})
        rows[-1] |= milliseconds(lambda policy=policy: policy.order(pending, NOW))  # type: ignore[misc]
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    return rows


def random_pending(n: int, n_queues: int) -> Pending:
    """Return pods with all columns random, a tenth of them without an estimate."""
    rng = np.random.default_rng(5)
    run = np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(7, 2, n).round(1))
    counts = rng.choice([1, 1, 1, 2, 4, 8], n)
    shares = rng.random(n) < 0.5
    requests = [
        Request(
            f"pod-{(k * 7_919) % n}",
            cpu_milli=int(4_000 * counts[k]),
            memory_mib=int(30_000 * counts[k]),
            devices=(DeviceRequest(GpuShare(500) if shares[k] else WholeGpus(int(counts[k]))),),
            priority=int(k % 5),
            queue=f"q{k % n_queues}",
            run_time_s=None if np.isnan(run[k]) else float(run[k]),
            deadline_s=NOW + float(run[k]) if k % 3 else None,
        )
        for k in range(n)
    ]
    submit = rng.uniform(0, NOW, n).round(0).tolist()
    ran = np.where(rng.random(n) < 0.3, 0, rng.lognormal(6, 2, n).round(1)).tolist()
    progress = {r.uid: Progress(submit[k], ran[k]) for k, r in enumerate(requests)}
    use = {
        f"q{q}": QueueUse(
            0, 0, 1_000 * int(rng.integers(64)), 1 + q % 3, float(rng.lognormal(9, 2))
        )
        for q in range(n_queues)
    }
    return pending_of(requests, progress, use, (96_000_000, 786_432_000, 8_000_000))


def spread(rng: np.random.Generator) -> tuple[Any, Any]:
    """Sizes of 1 to 64 GPUs, run times up to a day, all different."""
    return rng.integers(1, 65, JOBS), rng.uniform(60, 86_400, JOBS)


def long(rng: np.random.Generator) -> tuple[Any, Any]:
    """Run times from seconds to weeks, small and large alike."""
    return 2 ** rng.integers(0, 10, JOBS), rng.lognormal(8, 3, JOBS)


def wide(rng: np.random.Generator) -> tuple[Any, Any]:
    """Every tenth job needs nearly all GPUs, the others few."""
    need = rng.integers(1, 9, JOBS)
    need[::10] = rng.integers(GPUS * 9 // 10, GPUS, need[::10].size)
    return need, rng.uniform(60, 86_400, JOBS)


def comb(rng: np.random.Generator) -> tuple[Any, Any]:
    """All GPUs and half of them by turns, then jobs that fit between, but for too short a time.

    No block of the profile is all free or all full, and every search goes through most of them.
    """
    first = np.arange(JOBS) < JOBS // 2
    turns = np.where(np.arange(JOBS) % 2, GPUS, GPUS // 2 + 1)
    need = np.where(first, turns, rng.integers(GPUS // 8, GPUS // 4, JOBS))
    return need, np.where(first, rng.uniform(10, 100, JOBS), rng.uniform(100, 1_000, JOBS))


KINDS: tuple[Callable[[np.random.Generator], tuple[Any, Any]], ...] = (spread, long, wide, comb)


def backfill_rows(kind: Callable[[np.random.Generator], tuple[Any, Any]]) -> list[dict[str, Any]]:
    """Return a row for EASY, one for conservative, one for conservative with promises."""
    rng = np.random.default_rng(17)
    need, run = kind(rng)
    held = rng.multinomial(GPUS - 3, np.full(RUNNING, 1 / RUNNING))
    pool = Pool(3_000, NOW + rng.uniform(1, 86_400, RUNNING), held * 1_000)
    requests = [
        Request(f"j{k:05}", devices=(DeviceRequest(WholeGpus(int(n))),), run_time_s=float(r))
        for k, (n, r) in enumerate(zip(need, run, strict=True))
    ]
    pending = pending_of(requests)
    queue = np.arange(JOBS)
    promised = conservative(pool, pending, queue, NOW).start_s
    early = Pool(pool.free_milli, np.minimum(pool.end_s, NOW + 40_000), pool.held_milli)
    calls: dict[str, Callable[[], object]] = {
        "easy": lambda: easy(pool, pending, queue, NOW),
        "conservative": lambda: conservative(pool, pending, queue, NOW),
        "conservative, promises": lambda: conservative(
            early, pending, queue, NOW, promised_s=promised
        ),
    }
    rows = []
    for name, call in calls.items():
        rows.append({"queue": kind.__name__, "backfill": name} | milliseconds(call))
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    return rows


def milliseconds(call: Callable[[], object]) -> dict[str, float]:
    """Return the least, the median and the maximum of some calls, after one that is not counted."""
    call()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    figures = {"least_ms": min(times), "median_ms": median(times), "max_ms": max(times)}
    return {key: round(figure, 2) for key, figure in figures.items()}


if __name__ == "__main__":
    sys.exit(main())
