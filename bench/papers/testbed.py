"""Muri's cluster of 64 V100: the jobs as its machines ran them, beside a simulation of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from papers.muri import Figures, figures_of
from papers.published import MuriRun

TRACE = "muri_testbed/cluster_trace.csv"

LOGS = {"SRTF": "SRTF", "SRSF": "SRSF", "Tiresias_L": "tiresias"}
"""Policies by their name in the simulator, and in the names of the logs."""

CAVEATS = (
    "The cluster was fast-forwarded: in every slice 60 iterations ran on the GPUs, and the rest",
    "was extrapolated from their time; its 48 days are simulated days. It scheduled every 360 s.",
    "The factor 1.015 on all times of iterations is its authors' calibration. So this validates",
    "times of iterations, costs of restarts and the policies, not 48 days of operation.",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of the real cluster and the simulated one, seconds."""

    policy: str
    figure: str
    real: float
    simulated: float

    @property
    def error_pct(self) -> float:
        """How far the simulation is off."""
        return 100 * (self.simulated / self.real - 1)


def runs(data: Path) -> list[MuriRun]:
    """Return the runs to simulate: those whose log is there."""
    trace = data / TRACE
    return [
        MuriRun(policy, trace, {})
        for policy, log in LOGS.items()
        if trace.with_name(f"job_{log}.csv").is_file()
    ]


def real(run: MuriRun) -> Figures:
    """Return the figures of the log of a run."""
    with run.trace.with_name(f"job_{LOGS[run.policy]}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    jct = np.array([float(row["JCT"]) for row in rows])
    return figures_of(jct, np.array([float(row["end_time"]) for row in rows]))
