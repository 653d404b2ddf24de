"""Sweeps on a Ray cluster of two workers that the sweep starts itself, or that is there before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.extra("ray", "ray")

RUNS = 18
GRID = """\
scenario = "s.toml"
metrics = ["jct_mean_s", "finished"]
seeds = "1-9"
[axes]
placement = ["fgd", "best-fit"]
"""
SCENARIO = """\
[cluster]
file = "nodes.csv"
[jobs]
file = "jobs.csv"
"""
NODES = "name,cpu_milli,memory_mib,gpu_count,gpu_model\n" + "".join(
    f"n{i},64000,256000,8,A\n" for i in range(20)
)
JOBS = "name,arrival_s,work_s,gpu_count\n" + "".join(
    f"j{i},{i},{60 + i * 37 % 3000},{1 + i % 4}\n" for i in range(1500)
)
RESULTS = ("runs.parquet", "runs.csv", "sweep.json")
PROGRAM = "from bayplan.cli import main; main()"
RAY = ("--engine", "ray", "--workers", "2")


def swept(folder: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "sweep", "g.toml", *flags],
        cwd=folder, env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@contextmanager
def going(folder: Path, least: int, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A sweep in a process of its own that has done so many runs, and is not through."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "sweep", "g.toml", "--out", "o", *flags],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while len(done_in(folder / "o")) < least:
            assert process.poll() is None
            time.sleep(0.02)
        yield process


def done_in(folder: Path) -> list[int]:
    path = folder / "journal.jsonl"
    data = path.read_bytes() if path.exists() else b""
    return [json.loads(line)["row"][0] for line in data.split(b"\n")[:-1]]


def descendants(root: int) -> dict[int, bytes]:
    """Return the processes that a process has started, and theirs, with their command lines."""
    parents, lines = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                lines[int(entry.name)] = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: lines[pid] for pid in found - {root} if pid in lines}


def goes_on(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # ended, and nobody has asked for its code


def inputs(folder: Path) -> Path:
    for name, text in (
        ("g.toml", GRID), ("s.toml", SCENARIO), ("nodes.csv", NODES), ("jobs.csv", JOBS)
    ):  # fmt: skip
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return inputs(tmp_path)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the same sweep comes to on processes of this machine."""
    folder = inputs(tmp_path_factory.mktemp("local"))
    assert swept(folder, "--out", "o").returncode == 0
    return {name: (folder / "o" / name).read_bytes() for name in RESULTS}


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "o" / name).read_bytes() for name in RESULTS}


def gone_on_with(folder: Path, local: dict[str, bytes], *flags: str) -> None:
    before = done_in(folder / "o")
    done = swept(folder, "--out", "o", "--resume", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    runs = done_in(folder / "o")
    assert runs[: len(before)] == before
    assert sorted(runs) == list(range(1, RUNS + 1))  # each once
    assert results(folder) == local


def test_the_bytes_are_those_of_this_machine(folder: Path, local: dict[str, bytes]) -> None:
    done = swept(folder, "--out", "o", *RAY)
    assert (done.returncode, done.stderr) == (0, "")
    assert results(folder) == local


def test_a_run_that_fails_has_the_same_row(folder: Path) -> None:
    grid = (folder / "g.toml").read_text().replace('"1-9"', "1")
    (folder / "g.toml").write_text(grid + '[[points]]\nsharing = "mig-static"\n')
    assert swept(folder, "--out", "o", *RAY).returncode == 1
    assert swept(folder, "--out", "p").returncode == 1
    assert (folder / "o" / "runs.csv").read_bytes() == (folder / "p" / "runs.csv").read_bytes()
    assert b"node n0" in (folder / "o" / "runs.csv").read_bytes()


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(
    folder: Path, local: dict[str, bytes]
) -> None:
    with going(folder, 2, *RAY) as process:
        running: list[int] = []
        while not running:
            assert process.poll() is None
            found = descendants(process.pid)
            running = [pid for pid, line in found.items() if line.startswith(b"ray::_run")]
        os.kill(running[0], signal.SIGKILL)
        _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert sorted(done_in(folder / "o")) == list(range(1, RUNS + 1))
    assert results(folder) == local


def test_after_kill_9_of_the_driver_only_what_is_missing_is_run(
    folder: Path, local: dict[str, bytes]
) -> None:
    with going(folder, 3, *RAY) as process:
        # Ray's own agents look once a minute whether they are still needed.
        theirs = {
            pid: line for pid, line in descendants(process.pid).items() if b"Agent" not in line
        }
        process.kill()
    assert 3 <= len(done_in(folder / "o")) < RUNS
    until = time.monotonic() + 60
    while any(map(goes_on, theirs)):
        assert time.monotonic() < until, "something of the cluster goes on"
        time.sleep(0.1)
    gone_on_with(folder, local, *RAY)


def test_ctrl_c_keeps_what_is_done_and_leaves_nothing_behind(
    folder: Path, local: dict[str, bytes]
) -> None:
    with going(folder, 3, *RAY) as process:
        theirs = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    n = len(done_in(folder / "o"))
    assert err == (
        f"bayplan: interrupted: {n} of {RUNS} runs are done, and stand in o; go on with --resume\n"
    )
    assert not [line for pid, line in theirs.items() if goes_on(pid)]
    gone_on_with(folder, local)  # on the other engine


def test_nobody_but_this_machine_can_reach_the_cluster(folder: Path) -> None:
    with going(folder, 1, *RAY) as process:
        inodes = set()
        for pid in {process.pid, *descendants(process.pid)}:
            for link in Path(f"/proc/{pid}/fd").glob("*"):
                try:
                    inodes.add(os.readlink(link))
                except OSError:
                    continue  # closed meanwhile
        listening = []
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                parts = line.split()
                if parts[3] == "0A" and f"socket:[{parts[9]}]" in inodes:
                    listening.append(parts[1].partition(":")[0])
        process.kill()
    assert listening
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000"}
    assert set(listening) <= loopback


def test_a_cluster_that_is_there_gets_the_inputs_without_the_files(
    folder: Path, local: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Its workers are in another folder, in which the relative paths of the sweep lead nowhere.
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    head = (
        "import os, sys, logging, tempfile\n"
        "import ray\n"
        "ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False,"
        " logging_level=logging.ERROR, _temp_dir=tempfile.mkdtemp(prefix='bayplan-ray-'))\n"
        "print(ray.get_runtime_context().gcs_address, flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
    }
    with subprocess.Popen(
        [sys.executable, "-c", head], cwd=elsewhere, env={**os.environ, **environment},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        done = swept(folder, "--out", "o", "--engine", "ray", "--address", address, **environment)
        process.communicate("", timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert results(folder) == local


def test_a_cluster_that_is_not_there_is_one_line(folder: Path) -> None:
    flags = ("--engine", "ray", "--address", "127.0.0.1:9")
    done = swept(folder, "--out", "o", *flags, RAY_AUTH_MODE="disabled")
    assert done.returncode == 2
    assert done.stderr.startswith("bayplan: --address '127.0.0.1:9': no Ray cluster can be used")
    assert len(done.stderr.splitlines()) == 1
