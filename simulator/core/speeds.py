"""How fast a job runs alone on a GPU model, and what it asks of the GPU when it is not alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.speed import JOB_CLASSES, Demand, SpeedSettings
from bayplan.simulator.core.scaling import Scaling

DEFAULT_CLASS = "medium"


@dataclass(frozen=True, slots=True)
class Speeds:
    """Speeds alone, demands, and the parameters of the sharing models.

    Attributes
    ----------
    by_type
        (job type, GPU model) → speed relative to the reference GPU, alone on the whole GPU.
    by_model
        GPU model → speed of the job types that ``by_type`` does not have on that model; a model
        that neither has runs at 1.
    demands
        Job type → what it asks of a GPU. Types that are not here are of ``default_class``.
    default_class
        A name in ``demands``.
    sharing
        Parameters of the sharing models.
    scaling
        How much faster elastic jobs go on more GPUs.
    """

    by_type: Mapping[tuple[str, str], float] = field(default_factory=dict)
    by_model: Mapping[str, float] = field(default_factory=dict)
    demands: Mapping[str, Demand] = field(default_factory=lambda: dict(JOB_CLASSES))
    default_class: str = DEFAULT_CLASS
    sharing: SpeedSettings = field(default_factory=SpeedSettings)
    scaling: Scaling = field(default_factory=Scaling)

    def __post_init__(self) -> None:
        for where, speed in [*self.by_type.items(), *self.by_model.items()]:
            if not 0.0 < speed < math.inf:
                name = " on ".join(where) if isinstance(where, tuple) else where
                raise InputError(f"the speed of {name} is {speed}", fix="give more than 0")
        if self.default_class not in self.demands:
            raise InputError(
                f"there is no job class {self.default_class!r}",
                fix=f"choose from {', '.join(self.demands)}",
            )

    def alone(self, job_type: str, model: str) -> float:
        """Return the speed of a job type alone on a GPU of a model."""
        speed = self.by_type.get((job_type, model))
        return self.by_model.get(model, 1.0) if speed is None else speed

    def demand(self, job_type: str) -> Demand:
        """Return what a job type asks of a GPU."""
        demand = self.demands.get(job_type)
        return self.demands[self.default_class] if demand is None else demand
