"""How many pods a second does a real kube-scheduler place with the extender, and without?

On a control plane of its own (tests/e2e/controlplane): 1,000 nodes with 8 GPUs and 5,000 pods, of
which 3 in 10 share GPUs and 1 in 10 is in a gang. kube-scheduler stands still until all pods are
there: their creation on the same cores would be the load. Before its start they must not be: it
would take those that it lists in any order. The time goes from the first binding to the last, as
one watch sees them. Without us members of gangs are pods like others. All turns have the same
profile, and all nodes are looked at in all of them, as the extender's install has it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import mkdtemp
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from e2e.controlplane import build, modules
from e2e.controlplane.client import wait_for
from e2e.controlplane.cluster import add_nodes
from e2e.controlplane.plane import Plane, running
from e2e.controlplane.process import Server
from e2e.extender.auditing import Audit, room_of
from e2e.extender.checks import nothing_is_given_twice
from e2e.extender.running import SCHEDULER, Extender, Setup, extender
from measure import write_result
from throughput_load import Object, least_of, nodes_of, pods_of, scheduler_config
from throughput_watch import Watch, opener, watch_of

QPS = 5000
LEAST, AIM = 80.0, 0.7
"""Pods a second without us below which a run says nothing, and the part of it that is aimed at."""
IDLE = ("kube-scheduler", "kwok", "kube-controller-manager")
"""What ends once the nodes are ready: no kubelet's writes are measured, as in kube-scheduler's own
scheduler_perf (kubernetes/kubernetes ``test/integration/scheduler_perf``)."""
WEIGHT = 11
"""Of the extender: a point of it exceeds all that the one score plugin can give."""
IN_PART_S = 30.0
"""How long the members of a gang may be bound one after the other: httpTimeout."""

TURNS = ("plain", "floor", "extender", "at-filter")
"""Without us; with an extender that decides nothing (``throughput_floor``); with us; and with us
where the choice is made in filter (placement.at_filter), as in the base."""
OURS = ("extender", "at-filter")
FLOOR = (str(Path(__file__).with_name("throughput_floor.py")),)

Row = dict[str, Any]


def main() -> int:
    """Measure, print and write bench/results/throughput.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--pods", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=2, help="pairs of without and with")
    parser.add_argument("--sampling", type=int, default=100, help="percentageOfNodesToScore")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turns", nargs="+", choices=TURNS, default=TURNS, help="of each round")
    options = parser.parse_args()
    folder = Path(mkdtemp(prefix="bayplan-throughput-")) / "plane"
    print(f"logs are in {folder}", flush=True)
    rows: list[Row] = []
    try:
        with running(build.binaries(modules.wanted()), folder) as plane:
            add_nodes(plane.client, *nodes_of(options.nodes), timeout_s=300.0)
            for name in IDLE:
                plane.servers[name].stop()
            for turn in options.turns * options.rounds:
                rows.append(measured(plane, turn, options))
                print("\n".join(f"{key:28} {value}" for key, value in rows[-1].items()), flush=True)
    except AssertionError as broken:
        print(f"void: {broken}", file=sys.stderr)
        return 1
    return verdict(rows, options)


def verdict(rows: list[Row], options: argparse.Namespace) -> int:
    """Print the ratios and write the result; return 1 where there is none."""
    figures = {key: getattr(options, key) for key in ("nodes", "pods", "sampling", "seed")}
    rates = {
        turn: mean(row["pods_s"] for row in rows if row["turn"] == turn) for turn in options.turns
    }
    plain = rates.get("plain")
    if plain is None:
        return 0
    if plain < LEAST:
        print(f"void: {plain:.0f} pods/s without us, below {LEAST:.0f}", file=sys.stderr)
        return 1
    ratios = {turn: round(rate / plain, 3) for turn, rate in rates.items()}
    for turn, rate in rates.items():
        print(f"{turn:10} {rate:6.1f} pods/s  {ratios[turn]:.2f} (aim: {AIM})")
    figures |= {"pods_s": rates, "ratios": ratios, "aim": AIM, "rows": rows}
    print(f"results: {write_result('throughput', figures)}")
    return 0


def measured(plane: Plane, turn: str, options: argparse.Namespace) -> Row:
    """Create pods, let them be placed, check what came of it, and delete them.

    Raises
    ------
    AssertionError
        Not all were placed, or a promise does not hold.
    """
    config = scheduler_config(SCHEDULER, options.sampling)
    pods = pods_of(options.pods, options.seed)
    audit = Audit(room_of(plane.client), least_of(pods) if turn in OURS else {})
    with scheduling(plane, turn, config) as (scheduler, placing):
        watch = watch_of(plane)
        with stopped(scheduler):
            plane.client.create_all(pods)
        row: Row = {"turn": turn, **timed(plane, watch, len(pods), placing)}
        row |= told(plane, scheduler, placing)
    listed = plane.client.list("Pod", "default")
    assert sum(bool(each["spec"].get("nodeName")) for each in listed) == len(pods), "who is bound"
    nothing_is_given_twice(plane.client, listed)
    watch.show(audit)
    assert not audit.overbooked, audit.overbooked[:5]
    assert not audit.in_part_s(time.monotonic()), "gangs in part"
    slowest_s = max(audit.slowest_s.values(), default=0.0)
    assert slowest_s <= IN_PART_S, f"a gang was in part for {slowest_s:.1f} s"
    if turn in OURS:
        row["slowest_gang_s"] = round(slowest_s, 2)
    plane.client.delete_all("Pod", "default", grace_s=0)
    wait_for("no pods", lambda: not plane.client.list("Pod", "default", limit="1"), 300.0)
    return row


