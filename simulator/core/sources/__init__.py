"""What happens to a cluster by itself, while jobs come and go: nodes that come, fail and leave."""

from bayplan.simulator.core.sources._base import Events, Source, World
from bayplan.simulator.core.sources.autoscaler import Autoscaler
from bayplan.simulator.core.sources.faults import Failing, Faults
from bayplan.simulator.core.sources.gpu_faults import FailingGpus, GpuFaults
from bayplan.simulator.core.sources.listed import CHANGES, Listed, NodeChange
from bayplan.simulator.core.sources.spot import NOTICE_S, Reclaimed, Spot
from bayplan.simulator.core.sources.stragglers import Slowing, Stragglers
from bayplan.simulator.core.sources.watch import Watch

__all__ = [
    "CHANGES",
    "NOTICE_S",
    "Autoscaler",
    "Events",
    "Failing",
    "FailingGpus",
    "Faults",
    "GpuFaults",
    "Listed",
    "NodeChange",
    "Reclaimed",
    "Slowing",
    "Source",
    "Spot",
    "Stragglers",
    "Watch",
    "World",
]
