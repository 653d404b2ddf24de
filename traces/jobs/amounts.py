"""How many GPUs jobs ask for."""

from __future__ import annotations

from bayplan.scheduler import ordering
from bayplan.scheduler.types import GPU_MILLI, DeviceRequest, MigInstances, Request
from bayplan.traces.columns import FloatArray, IntArray
from bayplan.traces.jobs.schema import JobTable
from bayplan.traces.requests import models_of


def gpus_of(jobs: JobTable) -> FloatArray:
    """Return the GPUs that each row asks for, all its pods together: ``(n_jobs,)``.

    A share is its part, and a MIG instance its part of a GPU's memory slices, as orders count it.
    """
    gpus: FloatArray = jobs.pods * jobs.gpu_count * (_milli_each(jobs) / GPU_MILLI)
    return gpus


def _milli_each(jobs: JobTable) -> IntArray:
    """Return the milli-GPU of one GPU or instance of each row: ``(n_jobs,)``."""
    if not any(jobs.mig_profile):
        return jobs.gpu_milli
    of: dict[tuple[str, str], int] = {}
    milli = jobs.gpu_milli.copy()
    for row, asked in enumerate(zip(jobs.mig_profile, jobs.gpu_models, strict=True)):
        if asked[0]:
            if asked not in of:
                of[asked] = _milli_of(*asked)
            milli[row] = of[asked]
    return milli


def _milli_of(profile: str, models: str) -> int:
    device = DeviceRequest(MigInstances(profile, 1), models_of(models))
    _, milli = ordering.gpus_of(Request("", devices=(device,)), 1)
    return milli
