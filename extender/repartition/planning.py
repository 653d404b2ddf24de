"""Which idle nodes take which layout, so that most of what waits finds room. Pure.

The source of the rule is ``scheduler.partition``: first the most of the GPUs that are asked for,
then the least beyond that. There instances are made one by one; a MIG manager takes whole nodes to
configs that have a name, so each pair of a node and a config is tried on the engine, which knows
everything else that pods ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest, StateError
from bayplan.scheduler.events import Bound, NodeChanged
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.types import GPU_MILLI, Decision, Node, Request, WholeGpus
from bayplan.traces.kubernetes import keys


@dataclass(frozen=True, slots=True)
class Want:
    """A pod that waits, or a gang.

    ``uids`` are the pods. ``nodes`` are rows (n_rows,) that give out what it asks for in its
    words; None: all.
    """

    uids: tuple[str, ...]
    ask: Request | Gang
    priority: int = 0
    since_s: float = 0.0
    nodes: BoolArray | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A node as it is under a config; ``milli`` is what one of each of its resources is."""

    config: str
    node: Node
    milli: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Case:
    """What a plan is made of.

    Attributes
    ----------
    cluster
        A copy; it is changed.
    policy, seed
        The engine's.
    wants
        What waits.
    options
        By the name of an idle node, what it may become.
    coming
        Nodes that are under way already, as they will be.
    now_s
        The time.
    """

    cluster: Cluster
    policy: PlacementPolicy
    seed: int
    wants: tuple[Want, ...]
    options: Mapping[str, tuple[Option, ...]]
    coming: tuple[Node, ...]
    now_s: float


@dataclass(frozen=True, slots=True)
class Planned:
    """A node is to have a config; ``pods`` are those that then find room."""

    node: str
    config: str
    pods: tuple[str, ...]


def plan(case: Case, most: int) -> list[Planned]:
    """Return which nodes to change, the one that helps most first.

    A node counts for what then finds room that has none anywhere now: by priority, then by the
    milli of the GPUs that it is; of equals the one that has least beyond that, then by name.

    Parameters
    ----------
    case
        What there is; its cluster is changed.
    most
        Nodes at most.
    """
    engine = Engine(case.cluster, case.policy, seed=case.seed)
    for node in case.coming:
        case.cluster.apply(NodeChanged(node))
    ordered = sorted(case.wants, key=lambda each: (-each.priority, each.since_s, each.uids))
    left = _Trying(engine, case.now_s).left(ordered)
    found: list[Planned] = []
    open_ = {name: options for name, options in case.options.items() if _is_idle(case, name)}
    while left and open_ and len(found) < most:
        tried = [
            gain
            for name in _distinct(case.cluster, sorted(open_), left)
            for option in open_[name]
            if (gain := _gain(engine, case.now_s, left, option)) is not None
        ]
        if not tried:
            break
        best = min(tried, key=lambda each: each.key).option
        case.cluster.apply(NodeChanged(best.node))
        still = _Trying(engine, case.now_s, best.node.name).left(left)
        found.append(Planned(best.node.name, best.config, _placed(left, still)))
        left = still
        del open_[best.node.name]
    return found


@dataclass(frozen=True, slots=True)
class _Gain:
    """What an option brings; the least ``key`` is the best."""

    key: tuple[tuple[int, ...], int, str, str]
    option: Option


def _gain(engine: Engine, now_s: float, wants: Sequence[Want], option: Option) -> _Gain | None:
    """Return what an option brings; None: nobody finds room on its node."""
    if not any(_may_use(each, option) for each in wants):
        return None
    node, cluster = option.node, engine.cluster
    served = dict.fromkeys(sorted({each.priority for each in wants}, reverse=True), 0)
    with cluster.trial():
        cluster.apply(NodeChanged(node))
        placed = set(_placed(wants, _Trying(engine, now_s, node.name).left(wants)))
        for uid in placed.intersection(cluster.pods_on(cluster.row(node.name))):
            request = cluster.pods[uid].request
            served[request.priority] += _milli(request, option)
    total = sum(served.values())
    if not total:
        return None
    supply = GPU_MILLI * node.gpu_count
    supply += sum(option.milli.get(name, 0) * n for name, n in node.resources)
    by_priority = tuple(-milli for milli in served.values())
    return _Gain((by_priority, supply - total, node.name, option.config), option)


def _placed(wants: Sequence[Want], still: Sequence[Want]) -> tuple[str, ...]:
    """Return the pods of those that have found room."""
    left = {each.uids for each in still}
    return tuple(uid for each in wants if each.uids not in left for uid in each.uids)


