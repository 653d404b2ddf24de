"""Are simulations as fast as they were at another commit?

Both run the same cases of bench/simulate.py in turn, in one run on one machine: what slows the
machine down slows both. The other commit is checked out into a folder of its own, which goes
afterwards; the dependencies are those that are installed. Printed are the medians of the CPU time
per job, and the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
CASES = ("philly-strict", "philly-skipping", "mps-small-50k", "fifo-steps", "sjf-steps")


def main() -> int:
    """Measure, and print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="what to compare with, as git names it")
    parser.add_argument("--cases", nargs="+", default=CASES, help="of bench/simulate.py")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        _git("worktree", "add", "--detach", "-f", str(other), options.commit)
        try:
            for name in options.cases:
                print(compared(name, other, options.rounds), flush=True)
        finally:
            _git("worktree", "remove", "--force", str(other))
    return 0


def compared(name: str, other: Path, rounds: int) -> str:
    """Return a line about one case."""
    taken: dict[Path, list[float]] = {other: [], ROOT: []}
    for number in range(rounds + 1):
        for root in (other, ROOT) if number % 2 else (ROOT, other):
            us = cpu_us(name, root)
            if number:  # the first run of each compiles its kernels
                taken[root].append(us)
    before, now = median(taken[other]), median(taken[ROOT])
    return f"{name:18} {before:7.1f} -> {now:7.1f} us CPU a job, x {now / before:.3f}"


def cpu_us(name: str, root: Path) -> float:
    """Return the CPU time of a case at a commit, microseconds a job."""
    paths = os.pathsep.join([str(root / "src"), str(root / "bench")])
    done = subprocess.run(
        [sys.executable, "simulate.py", "--case", name],
        cwd=root / "bench", env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    row = json.loads(done.stdout.strip().splitlines()[-1])
    return float(row["cpu_s"]) / float(row["jobs"]) * 1e6


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
