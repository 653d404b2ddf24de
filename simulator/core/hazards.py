"""How often what a job runs on is expected to fail: what an interval of checkpoints goes by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bayplan.scheduler.types import Placement


@dataclass(frozen=True, slots=True)
class Hazards:
    """Interruptions a second of a job by each node that it is on, and by each of its GPUs there.

    Who is not named never interrupts anybody.
    """

    per_node: Mapping[str, float] = field(default_factory=dict)
    per_gpu: Mapping[str, float] = field(default_factory=dict)

    def mttf_s(self, placements: Sequence[Placement]) -> float:
        """Return the mean time to the first failure under a job: 1 / Σ of the rates, or infinite.

        Parameters
        ----------
        placements
            Where its pods are. GPUs that they share count once.
        """
        gpus: set[tuple[str, int, int]] = set()
        for pod, place in enumerate(placements):
            grants = [grant for each in place.grants for grant in each]
            for k, grant in enumerate(grants):
                known = grant.slot.gpu >= 0  # else each is one of its own
                gpus.add((place.node, grant.slot.gpu, -1) if known else (place.node, pod, k))
        rates = [self.per_node.get(name, 0.0) for name in sorted({p.node for p in placements})]
        rates += [self.per_gpu.get(name, 0.0) for name, _, _ in sorted(gpus)]
        rate = math.fsum(rates)
        return 1.0 / rate if rate > 0.0 else math.inf