class _Trying:
    """Places what waits, and remembers what has found no room: what is alike finds none either.

    Parameters
    ----------
    engine
        Of the cluster that is changed.
    now_s
        The time.
    node
        Where pods may go; empty: anywhere. Gangs go anywhere.
    """

    def __init__(self, engine: Engine, now_s: float, node: str = "") -> None:
        self._engine, self._now_s, self._node = engine, now_s, node
        self._no_room: set[object] = set()

    def left(self, wants: Sequence[Want]) -> list[Want]:
        """Return those that find no room; the others have it now."""
        return [each for each in wants if not self._finds_room(each)]

    def _finds_room(self, want: Want) -> bool:
        cluster = self._engine.cluster
        try:
            with cluster.trial() as trial:
                decisions = self._decided(want)
                for each in decisions:
                    cluster.apply(Bound(each, self._now_s))
                trial.keep()
        except (InvalidRequest, StateError):
            return False
        return bool(decisions)

    def _decided(self, want: Want) -> tuple[Decision, ...]:
        if isinstance(want.ask, Gang):
            return self._engine.decide_gang(want.ask, self._now_s, want.nodes).decisions
        alike = want.ask._replace(uid=""), None if want.nodes is None else want.nodes.tobytes()
        if alike in self._no_room:
            return ()
        decision = self._engine.decide(want.ask, self._now_s, self._mask(want), why=False)
        if decision.placement is None:
            self._no_room.add(alike)
            return ()
        return (decision,)

    def _mask(self, want: Want) -> BoolArray | None:
        if not self._node:
            return want.nodes
        cluster = self._engine.cluster
        row = cluster.row(self._node)
        mask = np.zeros(cluster.view.n_rows, np.bool_)
        mask[row] = want.nodes is None or bool(want.nodes[row])
        return mask


def _distinct(cluster: Cluster, names: Sequence[str], wants: Sequence[Want]) -> list[str]:
    """Return the first of nodes that are alike: a cluster has many, and what one brings all do.

    Where nobody that waits looks at labels they may differ.
    """
    if any(_looks_at_labels(each) for each in wants):
        return list(names)
    masks = [each.nodes for each in wants if each.nodes is not None]
    view, found = cluster.view, dict[object, str]()
    for name in names:
        row = cluster.row(name)
        free = view.cpu_free_milli.item(row), view.memory_free_mib.item(row)
        resources = tuple(view.resources_free[row].tolist())
        config = dict(cluster.nodes[name].labels).get(keys.MIG_CONFIG)
        node = replace(cluster.nodes[name], name="", labels=())
        may = tuple(bool(mask[row]) for mask in masks)
        found.setdefault((node, config, free, resources, may), name)
    return list(found.values())


def _looks_at_labels(want: Want) -> bool:
    if isinstance(want.ask, Gang) and (want.ask.topology or want.ask.segment or want.ask.spread):
        return True
    return any(each.node_labels or each.topology or _places(each) for each in _requests(want.ask))


def _places(request: Request) -> bool:
    """Whether constraints of a pod are about more than the taints of nodes."""
    has = request.constraints
    return has is not None and bool(
        has.node_affinity or has.pod_affinity or has.pod_anti_affinity or has.spread
    )


def _is_idle(case: Case, name: str) -> bool:
    """Whether nothing that found room as things are went to a node for its GPUs."""
    pods, option = case.cluster.pods, case.options[name][0]
    there = case.cluster.pods_on(case.cluster.row(name))
    return not any(_milli(pods[uid].request, option) for uid in there)


def _may_use(want: Want, option: Option) -> bool:
    """Whether a config has anything of what is asked for."""
    asks = _requests(want.ask)
    has = dict(option.node.resources)
    if option.node.gpu_count and any(each.devices for each in asks):
        return True
    return any(
        name in option.milli and has.get(name) for each in asks for name, _ in each.resources
    )


def _requests(ask: Request | Gang) -> list[Request]:
    if isinstance(ask, Gang):
        return [member for role in ask.roles for member in role.members]
    return [ask]


def _milli(request: Request, option: Option) -> int:
    """Return what a pod asks for of GPUs, in milli."""
    milli = sum(option.milli.get(name, 0) * n for name, n in request.resources)
    for device in request.devices:
        if isinstance(device.ask, WholeGpus):
            milli += device.ask.count * GPU_MILLI
    return milli
