"""How long does a packing experiment take?

One experiment (openb default, published orders, seed 42, fgd: 10,866 pods on 1,213 nodes): the
decide loop, the whole process with warm kernels, and with an empty kernel cache. Then six policies
× ten seeds in one process. Data: the folder named by BAYPLAN_DATA.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from statistics import median

from bayplan.scheduler.compiled import warm
from bayplan.simulator.replay.sweep import Packer
from measure import DATA, write_result
from reproduce import SEEDS, THEIR_NAMES, load

REPEATS = 5
ARGUMENTS = [
    "replay",
    f"--nodes={DATA / 'openb' / 'openb_node_list_gpu_node.csv'}",
    f"--pods={DATA / 'openb' / 'openb_pod_list_default.csv'}",
    f"--arrivals={DATA / 'fgd_expected' / 'replay_orders' / 'default_arrivals.csv'}",
    f"--node-order={DATA / 'fgd_expected' / 'replay_orders' / 'default_node_order.csv'}",
    "--policy=fgd",
]


def main() -> int:
    """Measure, print and write bench/results/replay.json."""
    if not DATA.is_dir():
        print(f"bench: no data in {DATA}; set BAYPLAN_DATA", file=sys.stderr)
        return 2
    warm()
    packer = Packer(load(DATA, "default", orders=True))
    loops = [packer.run("fgd", 42).decide_s for _ in range(REPEATS)]
    start = time.perf_counter()
    for policy in THEIR_NAMES:
        for seed in SEEDS:
            packer.run(policy, seed)
    sixty = time.perf_counter() - start
    warm_s = median(process_seconds({}) for _ in range(REPEATS))
    # The largest of the children so far; none of them compiled.
    memory_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as empty:
        cold_s = process_seconds({"XDG_CACHE_HOME": empty, "NUMBA_CACHE_DIR": empty})
    figures = {
        "decide_s": {"min": round(min(loops), 3), "median": round(median(loops), 3)},
        "process_warm_s": round(warm_s, 2),
        "process_warm_mib": round(memory_mib),
        "process_cold_s": round(cold_s, 1),
        "sixty_runs_s": round(sixty, 1),
    }
    path = write_result("replay", figures)
    for name, figure in figures.items():
        print(f"{name:20} {figure}")
    print(f"results: {path}")
    return 0


def process_seconds(environment: dict[str, str]) -> float:
    """Return the wall time of one experiment as a whole process."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from bayplan.cli import main; main()", *ARGUMENTS],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
