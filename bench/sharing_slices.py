"""How fast training runs on a MIG slice: fits to MISO's configurations, each slice held out once.

MISO (SoCC 2022, artifact) has the mean step latency of 32 configurations (a model and a batch
size) on each A100-40 slice that holds them. A configuration's ``pc`` and ``pm`` are fitted to all
its slices but one, which is predicted. Where few slices are left the fit is drawn to the
default of the class (light, medium, heavy by power alone), fitted to other models only: another
batch size of the same model is nearly the same job.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.hardware import product_named, profile_named
from bayplan.scheduler.speed import Demand, Share, slowdowns
from measure import DATA

FloatArray = NDArray[np.float64]
Scaling = tuple[float, float]
"""``pc`` and ``pm``."""

MISO_GPU = "A100-40GB"
FULL = "7g.40gb"
POWER_LIMIT_W = 400
LIGHT_BELOW_W, HEAVY_ABOVE_W = 115, 180
PRIOR_WEIGHT = 0.03
"""(error of log speed, 0.1, over the spread of pc and pm within a class, 0.6)², not tuned."""
MAX_ERROR = 0.12
_STEPS = np.linspace(0.0, 1.2, 121)


@dataclass(frozen=True, slots=True)
class Job:
    """A training configuration: step latency by slice, and what it shows alone on the GPU."""

    name: str
    latency_s: dict[str, float]
    busy: float
    bandwidth: float
    power_w: float
    memory_mib: float

    @property
    def model(self) -> str:
        """Its model, without the batch size."""
        return self.name.rpartition("-")[0]

    @property
    def speeds(self) -> dict[str, float]:
        """Speed on each slice but the largest, over the largest."""
        full = self.latency_s[FULL]
        return {name: full / value for name, value in self.latency_s.items() if name != FULL}

    @property
    def class_name(self) -> str:
        """Its class by the power that it draws alone."""
        if self.power_w < LIGHT_BELOW_W:
            return "light"
        return "heavy" if self.power_w > HEAVY_ABOVE_W else "medium"


def share_of(gpu: str, profile: str) -> Share:
    """Return a MIG profile's part of a GPU; the whole GPU where none is named."""
    if not profile:
        return Share()
    product = product_named(gpu)
    found = profile_named(product, profile)
    assert found.sm_count is not None
    assert product.sm_count is not None
    return Share(found.sm_count / product.sm_count, found.size / product.units)