@contextmanager
def scheduling(plane: Plane, turn: str, config: Object) -> Iterator[tuple[Server, Extender | None]]:
    """Run a kube-scheduler, beside an extender that is ready before."""
    connection = {"kubeconfig": str(plane.kubeconfig("scheduler")), "qps": QPS, "burst": QPS}
    config = {**config, "clientConnection": connection}
    if turn != "plain":
        tables: dict[str, dict[str, object]] = {
            "state": {"recompute_s": 300.0},
            "api": {"qps": float(QPS), "burst": QPS},
            "placement": {"at_filter": turn == "at-filter"},
        }
        setup = Setup(tables, config, weight=WEIGHT)
        if turn == "floor":
            setup = replace(setup, serves=FLOOR)
        with extender(plane, turn, setup) as placing:
            yield placing.scheduler, placing
        return
    scheduler = plane.start_scheduler(f"{turn}-scheduler", config)
    try:
        yield scheduler, None
    finally:
        scheduler.stop()


@contextmanager
def stopped(scheduler: Server) -> Iterator[None]:
    """Let a kube-scheduler stand still; what its watches missed comes in the order it happened."""
    os.kill(scheduler.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(scheduler.pid, signal.SIGCONT)


def timed(plane: Plane, watch: Watch, count: int, placing: Extender | None) -> Row:
    """Wait until all pods are bound; return how fast that was and what CPU each process had."""
    servers = dict(plane.servers)
    if placing is not None:
        servers["extender"] = placing.process
    before: dict[str, float] = {}
    for n in watch.until_bound(count):
        if n == 1:
            before = cpu_s(servers)
    after = cpu_s(servers)
    took_s = watch.took_s
    row: Row = {"pods_s": round((count - 1) / took_s, 1), "took_s": round(took_s, 1)}
    row["events_a_pod"] = round(len(watch.events) / count, 2)
    for name, used_s in after.items():
        row[f"cpu_s {name}"] = round(used_s - before.get(name, 0.0), 1)
    used_s = sum(after.values()) - sum(before.values())
    row |= {"cpu_s all": round(used_s, 1), "cpu_ms_a_pod": round(1000 * used_s / (count - 1), 1)}
    return row


def cpu_s(servers: Mapping[str, Server]) -> dict[str, float]:
    """Return the CPU seconds that each server and this process has had so far."""
    alive = {name: each.pid for name, each in servers.items() if each.alive()}
    alive["bench"] = os.getpid()
    tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
    return {name: tick_s * sum(map(int, _stat(pid)[11:13])) for name, pid in sorted(alive.items())}


def _stat(pid: int) -> list[str]:
    """Return the fields of proc_pid_stat(5) from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def told(plane: Plane, scheduler: Server, placing: Extender | None) -> Row:
    """Return what kube-scheduler and the extender say of themselves: means in milliseconds."""
    row: Row = {}
    port = next(each for each in scheduler.command if each.startswith("--secure-port="))
    with opener(plane).open(f"https://127.0.0.1:{port.partition('=')[2]}/metrics") as reply:
        said = samples(reply.read().decode())
    row |= means(said, "scheduler_scheduling_algorithm_duration_seconds", ())
    row |= means(said, "scheduler_scheduling_attempt_duration_seconds", ("result",))
    if placing is not None:
        said = samples(placing.text("/metrics"))
        row |= means(said, "bayplan_extender_call_seconds", ("verb",))
        row |= means(said, "bayplan_api_request_seconds", ("operation",))
        row |= means(said, "bayplan_api_turn_seconds", ("priority",))
        row["extender_peak_mib"] = round(placing.process.peak_mib())
    return row


Samples = dict[str, list[tuple[Mapping[str, str], float]]]


def samples(text: str) -> Samples:
    """Return metrics in Prometheus's text format, by name."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def means(said: Samples, name: str, by: tuple[str, ...]) -> Row:
    """Return the mean of a histogram in milliseconds and how many there were, by labels."""
    sums = {tuple(labels.get(k, "") for k in by): v for labels, v in said.get(f"{name}_sum", [])}
    row: Row = {}
    for labels, count in said.get(f"{name}_count", []):
        key = tuple(labels.get(k, "") for k in by)
        if count:
            short = name.removesuffix("_seconds").removeprefix("bayplan_")
            of = " ".join((short.removeprefix("scheduler_"), *key))
            row[f"{of} ms"] = f"{1000 * sums[key] / count:.2f} × {count:.0f}"
    return row


if __name__ == "__main__":
    sys.exit(main())
