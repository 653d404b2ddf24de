"""How fast are job files read, and how much memory does it take?

Files of a million rows (half a million for openb and PAI, a tenth for JSON) are made in a temporary
folder and read on one core, each in a process of its own: the best of three reads, in seconds of
that core, and the peak of memory above what the process had before. Canonical files have twelve
columns; a table of a million rows takes about 200 MiB itself.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bayplan.traces.jobs import JobTable, read_jobs, write_jobs
from bayplan.traces.series import read_series
from measure import write_result

JOBS = 1_000_000
REPEATS = 3
SEED = 7
STATUS = Path("/proc/self/status")


def main() -> int:
    """Measure, print and write bench/results/jobs.json."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in FILES.items():
            path = Path(folder) / name
            make(path)
            figures[name] = measured(path)
            path.unlink()
            print(f"{name:14}", *(f"{key} {value:,}" for key, value in figures[name].items()))
    print(f"results: {write_result('jobs', figures)}")
    return 0


def measured(path: Path) -> dict[str, Any]:
    """Read the file on one core in a fresh process; return its figures."""
    done = subprocess.run(
        [sys.executable, __file__, os.fspath(path)],
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def read_alone(path: str) -> None:
    """Read a file and print the figures; what the process is there for."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import polars  # noqa: F401 - so that its import is in neither figure

    before_kib = peak_of_process_kib()
    seconds = []
    rows = 0
    peak_kib = 0
    for _ in range(REPEATS):
        start = time.process_time()  # of all threads: others' work on the machine is not ours
        table = read_series(path) if "azure" in path else read_jobs(path)
        seconds.append(time.process_time() - start)
        rows = len(table)
        del table
        # The peak of one read: later ones find the memory of the earlier.
        peak_kib = peak_kib or peak_of_process_kib()
    size = Path(path).stat().st_size
    figures = {
        "rows": rows,
        "file_mib": round(size / 2**20, 1),
        "read_core_s": round(min(seconds), 2),
        "rows_per_core_s": round(rows / min(seconds), -3),
        "peak_mib": round((peak_kib - before_kib) / 1024),
    }
    print(json.dumps(figures))


def peak_of_process_kib() -> int:
    """Return the peak resident memory of this program."""
    if STATUS.exists():  # the other source counts what the process was before it became this one
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def canonical(rows: int = JOBS) -> JobTable:
    """Return jobs with twelve columns that say something."""
    random = np.random.default_rng(SEED)
    sizes = random.choice([1, 1, 1, 2, 4, 8], rows)
    pick = random.integers(0, 16, rows).tolist()
    return JobTable.of(
        name=[f"job-{row:07d}" for row in range(rows)],
        arrival_s=np.cumsum(random.exponential(3.0, rows)),
        work_s=np.round(random.lognormal(7, 1.5, rows), 1),
        pods=random.choice([1, 1, 1, 2, 4], rows),
        cpu_milli=sizes * 8000,
        memory_mib=sizes * 65536,
        gpu_count=sizes,
        gpu_milli=np.where(sizes == 1, random.choice([250, 500, 1000], rows), 1000),
        job_type=[f"type-{each}" for each in pick],
        priority=random.choice([0, 100], rows),
        queue=[f"queue-{each // 4}" for each in pick],
        user=[f"user-{row % 257}" for row in range(rows)],
    )


def philly(path: Path) -> None:
    """Write a Philly list."""
    random = np.random.default_rng(SEED)
    stamps = np.datetime64("2017-08-07T00:00:00") + random.integers(0, 10**7, JOBS)
    sizes = random.choice([1, 1, 1, 1, 2, 4, 8, 16], JOBS).tolist()
    run = random.integers(60, 10**5, JOBS).tolist()
    cells = zip(np.datetime_as_string(stamps).tolist(), run, sizes, strict=True)
    lines = [
        f"{stamp.replace('T', ' ')},{seconds}.0,{gpus},{seconds * gpus}.0,vc{gpus}"
        for stamp, seconds, gpus in cells
    ]
    path.write_text("timestamp,duration,num_gpus,gpu_time,cluster\n" + "\n".join(lines) + "\n")


def openb(path: Path) -> None:
    """Write an openb pod list with half as many rows."""
    random = np.random.default_rng(SEED)
    made = np.sort(random.integers(0, 10**7, JOBS // 2)).tolist()
    milli = random.choice([200, 500, 1000], JOBS // 2).tolist()
    run = random.integers(10, 10**5, JOBS // 2).tolist()
    cells = enumerate(zip(made, milli, run, strict=True))
    lines = [
        f"openb-pod-{row:07d},8000,30517,1,{share},,LS,Running,{at},{at + 5 + seconds},{at + 5}"
        for row, (at, share, seconds) in cells
    ]
    header = (
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,"
        "creation_time,deletion_time,scheduled_time\n"
    )
    path.write_text(header + "\n".join(lines) + "\n")


def stamps(random: np.random.Generator, rows: int) -> tuple[list[str], list[str], list[int]]:
    """Return submissions, ends and run times of jobs that start at once."""
    start = np.datetime64("2020-04-01T00:00:00") + random.integers(0, 10**7, rows)
    run = random.integers(60, 10**5, rows)
    at, end = (np.datetime_as_string(each).tolist() for each in (start, start + run))
    return at, end, run.tolist()


def helios(path: Path) -> None:
    """Write a Helios log."""
    random = np.random.default_rng(SEED)
    at, end, run = stamps(random, JOBS)
    sizes = random.choice([0, 1, 1, 1, 2, 4, 8, 16], JOBS).tolist()
    lines = [
        f"{row},u{row % 257},vc{size},{size},{4 * size + 1},{size // 8 or 1},COMPLETED,"
        f"{start},{start},{ends},{seconds},0".replace("T", " ")
        for row, (start, ends, seconds, size) in enumerate(zip(at, end, run, sizes, strict=True))
    ]
    header = (
        "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,"
        "queue\n"
    )
    path.write_text(header + "\n".join(lines) + "\n")


def acme(path: Path) -> None:
    """Write an Acme log as Seren's."""
    random = np.random.default_rng(SEED)
    at, end, run = stamps(random, JOBS)
    sizes = random.choice([0, 1, 1, 1, 2, 4, 8, 16], JOBS).tolist()
    lines = [
        f"{row},u{row % 257},{size // 8 or 1},{size},{4 * size + 1},Eval,FAILED,"
        f"{start}+08:00,{start}+08:00,{ends}+08:00,{seconds},0,{seconds * size}.0".replace("T", " ")
        for row, (start, ends, seconds, size) in enumerate(zip(at, end, run, sizes, strict=True))
    ]
    header = (
        "job_id,user,node_num,gpu_num,cpu_num,type,state,submit_time,start_time,end_time,duration,"
        "queue,gpu_time\n"
    )
    path.write_text(header + "\n".join(lines) + "\n")


def pai(path: Path) -> None:
    """Write a PAI task table without a header, two tasks a job, half a million rows."""
    random = np.random.default_rng(SEED)
    start = random.integers(0, 10**7, JOBS // 2).tolist()
    run = random.integers(60, 10**5, JOBS // 2).tolist()
    lines = [
        f"j{row // 2:024x},{'worker' if row % 2 else 'ps'},{1 + row % 3}.0,Terminated,{at}.0,"
        f"{at + seconds}.0,600.0,29.296875,{50.0 * (row % 2)},T4"
        for row, (at, seconds) in enumerate(zip(start, run, strict=True))
    ]
    path.write_text("\n".join(lines) + "\n")


def slurm(path: Path) -> None:
    """Write an accounting list of Slurm."""
    random = np.random.default_rng(SEED)
    at, end, _ = stamps(random, JOBS)
    sizes = random.choice([1, 1, 1, 2, 4, 8, 16], JOBS).tolist()
    lines = [
        f"{row}|u{row % 257}|gpu|{start}|{start}|{ends}|1-00:00:00|"
        f"billing={size},cpu={8 * size},gres/gpu:a100={size},gres/gpu={size},mem={64 * size}G,"
        f"node={size // 8 or 1}"
        for row, (start, ends, size) in enumerate(zip(at, end, sizes, strict=True))
    ]
    header = "JobID|User|Partition|Submit|Start|End|Timelimit|AllocTRES\n"
    path.write_text(header + "\n".join(lines) + "\n")


def azure(path: Path) -> None:
    """Write a series of requests to a service."""
    random = np.random.default_rng(SEED)
    at, _, _ = stamps(random, JOBS)
    tokens = random.integers(1, 4000, JOBS).tolist()
    lines = [
        f"{start.replace('T', ' ')}.{row:07},{count},{count // 9}"
        for row, (start, count) in enumerate(zip(at, tokens, strict=True))
    ]
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(lines) + "\n")


def philly_json(path: Path) -> None:
    """Write Philly's job log, a tenth as many jobs, each with an attempt on one server."""
    random = np.random.default_rng(SEED)
    at, end, _ = stamps(random, JOBS // 10)
    jobs = [
        {
            "status": "Pass",
            "vc": "ee9e8c",
            "jobid": f"application_1506638472019_{row}",
            "attempts": [
                {
                    "start_time": start.replace("T", " "),
                    "end_time": ends.replace("T", " "),
                    "detail": [{"ip": "m47", "gpus": [f"gpu{n}" for n in range(row % 8 + 1)]}],
                }
            ],
            "submitted_time": start.replace("T", " "),
            "user": f"u{row % 257}",
        }
        for row, (start, ends) in enumerate(zip(at, end, strict=True))
    ]
    path.write_text(json.dumps(jobs, indent=4))


FILES: dict[str, Callable[[Path], None]] = {
    "jobs.csv": lambda path: write_jobs(canonical(), path),
    "jobs.csv.gz": lambda path: write_jobs(canonical(JOBS // 4), path),
    "jobs.parquet": lambda path: write_jobs(canonical(), path),
    "philly.csv": philly,
    "openb.csv": openb,
    "helios.csv": helios,
    "acme.csv": acme,
    "pai.csv": pai,
    "slurm.txt": slurm,
    "azure.csv": azure,
    "philly.json": philly_json,
}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        read_alone(sys.argv[1])
    else:
        sys.exit(main())
