"""Does the engine reproduce the published packing table of FGD (USENIX ATC 2023)?

Part 1: with the published orders, five workloads × six policies × seeds 42-51, every column of
allocation and fragmentation beside theirs. Part 2: with our own orders and 30 seeds, means beside
their means. Exit code 0 when all tolerances hold, 1 when one does not, 2 without the data.

Data: the folder named by BAYPLAN_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from bayplan.scheduler.compiled import warm
from bayplan.simulator.replay.orders import read_orders
from bayplan.simulator.replay.settings import Experiment
from bayplan.simulator.replay.sweep import Run, sweep
from bayplan.traces import read_nodes, read_pods

THEIR_NAMES = {
    "random": "01-Random",
    "dot-product": "02-DotProd",
    "gpu-clustering": "03-GpuClustering",
    "gpu-packing": "04-GpuPacking",
    "best-fit": "05-BestFit",
    "fgd": "06-FGD",
}
WORKLOADS = ("default", "cpu050", "multigpu20", "gpushare100", "gpuspec10")
SEEDS = list(range(42, 52))
OWN_SEEDS = list(range(1, 31))
METRICS = {"allocated_pct": "allo", "fragmented_pct_of_capacity": "frag"}
TOLERANCE = {"allocated_pct": 0.01, "fragmented_pct_of_capacity": 0.02}
RANDOM_TOLERANCE = 0.3
OWN_TOLERANCE = 0.5
HALF_DIGIT = 1e-9  # both sides have two decimals; this is for their binary representation


@dataclass(frozen=True)
class Comparison:
    """One workload and policy: the largest difference in percentage points."""

    orders: str
    workload: str
    policy: str
    ours_at_100: float
    theirs_at_100: float
    allocated: float
    fragmented: float
    tolerance: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether both differences are within their tolerance."""
        return (
            self.allocated <= self.tolerance[0] + HALF_DIGIT
            and self.fragmented <= self.tolerance[1] + HALF_DIGIT
        )


Published = dict[tuple[str, str, int], dict[str, list[float]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts, print the tables, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write the comparison here")
    parser.add_argument("--published-only", action="store_true", help="part 1 only")
    options = parser.parse_args(arguments)
    data = Path(os.environ.get("BAYPLAN_DATA", "../shared/data"))
    if not (data / "fgd_expected").is_dir():
        print(f"reproduce: no published tables in {data}; set BAYPLAN_DATA", file=sys.stderr)
        return 2
    warm()
    published = read_published(data)
    print("FGD (USENIX ATC 2023): GPUs allocated at 100 % load, and the largest difference")
    print("over all columns 0-130, in percentage points\n")
    done = part(
        "published orders, seeds 42-51", with_their_orders(data, published, options.workers)
    )
    if not options.published_only:
        done += part(
            "own orders, seeds 1-30: means", with_own_orders(data, published, options.workers)
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in done], indent=1) + "\n")
    failed = [each for each in done if not each.holds]
    print(f"{len(done) - len(failed)} of {len(done)} within tolerance")
    return 1 if failed else 0


def part(title: str, comparisons: Iterator[tuple[Comparison, int]]) -> list[Comparison]:
    """Print one part as it is computed, with its wall time."""
    start = time.perf_counter()
    print(title)
    print("workload    policy          ours   theirs  max allocated  max fragmented")
    done, runs = [], 0
    for each, n in comparisons:
        print(
            f"{each.workload:11} {each.policy:14} {each.ours_at_100:6.2f} {each.theirs_at_100:7.2f}"
            f" {each.allocated:14.3f} {each.fragmented:15.3f}  {'' if each.holds else 'TOO FAR'}",
            flush=True,
        )
        done.append(each)
        runs += n
    print(f"{runs} runs in {time.perf_counter() - start:.1f} s\n")
    return done


