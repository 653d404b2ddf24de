"""The registry of detectors: who finds the GPUs that silently slow down.

A package of your own adds one by an entry point in the group ``bayplan.detectors`` that names a
factory: a callable that takes the ``Settings`` of a simulation and returns a detector for it.
"""

from __future__ import annotations

from bayplan.simulator.core.detectors._base import Detector, Gpu
from bayplan.simulator.core.detectors.progress import Progress
from bayplan.simulator.core.plugins import Registry

__all__ = ["DETECTORS", "Detector", "Gpu", "Progress"]

DETECTORS: Registry[Detector] = Registry(
    "detector", "bayplan.detectors", {"progress": lambda settings: Progress(settings.stragglers)}
)
