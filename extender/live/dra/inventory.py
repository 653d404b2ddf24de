"""What drivers publish, what claims ask for and have: a pure function of what is watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bayplan.extender.watch.kinds import (
    DEVICE_CLASSES,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    RESOURCE_TEMPLATES,
)
from bayplan.traces.kubernetes.dra.claims import read_claim, read_class, read_template
from bayplan.traces.kubernetes.dra.room import Room, Stock, stock_of
from bayplan.traces.kubernetes.dra.slices import EVERYWHERE, Pool, Slice, pool_of, read_slice
from bayplan.traces.kubernetes.dra.types import Claim, DeviceClass, Given, PoolId, Wanted
from bayplan.traces.kubernetes.objects import Object, name_of
from bayplan.traces.kubernetes.resources import BadField

KINDS = (RESOURCE_SLICES, RESOURCE_CLAIMS, RESOURCE_TEMPLATES, DEVICE_CLASSES)

NVIDIA = "gpu.nvidia.com"
"""The driver of NVIDIA's GPUs (``dra-driver-nvidia-gpu``)."""

Version = tuple[int, int]


class Counts(NamedTuple):
    """Devices of a node: one that can be given, one that somebody has, one with a taint.

    ``blocked`` is one that nobody has, and whose GPU has too little left for it.
    """

    free: int = 0
    used: int = 0
    blocked: int = 0
    tainted: int = 0


