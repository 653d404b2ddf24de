"""Runs that the papers' repositories have figures of, and those runs in our simulator."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from papers import gavel, muri, tiresias

MURI = "muri_philly/expected.csv"
GAVEL = "gavel/expected_experiments_md.csv"
GAVEL_SPEEDS = "gavel/simulation_throughputs.csv"

ORDERINGS = {"SRTF": "srtf", "SRSF": "srsf"}
"""Policies of Muri's simulator that are an order, and ours."""

TIRESIAS = "Tiresias_L"


@dataclass(frozen=True, slots=True)
class MuriRun:
    """A policy of Muri's simulator, by its name there, on a trace; and what it came to there."""

    policy: str
    trace: Path
    theirs: Mapping[str, str]

    @property
    def name(self) -> str:
        """The run in a table."""
        return f"{self.trace.stem} {self.policy}"

    def simulate(self) -> Mapping[str, float]:
        """Return our figures by their names."""
        jobs = muri.read_trace(self.trace)
        if self.policy == TIRESIAS:
            outcome = tiresias.simulate(jobs)
        else:
            outcome = muri.simulate(ORDERINGS[self.policy], jobs)
        return muri.figures_of_outcome(outcome, jobs)._asdict()


@dataclass(frozen=True, slots=True)
class GavelRun:
    """A row of Gavel's figures; the window is the numbers of the jobs that count."""

    stream: Path
    speeds: Path
    cluster: str
    seed: int
    lambda_s: float
    window: range
    theirs: Mapping[str, str]

    @property
    def name(self) -> str:
        """The run in a table."""
        return f"seed {self.seed}, lambda {self.lambda_s:g} s"

    def simulate(self) -> Mapping[str, float]:
        """Return our figures by their names."""
        stream = gavel.read_stream(self.stream, self.lambda_s)
        speeds = gavel.read_speeds(self.speeds)
        return gavel.run(stream, speeds, self.cluster, self.window)._asdict()


Run = MuriRun | GavelRun


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure, as it is printed, and ours."""

    paper: str
    run: str
    figure: str
    theirs: str
    ours: float

    @property
    def printed(self) -> str:
        """Ours with as many decimals as theirs."""
        return f"{self.ours:.{len(self.theirs.partition('.')[2])}f}"

    @property
    def equal(self) -> bool:
        """Whether all printed digits are the same."""
        return self.printed == self.theirs


def muri_runs(data: Path) -> tuple[list[MuriRun], list[str]]:
    """Return the published runs that can be repeated, and what of the rest cannot.

    A run can be when its policy is known (else the policy is named) and its trace is there (else
    the trace is).
    """
    published: dict[tuple[str, str], dict[str, str]] = {}
    path = data / MURI
    for row in _rows(path):
        published.setdefault((row["trace"], row["policy"]), {})[row["metric"]] = row["value_s"]
    runs = [
        MuriRun(policy, path.with_name(f"{trace}.csv"), theirs)
        for (trace, policy), theirs in sorted(published.items())
    ]
    known = {*ORDERINGS, TIRESIAS}
    left_out = {run.policy for run in runs if run.policy not in known}
    left_out |= {run.trace.name for run in runs if not run.trace.is_file()}
    repeated = [run for run in runs if run.policy in known and run.trace.is_file()]
    return repeated, sorted(left_out)


def gavel_runs(data: Path) -> list[GavelRun]:
    """Return the published rows."""
    folder = (data / GAVEL).parent
    runs = []
    for row in _rows(data / GAVEL):
        first, _, last = row["window_job_ids"].partition("..")
        runs.append(
            GavelRun(
                folder / f"continuous_single_seed{row['seed']}.csv",
                data / GAVEL_SPEEDS,
                row["cluster"],
                int(row["seed"]),
                float(row["lambda_s"]),
                range(int(first), int(last) + 1),
                {name: row[name] for name in gavel.Figures._fields},
            )
        )
    return runs


def figures(paper: str, run: Run, ours: Mapping[str, float]) -> list[Figure]:
    """Return the figures of a run beside each other."""
    return [
        Figure(paper, run.name, name, theirs, ours[name]) for name, theirs in run.theirs.items()
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
