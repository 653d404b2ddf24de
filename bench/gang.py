"""How long does it take to plan a gang on a large cluster?

Clusters of nodes with 8 GPUs, 32 nodes a rack, 16 racks a block, partly filled with pods of one
to eight GPUs. A gang of 512 pods of one GPU with a preferred rack on 5,000 nodes, and one of
64 × 8 GPUs on 100,000, without a wish, with a preferred rack and with a required block; and on
5,000 nodes gangs of 80 GPUs and of 512 members that do not fit. Between repetitions 64
pods leave and 64 come, so score columns are brought up each time. The first reading of all labels,
and the first plan of all, are told apart. Seeded.
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
from bayplan.scheduler.gangs import Gang, Role, Segment, Spread
from bayplan.scheduler.policies import make_policy
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    Grant,
    Node,
    Placement,
    Request,
    Slot,
    Topology,
    TopologyLevel,
    WholeGpus,
)
from measure import percentiles, write_result

GPUS = 8
NODES_A_RACK, RACKS_A_BLOCK = 32, 16
REPETITIONS = 40
CHANGES = 64
RACK, BLOCK = TopologyLevel.RACK, TopologyLevel.BLOCK
Part = tuple[int, int, int]
"""Members of a role that are alike: how many, their GPUs, their millicores."""
CASES: tuple[tuple[str, int, int, int, dict[str, Any]], ...] = (
    ("512 x 1 GPU, preferred rack", 5_000, 512, 1, {"topology": (Topology(RACK, False),)}),
    ("128 x 1 GPU, preferred rack", 5_000, 128, 1, {"topology": (Topology(RACK, False),)}),
    ("512 x 1 GPU, segments of 8 on a node", 5_000, 512, 1, {
        "segment": Segment(8, TopologyLevel.NODE)}),
    ("64 x 8 GPUs", 100_000, 64, 8, {}),
    ("64 x 8 GPUs, preferred rack", 100_000, 64, 8, {"topology": (Topology(RACK, False),)}),
    ("64 x 8 GPUs, required block", 100_000, 64, 8, {"topology": (Topology(BLOCK),)}),
    ("64 x 8 GPUs, at most 2 a rack", 100_000, 64, 8, {"spread": Spread(RACK, 2)}),
)  # fmt: skip


REFUSED: tuple[tuple[str, tuple[Part, ...], dict[str, Any]], ...] = (
    ("80 GPUs that do not fit: 20 x 1 + 30 x 2", ((20, 1, 48_500), (30, 2, 47_600)), {
        "topology": (Topology(RACK),)}),
    ("512 members that do not fit: 256 x 8 + 256 x 1", ((256, 8, 32_000), (256, 1, 4_000)), {
        "topology": (Topology(RACK),)}),
    ("512 members that do not fit: 280 x 8 + 232 x 5", ((280, 8, 32_000), (232, 5, 4_000)), {
        "topology": (Topology(BLOCK),)}),
    ("512 x 1 GPU that do not fit, segments of 9 on a node", ((256, 1, 4_000), (256, 1, 4_001)), {
        "segment": Segment(9, TopologyLevel.NODE)}),
)  # fmt: skip
"""Gangs for which there is no room, on ``REFUSED_NODES`` nodes. That of 80 GPUs would have room in
many racks by the sums, but only two of its larger role, or one of any, fit by CPU on a node."""
REFUSED_NODES = 5_000


def main() -> int:
    """Measure, print and write bench/results/gang.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=(5_000, 100_000))
    options = parser.parse_args()
    warm()
    rows = []
    for n_nodes in options.nodes:
        cluster = filled(n_nodes)
        gc.collect()
        gc.freeze()
        for name, size, members, gpus, wishes in CASES:
            if size == n_nodes:
                rows.append({"nodes": n_nodes, "gang": name})
                rows[-1] |= measure(cluster, gang_of(members, gpus, wishes))
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
        if n_nodes == REFUSED_NODES:
            for name, parts, wishes in REFUSED:
                rows.append({"nodes": n_nodes, "gang": name})
                rows[-1] |= measure(cluster, gang_of_parts(parts, wishes))
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
        gc.unfreeze()
    print(f"results: {write_result('gang', {'rows': rows})}")
    return 0