def read_jobs(points: Iterable[dict[str, str]]) -> list[Job]:
    """Return the configurations: latencies from the public data, telemetry from our points."""
    latency: dict[str, dict[str, float]] = {}
    with (DATA / "miso" / "mig_step_latency.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            slices = latency.setdefault(f"{row['model']}-{row['batch_size']}", {})
            slices[row["mig_profile"]] = float(row["mean_step_s"])
    return [
        Job(
            row["job"],
            latency[row["job"]],
            float(row["sm_util_pct"]) / 100,
            float(row["mem_util_pct"]) / 100,
            float(row["power_w"]),
            float(row["memory_mib"]),
        )
        for row in points
        if row["use"] == "telemetry"
    ]


# --- fits --------------------------------------------------------------------------------------


def fit_scaling(
    points: Sequence[tuple[Share, float]],
    whole: Share | None = None,
    prior: Scaling | None = None,
    amdahl: bool = False,
) -> Scaling:
    """Return pc and pm that fit (share, speed over ``whole``) best in log speed, on a grid."""
    whole = Share() if whole is None else whole
    pc, pm = np.meshgrid(_STEPS, _STEPS[:1] if amdahl else _STEPS, indexing="ij")
    loss = np.zeros_like(pc)
    if prior is not None:
        loss += PRIOR_WEIGHT * ((pc - prior[0]) ** 2 + (pm - prior[1]) ** 2)
    for share, speed in points:
        modelled = _stretch(pc, pm, whole) / _stretch(pc, pm, share)
        loss += (np.log(modelled) - np.log(speed)) ** 2
    best = np.unravel_index(int(np.argmin(loss)), loss.shape)
    return float(pc[best]), float(pm[best])


def fit_class(jobs: Iterable[Job]) -> Scaling:
    """Return the pc and pm that fit all slices of some configurations best."""
    return fit_scaling([point for job in jobs for point in _points(job)], _full())


def fit_line(
    jobs: Sequence[Job], features: Callable[[Job], list[float]]
) -> tuple[list[float], float]:
    """Return the line from telemetry to Amdahl's fraction, and its R²."""
    x = np.array([[1.0, *features(job)] for job in jobs])
    y = np.array([fit_scaling(_points(job), _full(), amdahl=True)[0] for job in jobs])
    line = np.linalg.lstsq(x, y, rcond=None)[0]
    left = float(((x @ line - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    return [float(value) for value in line], 1.0 - left


def by_power(job: Job) -> list[float]:
    """Telemetry: power over the power limit."""
    return [job.power_w / POWER_LIMIT_W]


def by_utilisation(job: Job) -> list[float]:
    """Telemetry: busy fraction and memory bandwidth."""
    return [job.busy, job.bandwidth]


# --- the held-out figures ----------------------------------------------------------------------


def slice_figures(jobs: Sequence[Job]) -> dict[str, Any]:
    """Return mean absolute errors of predicted speeds, over the measured ones, per variant."""
    others = {job.name: [other for other in jobs if other.model != job.model] for job in jobs}
    classes = {
        job.name: fit_class(o for o in others[job.name] if o.class_name == job.class_name)
        for job in jobs
    }
    power = {job.name: _from_line(job, others[job.name], by_power) for job in jobs}
    busy = {job.name: _from_line(job, others[job.name], by_utilisation) for job in jobs}
    return {
        "jobs": len(jobs),
        "held out, fitted to the other slices": _errors(
            jobs, lambda job, slice_: _without(job, slice_, classes[job.name])
        ),
        "the same without the class as prior": _errors(
            jobs, lambda job, slice_: _without(job, slice_, None)
        ),
        "class default only": _errors(jobs, lambda job, _: classes[job.name]),
        "telemetry only: power": _errors(jobs, lambda job, _: power[job.name]),
        "telemetry only: utilisation": _errors(jobs, lambda job, _: busy[job.name]),
    }


def default_figures(jobs: Sequence[Job]) -> dict[str, Any]:
    """Return the fits to all configurations, which the defaults round."""
    figures: dict[str, Any] = {}
    for name in ("light", "medium", "heavy"):
        group = [job for job in jobs if job.class_name == name]
        pc, pm = fit_class(group)
        figures[name] = {
            "jobs": len(group),
            "pc": round(pc, 2),
            "pm": round(pm, 2),
            "busy": _mean(job.busy for job in group),
            "bandwidth": _mean(job.bandwidth for job in group),
            "power": _mean((job.power_w - 50) / (POWER_LIMIT_W - 50) for job in group),
            "memory_mib": round(float(np.median([job.memory_mib for job in group]))),
        }
    for label, features in (("power", by_power), ("utilisation", by_utilisation)):
        line, r2 = fit_line(jobs, features)
        figures[f"line by {label}"] = {"line": [round(x, 2) for x in line], "r2": round(r2, 2)}
    return figures


def _errors(jobs: Sequence[Job], scaling: Callable[[Job, str], Scaling]) -> dict[str, float | int]:
    errors: dict[str, list[float]] = {}
    for job in jobs:
        for slice_, measured in job.speeds.items():
            modelled = _speed(scaling(job, slice_), slice_)
            errors.setdefault(slice_, []).append(abs(modelled - measured) / measured)
    every = [error for group in errors.values() for error in group]
    means = {slice_: _mean(group) for slice_, group in sorted(errors.items())}
    return {"points": len(every), "error": _mean(every), **means}


def _speed(scaling: Scaling, slice_: str) -> float:
    demand = [Demand(sm=0.0, pc=scaling[0], pm=scaling[1])]
    full, part = (
        float(slowdowns("mig", demand, [share_of(MISO_GPU, name)])[0]) for name in (FULL, slice_)
    )
    return full / part


def _without(job: Job, slice_: str, prior: Scaling | None) -> Scaling:
    left = [point for point, name in zip(_points(job), job.speeds, strict=True) if name != slice_]
    return fit_scaling(left, _full(), prior)


def _from_line(job: Job, others: Sequence[Job], features: Callable[[Job], list[float]]) -> Scaling:
    line, _ = fit_line(others, features)
    return min(1.0, max(0.0, float(np.dot(line, [1.0, *features(job)])))), 0.0


def _points(job: Job) -> list[tuple[Share, float]]:
    return [(share_of(MISO_GPU, slice_), speed) for slice_, speed in job.speeds.items()]


def _full() -> Share:
    return share_of(MISO_GPU, FULL)


def _stretch(pc: FloatArray, pm: FloatArray, share: Share) -> FloatArray:
    return 1.0 + pc * (1.0 / share.compute - 1.0) + pm * (1.0 / share.memory - 1.0)


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)
