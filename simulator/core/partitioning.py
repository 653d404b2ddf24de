"""The registry of partitioning policies: which MIG layout idle instances give way to.

A package of your own adds one by an entry point in the group ``bayplan.partitioning`` that names
a factory: a callable that takes the ``Settings`` of a simulation and returns a ``Partitioner``.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from bayplan.scheduler.hardware import find_product, smallest_covering
from bayplan.scheduler.partition.live import gpu_states, plan_node
from bayplan.scheduler.types import GpuShare, MigInstances
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.plugins import Registry

__all__ = ["PARTITIONERS", "ByDemand", "Keep", "Partitioner"]


class Partitioner(Protocol):
    """Cuts idle GPUs anew, after a pass."""

    def run(self, floor: Floor) -> bool:
        """Change layouts by events to the cluster; True when a pass may find more now."""


class Keep:
    """Layouts stay as they are."""

    def run(self, floor: Floor) -> bool:
        """Do nothing."""
        return False


class ByDemand:
    """Idle instances give way to those that waiting jobs ask for, node by node.

    Instances in use stay where they are, and only what nobody uses is destroyed. Source: the
    dynamic repartitioning of nebuly's nos and of HAMi, planned as ``scheduler.partition`` does.
    """

    def run(self, floor: Floor) -> bool:
        """Plan the nodes with layouts in turn, each for what those before leave unmet."""
        if not len(floor.waiting):
            return False
        changed = False
        unmet: dict[str, dict[str, int]] = {}
        for name, model in self._nodes(floor):
            if model not in unmet:
                unmet[model] = self._demand(floor, model)
            if unmet[model] and self._cut(floor, name, unmet[model]):
                changed = True
        if changed:
            floor.waiting.unblock()
        return changed

    def _cut(self, floor: Floor, name: str, demand: dict[str, int]) -> bool:
        """Cut the idle instances of a node anew, and take what that meets off the demand."""
        if not any(state.idle for state in gpu_states(floor.cluster, name).values()):
            return False
        plan, events = plan_node(floor.cluster, name, demand)
        for event in events:
            floor.cluster.apply(event)
        demand.clear()
        demand.update(plan.unmet)
        if events and floor.remaking is not None:
            gpus = [event.gpu for event in events]
            floor.remaking.busy(name, gpus, plan.changes, floor.now_s)
        return bool(events)

    def _nodes(self, floor: Floor) -> list[tuple[str, str]]:
        nodes = floor.cluster.nodes
        return [(name, node.gpu_model) for name, node in nodes.items() if node.sharing]

    def _demand(self, floor: Floor, model: str) -> dict[str, int]:
        """Return how many instances of each profile the waiting jobs want on a model."""
        product = find_product(model)
        if product is None or not product.has_mig:
            return {}
        counts: Counter[str] = Counter()
        for job in floor.waiting.jobs().tolist():
            for role in floor.book.classes[floor.book.class_of.item(job)].roles:
                for device in role.devices:
                    ask = device.ask
                    if device.models and model not in device.models:
                        continue
                    if isinstance(ask, MigInstances):
                        counts[ask.profile] += ask.count * role.pods
                    elif isinstance(ask, GpuShare):
                        covering = smallest_covering(product, ask.milli, ask.memory_mib)
                        if covering is not None:
                            counts[covering.name] += ask.count * role.pods
        known = {profile.name for profile in product.profiles}
        return {name: n for name, n in sorted(counts.items()) if name in known}


PARTITIONERS: Registry[Partitioner] = Registry(
    "partitioning policy",
    "bayplan.partitioning",
    {"none": lambda _: Keep(), "demand": lambda _: ByDemand()},
)