@dataclass(slots=True)
class Inventory:
    """Devices by node, claims, templates and classes.

    Attributes
    ----------
    claims, templates, classes
        By namespace/name; classes by name.
    problems
        What cannot be read, by kind and name.
    n_class_changes
        How often a class came, went or changed: it says which devices match.
    gpu_nodes
        The nodes whose GPUs NVIDIA's driver publishes.
    """

    claims: dict[str, Claim] = field(default_factory=dict)
    templates: dict[str, Wanted] = field(default_factory=dict)
    classes: dict[str, DeviceClass] = field(default_factory=dict)
    problems: dict[tuple[str, str], str] = field(default_factory=dict)
    n_class_changes: int = 0
    gpu_nodes: set[str] = field(default_factory=set)
    _gpu_slices: dict[str, set[str]] = field(default_factory=dict)
    _slices: dict[str, Slice] = field(default_factory=dict)
    _of_pool: dict[PoolId, dict[str, Slice]] = field(default_factory=dict)
    _pools: dict[PoolId, Pool] = field(default_factory=dict)
    _on_node: dict[str, dict[PoolId, None]] = field(default_factory=dict)
    _given: dict[PoolId, dict[str, tuple[Given, ...]]] = field(default_factory=dict)
    _changes: dict[str, int] = field(default_factory=dict)
    _n_changes: int = 0
    _stocks: dict[str, Stock] = field(default_factory=dict)
    _rooms: dict[str, tuple[Version, Room]] = field(default_factory=dict)
    _counts: dict[str, tuple[Version, Counts]] = field(default_factory=dict)

    # --- what is seen ---------------------------------------------------------------------

    def see(self, kind: str, thing: Object) -> None:
        """Let an object be as it is shown; one that cannot be read is as if it were not there.

        Parameters
        ----------
        kind
            One of ``KINDS``.
        thing
            The object.
        """
        name = name_of(thing)
        self.problems.pop((kind, name), None)
        try:
            self._read(kind, name, thing)
        except BadField as bad:
            self.forget(kind, name)
            self.problems[kind, name] = f"{kind} {name}: {bad.field}: {bad}"

    def forget(self, kind: str, name: str) -> None:
        """Let an object be gone.

        Parameters
        ----------
        kind
            One of ``KINDS``.
        name
            Its name, with its namespace where it has one.
        """
        self.problems.pop((kind, name), None)
        if kind == RESOURCE_SLICES:
            self._put_slice(name, None)
        elif kind == RESOURCE_CLAIMS:
            self._put_claim(name, None)
        elif kind == RESOURCE_TEMPLATES:
            self.templates.pop(name, None)
        elif self.classes.pop(name, None) is not None:
            self.n_class_changes += 1

    def known(self, kind: str) -> set[str]:
        """Return the names of what is known of a kind.

        Parameters
        ----------
        kind
            One of ``KINDS``.
        """
        unread = {name for of, name in self.problems if of == kind}
        if kind == RESOURCE_SLICES:
            return unread | set(self._slices)
        if kind == RESOURCE_CLAIMS:
            return unread | set(self.claims)
        return unread | set(self.templates if kind == RESOURCE_TEMPLATES else self.classes)

    def forget_node(self, node: str) -> None:
        """Forget what was worked out of a node that is gone: devices of all nodes remain.

        Parameters
        ----------
        node
            The node.
        """
        for known in (self._stocks, self._rooms, self._counts):
            known.pop(node, None)

    # --- what is asked --------------------------------------------------------------------

    def version(self, node: str) -> Version:
        """Return what changes when something changes of what a node has or what is left there.

        Parameters
        ----------
        node
            The node.
        """
        return self._changes.get(node, 0), self._changes.get(EVERYWHERE, 0)

    def has_devices(self, node: str) -> bool:
        """Whether some device is published for a node.

        Parameters
        ----------
        node
            The node.
        """
        return node in self._on_node or EVERYWHERE in self._on_node

    def n_given(self, claim: str) -> int:
        """Return how many devices a claim has.

        Parameters
        ----------
        claim
            Its namespace/name.
        """
        known = self.claims.get(claim)
        return len(known.given or ()) if known is not None else 0

    def room(self, node: str) -> Room:
        """Return what is left on a node by what claims have; not to be changed.

        Parameters
        ----------
        node
            The node.
        """
        version = self.version(node)
        known = self._rooms.get(node)
        if known is not None and known[0] == version:
            return known[1]
        room = Room(self.stock(node))
        for pool in self._pools_of(node):
            for every in self._given.get(pool, {}).values():
                for given in every:
                    room.take_given(given)
        self._rooms[node] = version, room
        return room

    def counts(self, node: str) -> Counts:
        """Return how many devices of a node are in which state.

        Parameters
        ----------
        node
            The node.
        """
        version = self.version(node)
        known = self._counts.get(node)
        if known is None or known[0] != version:
            known = self._counts[node] = version, _counted(self.room(node))
        return known[1]

    def stock(self, node: str) -> Stock:
        """Return what is published for a node.

        Parameters
        ----------
        node
            The node.
        """
        if node not in self._stocks:
            pools = [self._pools[pool] for pool in self._pools_of(node)]
            self._stocks[node] = stock_of(pools, (node, EVERYWHERE))
        return self._stocks[node]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that devices are published for by name, sorted."""
        return tuple(sorted(node for node in self._on_node if node != EVERYWHERE))

    # --- inside ---------------------------------------------------------------------------

    def _read(self, kind: str, name: str, thing: Object) -> None:
        if kind == RESOURCE_SLICES:
            self._put_slice(name, read_slice(thing))
        elif kind == RESOURCE_CLAIMS:
            self._put_claim(name, read_claim(thing))
        elif kind == RESOURCE_TEMPLATES:
            self.templates[name] = read_template(thing)
        else:
            found = read_class(thing)
            if self.classes.get(name) != found:
                self.classes[name] = found
                self.n_class_changes += 1

    def _put_slice(self, name: str, found: Slice | None) -> None:
        before = self._slices.pop(name, None)
        pools = {each.pool for each in (before, found) if each is not None}
        if before is not None:
            self._of_pool[before.pool].pop(name)
        if found is not None:
            self._slices[name] = found
            self._of_pool.setdefault(found.pool, {})[name] = found
        self._count_gpus(name, before, found)
        for pool in sorted(pools):
            self._make_pool(pool)

    def _count_gpus(self, name: str, before: Slice | None, found: Slice | None) -> None:
        """Note whose GPUs are published: those of a pool that is being replaced are, too."""
        had, has = _nodes_with_gpus(before), _nodes_with_gpus(found)
        for node in had - has:
            self._gpu_slices[node].discard(name)
            if not self._gpu_slices[node]:
                del self._gpu_slices[node]
                self.gpu_nodes.discard(node)
        for node in has:
            self._gpu_slices.setdefault(node, set()).add(name)
            self.gpu_nodes.add(node)

    def _make_pool(self, id_: PoolId) -> None:
        touched = self._nodes_of(id_)
        for node in touched:
            self._on_node[node].pop(id_)
            if not self._on_node[node]:
                del self._on_node[node]
        self._pools.pop(id_, None)
        slices = self._of_pool[id_]
        if not slices:
            del self._of_pool[id_]
        elif (pool := pool_of(slices.values())) is not None:
            self._pools[id_] = pool
            for node in dict.fromkeys(node for node, _ in pool.devices):
                self._on_node.setdefault(node, {})[id_] = None
        touched |= self._nodes_of(id_)
        for node in touched:
            self._forget_what_followed(node)
        if EVERYWHERE in touched:
            self._stocks.clear()
        elif (
            len(touched) == 1 and touched <= self._on_node.keys()
        ):  # now, and not for a thousand nodes in the first call
            self.stock(*touched)
        self._touch(touched)

    def _forget_what_followed(self, node: str) -> None:
        """Forget what was worked out of a node whose devices are others now."""
        self._stocks.pop(node, None)
        if node not in self._on_node:
            self._rooms.pop(node, None)
            self._counts.pop(node, None)

    def _put_claim(self, name: str, found: Claim | None) -> None:
        before = self.claims.pop(name, None)
        if found is not None:
            self.claims[name] = found
        had = () if before is None else before.given or ()
        has = () if found is None else found.given or ()
        if had == has:
            return
        pools = {PoolId(given.device.driver, given.device.pool) for given in (*had, *has)}
        for pool in pools:
            of_pool = self._given.setdefault(pool, {})
            of_pool.pop(name, None)
            own = tuple(g for g in has if (g.device.driver, g.device.pool) == pool)
            if own:
                of_pool[name] = own
            if not of_pool:
                del self._given[pool]
            self._touch(self._nodes_of(pool))

    def _nodes_of(self, id_: PoolId) -> set[str]:
        pool = self._pools.get(id_)
        return set() if pool is None else {node for node, _ in pool.devices}

    def _pools_of(self, node: str) -> Iterator[PoolId]:
        for name in dict.fromkeys((node, EVERYWHERE)):
            for pool in self._on_node.get(name, ()):
                if name == node or pool not in self._on_node.get(node, ()):
                    yield pool

    def _touch(self, nodes: set[str]) -> None:
        self._n_changes += 1
        for node in nodes:
            self._changes[node] = self._n_changes


def _nodes_with_gpus(of: Slice | None) -> set[str]:
    if of is None or of.pool.driver != NVIDIA:
        return set()
    return {node for node, _ in of.devices} - {EVERYWHERE}


def _counted(room: Room) -> Counts:
    free = used = blocked = tainted = 0
    for place, device in enumerate(room.stock.devices):
        if not room.is_idle(place):
            used += 1
        elif device.taints:
            tainted += 1
        elif room.is_free(place):
            free += 1
        else:
            blocked += 1
    return Counts(free, used, blocked, tainted)
