"""How fast a job goes where it was put: the GPU models there, and how far its pods are apart."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.types import Node, Placement
from bayplan.simulator.core.settings import Settings

RACK_LABEL = "bayplan.io/rack"


class Places:
    """Speeds by place."""

    def __init__(self, nodes: Sequence[Node], settings: Settings) -> None:
        self._model = {node.name: node.gpu_model for node in nodes}
        self._rack = {node.name: dict(node.labels).get(RACK_LABEL, "") for node in nodes}
        self._speeds = settings.speeds
        self._apart = settings.locality
        self._same = not (settings.speeds.by_type or settings.speeds.by_model)
        self._alone: dict[tuple[str, str], float] = {}

    def speed(self, job_type: str, placements: Sequence[Placement]) -> float:
        """Return the speed of a job alone on its GPUs: that of the slowest, and of the network.

        Pods without GPUs hold nobody back, and alone have the speed 1.
        """
        if self._same and len(placements) == 1:
            return 1.0
        models = {self._model[place.node] for place in placements if any(place.grants)}
        speed = min([self._on(job_type, model) for model in models], default=1.0)
        if len(placements) == 1:
            return speed
        nodes = {placement.node for placement in placements}
        if len(nodes) == 1:
            return speed
        racks = {self._rack[node] for node in nodes}
        apart = self._apart.across_nodes if len(racks) == 1 else self._apart.across_racks
        return speed * apart

    def slowest(self, job_type: str) -> float:
        """Return the speed of a job type alone on the GPU model of the cluster that is worst."""
        if self._same:
            return 1.0
        models = sorted({model for model in self._model.values() if model})
        return min([self._on(job_type, model) for model in models], default=1.0)

    def _on(self, job_type: str, model: str) -> float:
        key = job_type, model
        speed = self._alone.get(key)
        if speed is None:
            speed = self._alone[key] = self._speeds.alone(*key)
        return speed
