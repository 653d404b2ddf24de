"""How long does it take to explain why a pod or a gang is pending on a large cluster?

A cluster of 5,000 nodes with 8 GPUs each in racks of 40, filled node by node with pods of openb's
shape mix until eight do not fit (as in bench/decide.py); pods end at seeded times. Some pods and a
gang of 80 GPUs that do not fit are then explained, with all fixes, again and again on a cluster
that changes in between (a pod leaves and comes back). Compiled before; the first explanation of a
question (its columns are new) is told apart from the others. Without the public data the built-in
trace's mix is used. Seeded.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.compiled import warm
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.explaining import (
    Effort,
    Explanation,
    FixKind,
    GangExplanation,
    explain_gang,
    explain_pod,
)
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Request,
    Topology,
    TopologyLevel,
    WholeGpus,
)
from bayplan.scheduler.workload import typical_workload
from bayplan.traces import builtin_pods, read_pods, requests_from
from decide import _bound_to_models, fill
from measure import DATA, percentiles, write_result

NODES = 5_000
RACK = 40
ROUNDS = 30
RACK_LABEL = "topology.kubernetes.io/rack"
CALM = Effort(without=frozenset([FixKind.EVICT]))
Answer = Explanation | GangExplanation


def main() -> int:
    """Measure, print and write bench/results/explain.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--show", action="store_true", help="print the explanations")
    options = parser.parse_args()
    warm()
    openb = DATA / "openb" / "openb_pod_list_default.csv"
    pods = read_pods(openb, "openb") if openb.exists() else builtin_pods()
    mix = [request for request in requests_from(pods) if not _bound_to_models(request)]
    cluster = with_ends(fill(options.nodes, mix))
    engine = Engine(cluster, make_policy("fgd", typical_workload(mix)))
    rows: list[dict[str, Any]] = []
    for title, ask in questions(engine).items():
        row, answer = measure(engine, ask)
        rows.append({"question": title, **row, "fixes": kinds(answer)})
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
        if options.show:
            print(answer.text, end="\n\n")
    figures = {"mix": "openb default" if openb.exists() else "built-in", "nodes": options.nodes}
    print(f"results: {write_result('explain', figures | {'rows': rows})}")
    return 0


def with_ends(filled: Cluster) -> Cluster:
    """Return the same cluster in racks, with pods of two priorities that are expected to end."""
    rng = np.random.default_rng(5)
    cluster = Cluster(
        replace(filled.node_at(row), labels=((RACK_LABEL, f"r{row // RACK:03}"),))
        for row in range(filled.view.n_rows)
    )
    for pod in filled.pods.values():
        request = pod.request._replace(priority=int(rng.integers(2)))
        decision = Decision(request, 0.0, pod.placement)
        cluster.apply(Bound(decision, 0.0, float(rng.integers(600, 86_400))))
    return cluster


def questions(engine: Engine) -> dict[str, Callable[[], Answer]]:
    """Return what is asked, by its name."""
    eight = (DeviceRequest(WholeGpus(8)),)
    pods = {
        "pod, 8 GPUs": Request("eight", 16_000, 65_536, eight, priority=2),
        "pod, 8 GPUs, lowest priority": Request("low", 16_000, 65_536, eight, priority=-1),
        "pod, 4 GPUs, 64 CPU": Request(
            "four", 64_000, 65_536, (DeviceRequest(WholeGpus(4)),), priority=2
        ),
        "pod, share, unknown label": Request(
            "share",
            4_000,
            8_192,
            (DeviceRequest(GpuShare(500)),),
            node_labels=(("zone", "none"),),
        ),
        "pod, share, all the CPU": Request(
            "cpu", 96_000, 8_192, (DeviceRequest(GpuShare(500)),), priority=2
        ),
    }
    asked: dict[str, Callable[[], Answer]] = {
        title: lambda pod=pod: explain_pod(engine, pod, 0.0)  # type: ignore[misc]
        for title, pod in pods.items()
    }
    members = tuple(Request(f"m{i}", 16_000, 65_536, eight, priority=2) for i in range(10))
    wish = Topology(TopologyLevel.RACK)
    for title, topology in (("gang, 10 x 8 GPUs", ()), ("gang, 10 x 8 GPUs, one rack", (wish,))):
        gang = Gang("gang", (Role("worker", members),), topology)
        asked[title] = lambda gang=gang: explain_gang(engine, gang, 0.0)  # type: ignore[misc]
        asked[f"{title}, no evictions"] = lambda gang=gang: explain_gang(  # type: ignore[misc]
            engine, gang, 0.0, effort=CALM
        )
    return asked


def measure(engine: Engine, ask: Callable[[], Answer]) -> tuple[dict[str, Any], Answer]:
    """Return the times of one question, and its answer."""
    rng = np.random.default_rng(3)
    cluster = engine.cluster
    uids = sorted(cluster.pods)
    gc.collect()
    gc.freeze()
    start = time.perf_counter()
    answer = ask()
    first = time.perf_counter() - start
    times = []
    for _ in range(ROUNDS):
        uid = uids[int(rng.integers(len(uids)))]
        pod = cluster.pods[uid]
        cluster.apply(Gone(uid))
        again = Decision(pod.request, 0.0, pod.placement)
        cluster.apply(Bound(again, pod.start_s, pod.expected_end_s))
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    gc.unfreeze()
    figures = percentiles(times)
    row = {
        "first_ms": round(1e3 * first, 1),
        "median_ms": round(1e3 * median(times), 1),
        "p99_ms": round(figures["p99_us"] / 1e3, 1),
    }
    return row, answer


def kinds(answer: Answer) -> str:
    """Return the kinds of the fixes that were found."""
    return ", ".join(fix.kind.name.lower() for fix in answer.fixes) or "none"


if __name__ == "__main__":
    sys.exit(main())
