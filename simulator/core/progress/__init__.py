"""The registry of progress models: how work advances, and what interruptions cost.

A package of your own adds one by an entry point in the group ``bayplan.progress`` that names a
factory: a callable that takes the ``Settings`` of a simulation and returns a model for it.
"""

from __future__ import annotations

from bayplan.simulator.core.plugins import Registry
from bayplan.simulator.core.progress._base import ProgressModel, Saves
from bayplan.simulator.core.progress.exact import Exact
from bayplan.simulator.core.progress.saving import Saving, model_of

__all__ = ["PROGRESS", "Exact", "ProgressModel", "Saves", "Saving"]

PROGRESS: Registry[ProgressModel] = Registry(
    "progress model",
    "bayplan.progress",
    {"exact": lambda settings: model_of(settings.interruptions)},
)
