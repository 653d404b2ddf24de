"""Koordinator's Device objects and the nodes that have them: a function of what is watched."""

from __future__ import annotations

from bayplan.extender.live.enforcing import Way
from bayplan.traces.kubernetes.koordinator import Devices, closed_by, read_devices, with_devices
from bayplan.traces.kubernetes.nodes import NodeFacts
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.types import Problem


class Inventory:
    """The GPUs of nodes by Device object; a node without one gives out nothing of Koordinator's.

    Attributes
    ----------
    devices
        What could be read, by name of the node.
    problems
        What could not, by name of the node.
    """

    def __init__(self) -> None:
        self.devices: dict[str, Devices] = {}
        self.problems: dict[str, Problem] = {}
        self._nodes: dict[str, Object] = {}

    def see(self, thing: Object) -> Object | None:
        """Let a Device be as it is shown; return its node, which is then to be read anew.

        Parameters
        ----------
        thing
            The Device object.
        """
        name = str(metadata_of(thing).get("name") or "")
        self.forget(name)
        try:
            devices = read_devices(thing)
        except BadField as bad:
            self.problems[name] = Problem("device", name, bad.field, bad.text)
        else:
            if devices.gpus:
                self.devices[name] = devices
        return self._nodes.get(name)

    def forget(self, name: str) -> Object | None:
        """Let a Device be gone; return as ``see``.

        Parameters
        ----------
        name
            Its name, which is its node's.
        """
        self.devices.pop(name, None)
        self.problems.pop(name, None)
        return self._nodes.get(name)

    def see_node(
        self, thing: Object, facts: NodeFacts, ways: frozenset[Way], problems: list[Problem]
    ) -> tuple[NodeFacts, frozenset[Way]]:
        """Return a node with its Device's GPUs, and who enforces shares there.

        Parameters
        ----------
        thing, facts, ways
            The Node object, what was read of it, and who enforces shares by it alone.
        problems
            Where problems of its Device go.
        """
        name = facts.node.name
        if Way.KOORDINATOR not in ways:
            self._nodes.pop(name, None)
            return facts, ways
        self._nodes[name] = thing
        problems += [found] if (found := self.problems.get(name)) else []
        devices = self.devices.get(name)
        if devices is None:
            return facts, ways - {Way.KOORDINATOR}
        facts = with_devices(facts, devices)
        closed = devices.closed or closed_by(dict_of(metadata_of(thing).get("labels")))
        if closed:
            problems.append(Problem("device", name, "metadata.labels", closed))
            return facts, ways - {Way.KOORDINATOR}
        return facts, ways

    def forget_node(self, name: str) -> None:
        """Forget a node.

        Parameters
        ----------
        name
            The node.
        """
        self._nodes.pop(name, None)
