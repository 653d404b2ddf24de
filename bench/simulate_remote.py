"""What does a decision cost a simulation more when an extender's gRPC service takes it?

The same jobs, whole GPUs of one pod each, run through the same empty nodes: decided by the
simulation's own engine, and by a service that is a process of its own, on a core of its own where
there are two. ``more`` is the time of the whole run over that of the own engine, for each decision:
a job that starts and ends is a decision, a commit and a release. The times of these are those that
``bayplan simulate --remote`` prints. Turn by turn; of each the shortest run counts. ``cpu`` is what
the simulation's process ran for a decision, ``server_cpu`` the service's.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.remote import Client
from bayplan.extender.remote.decider import RemoteDecider
from bayplan.extender.rpc.server import RpcServer
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.extender.warming import warm
from bayplan.scheduler.types import Node
from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.traces import node_table, nodes_from
from bayplan.traces.jobs import JobTable
from half_used import Decides, cpu_s, pin
from measure import percentiles, write_result

SIZES = (100, 1_000, 5_000)
JOBS, TURNS = 2_000, 3
LOAD, WORK_S = 0.9, 3600.0


def main() -> int:
    """Measure, print and write bench/results/simulate_remote.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.nodes[0])
    pin(-1)
    rows = []
    for n_nodes in options.nodes:
        rows.append(measure(n_nodes, options.jobs))
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    print(f"results: {write_result('simulate_remote', {'rows': rows})}")
    return 0


def serve(n_nodes: int) -> int:
    """Serve until killed; print the port once ready."""
    pin(0)
    warm()

    async def run() -> int:
        service = Decides(n_nodes, empty=True)
        server = RpcServer(service, RpcSettings(port=0), CollectorRegistry())
        await server.start()
        loop.settle()
        print(server.port, flush=True)
        await asyncio.Event().wait()
        return 0

    return loop.run(run())


def measure(n_nodes: int, n_jobs: int) -> dict[str, Any]:
    """Return the row of one size."""
    command = [sys.executable, __file__, "--serve", "--nodes", str(n_nodes)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        target = f"127.0.0.1:{int(process.stdout.readline())}"
        return _measured(n_nodes, n_jobs, target, process.pid)
    finally:
        process.terminate()
        process.wait()


def _measured(n_nodes: int, n_jobs: int, target: str, pid: int) -> dict[str, Any]:
    compile_kernels(("decide", "simulate"), quiet=True)
    jobs = _jobs(n_nodes, n_jobs)
    own_s, elsewhere_s, ran_s, server_s = [], [], [], []
    taken: dict[str, list[float]] = {}
    with Client(target) as client:
        for turn in range(TURNS + 1):  # the first is not counted
            with RemoteDecider(client, target) as decider:
                nodes = nodes_from(node_table(decider.nodes))
                own, seconds = _run(nodes, jobs, Parts())
                before_s = time.process_time(), cpu_s(pid)
                there, more = _run(nodes, jobs, Parts(decider=decider))
                ran = time.process_time() - before_s[0], cpu_s(pid) - before_s[1]
            assert there.log == own.log, "decided in another way"
            if turn:
                own_s.append(seconds)
                elsewhere_s.append(more)
                ran_s.append(ran[0])
                server_s.append(ran[1])
                for what, each in decider.taken_s.items():
                    taken.setdefault(what, []).extend(each)
    n = own.totals.decisions
    row: dict[str, Any] = {"nodes": n_nodes, "jobs": n_jobs, "decisions": n}
    row["own_us"] = round(1e6 * min(own_s) / n, 1)
    row["more_us"] = round(1e6 * (min(elsewhere_s) - min(own_s)) / n, 1)
    row["cpu_us"] = round(1e6 * min(ran_s) / n, 1)
    row["server_cpu_us"] = round(1e6 * min(server_s) / n, 1)
    for what, each in taken.items():
        row |= {f"{what}_{name}": value for name, value in percentiles(each).items()}
    return row


def _run(nodes: Sequence[Node], jobs: JobTable, parts: Parts) -> tuple[Outcome, float]:
    start_s = time.perf_counter()
    outcome = Simulation(nodes, jobs, Settings(log=True), parts).run()
    return outcome, time.perf_counter() - start_s


def _jobs(n_nodes: int, n_jobs: int) -> JobTable:
    """Return jobs that use so much of the GPUs while they arrive."""
    rng = np.random.default_rng(3)
    gpus = rng.choice([1, 1, 1, 2, 4, 8], n_jobs)
    work_s = rng.exponential(WORK_S, n_jobs)
    gap_s = WORK_S * gpus.mean() / (8 * n_nodes * LOAD)
    return JobTable.of(
        name=[f"job-{k}" for k in range(n_jobs)],
        arrival_s=rng.exponential(gap_s, n_jobs).cumsum(),
        work_s=work_s,
        gpu_count=gpus,
        cpu_milli=4000 * gpus,
    )


if __name__ == "__main__":
    sys.exit(main())
