"""How far is the engine from exact optima, on small instances?

Three questions, each over the same number of seeded random instances, answered exactly by HiGHS:
what all policies pack of a demand above capacity (instances that first-fit packs best in arrival
order do not count); whether a plan for a gang is found when one exists (of the largest gangs that
fit, those that first-fit does not find); and what evictions cost beside the least. Exit code 1: a
target is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from typing import Any, TypeVar

import numpy as np

from bayplan.scheduler.compiled import warm
from measure import write_result
from optimal_evictions import Evicted, evicted_for_gang, evicted_for_pod, key, ratio
from optimal_gangs import Planned, planned
from optimal_model import Proof
from optimal_packs import Packed, packed
from optimal_victims import GUARDS

LEAST_PACKED, LEAST_FOUND, MOST_COST = 0.97, 0.99, 1.10
MOST_UNPROVEN = 0.02
WAVE = 32

Result = TypeVar("Result")


def main() -> int:
    """Compare, print and write bench/results/optimal.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    warm()
    number: int = options.instances
    with ProcessPoolExecutor(options.workers) as pool:
        figures: dict[str, Any] = {
            "instances": number,
            "packing": packing_figures(taken(in_order(pool, packed), number, _packs)),
        }
        show_packing(figures["packing"])
        figures["gangs"] = gang_figures(taken(in_order(pool, planned), number, _is_hard))
        show_gangs(figures["gangs"])
        for name, one in (("pod", evicted_for_pod), ("gang", evicted_for_gang)):
            figures[f"victims for a {name}"] = part = victim_figures(
                taken(in_order(pool, one), number, lambda each: bool(each.least))
            )
            show_victims(name, part)
    figures["missed"] = missed = misses(figures)
    print(f"\nresults: {write_result('optimal', figures)}")
    for target in missed:
        print(f"optimal: missed: {target}", file=sys.stderr)
    return 1 if missed else 0


def in_order(pool: ProcessPoolExecutor, one: Callable[[int], Result]) -> Iterator[Result]:
    """Go through the results of all seeds from 0 on, whatever the number of workers."""
    for start in count(0, WAVE):
        yield from pool.map(one, range(start, start + WAVE))


def taken(results: Iterable[Result], number: int, counts: Callable[[Result], bool]) -> list[Result]:
    """Return results up to the one with which ``number`` of them count."""
    found, left = [], number
    for result in results:
        found.append(result)
        left -= counts(result)
        if not left:
            break
    return found


# --- figures -----------------------------------------------------------------------------------


def _packs(result: Packed) -> bool:
    return bool(result.parts)


def _is_hard(result: Planned) -> bool:
    return result.proof is Proof.OPTIMAL and not result.easy


def packing_figures(results: Sequence[Packed]) -> dict[str, Any]:
    """Return the part of the optimum that is placed, by order and policy, the best first."""
    counted = [result for result in results if result.parts]
    rows = []
    for policy, order in counted[0].parts:
        parts = np.array([result.parts[policy, order] for result in counted])
        mean, low = float(parts.mean()), float(np.percentile(parts, 5))
        figures = {"mean": mean, "p5": low, "min": float(parts.min())}
        optimal = int(np.count_nonzero(parts == 1.0))
        rows.append(
            {"policy": policy, "order": order}
            | {name: round(value, 4) for name, value in figures.items()}
            | {"optimal": optimal}
        )
    return {
        "counted": len(counted),
        "first-fit is optimal": sum(result.easy for result in results),
        "not proven": sum(result.optimum is None for result in results),
        "rows": sorted(rows, key=lambda row: -float(str(row["mean"]))),
    }


def gang_figures(results: Sequence[Planned]) -> dict[str, Any]:
    """Return how many plans exist, and how many are found; easy ones apart."""
    exist = [result for result in results if result.proof is Proof.OPTIMAL]
    hard = [result for result in exist if not result.easy]
    return {
        "counted": len(hard),
        "found": sum(result.found for result in hard),
        "easy": len(exist) - len(hard),
        "easy found": sum(result.found for result in exist if result.easy),
        "no gang fits": sum(result.proof is Proof.INFEASIBLE for result in results),
        "not proven": sum(result.proof is Proof.UNKNOWN for result in results),
        "missed seeds": [result.seed for result in exist if not result.found],
    }


