"""How fast two training jobs run on one GPU: Gavel's pairs, job types held out.

Gavel (OSDI 2020, artifact) has the steps per second of 26 job types alone and in pairs, on V100,
P100 and K80. A type's ``bottleneck`` and ``weight`` are fitted to the pairs of the other types
only; of a held-out type they are estimated from the batch sizes and solo speed of its family
(a ridge regression), or with one profiling pair besides: one run next to a fixed reference job.
That a weight is needed beside the bottleneck was seen on all V100 pairs; held out are parameters.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.speed import Demand, slowdowns
from measure import DATA

FloatArray = NDArray[np.float64]
Parameters = dict[str, tuple[float, float]]
"""By job type: the logit of ``bottleneck`` and the logarithm of ``weight``."""

GPUS = ("v100", "p100", "k80")
FOLDS = 5
REFERENCE = "Transformer (batch size 64)"
"""What a held-out type is profiled with in the second variant; never held out itself there."""
RIDGE_FAMILY, RIDGE_STEP, RIDGE_BATCH = 0.3, 1.0, 0.3
SHRINK = 0.02
"""Set beforehand, as are the ridges: the results were not looked at to choose them."""
PROFILE_SHRINK = 0.1
_ROBUST = 0.1
_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class Pairs:
    """Speeds in pairs, over the solo speed: (type, co-resident, speed of the type)."""

    solo: dict[str, float]
    rows: list[tuple[str, str, float]]
    unfit: int
    """Ordered pairs left out, in which a throughput is 0: the two do not fit together."""


def read_pairs(gpu: str) -> Pairs:
    """Return all pairs on one GPU model, each job on one GPU."""
    solo: dict[str, float] = {}
    both: list[tuple[str, str, float, float]] = []
    with (DATA / "gavel" / "simulation_throughputs.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["worker_type"] != gpu or row["scale_factor"] != "1":
                continue
            speed, other = float(row["job_steps_per_s"]), row["colocated_job_type"]
            if not other:
                solo[row["job_type"]] = speed
            elif row["colocated_scale_factor"] == "1":
                both.append((row["job_type"], other, speed, float(row["colocated_steps_per_s"])))
    fit = [(a, b, speed / solo[a]) for a, b, speed, other in both if speed > 0 and other > 0]
    return Pairs(solo, fit, len(both) - len(fit))


def family(job: str) -> str:
    """Return the model of a job type."""
    return job.partition(" (")[0]


def log_batch(job: str) -> float:
    """Return the logarithm of the batch size; 0 without one."""
    found = re.search(r"batch size (\d+)", job)
    return float(np.log(int(found[1]))) if found else 0.0


def folds(pairs: Pairs, by: str) -> list[set[str]]:
    """Return the held-out types of each fold: every fifth type, or a family at a time."""
    ordered = sorted(pairs.solo, key=lambda job: (family(job), log_batch(job)))
    if by == "family":
        return [
            {j for j in ordered if family(j) == name} for name in sorted({*map(family, ordered)})
        ]
    return [set(ordered[start::FOLDS]) for start in range(FOLDS)]


# --- fits --------------------------------------------------------------------------------------


def fit_pairs(
    rows: Sequence[tuple[str, str, float]], fixed: Parameters, prior: Parameters, shrink: float
) -> Parameters:
    """Return the parameters of the types in ``prior``, drawn to it; those in ``fixed`` are given.

    Robust least squares (Huber's cousin, soft L1) by damped Gauss-Newton steps.
    """
    jobs = [*prior, *fixed]
    index = {job: i for i, job in enumerate(jobs)}
    centre = np.array([{**fixed, **prior}[job] for job in jobs])
    free = len(prior)
    mine = np.array([index[a] for a, _, _ in rows], dtype=np.intp)
    other = np.array([index[b] for _, b, _ in rows], dtype=np.intp)
    measured = np.array([speed for *_, speed in rows])
    now, damping = centre.copy(), 1e-2
    loss = np.inf
    trial = now
    for _ in range(_ITERATIONS):
        modelled, slope = _modelled(trial, mine, other)
        left = modelled - measured
        root = np.sqrt(1.0 + (left / _ROBUST) ** 2)
        pull = shrink * (trial - centre)[:free]
        new_loss = float((2 * _ROBUST**2 * (root - 1.0)).sum() + (pull**2).sum())
        if new_loss < loss:
            now, loss, damping = trial, new_loss, damping / 3
            jacobian = slope.reshape(len(rows), -1, 2)[:, :free].reshape(len(rows), -1)
            normal = jacobian.T @ (jacobian / root[:, None])
            gradient = jacobian.T @ (left / root) + shrink * pull.ravel()
            normal[np.diag_indices_from(normal)] += shrink**2
        else:
            damping *= 5
        step = np.linalg.solve(normal + damping * np.eye(2 * free), -gradient)
        trial = now.copy()
        trial[:free] += step.reshape(free, 2)
    return {job: (float(now[i, 0]), float(now[i, 1])) for i, job in enumerate(prior)}


def _modelled(
    parameters: FloatArray, mine: NDArray[np.intp], other: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return speeds in pairs (as ``slow_mps`` without caps has them), and their derivatives."""
    logit, weight = parameters[:, 0], parameters[:, 1]
    log_bottleneck = -np.logaddexp(0.0, -logit)
    contention = 0.5 * (log_bottleneck[mine] + log_bottleneck[other]) + weight[other] - weight[mine]
    speed = 1.0 / (1.0 + np.exp(contention))
    slope = np.zeros((mine.size, parameters.shape[0], 2))
    rows = np.arange(mine.size)  # each row once, so that a type beside itself adds up
    steep = -speed * (1.0 - speed)
    by_logit = 0.5 * (1.0 - np.exp(log_bottleneck))
    slope[rows, mine, 0] += steep * by_logit[mine]
    slope[rows, other, 0] += steep * by_logit[other]
    slope[rows, mine, 1] -= steep
    slope[rows, other, 1] += steep
    return speed, slope


def estimate(pairs: Pairs, known: Parameters, held: Iterable[str]) -> Parameters:
    """Return parameters of types without pairs, from batch sizes and solo speeds."""
    families = sorted({family(job) for job in pairs.solo})
    held = sorted(held)
    x = np.array([_features(pairs, job, families) for job in known])
    y = np.array(list(known.values()))
    ridge = [1e-6, *[RIDGE_FAMILY] * len(families), RIDGE_STEP, *[RIDGE_BATCH] * len(families)]
    lines = np.linalg.solve(x.T @ x + np.diag(ridge), x.T @ y)
    found = np.array([_features(pairs, job, families) for job in held]) @ lines
    return {job: (float(row[0]), float(row[1])) for job, row in zip(held, found, strict=True)}


def _features(pairs: Pairs, job: str, families: Sequence[str]) -> list[float]:
    own = [float(family(job) == name) for name in families]
    step = float(np.log(1e3 / pairs.solo[job]) - np.log(80.0))  # of 80 ms, a usual step
    batch = log_batch(job) - np.log(64.0)
    return [1.0, *own, step, *(batch * value for value in own)]


# --- the held-out figures ----------------------------------------------------------------------


def pair_figures(gpu: str) -> dict[str, Any]:
    """Return mean absolute errors of speed on pairs with a held-out type, and the baselines'."""
    pairs = read_pairs(gpu)
    return {
        "speeds": len(pairs.rows),
        "speeds left out": pairs.unfit,
        "types held out": _held_out(pairs, folds(pairs, "type"), profiled=False),
        "one profiling pair": _held_out(pairs, folds(pairs, "type"), profiled=True),
        "families held out": _held_out(pairs, folds(pairs, "family"), profiled=False),
    }


def _held_out(pairs: Pairs, held_out: Sequence[set[str]], *, profiled: bool) -> dict[str, float]:
    measured: list[float] = []
    modelled: list[float] = []
    for held in held_out:
        held = held - {REFERENCE} if profiled else held
        known = _known(pairs, held)
        estimated = estimate(pairs, known, held)
        if profiled:
            estimated = {job: _profile(pairs, known, job, estimated[job]) for job in estimated}
        every = {**known, **estimated}
        for a, b, speed in pairs.rows:
            seen = profiled and REFERENCE in (a, b)
            if (a in held or b in held) and not seen:
                measured.append(speed)
                modelled.append(_speed(every[a], every[b]))
    truth = np.array(measured)
    return {
        "folds": len(held_out),
        "speeds": truth.size,
        "error": _mean(np.array(modelled) - truth),
        "bias": round(float(np.mean(np.array(modelled) - truth)), 4),
        "no slowdown": _mean(1.0 - truth),
        "equal split": _mean(0.5 - truth),
    }


def _known(pairs: Pairs, held: set[str]) -> Parameters:
    jobs = [job for job in sorted(pairs.solo) if job not in held]
    rows = [row for row in pairs.rows if row[0] not in held and row[1] not in held]
    return fit_pairs(rows, {}, dict.fromkeys(jobs, (0.0, 0.0)), SHRINK)


def _profile(
    pairs: Pairs, known: Parameters, job: str, prior: tuple[float, float]
) -> tuple[float, float]:
    rows = [row for row in pairs.rows if set(row[:2]) == {job, REFERENCE}]
    if not rows:  # the two do not fit on one GPU
        return prior
    fixed = {REFERENCE: known[REFERENCE]}
    return fit_pairs(rows, fixed, {job: prior}, PROFILE_SHRINK)[job]


def _speed(mine: tuple[float, float], other: tuple[float, float]) -> float:
    demands = [
        Demand(sm=0.0, bottleneck=1.0 / (1.0 + np.exp(-logit)), weight=float(np.exp(weight)))
        for logit, weight in (mine, other)
    ]
    return float(1.0 / slowdowns("mps", demands)[0])


def _mean(errors: FloatArray) -> float:
    return round(float(np.abs(errors).mean()), 4)
