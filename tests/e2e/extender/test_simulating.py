"""Simulations whose decisions a real extender takes for a real cluster, beside kube-scheduler."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayplan.extender.remote import Client as Remote
from bayplan.extender.remote import PodState

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, run
from ..controlplane.nodes import hami, plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of
from ..controlplane.process import free_ports
from .asking import ours
from .checks import check
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

RUN = ("simulate", "--cluster.file", "live.csv", "--jobs.file", "jobs.csv", "--run.log")
COLUMNS = "name,arrival_s,work_s,gpu_count,gpu_milli,pods,cpu_milli\n"


@pytest.fixture(scope="module")
def serving(plane: Plane) -> Iterator[tuple[Extender, str]]:
    # On a machine that is new a command would say that it compiles.
    subprocess.run([sys.executable, "-m", "bayplan.kernels.warm"], check=True)
    (port,) = free_ports(1)
    with extender(plane, "simulating", Setup(config={"grpc": {"port": port}})) as running:
        yield running, f"127.0.0.1:{port}"


def bayplan(folder: Path, *arguments: str) -> str:
    """Run a command in a folder; return what it prints."""
    command = [sys.executable, "-m", "bayplan", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rooms(target: str) -> tuple[PodState, ...]:
    with Remote(target) as remote:
        return remote.snapshot().pods


def seen(target: str, *names: str) -> None:
    """Wait until the extender has seen nodes."""
    with Remote(target) as remote:
        wait_for(
            "the nodes",
            lambda: {each.name for each in remote.snapshot().nodes} == set(names),
        )


def test_a_run_is_decided_there_as_it_is_here(
    client: Client, serving: tuple[Extender, str], tmp_path: Path
) -> None:
    running, target = serving
    add_nodes(client, *(plain(name) for name in ("c", "a", "b")))
    seen(target, "a", "b", "c")
    rows = [
        f"j{k},{7 * k},{20 + 13 * k % 60},{1 + k % 4},1000,{1 + 2 * (k % 5 == 0)},1000\n"
        for k in range(80)
    ]
    (tmp_path / "jobs.csv").write_text(COLUMNS + "".join(rows))
    bayplan(tmp_path, "remote", "snapshot", "--nodes", "live.csv", "--at", target)
    bayplan(tmp_path, *RUN, "--out", "here")
    said = bayplan(tmp_path, *RUN, "--out", "there", "--remote", target)
    assert f"decided by {target}: " in said
    for name in ("log.csv", "jobs.parquet", "stints.parquet", "timeseries.parquet"):
        here, there = (tmp_path / folder / name for folder in ("here", "there"))
        assert here.read_bytes() == there.read_bytes(), name
    assert "start,j5" in (tmp_path / "there" / "log.csv").read_text()
    assert rooms(target) == ()
    run(client, ours("after", 8))  # all of it is kube-scheduler's again
    check(client, running, ["after"])


def test_shares_are_decided_there_as_they_are_here(
    client: Client, serving: tuple[Extender, str], tmp_path: Path
) -> None:
    running, target = serving
    add_nodes(client, hami("h", gpus=2), hami("g", gpus=2))
    seen(target, "g", "h")
    rows = [f"j{k},{3 * k},{15 + k % 9},1,{250 + 125 * (k % 4)},1,500\n" for k in range(60)]
    (tmp_path / "jobs.csv").write_text(COLUMNS + "".join(rows))
    bayplan(tmp_path, "remote", "snapshot", "--nodes", "live.csv", "--at", target)
    shared = (*RUN, "--sharing.mode", "hami", "--out")
    bayplan(tmp_path, *shared, "here")
    bayplan(tmp_path, *shared, "there", "--remote", target)
    here, there = (tmp_path / folder / "log.csv" for folder in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    assert rooms(target) == ()
    check(client, running, [])


def test_pods_wait_for_the_room_of_a_run_that_was_interrupted_no_longer(
    client: Client, serving: tuple[Extender, str], tmp_path: Path
) -> None:
    running, target = serving
    add_nodes(client, plain("a"))
    seen(target, "a")
    rows = ["long,0,1000000000,7,1000,1,0\n"]
    rows += [f"j{k},{k},1,1,1000,1,0\n" for k in range(100_000)]
    (tmp_path / "jobs.csv").write_text(COLUMNS + "".join(rows))
    bayplan(tmp_path, "remote", "snapshot", "--nodes", "live.csv", "--at", target)
    command = [sys.executable, "-m", "bayplan", *RUN, "--remote", target]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        held = wait_for("its room", lambda: rooms(target), 120.0)
        assert held[0].until_s is not None  # of a run that dies it would be free by itself
        client.create(ours("waits", 8))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
    finally:
        process.kill()
        process.wait()
    assert [each for each in rooms(target) if "/" in each.uid and "run-" in each.uid] == []
    wait_for("its node", lambda: node_of(client.get("Pod", "waits")), 60.0)
    check(client, running, ["waits"])