def gang_of(members: int, gpus: int, wishes: dict[str, Any]) -> Gang:
    """Return a gang of pods that are alike."""
    devices = (DeviceRequest(WholeGpus(gpus)),)
    pods = tuple(Request(f"g{i}", 4_000 * gpus, 16_384, devices) for i in range(members))
    return Gang("gang", (Role("workers", pods),), **wishes)


def gang_of_parts(parts: tuple[Part, ...], wishes: dict[str, Any]) -> Gang:
    """Return a gang of several roles, each of pods that are alike."""
    roles = tuple(
        Role(
            f"role{r}",
            tuple(
                Request(f"g{r}-{i}", cpu, 16_384, (DeviceRequest(WholeGpus(gpus)),))
                for i in range(members)
            ),
        )
        for r, (members, gpus, cpu) in enumerate(parts)
    )
    return Gang("gang", roles, **wishes)


def filled(n_nodes: int) -> Cluster:
    """Return a cluster of which some two fifths of the nodes are in use, in part or whole."""
    rng = np.random.default_rng(7)
    cluster = Cluster(
        Node(f"n{i:06}", 96_000, 786_432, GPUS, "G2", labels=labels_of(i)) for i in range(n_nodes)
    )
    for row in range(n_nodes):
        if rng.random() < 0.4:
            put(cluster, row, 0, int(rng.integers(1, GPUS + 1)), f"f{row}")
    return cluster


def labels_of(node: int) -> tuple[tuple[str, str], ...]:
    """Return the labels of a node, as many as nodes in the field have at least."""
    rack = node // NODES_A_RACK
    block = rack // RACKS_A_BLOCK
    return (
        ("kubernetes.io/hostname", f"n{node:06}"),
        ("kubernetes.io/arch", "amd64"),
        ("nvidia.com/gpu.product", "G2"),
        ("topology.kubernetes.io/zone", f"z{block // 8}"),
        ("topology.kubernetes.io/block", f"b{block}"),
        ("topology.kubernetes.io/rack", f"r{rack}"),
    )


def put(cluster: Cluster, row: int, first: int, count: int, uid: str) -> None:
    """Bind a pod to the GPUs of a node from ``first`` on."""
    request = Request(uid, 4_000 * count, 16_384, (DeviceRequest(WholeGpus(count)),))
    grants = tuple(Grant(Slot(gpu), 1000, 0) for gpu in range(first, first + count))
    placement = Placement(cluster.name(row), (grants,), (0,))
    cluster.apply(Bound(Decision(request, 0.0, placement), 0.0))


def measure(cluster: Cluster, gang: Gang) -> dict[str, Any]:
    """Return one row of the table."""
    rng = np.random.default_rng(11)
    engine = Engine(cluster, make_policy("best-fit"))
    start = time.perf_counter()
    engine.domains.ids(TopologyLevel.RACK)
    labels_s = time.perf_counter() - start
    first_s, _ = timed(engine, gang)
    times = []
    placed = 0
    for _ in range(REPETITIONS):
        change(cluster, engine, rng)
        seconds, n = timed(engine, gang)
        times.append(seconds)
        placed += n
    figures = percentiles(times)
    return {
        "best_ms": round(1e3 * min(times), 2),
        "p50_ms": round(figures["p50_us"] / 1e3, 2),
        "p99_ms": round(figures["p99_us"] / 1e3, 2),
        "first_ms": round(1e3 * first_s, 2),
        "first_labels_ms": round(1e3 * labels_s, 1),
        "placed": placed // REPETITIONS,
    }


def change(cluster: Cluster, engine: Engine, rng: np.random.Generator) -> None:
    """Let some pods leave and as many come."""
    uids = list(cluster.pods)
    for i in rng.choice(len(uids), CHANGES, replace=False).tolist():
        cluster.apply(Gone(uids[i]))
    for _ in range(CHANGES):
        devices = (DeviceRequest(WholeGpus(int(rng.integers(1, GPUS + 1)))),)
        request = Request(f"c{cluster.log.number}", 4_000, 0, devices)
        decision = engine.decide(request, 0.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 0.0))


def timed(engine: Engine, gang: Gang) -> tuple[float, int]:
    """Return the seconds that a plan takes, and how many members it places."""
    start = time.perf_counter()
    plan = engine.decide_gang(gang, 0.0)
    return time.perf_counter() - start, len(plan.decisions)


if __name__ == "__main__":
    sys.exit(main())
