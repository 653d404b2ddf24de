"""How much of a cluster can be handed out under each way to share its GPUs, and how fast?

openb default at load 1.3, seed 42, policy fgd, on openb's nodes with A100-80GB GPUs in place of
theirs: the six modes of ``bayplan replay --sharing all``. Kernels are compiled before. Needs the
public trace.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any

from bayplan.scheduler.compiled import warm
from bayplan.scheduler.hardware import product_named
from bayplan.simulator.replay.settings import Experiment
from bayplan.simulator.replay.sweep import Packer
from bayplan.simulator.sharing import MODES, Modes, cuts, with_product
from bayplan.traces import read_nodes, read_pods
from measure import DATA, write_result

SEED = 42
POLICY = "fgd"
PRODUCT = "A100-80GB"
REPEATS = 3


def main() -> int:
    """Measure, print and write bench/results/modes.json."""
    warm()
    nodes = read_nodes(DATA / "openb" / "openb_node_list_gpu_node.csv", "openb")
    pods = read_pods(DATA / "openb" / "openb_pod_list_default.csv", "openb")
    nodes, pods = with_product(nodes, pods, product_named(PRODUCT))
    experiment = Experiment(nodes, pods)
    rows = [row for mode in MODES for row in measure(mode, experiment)]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    figures = {"product": PRODUCT, "policy": POLICY, "load": experiment.load, "rows": rows}
    print(f"results: {write_result('modes', figures)}")
    return 0


def measure(mode: str, experiment: Experiment) -> list[dict[str, Any]]:
    """Return the rows of a mode: one for each cut of the cluster that it makes."""
    start = time.perf_counter()
    made = cuts(Modes((mode,)), experiment.nodes, experiment.pods)
    cutting_s = (time.perf_counter() - start) / len(made)
    rows = []
    for cut in made:
        times, decide = [], []
        for _ in range(REPEATS):
            start = time.perf_counter()
            run = Packer(replace(experiment, cuts=(cut,))).run(POLICY, SEED)
            times.append(time.perf_counter() - start + cutting_s)
            decide.append(run.decide_s)
        percent = run.gpu_capacity_milli / 100
        rows.append(
            {
                "sharing": cut.label,
                "placed": run.placed,
                "allocated_pct": round(run.gpu_allocated_milli / percent, 2),
                "internal_pct": round(run.gpu_internal_milli / percent, 2),
                "external_pct": round(run.gpu_stranded_milli / percent, 2),
                "refused": run.refused,
                "decide_s": round(min(decide), 3),
                "all_s": round(min(times), 3),
            }
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
