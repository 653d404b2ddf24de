"""Replicas of services as rows of the job table and as classes of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayplan.scheduler.constraints.types import Constraints, Expression, Operator, Selector, Spread
from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.classes import JobClass, job_class, pod_class
from bayplan.traces.jobs import JobTable, columns_of
from bayplan.traces.schema import MAX_AMOUNT
from bayplan.traces.services import SPREADS, Alternative, Service

_LABEL = "app"

_SHAPE = (
    "gpu_count", "gpu_milli", "gpu_memory_mib", "gpu_models", "mig_profile", "cpu_milli",
    "memory_mib",
)  # fmt: skip


def with_replicas(jobs: JobTable, services: Sequence[Service]) -> JobTable:
    """Return the jobs, and a row for each replica that there may ever be, in their order.

    A replica has the longest work that a row may have: it is never finished.

    Raises
    ------
    InputError
        A job, or a replica of another service, has the name of a replica.
    """
    if not services:
        return jobs
    taken = {*jobs.name, *jobs.gang}
    rows: dict[str, list[object]] = {name: [] for name in _columns(services[0], "")}
    for service in services:
        for name in names_of(service):
            if name in taken:
                raise InputError(
                    f"service {service.name!r}: {name!r} is the name of a replica and of a job",
                    fix="rename one of them",
                )
            taken.add(name)
            for column, value in _columns(service, name).items():
                rows[column].append(value)
    replicas, own = columns_of(JobTable.of(**rows)), columns_of(jobs)
    both: dict[str, Any] = {
        name: np.concatenate([column, replicas[name]])
        if isinstance(column, np.ndarray)
        else column + replicas[name]
        for name, column in own.items()
    }
    return JobTable(**both)


def names_of(service: Service) -> list[str]:
    """Return the names of a service's replicas, numbered from 0 and of one length."""
    width = len(str(service.most - 1))
    return [f"{service.name}-{number:0{width}}" for number in range(service.most)]


def _columns(service: Service, name: str) -> dict[str, object]:
    return {
        "name": name,
        "arrival_s": service.load.first_s,
        "work_s": float(MAX_AMOUNT),
        "priority": service.priority,
        "preemptible": int(service.preemptible),
        "queue": service.queue,
        "user": service.name,
        "job_type": service.job_type,
        **_amounts(service.alternatives[0]),
    }


def _amounts(shape: Alternative) -> dict[str, object]:
    return {name: getattr(shape, name) for name in _SHAPE}


def classes_of(service: Service) -> list[JobClass]:
    """Return what a replica asks for under each alternative."""
    shapes = [_amounts(shape) for shape in service.alternatives]
    table = JobTable.of(
        name=[str(number) for number in range(len(shapes))],
        work_s=[0.0] * len(shapes),
        **{name: [shape[name] for shape in shapes] for name in _SHAPE},
    )
    constraints = constraints_of(service)
    return [
        job_class((replace(pod_class(table, row), constraints=constraints),))
        for row in range(len(shapes))
    ]


def constraints_of(service: Service) -> Constraints | None:
    """Return the topology spread of a service's replicas, hard; None if it has none."""
    if not service.spread:
        return None
    mine = Selector((Expression(_LABEL, Operator.IN, (service.name,)),))
    spread = Spread(service.max_skew, SPREADS[service.spread], mine)
    return Constraints(labels=((_LABEL, service.name),), spread=(spread,))