def with_their_orders(
    data: Path, published: Published, workers: int
) -> Iterator[tuple[Comparison, int]]:
    """Compare run by run; of the random policy only means can be compared."""
    for workload in WORKLOADS:
        experiment = load(data, workload, orders=True)
        for policy, runs in by_policy(experiment, SEEDS, workers):
            theirs = [published[workload, policy, seed] for seed in SEEDS]
            if policy == "random":
                gaps = [abs_gap(mean_columns(runs, m), mean_theirs(theirs, m)) for m in METRICS]
                tolerance = (RANDOM_TOLERANCE, RANDOM_TOLERANCE)
            else:
                gaps = [
                    max(abs_gap(getattr(run, m), t[m]) for run, t in zip(runs, theirs, strict=True))
                    for m in METRICS
                ]
                tolerance = (TOLERANCE["allocated_pct"], TOLERANCE["fragmented_pct_of_capacity"])
            yield compare("published", workload, policy, runs, theirs, gaps, tolerance), len(runs)


def with_own_orders(
    data: Path, published: Published, workers: int
) -> Iterator[tuple[Comparison, int]]:
    """Compare means over our own seeds with the means over theirs."""
    for workload in WORKLOADS:
        experiment = load(data, workload, orders=False)
        for policy, runs in by_policy(experiment, OWN_SEEDS, workers):
            theirs = [published[workload, policy, seed] for seed in SEEDS]
            gaps = [abs_gap(mean_columns(runs, m), mean_theirs(theirs, m)) for m in METRICS]
            tolerance = (OWN_TOLERANCE, OWN_TOLERANCE)
            yield compare("own", workload, policy, runs, theirs, gaps, tolerance), len(runs)


def compare(
    orders: str,
    workload: str,
    policy: str,
    runs: Sequence[Run],
    theirs: Sequence[dict[str, list[float]]],
    gaps: Sequence[float],
    tolerance: tuple[float, float],
) -> Comparison:
    """Return the row of one workload and policy."""
    return Comparison(
        orders=orders,
        workload=workload,
        policy=policy,
        ours_at_100=mean_columns(runs, "allocated_pct")[100],
        theirs_at_100=mean_theirs(theirs, "allocated_pct")[100],
        allocated=gaps[0],
        fragmented=gaps[1],
        tolerance=tolerance,
    )


def by_policy(
    experiment: Experiment, seeds: Sequence[int], workers: int
) -> Iterator[tuple[str, list[Run]]]:
    """Yield the runs of each policy as they are complete."""
    runs: list[Run] = []
    for run in sweep(experiment, list(THEIR_NAMES), seeds, workers):
        runs.append(run)
        if len(runs) == len(seeds):
            yield run.policy, runs
            runs = []


def load(data: Path, workload: str, *, orders: bool) -> Experiment:
    """Return a workload, with the published orders or none."""
    nodes = read_nodes(data / "openb" / "openb_node_list_gpu_node.csv", "openb")
    pods = read_pods(data / "openb" / f"openb_pod_list_{workload}.csv", "openb")
    if not orders:
        return Experiment(nodes, pods)
    folder = data / "fgd_expected" / "replay_orders"
    return Experiment(
        nodes,
        pods,
        arrivals=read_orders(folder / f"{workload}_arrivals.csv", len(pods), complete=False),
        node_orders=read_orders(folder / f"{workload}_node_order.csv", len(nodes), complete=True),
    )


def read_published(data: Path) -> Published:
    """Return the published columns by (workload, our policy name, seed)."""
    ours = {theirs: name for name, theirs in THEIR_NAMES.items()}
    published: Published = {}
    for metric, short in METRICS.items():
        path = data / "fgd_expected" / f"analysis_{short}_discrete.csv"
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                workload = row["workload"].removeprefix("openb_pod_list_")
                key = workload, ours[row["sc_policy"]], int(row["seed"])
                values = [float(row[str(x)]) for x in range(131)]
                published.setdefault(key, {})[metric] = values
    return published


def mean_columns(runs: Sequence[Run], metric: str) -> list[float]:
    """Return the mean over runs of each column; a column that a run lacks is an error."""
    return [fmean(values) for values in zip(*(getattr(run, metric) for run in runs), strict=True)]


def mean_theirs(theirs: Sequence[dict[str, list[float]]], metric: str) -> list[float]:
    """Return the mean over their runs of each column."""
    return [fmean(values) for values in zip(*(run[metric] for run in theirs), strict=True)]


def abs_gap(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the largest difference over the columns."""
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    sys.exit(main())
