"""How long does one decision take on a large cluster in steady state?

Clusters of 1,000, 10,000 and 100,000 nodes with 8 GPUs each, filled node by node with pods of
openb's shape mix until eight do not fit; then one pod arrives (decide + apply) and a random one
leaves, again and again. Known shapes were scored before; never-seen ones are scored on every node.
Beside it, in the same run: a plain pass (a sum) over one int64 column with an entry a node.
Without the public data the built-in trace's mix is used. Seeded.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.compiled import warm
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import Node, Request
from bayplan.scheduler.workload import typical_workload
from bayplan.traces import builtin_pods, read_pods, requests_from
from measure import DATA, percentiles, write_result

SIZES = (1_000, 10_000, 100_000)
POLICIES = ("fgd", "best-fit")
STEPS = 10_000
UNSEEN = 30
GPUS = 8
MISSES = 8


def main() -> int:
    """Measure, print and write bench/results/decide.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    warm()
    openb = DATA / "openb" / "openb_pod_list_default.csv"
    pods = read_pods(openb, "openb") if openb.exists() else builtin_pods()
    mix = [request for request in requests_from(pods) if not _bound_to_models(request)]
    rows: list[dict[str, Any]] = []
    for n_nodes in options.nodes:
        filled = fill(n_nodes, mix)
        for policy in POLICIES:
            rows.append(measure(filled.copy(), policy, mix))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    figures = {"mix": "openb default" if openb.exists() else "built-in", "rows": rows}
    print(f"results: {write_result('decide', figures)}")
    return 0


def fill(n_nodes: int, mix: list[Request], resources: tuple[tuple[str, int], ...] = ()) -> Cluster:
    """Return a cluster filled node by node, as if pods had come and gone for long."""
    rng = np.random.default_rng(7)
    cluster = Cluster(
        Node(f"n{i:06}", 96_000, 786_432, GPUS, "G2", labels=(), resources=resources)
        for i in range(n_nodes)
    )
    # One node at a time is a small cluster of its own: filled by the public doors, then copied.
    engine = Engine(Cluster([Node("one", 96_000, 786_432, GPUS, "G2")]), make_policy("best-fit"))
    serial = 0
    for row in range(n_nodes):
        placed = []
        misses = 0
        while misses < MISSES:
            request = mix[int(rng.integers(len(mix)))]._replace(uid=f"f{serial}")
            serial += 1
            decision = engine.decide(request, 0.0)
            if decision.placement is None:
                misses += 1
                continue
            engine.cluster.apply(Bound(decision, 0.0))
            placed.append(decision)
        name = cluster.name(row)
        for decision in placed:
            assert decision.placement is not None
            there = decision.placement._replace(node=name)
            cluster.apply(Bound(decision._replace(placement=there, rests_on=()), 0.0))
            engine.cluster.apply(Gone(decision.request.uid))
    return cluster


def measure(cluster: Cluster, policy: str, mix: list[Request]) -> dict[str, Any]:
    """Return one row of the table: steady state of known shapes, then shapes never seen."""
    rng = np.random.default_rng(11)
    engine = Engine(cluster, make_policy(policy, typical_workload(mix)))
    for request in {(r.cpu_milli, r.memory_mib, r.devices): r for r in mix}.values():
        engine.decide(request, 0.0)
    uids = list(cluster.pods)
    # What a long-lived process does once it has its state: leave it out of collections.
    gc.collect()
    gc.freeze()
    known: list[float] = []
    placed = 0
    for step in range(STEPS):
        request = mix[int(rng.integers(len(mix)))]._replace(uid=f"s{step}")
        start = time.perf_counter()
        decision = engine.decide(request, 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))
        known.append(time.perf_counter() - start)
        if decision.placement is not None:
            uids.append(request.uid)
            placed += 1
        leaving = int(rng.integers(len(uids)))
        uids[leaving], uids[-1] = uids[-1], uids[leaving]
        cluster.apply(Gone(uids.pop()))
    n_nodes = len(cluster.nodes)
    unseen = unseen_seconds(engine, mix)
    column = cluster.view.idle_milli[:n_nodes].copy()
    plain = median(seconds(column.sum) for _ in range(200))
    gc.unfreeze()
    figures = percentiles(known)
    return {
        "nodes": n_nodes,
        "policy": policy,
        "known_p50_us": figures["p50_us"],
        "known_p99_us": figures["p99_us"],
        "unseen_us_per_node": round(1e6 * median(unseen) / n_nodes, 3),
        "unseen_max_us_per_node": round(1e6 * max(unseen) / n_nodes, 3),
        "plain_pass_us": round(1e6 * plain, 1),
        "known_p50_over_plain": round(figures["p50_us"] / (1e6 * plain), 1),
        "unseen_over_plain": round(median(unseen) / plain, 1),
        "placed_pct": round(100 * placed / STEPS, 1),
        "allocated_pct": round(100 - float(column.sum()) / (10 * GPUS * n_nodes), 1),
        "shapes": len(engine.columns),
    }


def unseen_seconds(engine: Engine, mix: list[Request]) -> list[float]:
    """Return decide + apply times of requests whose shape was never scored."""
    rng = np.random.default_rng(13)
    times = []
    for k in range(UNSEEN):
        like = mix[int(rng.integers(len(mix)))]
        request = like._replace(uid=f"u{k}", cpu_milli=like.cpu_milli + 1 + k)
        start = time.perf_counter()
        decision = engine.decide(request, 0.0)
        if decision.placement is not None:
            engine.cluster.apply(Bound(decision, 0.0))
        times.append(time.perf_counter() - start)
    return times


def seconds(call: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _bound_to_models(request: Request) -> bool:
    return any(device.models for device in request.devices)


if __name__ == "__main__":
    sys.exit(main())
