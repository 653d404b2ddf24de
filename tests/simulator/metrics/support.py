"""Made-up runs whose figures can be told by hand, and noisy ones to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayplan.simulator.core.results import JobResults, Outcome, Series, Status, Totals
from bayplan.simulator.metrics import METRICS, Summary, Variant
from bayplan.traces.jobs import JobTable

NAN = float("nan")


N_GPUS = 4


def results(n: int, **columns: Any) -> JobResults:
    """``n`` rows of finished jobs that took no time, but for the columns that are given."""
    floats = ("start_s", "finish_s", "run_s", "wait_s", "gpu_s", "work_done_s", "work_lost_s")
    values: dict[str, Any] = {name: np.zeros(n) for name in (*floats, "overhead_s")}
    values["status"] = np.full(n, Status.FINISHED, np.int8)
    for name in ("preemptions", "oom_kills", "failures", "rate_changes", "resizes"):
        values[name] = np.zeros(n, np.int32)
    for name, given in columns.items():
        values[name] = np.array(given, values[name].dtype)
    return JobResults(**values)


def series(**columns: Any) -> Series:
    n = len(columns.get("time_s", ()))
    whole = ("waiting", "running", "allocated_milli", "busy_gpus", "tenants")
    values: dict[str, Any] = {name: np.zeros(n, np.int64) for name in whole}
    values["gpus"] = np.full(n, N_GPUS, np.int64)
    values |= {"time_s": np.zeros(n), "effective_milli": np.zeros(n)}
    values |= {name: np.full(n, NAN) for name in ("fragmentation_milli", "mig_blocked")}
    for name, given in columns.items():
        values[name] = np.array(given, values[name].dtype)
    return Series(**values)


def totals(**given: Any) -> Totals:
    values: dict[str, Any] = {
        "n_gpus": N_GPUS,
        "capacity_milli": 1000 * N_GPUS,
        "first_s": 0.0,
        "end_s": 100.0,
        "allocated_gpu_s": 0.0,
        "effective_gpu_s": 0.0,
        "busy_gpu_s": 0.0,
        "tenant_gpu_s": 0.0,
        "events": 0,
        "passes": 0,
        "decisions": 0,
    }
    values |= given
    there = values["n_gpus"] * (values["end_s"] - values["first_s"])
    return Totals(**{"there_gpu_s": there, "known_gpus": values["n_gpus"], **values})


def run(seed: int = 1, n: int = 300) -> tuple[Outcome, JobTable]:
    """A run that looks like one."""
    draw = np.random.default_rng(seed)
    arrival = np.sort(draw.uniform(0, 2e5, n)).round(3)
    work = draw.lognormal(7.5, 1.2, n).round(3)
    wait = draw.exponential(2000, n).round(3)
    jobs = JobTable.of(
        name=[f"job-{i}" for i in range(n)],
        arrival_s=arrival,
        work_s=work,
        gpu_count=draw.integers(1, 9, n),
        user=[f"user-{i % 13}" for i in range(n)],
        queue=[("research", "prod")[i % 2] for i in range(n)],
    )
    finish = arrival + wait + 1.2 * work
    status = np.where(np.arange(n) % 50 == 49, Status.UNFINISHED, Status.FINISHED)
    finish[status == Status.UNFINISHED] = NAN
    found = results(
        n,
        status=status,
        start_s=arrival + wait,
        finish_s=finish,
        run_s=1.2 * work,
        wait_s=wait,
        gpu_s=1.2 * work * jobs.gpu_count,
        work_done_s=work,
        work_lost_s=np.where(np.arange(n) % 7 == 0, 30.0, 0.0),
        overhead_s=np.full(n, 4.0),
        preemptions=np.arange(n) % 3,
    )
    time = np.linspace(0, 2e5, 500)
    wave = 0.75 + 0.2 * np.sin(time / 2e4) + draw.normal(0, 0.02, 500)
    seen = series(
        time_s=time,
        waiting=np.maximum(0, 60 * (wave - 0.6) + draw.normal(0, 2, 500)),
        running=40 * wave,
        allocated_milli=64000 * np.minimum(wave, 1),
        effective_milli=64000 * np.minimum(wave, 1) * 0.8,
        busy_gpus=64 * np.minimum(wave, 0.98) * 0.97,
        tenants=90 * wave,
        gpus=np.full(500, 64),
        fragmentation_milli=5000 * (1.2 - wave),
    )
    whole = totals(
        n_gpus=64,
        capacity_milli=64000,
        end_s=float(np.nanmax(finish)),
        allocated_gpu_s=9.6e6,
        effective_gpu_s=7.7e6,
        busy_gpu_s=9e6,
        tenant_gpu_s=1.2e7,
        events=1234,
        passes=900,
        decisions=1500,
    )
    return Outcome(found, seen, whole), jobs


def summary(**values: float) -> Summary:
    """A summary with nothing in it but what is given."""
    return Summary({each.key: values.get(each.key, NAN) for each in METRICS})


def variant(group: str, name: str, by_seed: Mapping[int, Mapping[str, float]]) -> Variant:
    return Variant(group, name, {seed: summary(**values) for seed, values in by_seed.items()})


def grid(groups: tuple[str, ...], names: tuple[str, ...], seeds: int) -> list[Variant]:
    """Variants of each group and name whose figures differ by both and by seed."""
    return [
        variant(
            group,
            name,
            {
                seed: {
                    "finished": 300,
                    "jct_mean_s": 12_000 - 1500 * g - 700 * i + 400 * ((seed * 7) % 3),
                    "jct_p95_s": 99_000 - 1500 * g - 700 * i + 400 * ((seed * 7) % 3),
                    "wait_mean_s": 5_000 - 900 * g - 300 * i + 200 * ((seed * 5) % 4),
                    "allocation_pct": 80.0 + g + 0.3 * i + 0.1 * seed,
                    "effective_pct": 60.0 + 5 * g + 0.3 * i + 0.4 * ((seed * 3) % 5),
                    "slowdown_mean": 3.5 - 0.4 * g - 0.1 * i + 0.1 * seed,
                    "preemptions": 10 * g + i,
                }
                for seed in range(seeds)
            },
        )
        for g, group in enumerate(groups)
        for i, name in enumerate(names)
    ]
