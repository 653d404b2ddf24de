"""How long does preemption take on a large, full cluster?

5,000 nodes with 8 GPUs, each full with pods of one GPU of several priorities, in part members of
gangs; then a pod with 8, 4 or 1 GPUs of a higher priority asks for victims. Between repetitions
pods leave and others come, and some are checkpointed, so that what is remembered of the cluster
has to be brought up to date. Then gangs of 64 pods with 1, 2 or 8 GPUs each. Seeded.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from typing import Any

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.compiled import warm
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Checkpointed, Gone
from bayplan.scheduler.explaining.words import ask
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.preemption import Guards, preempt, preempt_gang
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Grant,
    Node,
    Placement,
    Request,
    Slot,
    WholeGpus,
)
from measure import percentiles, write_result

NODES = 5_000
GPUS = 8
REPEATS = 30
CHANGES = 20
NOW_S = 100_000.0
MEMBERS = 64
GANG_REPEATS = 10
GUARDS = Guards(
    budgets={f"b{i}": i % 3 for i in range(50)},
    min_run_s=600.0,
    queue_excess_milli={f"q{i}": 20_000 * i for i in range(8)},
)
ONE = (DeviceRequest(WholeGpus(1)),)


def main() -> int:
    """Measure, print and write bench/results/preempt.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES)
    options = parser.parse_args()
    warm()
    cluster = full(options.nodes)
    engine = Engine(cluster, make_policy("best-fit"))
    start = time.perf_counter()
    preempt(engine, asker(8), NOW_S)
    print(f"first call, which reads {len(cluster.pods)} pods: {time.perf_counter() - start:.3f} s")
    gc.collect()
    gc.freeze()
    rows = []
    for policy in ("priority", "spot", "fair-reclaim"):
        for request in (asker(8), asker(4), asker(1), half()):
            rows.append(measure(engine, request, policy))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    gangs = []
    for gpus in (1, 2, 8):
        gangs.append(measure_gang(engine, gpus))
        print("  ".join(f"{key} {value}" for key, value in gangs[-1].items()), flush=True)
    figures = {"nodes": options.nodes, "rows": rows, "gangs": gangs}
    print(f"results: {write_result('preempt', figures)}")
    return 0


def full(n_nodes: int) -> Cluster:
    """Return a cluster whose every GPU has a pod."""
    rng = np.random.default_rng(5)
    cluster = Cluster(Node(f"n{i:05}", 96_000, 786_432, GPUS, "G2") for i in range(n_nodes))
    for i in range(n_nodes):
        for gpu in range(GPUS):
            put(cluster, rng, f"p{i}-{gpu}", f"n{i:05}", gpu)
    return cluster


def put(cluster: Cluster, rng: np.random.Generator, uid: str, node: str, gpu: int) -> None:
    """Start a pod on a GPU."""
    gang = f"g{int(rng.integers(2000))}" if rng.random() < 0.1 else ""
    request = Request(
        uid,
        8_000,
        65_536,
        ONE,
        priority=int(rng.integers(10)),
        gang=gang,
        queue=f"q{int(rng.integers(8))}",
        disruption_budgets=(f"b{int(rng.integers(50))}",) if rng.random() < 0.2 else (),
    )
    placement = Placement(node, ((Grant(Slot(gpu), 1000, 0),),), (0,))
    start_s = float(rng.integers(90_000))
    cluster.apply(Bound(Decision(request, start_s, placement), start_s))


def asker(gpus: int) -> Request:
    """Return a pod that asks for whole GPUs."""
    devices = (DeviceRequest(WholeGpus(gpus)),)
    return Request("asker", 8_000, 65_536, devices, priority=20, preemptible=False, queue="mine")


def half() -> Request:
    """Return a pod that asks for half a GPU."""
    devices = (DeviceRequest(GpuShare(500)),)
    return Request("asker", 4_000, 8_192, devices, priority=20, preemptible=False, queue="mine")


def measure(engine: Engine, request: Request, policy: str) -> dict[str, Any]:
    """Return the times of a question that is asked again after some changes."""
    rng = np.random.default_rng(6)
    times = []
    for step in range(REPEATS):
        churn(engine.cluster, rng, f"{policy}{request.devices}{step}")
        start = time.perf_counter()
        answer = preempt(engine, request, NOW_S, GUARDS, policy)
        times.append(time.perf_counter() - start)
        assert answer.nodes, answer.why
    best = answer.nodes[0]
    return {
        "policy": policy,
        "devices": ask(request.devices[0]),
        **percentiles(times),
        "victims": len(best.uids),
        "nodes": len(answer.nodes),
    }


def measure_gang(engine: Engine, gpus: int) -> dict[str, Any]:
    """Return the times of a gang that is asked for again after some changes."""
    rng = np.random.default_rng(8)
    members = tuple(asker(gpus)._replace(uid=f"w{i}", gang="new") for i in range(MEMBERS))
    gang = Gang("new", (Role("workers", members),))
    preempt_gang(engine, gang, NOW_S, GUARDS)  # scores the shape once
    times = []
    for step in range(GANG_REPEATS):
        churn(engine.cluster, rng, f"gang{gpus}-{step}")
        start = time.perf_counter()
        answer = preempt_gang(engine, gang, NOW_S, GUARDS)
        times.append(time.perf_counter() - start)
        assert answer.plan is not None, answer.why
    return {
        "members": MEMBERS,
        "gpus": gpus,
        **percentiles(times),
        "victims": len(answer.uids),
        "highest_priority": answer.highest_priority,
    }


def churn(cluster: Cluster, rng: np.random.Generator, name: str) -> None:
    """Let some pods leave, others come in their place, and checkpoint one."""
    uids = list(cluster.pods)
    for k in rng.choice(len(uids), CHANGES, replace=False).tolist():
        pod = cluster.pods[uids[k]]
        cluster.apply(Gone(uids[k]))
        gpu = pod.placement.grants[0][0].slot.gpu
        put(cluster, rng, f"{name}-{k}", pod.placement.node, gpu)
    cluster.apply(Checkpointed(next(iter(cluster.pods)), NOW_S - 1 - float(rng.integers(1000))))


if __name__ == "__main__":
    sys.exit(main())
