"""Does the simulator reproduce published schedules?

Muri's simulator (SIGCOMM 2022) by SRTF, SRSF and Tiresias on all of its traces that are there, and
Gavel's (OSDI 2020) at low load: theirs beside ours, equal when all digits are that were printed.
Then Muri's cluster of 64 GPUs beside a simulation of it. Exit code 0 when all published figures
are equal, 1 when one is not, 2 without the data.

Data: the folder named by BAYPLAN_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bayplan.scheduler.compiled import warm
from bayplan.scheduler.errors import InputError
from bayplan.simulator.workers import spread
from papers import testbed
from papers.published import GAVEL, GAVEL_SPEEDS, MURI, Figure, Run, figures, gavel_runs, muri_runs
from papers.testbed import Measured

NEEDED = (MURI, GAVEL, GAVEL_SPEEDS, testbed.TRACE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, print the tables, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    data = Path(os.environ.get("BAYPLAN_DATA", "../shared/data"))
    missing = [path for path in NEEDED if not (data / path).is_file()]
    if missing:
        print(f"reproduce_papers: no {missing[0]} in {data}; set BAYPLAN_DATA", file=sys.stderr)
        return 2
    warm()
    try:
        published, measured = reproduce(data, options.workers)
    except InputError as error:
        print(f"reproduce_papers: {error}", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(written(published, measured), indent=1) + "\n")
    n_equal = sum(each.equal for each in published)
    print(f"{n_equal} of {len(published)} equal to the printed digits")
    return 0 if published and n_equal == len(published) else 1


def reproduce(data: Path, workers: int) -> tuple[list[Figure], list[Measured]]:
    """Print the tables as they are computed, and return what is in them."""
    runs, left_out = muri_runs(data)
    print("Schedules of Muri's simulator (SIGCOMM 2022), seconds\n")
    published = side_by_side("Muri", runs, workers)
    if left_out:
        print(f"Of what is published, not repeated: {', '.join(left_out)}\n")
    print("Gavel (OSDI 2020): AlloX there, V100 first FIFO here\n")
    published += side_by_side("Gavel", gavel_runs(data), workers)
    print("64 V100 of Muri's authors and a simulation of them, seconds\n")
    return published, beside_machines(data, workers)


def side_by_side(paper: str, runs: Sequence[Run], workers: int) -> list[Figure]:
    """Print the figures of each run as it is complete, with the wall time of all."""
    start = time.perf_counter()
    print(f"{'run':25} {'figure':11} {'theirs':>17} {'ours':>17}")
    done: list[Figure] = []
    for run, found in zip(runs, simulated(runs, workers), strict=True):
        for each in figures(paper, run, found):
            said = "equal" if each.equal else "NOT EQUAL"
            row = f"{each.run:25} {each.figure:11} {each.theirs:>17} {each.printed:>17}  {said}"
            print(row, flush=True)
            done.append(each)
    print(f"{len(runs)} runs in {time.perf_counter() - start:.1f} s\n")
    return done


def beside_machines(data: Path, workers: int) -> list[Measured]:
    """Print what machines did beside what was simulated; there is nothing to be equal to."""
    runs = testbed.runs(data)
    done: list[Measured] = []
    print(f"{'policy':11} {'figure':11} {'real':>13} {'simulated':>13}    error")
    for run, found in zip(runs, simulated(runs, workers), strict=True):
        for name, real in testbed.real(run)._asdict().items():
            each = Measured(run.policy, name, real, found[name])
            print(
                f"{each.policy:11} {name:11} {each.real:13,.0f} {each.simulated:13,.0f}"
                f"  {each.error_pct:+5.1f} %",
                flush=True,
            )
            done.append(each)
    print("\n" + "\n".join(testbed.CAVEATS) + "\n")
    return done


def simulated(runs: Sequence[Run], workers: int) -> Iterator[Mapping[str, float]]:
    """Yield our figures of each run, in order."""
    if workers == 1 or len(runs) < 2:
        return map(simulate, runs)
    return spread([(run,) for run in runs], warm, simulate, workers)


def simulate(run: Run) -> Mapping[str, float]:
    """Return our figures of one run."""
    return run.simulate()


def written(published: Sequence[Figure], measured: Sequence[Measured]) -> dict[str, object]:
    """Return what goes into the JSON file."""
    return {
        "published": [asdict(each) | {"equal": each.equal} for each in published],
        "testbed": [asdict(each) | {"error_pct": each.error_pct} for each in measured],
    }


if __name__ == "__main__":
    sys.exit(main())
