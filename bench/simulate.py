"""How long do simulations take, and how much memory?

Each case has a process of its own with compiled kernels: the best of three runs (one of those
under MPS) by CPU time and by the clock, from jobs in memory to the outcome, and the most memory
that the process ever had, files and all.
Beside it stands SimPy alone: as many bare timeouts with a callback as the run had events, arrivals
each of which plans the next arrival and its own end, so that as many wait in SimPy's queue as jobs
were in the system. ``--scale 0.02`` tries it small.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from bayplan.scheduler.compiled import warm
from bayplan.simulator.collecting import no_collection
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.simulation import Simulation
from measure import write_result
from simulate_cases import CASES, Case

SIZES = ("mps-small-50k", "mps-small-200k", "mps-small-800k")
RUNS = {**dict.fromkeys(SIZES, 1), "mps-1m": 1}  # one each, so that the sizes compare
FEW = 3
COMPARE = (
    "--vary",
    "sharing=exclusive,mig-static,mig-dynamic,mps,timeslice,hami",
    "--vary",
    "placement=best-fit,fgd,gpu-packing",
    "--seeds",
)
GPU = ("--set", "cluster.gpu=A100-80GB")


def main() -> int:
    """Measure, print and write bench/results/simulate.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the jobs (and nodes)")
    parser.add_argument("--only", default="", help="cases whose names have this, no results file")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.warm:
        warm()
        print("{}")
        return 0
    if options.case:
        print(json.dumps(measured(options.case, options.scale)))
        return 0
    alone("--warm")  # compiling takes memory, which must not count as that of the first case
    rows = []
    for name in CASES:
        if options.only in name:
            rows.append(alone("--case", name, "--scale", str(options.scale)))
            print(told(rows[-1]), flush=True)
    figures: dict[str, Any] = {"rows": rows}
    if options.only in "mps":
        figures["growth"] = growth(rows)
        print(f"cost per job, largest over smallest: {figures['growth']}")
    if options.only in "compare":
        figures["compare"] = compare(1 if options.scale < 1.0 else 5)
        print(f"bayplan compare: {figures['compare']}")
    if not options.only and options.scale == 1.0:
        print(f"results: {write_result('simulate', figures)}")
    return 0


def alone(*arguments: str) -> dict[str, Any]:
    """Run this file in a process of its own, and return what it prints."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def measured(name: str, scale: float) -> dict[str, Any]:
    """Return the figures of a case, in this process."""
    case = CASES[name](scale)
    warm(case.kernels)
    times = []
    for _ in range(RUNS.get(name, FEW)):
        cpu, clock = time.process_time(), time.perf_counter()
        outcome = Simulation(case.nodes, case.jobs, case.settings).run()
        times.append((time.process_time() - cpu, time.perf_counter() - clock))
    # Before SimPy's own run, which must not count.
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "case": name,
        "about": case.about,
        "jobs": len(case.jobs),
        "cpu_s": round(min(cpu for cpu, _ in times), 2),
        "s": round(min(clock for _, clock in times), 2),
        "us_per_job": round(min(cpu for cpu, _ in times) / len(case.jobs) * 1e6, 1),
        "peak_mib": round(peak_mib),
        **described(case, outcome),
        **bare(case, outcome),
    }


def described(case: Case, outcome: Outcome) -> dict[str, Any]:
    """Return what kind of run it was."""
    jobs, totals = outcome.jobs, outcome.totals
    finished = jobs.status == Status.FINISHED
    capacity = totals.capacity_milli / 1000.0 or case.nodes[0].cpu_milli / 1000.0
    span_s = float(np.ptp(case.jobs.arrival_s))
    asked = case.jobs.pods * case.jobs.gpu_count * case.jobs.gpu_milli / 1000.0
    if not totals.capacity_milli:
        asked = case.jobs.cpu_milli / 1000.0
    there = capacity * span_s
    return {
        "finished": int(finished.sum()),
        "offered_alone": round(float((asked * case.jobs.work_s).sum()) / there, 3),
        "offered": round(float((asked * jobs.run_s).sum()) / there, 3),
        "tenants": round(totals.tenant_gpu_s / totals.busy_gpu_s, 2) if totals.busy_gpu_s else None,
        "rate_changes": round(float(jobs.rate_changes.mean()), 2),
        "mean_wait_s": round(float(jobs.wait_s[finished].mean()), 1),
        "mean_jct_s": round(float((jobs.wait_s + jobs.run_s)[finished].mean()), 1),
        "events": totals.events,
        "passes": totals.passes,
        "decisions": totals.decisions,
    }


def bare(case: Case, outcome: Outcome) -> dict[str, float]:
    """Return how long SimPy alone takes for as many events: an arrival and an end a job."""
    arrival_s = case.jobs.arrival_s.tolist()
    stay_s = (outcome.jobs.wait_s + outcome.jobs.run_s).tolist()
    n_jobs = min(len(arrival_s), outcome.totals.events // 2)
    order = np.argsort(arrival_s, kind="stable").tolist()
    ends = 0

    def end(_: simpy.Event) -> None:
        nonlocal ends
        ends += 1

    def arrive(event: simpy.Event) -> None:
        i = int(event.value or 0)
        following(i + 1)
        env.timeout(max(0.0, stay_s[order[i]])).callbacks.append(end)

    def following(i: int) -> None:
        if i < n_jobs:
            delay = max(0.0, arrival_s[order[i]] - env.now)
            env.timeout(delay, i).callbacks.append(arrive)

    times = []
    for _ in range(FEW):
        env = simpy.Environment()
        ends = 0
        with no_collection():
            cpu = time.process_time()
            following(0)
            env.run()
            times.append(time.process_time() - cpu)
        assert ends == n_jobs
    return {"simpy_s": round(min(times), 3)}


def growth(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return how much more a job costs in the largest run than in the smallest, beside log."""
    few, *_, many = (row for row in rows if row["case"] in SIZES)
    return {
        "us_per_job": round(many["us_per_job"] / few["us_per_job"], 3),
        "log_jobs": round(math.log(many["jobs"]) / math.log(few["jobs"]), 3),
    }


def compare(n_seeds: int) -> dict[str, Any]:
    """Time ``bayplan compare`` on the built-in trace as a process, on two processes."""
    command = [str(Path(sys.executable).with_name("bayplan")), "compare", *GPU, *COMPARE]
    with tempfile.TemporaryDirectory() as folder:
        files = ["--csv", f"{folder}/rows.csv", "--plot", f"{folder}/plot.svg"]
        times = []
        for _ in range(2):  # the first may compile
            clock = time.perf_counter()
            subprocess.run(
                [*command, f"1-{n_seeds}", "--workers", "2", "--quiet", *files], check=True
            )
            times.append(time.perf_counter() - clock)
        runs = len(Path(f"{folder}/rows.csv").read_text(encoding="utf-8").splitlines()) - 1
    return {"runs": runs, "s": round(min(times), 1)}


def told(row: dict[str, Any]) -> str:
    """Return a line about a case."""
    return (
        f"{row['case']:16} {row['jobs']:>9,} jobs {row['s']:7.2f} s (CPU {row['cpu_s']:.2f})"
        f" {row['us_per_job']:6.1f} us/job {row['peak_mib']:5} MiB"
        f" | SimPy alone {row['simpy_s']:.2f} s"
        f" | load {row['offered_alone']} alone, {row['offered']} as run"
        f" | tenants {row['tenants']}, rate changes {row['rate_changes']}"
        f" | wait {row['mean_wait_s']:,} s"
    )


if __name__ == "__main__":
    sys.exit(main())
