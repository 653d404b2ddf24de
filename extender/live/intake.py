"""What the API shows comes in, kind by kind: lists whole, then what changes."""

from __future__ import annotations

from collections.abc import Iterable

from bayplan.extender.live.dra.inventory import KINDS as DEVICE_KINDS
from bayplan.extender.live.dra.steering import Steering
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.plans import POD_GROUPS, Plans
from bayplan.extender.watch.kinds import KOORDINATOR_DEVICES
from bayplan.traces.kubernetes.objects import Object, metadata_of, name_of

NODE, POD, BUDGET = "Node", "Pod", "PodDisruptionBudget"
DEVICE = KOORDINATOR_DEVICES
NEEDED = (NODE, POD)
"""Kinds without which nothing can be answered."""


class Intake:
    """Lets the live state be as the API shows it.

    Attributes
    ----------
    synced
        The kinds that have been listed.
    """

    def __init__(self, mirror: Mirror, plans: Plans, steering: Steering) -> None:
        self._mirror, self._plans, self._steering = mirror, plans, steering
        self.synced: set[str] = set()
        self._listed: dict[str, set[str]] = {}

    def replacing(self, kind: str) -> None:
        """Note that a whole list of a kind begins."""
        self._listed[kind] = set()

    def page(self, kind: str, things: Iterable[Object], now_s: float) -> None:
        """Let a part of the list be as it is shown."""
        listed = self._listed[kind]
        for thing in things:
            listed.add(key_of(kind, thing))
            self.changed(kind, thing, now_s)

    def replaced(self, kind: str, now_s: float) -> None:
        """Let those be gone that were in no part of the list."""
        for name in sorted(self._known(kind) - self._listed.pop(kind, set())):
            self.forget(kind, name, now_s)
        self.synced.add(kind)
        self._steering.knows = self.synced.issuperset(DEVICE_KINDS)
        if not self._mirror.started and self.synced.issuperset(NEEDED):
            self._mirror.start(now_s)

    def changed(self, kind: str, thing: Object, now_s: float) -> None:
        """Let an object be as it is shown."""
        if kind == NODE:
            self._mirror.see_node(thing, now_s)
        elif kind == POD:
            self._mirror.see_pod(thing, now_s)
        elif kind == BUDGET:
            self._mirror.reader.see_budget(thing)
        elif kind in DEVICE_KINDS:
            self._steering.see(kind, thing, now_s)
        elif kind in POD_GROUPS:
            self._plans.see_pod_group(kind, thing)
        elif kind == DEVICE and (devices := self._mirror.reader.koordinator) is not None:
            self._renumber(devices.see(thing), now_s)

    def deleted(self, kind: str, thing: Object, now_s: float) -> None:
        """Let an object be gone."""
        if kind == POD:
            known = self._mirror.pods.get(key_of(kind, thing))
            api_uid = str(metadata_of(thing).get("uid") or "")
            if known is not None and api_uid and known.api_uid != api_uid:
                return  # of a pod that another one has followed
        self.forget(kind, key_of(kind, thing), now_s)

    def forget(self, kind: str, name: str, now_s: float) -> None:
        """Let the object of a name be gone, if there is one."""
        if kind == NODE:
            self._mirror.forget_node(name, now_s)
            self._steering.forget_node(name)
        elif kind == POD:
            self._forget_pod(name, now_s)
        elif kind == BUDGET:
            self._mirror.reader.forget_budget(name)
        elif kind in DEVICE_KINDS:
            self._steering.forget(kind, name, now_s)
        elif kind in POD_GROUPS:
            self._plans.forget_pod_group(kind, name)
        elif kind == DEVICE and (devices := self._mirror.reader.koordinator) is not None:
            self._renumber(devices.forget(name), now_s)

    def _forget_pod(self, name: str, now_s: float) -> None:
        seen = self._mirror.pods.get(name)
        self._mirror.forget_pod(name, now_s)
        if seen is not None and seen.group:
            self._plans.forget(seen.group)

    def _known(self, kind: str) -> set[str]:
        if kind == NODE:
            return set(self._mirror.reader.nodes)
        if kind == POD:
            return set(self._mirror.pods) - set(self._mirror.provisional)
        if kind == BUDGET:
            return self._mirror.reader.budget_names
        if kind in DEVICE_KINDS:
            return self._steering.inventory.known(kind)
        if kind == DEVICE:
            devices = self._mirror.reader.koordinator
            return set() if devices is None else {*devices.devices, *devices.problems}
        return set(self._plans.pod_groups.get(kind, ()))

    def _renumber(self, node: Object | None, now_s: float) -> None:
        """Read a node anew whose Device has changed; None: it is not known yet, or has none."""
        if node is not None:
            self._mirror.renumber(node, now_s)


def key_of(kind: str, thing: Object) -> str:
    """Return what an object of a kind is known by: its name, or namespace/name."""
    if kind in (NODE, DEVICE):
        return str(metadata_of(thing).get("name") or "")
    if kind in DEVICE_KINDS:
        return name_of(thing)
    metadata = metadata_of(thing)
    return f"{metadata.get('namespace') or 'default'}/{metadata.get('name') or ''}"
