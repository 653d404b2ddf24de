"""MIG instances take time to make: whoever starts on a new one waits for it with its room held."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import find_product
from bayplan.scheduler.partition import Path, reconfiguration_s
from bayplan.scheduler.partition.types import Change, Create, Instance
from bayplan.scheduler.sharing import Mig, sharing_of
from bayplan.scheduler.types import Node, Placement
from bayplan.simulator.core.settings import Settings

PATHS = tuple(path.value for path in Path)


class Remaking:
    """How long the instances of a placement take to be there.

    GPUs whose instances come and go with the pods make one for each grant. GPUs that a
    partitioner has cut anew are ready when it says so (``busy``).
    """

    def __init__(self, nodes: Sequence[Node], path: Path) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._path = path
        self._ready_s: dict[tuple[str, int], float] = {}

    def busy(self, node: str, gpus: Sequence[int], changes: Sequence[Change], now_s: float) -> None:
        """Note that GPUs of a node are cut anew from now on."""
        ready_s = now_s + self._takes_s(node, changes)
        if self._path.pauses_node:
            gpus = range(self._nodes[node].gpu_count)
        for gpu in gpus:
            self._ready_s[node, gpu] = max(self._ready_s.get((node, gpu), 0.0), ready_s)

    def wait_s(self, placements: Sequence[Placement], now_s: float) -> float:
        """Return how long a job that starts now waits for its instances."""
        return max((self._node_wait_s(place, now_s) for place in placements), default=0.0)

    def _node_wait_s(self, placement: Placement, now_s: float) -> float:
        node = self._nodes[placement.node]
        slots = [grant.slot for grants in placement.grants for grant in grants]
        ready_s = max((self._ready_s.get((node.name, s.gpu), 0.0) for s in slots), default=0.0)
        made = [Create(s.gpu, Instance(s.start, s.profile)) for s in slots if _new(node, s.gpu)]
        return max(0.0, ready_s - now_s) + self._takes_s(node.name, made)

    def _takes_s(self, node: str, changes: Sequence[Change]) -> float:
        product = find_product(self._nodes[node].gpu_model)
        return reconfiguration_s(changes, self._path, product.architecture if product else "")


def _new(node: Node, gpu: int) -> bool:
    sharing = sharing_of(node.sharing, max(gpu, 0))
    return isinstance(sharing, Mig) and sharing.layout is None


def remaking_of(nodes: Sequence[Node], settings: Settings) -> Remaking | None:
    """Return the times of a simulation, None when changes take none.

    Raises
    ------
    InputError
        The path is unknown.
    """
    name = settings.reconfiguration.path
    if not name:
        return None
    if name not in PATHS:
        raise InputError(
            f"unknown path of MIG changes {name!r}", fix=f"choose from {', '.join(PATHS)}"
        )
    return Remaking(nodes, Path(name))