def victim_figures(results: Sequence[Evicted]) -> dict[str, Any]:
    """Return our cost over the least, for each of ``GUARDS``.

    Where our guards are worse, our cost may be less; such a ratio counts as 1.
    """
    counted = [result for result in results if result.least]
    rows = []
    for guard_number, guard in enumerate(GUARDS):
        pairs = [(r.ours, r.least[guard_number]) for r in counted if r.ours is not None]
        ratios = [max(1.0, ratio(ours, least)) for ours, least in pairs]
        total = sum(ours.cost for ours, _ in pairs) / sum(least.cost for _, least in pairs)
        rows.append(
            {
                "guards": guard,
                "same guards": sum(key(o, guard) == key(least, guard) for o, least in pairs),
                "mean ratio": round(float(np.mean(ratios)), 4),
                "median ratio": round(float(np.median(ratios)), 4),
                "max ratio": round(max(ratios), 2),
                "ratio of sums": round(total, 4),
            }
        )
    return {
        "counted": len(counted),
        "found": sum(result.ours is not None for result in counted),
        "nobody need leave": sum(result.fits for result in results),
        "no victims are enough": sum(result.proof is Proof.INFEASIBLE for result in results),
        "not proven": sum(result.proof is Proof.UNKNOWN for result in results),
        "missed seeds": [result.seed for result in counted if result.ours is None],
        "unlike seeds": [r.seed for r in counted if r.ours and not _is_like(r)],
        "rows": rows,
    }


def _is_like(result: Evicted) -> bool:
    assert result.ours is not None
    return key(result.ours, GUARDS[-1]) == key(result.least[-1], GUARDS[-1])


def misses(figures: dict[str, Any]) -> list[str]:
    """Return the targets that are missed, one line each."""
    missed = []
    best = figures["packing"]["rows"][0]
    if best["mean"] < LEAST_PACKED:
        missed.append(f"packing: {best['policy']}, {best['order']}: {best['mean']:.3f}")
    gangs = figures["gangs"]
    if gangs["found"] < LEAST_FOUND * gangs["counted"]:
        missed.append(f"gangs: {gangs['found']} of {gangs['counted']} plans found")
    for who in ("pod", "gang"):
        part = figures[f"victims for a {who}"]
        if part["rows"][-1]["mean ratio"] > MOST_COST:
            missed.append(f"victims for a {who}: {part['rows'][-1]['mean ratio']} × the least")
        if part["found"] < LEAST_FOUND * part["counted"]:
            missed.append(f"victims for a {who}: {part['found']} of {part['counted']} found")
    missed += [
        f"{name}: {part['not proven']} not proven"
        for name, part in figures.items()
        if isinstance(part, dict) and part["not proven"] > MOST_UNPROVEN * part["counted"]
    ]
    return missed


# --- printing ----------------------------------------------------------------------------------


def show_packing(part: dict[str, Any]) -> None:
    """Print what is packed, by order and policy."""
    print(
        f"PACKING: value placed over the optimum, {part['counted']} instances; first-fit was"
        f" optimal on {part['first-fit is optimal']} more, {part['not proven']} not proven"
    )
    print(f"  {'policy':20}{'order':15}{'mean':>8}{'p5':>8}{'min':>8}{'optimal':>9}")
    for row in part["rows"]:
        print(
            f"  {row['policy']:20}{row['order']:15}{row['mean']:8.3f}{row['p5']:8.3f}"
            f"{row['min']:8.3f}{row['optimal']:9}"
        )


def show_gangs(part: dict[str, Any]) -> None:
    """Print how many plans are found."""
    print(
        f"\nGANGS: {part['found']} of {part['counted']} plans found that exist and that first-fit"
        f" does not find;\n  {part['easy found']} of {part['easy']} that first-fit finds too;"
        f" {part['no gang fits']} clusters took none, {part['not proven']} not proven"
    )
    if part["missed seeds"]:
        print(f"  missed seeds: {part['missed seeds']}")


def show_victims(who: str, part: dict[str, Any]) -> None:
    """Print what evictions cost."""
    print(
        f"\nVICTIMS for a {who}: {part['found']} of {part['counted']} found;"
        f" {part['nobody need leave']} fitted, {part['no victims are enough']} cannot be helped,"
        f" {part['not proven']} not proven\n  cost over the least cost under the same guards"
    )
    print(
        f"  {'guards that come first':38}{'mean':>8}{'median':>8}{'max':>9}{'sums':>8}{'same':>6}"
    )
    for row in part["rows"]:
        print(
            f"  {row['guards']:38}{row['mean ratio']:8.3f}{row['median ratio']:8.3f}"
            f"{row['max ratio']:9.2f}{row['ratio of sums']:8.3f}{row['same guards']:6}"
        )
    for name in ("missed seeds", "unlike seeds"):
        if part[name]:
            print(f"  {name}: {part[name]}")


if __name__ == "__main__":
    sys.exit(main())
