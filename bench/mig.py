"""How long does a MIG decision take: which of 10,000 GPUs, and which start on it?

Nodes with 8 A100-80GB, instances made as they are asked for. Pods ask for profiles by name, as
common as the shares of openb default that they cover (without the public data: of the built-in
trace). The cluster is filled until nothing fits of the largest, then one pod arrives (decide +
apply) and a random one leaves, again and again. Seeded.
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
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import DeviceRequest, MigInstances, Node, Request
from bayplan.scheduler.workload import typical_workload
from bayplan.simulator.sharing import histogram
from bayplan.traces import builtin_pods, read_pods
from measure import DATA, percentiles, write_result

N_GPUS = 10_000
GPUS = 8
STEPS = 10_000
FILLED = 0.9
POLICIES = ("mig-first-fit", "mig-driver-greedy", "mig-best-fit", "mig-max-options", "fgd")
PRODUCT = product_named("A100-80GB")


def main() -> int:
    """Measure, print and write bench/results/mig.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpus", type=int, default=N_GPUS)
    options = parser.parse_args()
    warm()
    openb = DATA / "openb" / "openb_pod_list_default.csv"
    pods = read_pods(openb, "openb") if openb.exists() else builtin_pods()
    counts = {name: n for name, n in histogram(pods, PRODUCT).items() if name != "whole"}
    rows: list[dict[str, Any]] = []
    for policy in POLICIES:
        rows.append(measure(policy, counts, options.gpus // GPUS))
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    mix = "openb default" if openb.exists() else "built-in"
    figures = {"gpus": options.gpus, "product": PRODUCT.name, "mix": mix, "rows": rows}
    print(f"results: {write_result('mig', figures)}")
    return 0


def measure(policy: str, counts: dict[str, int], n_nodes: int) -> dict[str, Any]:
    """Return one row of the table: decide + apply in steady state."""
    rng = np.random.default_rng(7)
    names, weights = list(counts), np.array(list(counts.values()), np.float64)
    asks = {name: (DeviceRequest(MigInstances(name)),) for name in names}
    like = [Request(name, devices=asks[name]) for name, n in counts.items() for _ in range(n)]
    cluster = Cluster(
        Node(f"n{i:05}", 96_000, 786_432, GPUS, PRODUCT.name, PRODUCT.memory_mib, sharing=(Mig(),))
        for i in range(n_nodes)
    )
    engine = Engine(cluster, make_policy(policy, typical_workload(like, coverage=1.0)))
    drawn = rng.choice(len(names), 20 * n_nodes * GPUS + STEPS, p=weights / weights.sum()).tolist()
    requests = [Request(f"p{i}", 1000, 4000, asks[names[k]]) for i, k in enumerate(drawn)]
    capacity = 1000 * GPUS * n_nodes
    uids: list[str] = []
    at = 0
    while int(cluster.view.idle_milli.sum()) > (1 - FILLED) * capacity:
        decision = engine.decide(requests[at], 0.0)
        at += 1
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))
            uids.append(decision.request.uid)
    gc.collect()
    gc.freeze()
    times: list[float] = []
    placed = 0
    for step in range(STEPS):
        request = requests[at + step]._replace(uid=f"s{step}")
        start = time.perf_counter()
        decision = engine.decide(request, 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))
        times.append(time.perf_counter() - start)
        if decision.placement is not None:
            uids.append(request.uid)
            placed += 1
        leaving = int(rng.integers(len(uids)))
        uids[leaving], uids[-1] = uids[-1], uids[leaving]
        cluster.apply(Gone(uids.pop()))
    gc.unfreeze()
    figures = percentiles(times)
    return {
        "policy": policy,
        "p50_us": figures["p50_us"],
        "p99_us": figures["p99_us"],
        "placed_pct": round(100 * placed / STEPS, 1),
        "taken_pct": round(100 - 100 * float(cluster.view.idle_milli.sum()) / capacity, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
