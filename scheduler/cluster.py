"""The only owner of a cluster's state. Everything that happens to it is an event for ``apply``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bayplan.scheduler.alike import AlikeTakings
from bayplan.scheduler.changelog import ChangeLog
from bayplan.scheduler.check import check_cluster
from bayplan.scheduler.errors import Conflict, Duplicate, Unknown
from bayplan.scheduler.events import (
    Bound,
    Checkpointed,
    Event,
    Gone,
    Held,
    HoldExpired,
    ImagesChanged,
    NodeChanged,
    NodeGone,
    NodeUp,
    Repartitioned,
    Returned,
)
from bayplan.scheduler.health import is_unhealthy, mark
from bayplan.scheduler.ledger import change, moved
from bayplan.scheduler.rows import Rows, smaller
from bayplan.scheduler.sharing import sharing_of
from bayplan.scheduler.taking import has_room, suits, taken_by
from bayplan.scheduler.tenancy import Claim, Tenancy
from bayplan.scheduler.trial import Trial
from bayplan.scheduler.types import (
    Decision,
    Node,
    Placement,
    Pod,
)
from bayplan.scheduler.view import BoolArray, View

_NOTED = 4096
_NO_CLAIMS: Mapping[str, Claim] = MappingProxyType({})
_NO_TENANCIES: Sequence[Tenancy] = ()

Touched = tuple[int, ...]
"""Flat numbers of the slots that an event touched."""


class Cluster:
    """Nodes, GPUs and the pods on them, as arrays (``view``) and tables (``nodes``, ``pods``).

    Rows are given to nodes in the order in which they come, the lowest free row first; policies
    break ties by the lowest row. A row's version is the number of its latest change: it only
    grows and is never reused, by a rolled back trial neither.

    Parameters
    ----------
    nodes
        Nodes to start with, in the order of their rows.

    Attributes
    ----------
    view
        The arrays. Read them; only ``apply`` writes.
    log
        The ring of changes.
    n_checkpoints, checkpoints
        How often a checkpoint was noted or taken back, and the uids of the latest of them.
    nodes, pods, claims, tenancies
        Read-only tables: nodes by name, pods (bound and held) by uid, shared allocations by
        claim name, what each pod by itself takes of its node (claims aside) by uid.
    """

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self.view = View()
        self.log = ChangeLog()
        self.n_checkpoints, self.checkpoints = 0, deque[str](maxlen=_NOTED)
        self._rows = Rows(self.view)
        self._pods: dict[str, Pod] = {}
        self._tenancies: dict[str, Tenancy] = {}
        self._claims: dict[str, Claim] = {}
        self._on_row: dict[int, set[str]] = {}
        self._alike = AlikeTakings()
        self._shrunk: set[str] = set()
        self._journal: list[tuple[Callable[..., Any], tuple[Any, ...]]] | None = None
        self._publish()
        for node in nodes:
            self.apply(NodeUp(node))

    def _publish(self) -> None:
        self.nodes: Mapping[str, Node] = MappingProxyType(self._rows.nodes)
        self.pods: Mapping[str, Pod] = MappingProxyType(self._pods)
        self.claims: Mapping[str, Claim] = MappingProxyType(self._claims)
        self.tenancies: Mapping[str, Tenancy] = MappingProxyType(self._tenancies)

    # --- reading ---------------------------------------------------------------------------

    @property
    def shrunk(self) -> frozenset[str]:
        """Nodes whose capacity was lowered since they came: their use may exceed it."""
        return frozenset(self._shrunk)

    def row(self, name: str) -> int:
        """Return the row of a node; ``Unknown`` if there is none of that name."""
        return self._rows.row(name)

    def name(self, row: int) -> str:
        """Return the name of the node at a row."""
        return self._rows.names[row]

    def node_at(self, row: int) -> Node:
        """Return the node at a row."""
        return self._rows.nodes[self._rows.names[row]]

    def labelled(self, labels: tuple[tuple[str, str], ...]) -> BoolArray:
        """Return the mask (n_rows,) of the rows with all ``labels``; empty for no labels."""
        return self._rows.labelled(labels)[: self.view.n_rows]

    def pods_on(self, row: int) -> list[str]:
        """Return the uids of the pods on a row, sorted."""
        return sorted(self._on_row.get(row, ()))

    def check(self) -> None:
        """Recompute all arrays from the tables and compare; ``AssertionError`` on a difference."""
        check_cluster(self)

    def copy(self) -> Cluster:
        """Return an independent cluster in the same state; a trial under way is part of it."""
        twin = Cluster()
        twin.view = self.view.copy()
        twin.log = self.log.copy()
        twin._rows = self._rows.copy(twin.view)
        twin._pods = dict(self._pods)
        twin._tenancies = dict(self._tenancies)
        twin._claims = dict(self._claims)
        twin._shrunk = set(self._shrunk)
        twin._on_row = {row: set(uids) for row, uids in self._on_row.items()}
        twin._publish()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: a copy, without the read-only faces of its tables."""
        return {k: v for k, v in vars(self.copy()).items() if not isinstance(v, MappingProxyType)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become the pickled copy."""
        vars(self).update(state)
        self._publish()

    # --- writing ---------------------------------------------------------------------------

    def apply(self, event: Event) -> Touched:
        """Let an event happen, and return the flat numbers of the slots that it touched.

        Raises
        ------
        Conflict
            A ``Bound`` or ``Held`` whose placement no longer fits, or a ``NodeChanged`` that
            changes GPUs in use.
        Duplicate, Unknown
            A uid or node name that is there already, or is not there. Whatever is raised,
            nothing has changed.
        """
        return _HANDLERS[type(event)](self, event)

    def trial(self) -> Trial:
        """Open a trial: what is applied inside is rolled back at its end, unless it is kept."""
        return Trial(self)

    def _node_up(self, event: NodeUp) -> Touched:
        size = self.view.n_rows, self.view.n_slots
        row = self._rows.add(event.node)
        self._done(row, self._take_back_node, event.node.name, size)
        return self._rows.slots(row)

    def _take_back_node(self, name: str, size: tuple[int, int]) -> None:
        self._remove_node(name)
        self._rows.shrink(*size)

    def _remove_node(self, name: str) -> None:
        row = self._rows.row(name)
        start = self.view.slot_start.item(row)
        node = self._rows.remove(name)
        shrunk = name in self._shrunk
        self._shrunk.discard(name)
        self._done(row, self._put_node, node, row, start, shrunk)

    def _put_node(self, node: Node, row: int, start: int, shrunk: bool) -> None:
        self._rows.put(node, row, start)
        if shrunk:
            self._shrunk.add(node.name)
        self._done(row, self._remove_node, node.name)

    def _node_gone(self, event: NodeGone) -> Touched:
        row = self._rows.row(event.name)
        touched = self._rows.slots(row)
        for uid in self.pods_on(row):
            self._remove_pod(uid)
        self._remove_node(event.name)
        return touched

    def _node_changed(self, event: NodeChanged) -> Touched:
        node = event.node
        row = self._rows.row(node.name)
        before = self._rows.nodes[node.name]
        start, n_slots = self.view.slot_start.item(row), self.view.n_slots
        touched = self._rows.slots(row)
        shrunk = node.name in self._shrunk
        self._rows.change(row, node)
        if (node.unhealthy, node.gpu_uuids) != (before.unhealthy, before.gpu_uuids):
            self._mark(row)
        if smaller(node, before):
            self._shrunk.add(node.name)
        self._done(row, self._change_back, before, start, n_slots, shrunk)
        return _once(touched + self._rows.slots(row))

    def _change_back(self, node: Node, start: int, n_slots: int, shrunk: bool) -> None:
        # The very same slots: what else is taken back names them by their flat numbers.
        row = self._rows.row(node.name)
        after = self._rows.nodes[node.name]
        self._rows.change(row, node, start)
        if (node.unhealthy, node.gpu_uuids) != (after.unhealthy, after.gpu_uuids):
            self._mark(row)
        self._rows.shrink(self.view.n_rows, n_slots)
        if not shrunk:
            self._shrunk.discard(node.name)
        self._done(row, self._node_changed, NodeChanged(node))

    def _images_changed(self, event: ImagesChanged) -> Touched:
        row = self._rows.row(event.node)
        before = self._rows.nodes[event.node].images
        self._rows.set_images(row, event.images)
        self._done(row, self._images_changed, ImagesChanged(event.node, before))
        return ()

    def _mark(self, row: int) -> None:
        """Let the slots of a row say which of them take no new pods."""
        tenancies = [self._tenancies[uid] for uid in self._on_row.get(row, ())]
        claims = self._claims.values()
        tenancies += [claim.tenancy for claim in claims if claim.tenancy.row == row]
        mark(self.view, row, self.node_at(row), tenancies)

    def _recount(self, row: int) -> None:
        """Choose anew which GPUs of a node stand for the unhealthy ones, where none is known."""
        node = self.node_at(row)
        if node.anonymous_gpus and node.unhealthy:
            self._mark(row)

    def _repartitioned(self, event: Repartitioned) -> Touched:
        row = self._rows.row(event.node)
        before = self._rows.nodes[event.node]
        if not 0 <= event.gpu < before.gpu_count:
            raise Unknown(f"node {event.node} has no GPU {event.gpu}")
        sharing = [sharing_of(before.sharing, gpu) for gpu in range(before.gpu_count)]
        sharing[event.gpu] = event.sharing
        return self._cut(row, replace(before, sharing=tuple(sharing)))

    def _cut(self, row: int, node: Node, back: tuple[int, int] | None = None) -> Touched:
        """Cut a row's GPUs as a node says; ``back`` to where its slots and all slots ended."""
        before = self._rows.nodes[node.name]
        touched, n_slots = self._rows.slots(row), self.view.n_slots
        went = self._rows.repartition(row, node, back[0] if back else None)
        if back:
            self._rows.shrink(self.view.n_rows, back[1])
        for uid in self._on_row.get(row, ()):
            self._tenancies[uid] = moved(self._tenancies[uid], went)
        for name, claim in self._claims.items():
            if claim.tenancy.row == row:
                self._claims[name] = replace(claim, tenancy=moved(claim.tenancy, went))
        self._done(row, self._cut, row, before, (touched[0], n_slots))
        return _once(touched + self._rows.slots(row))

    def _bound(self, event: Bound) -> Touched:
        pod = Pod(
            event.decision.request,
            _placement_of(event.decision),
            event.start_s,
            event.expected_end_s,
            event.start_s,
        )
        return self._place(event.decision, pod)

    def _held(self, event: Held) -> Touched:
        decision = event.decision
        pod = Pod(
            decision.request, _placement_of(decision), decision.now_s, held_until_s=event.until_s
        )
        return self._place(decision, pod)

    def _place(self, decision: Decision, pod: Pod) -> Touched:
        uid = pod.request.uid
        present = self._pods.get(uid)
        if present is not None and present.held_until_s is None:
            raise Duplicate(f"pod {uid} is bound already, to {present.placement.node}")
        if present is None:
            return self._add_decided(decision, pod)
        # A hold gives way to the binding (or to a newer hold) only if that one fits.
        with self.trial() as trial:
            touched = self._remove_pod(uid)
            touched += self._add_decided(decision, pod)
            trial.keep()
        return _once(touched)

    def _add_decided(self, decision: Decision, pod: Pod) -> Touched:
        placement = pod.placement
        row = self._rows.rows.get(placement.node, -1)
        if row < 0:
            raise Conflict(f"pod {pod.request.uid}: node {placement.node} is gone; decide again")
        # All is checked, whatever the version says: a decision may come from a copy of this
        # cluster, or from one that was built anew, whose versions mean other states.
        own = self._alike.tenancy(self.view, pod.request, placement, row)
        shared, new = _NO_CLAIMS, _NO_TENANCIES
        if own is None:
            node = self.node_at(row)
            if not suits(pod.request, placement, row, node, self.view, self._claims):
                raise self._no_longer(decision, row)
            own, shared = taken_by(pod.request, placement, row, self.view, self._claims)
            new = [claim.tenancy for name, claim in shared.items() if name not in self._claims]
        if not has_room(self.view, own, new):
            raise self._no_longer(decision, row)
        return self._add_pod(pod, own, shared)

    def _returned(self, event: Returned) -> Touched:
        uid = event.uid
        if uid in self._pods:
            raise Duplicate(f"pod {uid} is there already")
        for undo, arguments in reversed(self._journal or ()):
            if undo == self._add_pod and arguments[0].request.uid == uid:
                pod, own, claims = arguments
                if claims or not self._is_vacant(own):
                    raise Conflict(f"pod {uid}: what it had may be another's by now; decide again")
                touched: Touched = self._add_pod(pod, own, claims)
                return touched
        raise Unknown(f"no trial took pod {uid} away")

    def _is_vacant(self, own: Tenancy) -> bool:
        """Whether nobody else has what a pod had; GPUs that take no new pods are taken by none."""
        view, row = self.view, own.row
        return bool(
            view.alive.item(row)
            and view.cpu_free_milli.item(row) >= own.cpu
            and view.memory_free_mib.item(row) >= own.memory
            and all(
                is_unhealthy(view, slot)
                or (view.slot_free_milli[slot] >= milli and view.slot_free_mib[slot] >= mib)
                for slot, milli, mib, _ in own.taken
            )
        )

    def _no_longer(self, decision: Decision, row: int) -> Conflict:
        name = self.name(row)
        why = (
            "the placement takes what is not free; decide on this cluster, and look at the"
            " policy's choice of GPUs"
            if ((name, self.view.version.item(row)),) == decision.rests_on
            else "it no longer fits: the node changed since the decision; decide again"
        )
        return Conflict(f"pod {decision.request.uid} on {name}: {why}")

    def _add_pod(self, pod: Pod, own: Tenancy, shared: Mapping[str, Claim]) -> Touched:
        uid, row = pod.request.uid, own.row
        self._pods[uid] = pod
        self._tenancies[uid] = own
        self._on_row.setdefault(row, set()).add(uid)
        change(self.view, -1, own)
        touched = own.slots
        for name, claim in shared.items():
            if name not in self._claims:
                change(self.view, -1, claim.tenancy)
            self._claims[name] = claim
            touched += claim.tenancy.slots
        if self.view.kinds.unhealthy:
            self._recount(row)
        self._done(row, self._remove_pod, uid)
        return _once(touched) if shared else touched

    def _remove_pod(self, uid: str) -> Touched:
        pod = self._pods.pop(uid)
        own = self._tenancies.pop(uid)
        self._on_row[own.row].discard(uid)
        change(self.view, 1, own)
        touched = own.slots
        left: dict[str, Claim] = {}
        for device in pod.request.devices:
            if not device.claim:
                continue
            claim = self._claims.pop(device.claim)
            left[device.claim] = claim
            touched += claim.tenancy.slots
            if claim.users == {uid}:
                change(self.view, 1, claim.tenancy)
            else:
                self._claims[device.claim] = replace(claim, users=claim.users - {uid})
        if self.view.kinds.unhealthy:
            self._recount(own.row)
        self._done(own.row, self._add_pod, pod, own, left)
        return _once(touched) if left else touched

    def _gone(self, event: Gone) -> Touched:
        self._known(event.uid)
        return self._remove_pod(event.uid)

    def _hold_expired(self, event: HoldExpired) -> Touched:
        until_s = self._known(event.uid).held_until_s
        if until_s is None:
            raise Conflict(f"pod {event.uid} is bound: there is no hold to expire")
        if until_s != event.until_s:
            raise Conflict(f"pod {event.uid}: a hold until {until_s} has replaced this one")
        return self._remove_pod(event.uid)

    def _checkpointed(self, event: Checkpointed) -> Touched:
        pod = self._known(event.uid)
        self._set_pod(pod._replace(last_checkpoint_s=event.at_s))
        return ()

    def _set_pod(self, pod: Pod) -> None:
        before = self._pods[pod.request.uid]
        self._pods[pod.request.uid] = pod
        self.n_checkpoints += 1
        self.checkpoints.append(pod.request.uid)
        if self._journal is not None:
            self._journal.append((self._set_pod, (before,)))

    def _known(self, uid: str) -> Pod:
        pod = self._pods.get(uid)
        if pod is None:
            raise Unknown(f"no pod {uid} in the cluster")
        return pod

    def _done(self, row: int, undo: Callable[..., Any], *arguments: Any) -> None:
        """Give a changed row its new version, and note how to take the change back."""
        self.log.add(row, self.view)
        if self._journal is not None:
            self._journal.append((undo, arguments))


def _once(slots: Touched) -> Touched:
    return tuple(sorted(set(slots)))


def _placement_of(decision: Decision) -> Placement:
    if decision.placement is None:
        raise Conflict(f"the decision for pod {decision.request.uid} has no placement to commit")
    return decision.placement


_HANDLERS: dict[type, Callable[[Cluster, Any], Touched]] = {
    NodeUp: Cluster._node_up,
    NodeChanged: Cluster._node_changed,
    ImagesChanged: Cluster._images_changed,
    Repartitioned: Cluster._repartitioned,
    NodeGone: Cluster._node_gone,
    Bound: Cluster._bound,
    Held: Cluster._held,
    HoldExpired: Cluster._hold_expired,
    Checkpointed: Cluster._checkpointed,
    Gone: Cluster._gone,
    Returned: Cluster._returned,
}
