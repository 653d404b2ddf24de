"""Gangs: pods that are placed together or not at all."""

from bayplan.scheduler.gangs.standing import stands
from bayplan.scheduler.gangs.topology import Domains, TopologyKeys
from bayplan.scheduler.gangs.types import Gang, GangPlan, Role, Segment, Spread

__all__ = ["Domains", "Gang", "GangPlan", "Role", "Segment", "Spread", "TopologyKeys", "stands"]
