"""What happens to a cluster by itself, while jobs come and go: nodes that come, fail and leave."""

from bayplan.simulator.core.sources._base import Events, Source, World
from bayplan.simulator.core.sources.autoscaler import Autoscaler
from bayplan.simulator.core.sources.listed import CHANGES, Listed, NodeChange

__all__ = ["CHANGES", "Autoscaler", "Events", "Listed", "NodeChange", "Source", "World"]
