"""How fast jobs run that share a GPU.

- ``settings``: ``SpeedSettings``, the parameters of the models with ranges and sources
- ``jobs``: ``Demand``, what a job asks of a GPU; classes of jobs; a rule for telemetry alone
- ``model``: ``slowdowns`` of the tenants of one GPU under a sharing mode
"""

from bayplan.scheduler.speed.jobs import JOB_CLASSES, Demand, demand_from_telemetry
from bayplan.scheduler.speed.model import WHOLE_GPU, Share, slowdowns
from bayplan.scheduler.speed.settings import SHARING_MODES, SharingMode, SpeedSettings, mode_named

__all__ = [
    "JOB_CLASSES",
    "SHARING_MODES",
    "WHOLE_GPU",
    "Demand",
    "Share",
    "SharingMode",
    "SpeedSettings",
    "demand_from_telemetry",
    "mode_named",
    "slowdowns",
]
