"""The engine's cluster, kept equal to what the API server shows and to what was promised.

What runs is there, whatever we think of it: a pod that its node cannot hold takes what is left
there, and where its GPUs cannot be told the node takes no new pods until it has gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace

import numpy as np

from bayplan.extender.live.enforcing import Way
from bayplan.extender.live.reading import Reader, Seen
from bayplan.extender.live.rivals import Rivals
from bayplan.extender.names import Index, NodeNames
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict, StateError
from bayplan.scheduler.events import Bound, Gone, Held, NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.types import ANONYMOUS, Decision, Node, Placement, Pod, Request
from bayplan.traces.kubernetes.nodes import NodeFacts
from bayplan.traces.kubernetes.objects import Object, metadata_of
from bayplan.traces.kubernetes.placing import Groups, bind_pod, squeeze_in
from bayplan.traces.kubernetes.reader import hint_of
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.times import seconds_of
from bayplan.traces.kubernetes.types import NO_HINT, BoundPod, Hint

_AS_IT_IS = nullcontext()


@dataclass(frozen=True, slots=True)
class Heir:
    """For whom the room of a pod that leaves is kept: by which ``uid``, in whose ``queue``."""

    uid: str
    queue: str
    until_s: float


class Mirror:
    """Nodes and pods as they were last seen, and the cluster that follows from them.

    Until ``start`` pods are only noted: what they ask for depends on nodes and on each other.

    Attributes
    ----------
    cluster
        What the engine decides for.
    reader
        Reads objects.
    pods
        All pods that have not ended, by uid.
    groups
        The pods of each gang, in the order in which they came.
    rivals
        By which other keys pods are in gangs.
    assumed
        Pods that were bound by us and that nobody has seen there yet, with their node.
    holds
        Until when room is kept for a pod that is not bound.
    heirs
        Pods whose room is kept when they have left.
    n_released, n_node_changes
        How often there may have been room that was not, and nodes came or left.
    reserved
        Who gives out GPUs where pods that ask for whole ones of NVIDIA's device plugin do not go.
    claiming
        Pods with claims of devices, but for those whose claims are known to have theirs.
    provisional
        Pods that a call has shown and the watch has not, yet, each with when to forget it.
    """

    def __init__(self, reader: Reader | None = None) -> None:
        self.cluster = Cluster()
        self.reader = reader or Reader()
        self.pods: dict[str, Seen] = {}
        self.groups: dict[str, dict[str, None]] = {}
        self.rivals = Rivals()
        self.assumed: dict[str, str] = {}
        self.holds: dict[str, float] = {}
        self.heirs: dict[str, Heir] = {}
        self.started = False
        self.provisional: dict[str, float] = {}
        self.claiming: dict[str, None] = {}
        self.n_released = self.n_node_changes = 0
        self._on_node: dict[str, dict[str, None]] = {}
        self._crowded: dict[str, dict[str, str]] = {}
        self._vague: dict[str, set[str]] = {}
        self.reserved: tuple[Way, ...] = ()
        self._index: tuple[int, Index, IntArray] | None = None
        self._enforcing: dict[Way, tuple[tuple[int, int], BoolArray]] = {}
        self._n_named = self._n_selecting = 0

    # --- what is asked --------------------------------------------------------------------

    def rows_of(self, names: NodeNames) -> IntArray:
        """Return the rows of nodes (len(names),); -1 where none of that name is known."""
        if self._index is None or self._index[0] != self.n_node_changes:
            known = sorted(self.cluster.nodes)
            rows = [*map(self.cluster.row, known), -1]
            self._index = self.n_node_changes, Index(known), np.array(rows, np.int64)
        _, index, rows_of = self._index
        return rows_of[index.numbers(names)]

    def enforcing(self, way: Way) -> BoolArray:
        """Return which rows (n_rows,) enforce shares that are asked for in a way."""
        n_rows = self.cluster.view.n_rows
        at = self.n_node_changes, self.reader.n_way_changes
        known = self._enforcing.get(way)
        if known is None or known[0] != at:
            found = np.zeros(n_rows, np.bool_)
            for name in self.cluster.nodes:
                found[self.cluster.row(name)] = self.reader.enforces(name, way)
            known = self._enforcing[way] = at, found
        return known[1]

    def giving(self, seen: Seen) -> BoolArray | None:
        """Return which rows (n_rows,) give out what a pod asks for in its words; None: all."""
        if seen.way is not None:
            return self.enforcing(seen.way)
        if not seen.asking or not self.reserved:
            return None
        first, *others = self.reserved
        shares = self.enforcing(first)
        for way in others:
            shares = shares | self.enforcing(way)
        return ~shares if shares.any() else None

    def is_bound(self, uid: str) -> bool:
        """Whether a pod has room that is not only held for it."""
        return uid in self.cluster.pods and uid not in self.holds

    def there(self, name: str) -> list[Seen]:
        """Return the pods that are shown on a node, whether it has room for them or not."""
        return [self.pods[uid] for uid in self._on_node.get(name, ())]

    # --- what is seen ---------------------------------------------------------------------

    def start(self, now_s: float) -> None:
        """Place all pods that run, now that all nodes and pods are known."""
        self.started = True
        self._n_selecting = self.reader.n_selecting
        running = [seen for seen in self.pods.values() if seen.node]
        for seen in running:
            self._on_node.setdefault(seen.node, {})[seen.uid] = None
        # Those whose GPUs are known first, so that those without take what is left.
        for seen in sorted(running, key=lambda each: not self._hint(each).gpus):
            self._settle(seen, now_s)

    def see_node(self, thing: Object, now_s: float) -> None:
        """Let a node be as it is shown."""
        facts, read_anew = self.reader.see_node(thing)
        self.put_node(facts, now_s)
        if read_anew:
            self._read_dependent(now_s)

    def renumber(self, node: Object, now_s: float) -> None:
        """Let a node be read anew whose GPUs Koordinator may have under other numbers by now."""
        name = str(metadata_of(node).get("name") or "")
        minors = self.reader.nodes[name].gpus.minors
        self.see_node(node, now_s)
        if self.reader.nodes[name].gpus.minors != minors and name in self.cluster.nodes:
            self._replace_node(self.reader.nodes[name].node, now_s)

    def forget_node(self, name: str, now_s: float) -> None:
        """Let a node be gone, with what was held or assumed there."""
        read_anew = self.reader.forget_node(name)
        if name in self.cluster.nodes:
            self._drop_node(name)
        if read_anew:
            self._read_dependent(now_s)

    def see_pod(self, thing: Object, now_s: float) -> None:
        """Let a pod be as it is shown."""
        try:
            seen = self.reader.see_pod(thing)
        except BadField:
            return  # without a name it can be no pod of an API server
        if seen is None:
            self.forget_pod(_uid_of(thing), now_s)
            return
        self.provisional.pop(seen.uid, None)
        before = self.pods.get(seen.uid)
        if before is not None and before.api_uid != seen.api_uid:
            self.forget_pod(seen.uid, now_s)  # another pod of the same name
        self._note(seen)
        self.heed(now_s)
        if self.started and seen.node:
            self._settle(seen, now_s)

    def note_early(self, seen: Seen, until_s: float) -> None:
        """Count a pod that a call shows before the watch does; it is forgotten if that never does.

        Its siblings are not to wait for the watch.
        """
        if seen.uid not in self.pods:
            self.provisional[seen.uid] = until_s
            self._note(seen)

    def heed(self, now_s: float) -> None:
        """Let nodes show the GPUs and pods the labels that somebody looks at by now."""
        self._name_gpus(now_s)
        if self.started and self.reader.n_selecting > self._n_selecting:
            self._n_selecting = self.reader.n_selecting
            self._ask_anew(now_s)

    def _name_gpus(self, now_s: float) -> None:
        """Let nodes show the uuids of those of their GPUs that pods name by now."""
        if len(self.reader.named) == self._n_named:
            return
        self._n_named = len(self.reader.named)
        for name, facts in self.reader.nodes.items():
            if self.reader.uuids_on(name) and name in self.cluster.nodes:
                self.put_node(facts, now_s)

    def forget_pod(self, uid: str, now_s: float) -> None:
        """Let a pod be gone."""
        self.provisional.pop(uid, None)
        seen = self.pods.pop(uid, None)
        if seen is None:
            return
        self._unlist(seen)
        self.claiming.pop(uid, None)
        heir = self.heirs.pop(uid, None)
        pod = None if heir is None else self.cluster.pods.get(uid)
        self.release(uid, now_s)
        if heir is not None and pod is not None:
            self._pass_on(pod, heir, now_s)

    # --- what is promised -----------------------------------------------------------------

    def hold(self, decision: Decision, until_s: float) -> None:
        """Keep room for a pod; a later hold of it takes the place of an earlier one.

        Raises
        ------
        Conflict, Duplicate
            There is no room, or the pod is bound; nothing was changed.
        """
        self.cluster.apply(Held(decision, until_s))
        self.holds[decision.request.uid] = until_s

    def assume(self, decision: Decision, now_s: float) -> None:
        """Let a pod be bound before anybody has seen it there.

        Raises
        ------
        Conflict, Duplicate
            There is no room, or the pod is bound; nothing was changed.
        """
        assert decision.placement is not None
        uid = decision.request.uid
        self.cluster.apply(Bound(decision, now_s))
        self.holds.pop(uid, None)
        self.assumed[uid] = decision.placement.node

    def release(self, uid: str, now_s: float) -> None:
        """Let what a pod holds be free: its room, its hold, what was assumed."""
        self.holds.pop(uid, None)
        self.assumed.pop(uid, None)
        pod = self.cluster.pods.get(uid)
        # One that was squeezed in may have nothing at all, and keep its node closed all the same.
        crowds = next((name for name, pods in self._crowded.items() if uid in pods), "")
        if crowds:
            del self._crowded[crowds][uid]
        if pod is not None:
            self.cluster.apply(Gone(uid))
        if node := crowds if pod is None else pod.placement.node:
            self.n_released += 1
            self._uncrowd(node, now_s)

    def _pass_on(self, pod: Pod, heir: Heir, now_s: float) -> None:
        """Keep what a pod has left, before anybody else is asked about it."""
        request = placeholder(pod.request, heir.uid, heir.queue)
        with suppress(StateError):  # whoever was crowded there has it, or the node is closed
            self.hold(Decision(request, now_s, pod.placement), heir.until_s)

    def expired(self, now_s: float) -> list[str]:
        """Return the pods whose hold is over."""
        return sorted(uid for uid, until_s in self.holds.items() if until_s <= now_s)

    def crowded(self) -> list[tuple[str, str]]:
        """Return the pods that run where they do not fit, each with the reason."""
        return sorted((uid, why) for pods in self._crowded.values() for uid, why in pods.items())

    # --- nodes ----------------------------------------------------------------------------

    def put_node(self, facts: NodeFacts, now_s: float) -> None:
        """Let a node be as it was read."""
        node = self._as_it_counts(facts.node)
        before = self.cluster.nodes.get(node.name)
        if before == node:
            return
        self.n_released += self.started
        if before is None:
            self.n_node_changes += 1
            self.cluster.apply(NodeUp(node))
            self._place_all(node.name, now_s)
            return
        try:
            self.cluster.apply(NodeChanged(node))
        except Conflict:  # other GPUs, while some are in use
            self._replace_node(facts.node, now_s)
        else:
            if set(node.unhealthy) - set(before.unhealthy) or self._closed_as_sick(before, node):
                for uid in self._holders(node.name):  # whoever has not come yet is asked for anew
                    self.release(uid, now_s)
            self._uncrowd(node.name, now_s)

    def _closed_as_sick(self, before: Node, node: Node) -> bool:
        """Whether a node falls ill of whose GPUs numbers alone are known: instances of MIG."""
        health = self.reader.health
        if health is None or node.schedulable or not before.schedulable:
            return False
        marks = health.marks.get(node.name)
        return marks is not None and bool(marks.quarantined or marks.reasons)

    def _as_it_counts(self, node: Node) -> Node:
        """Return a node with the uuids that count; closed where none can tell what is free."""
        if node.gpu_count and node.name in self.reader.by_claims:
            node = replace(node, gpu_count=0, sharing=(), unhealthy=())
        elif uuids := self.reader.uuids_on(node.name):
            node = replace(node, gpu_uuids=uuids)
        return replace(node, schedulable=False) if self._vague.get(node.name) else node

    def _replace_node(self, node: Node, now_s: float) -> None:
        """Let a node come anew, and place on it again who is there."""
        assumed = {
            uid: hint_of_placement(self.cluster.pods[uid].placement)
            for uid, at in self.assumed.items()
            if at == node.name and uid in self.cluster.pods
        }
        self._drop_node(node.name)
        self.cluster.apply(NodeUp(self._as_it_counts(node)))
        self._place_all(node.name, now_s)
        for uid, hint in assumed.items():
            if uid not in self.cluster.pods:
                self.place_assumed(uid, node.name, hint, now_s)

    def _drop_node(self, name: str) -> None:
        for uid in self.cluster.pods_on(self.cluster.row(name)):
            self.holds.pop(uid, None)
            self.assumed.pop(uid, None)
        self.n_node_changes += 1
        self.cluster.apply(NodeGone(name))
        self._crowded.pop(name, None)
        self._vague.pop(name, None)

    def _place_all(self, name: str, now_s: float) -> None:
        if not self.started:
            return
        seen = [self.pods[uid] for uid in self._on_node.get(name, ())]
        for each in sorted(seen, key=lambda each: not self._hint(each).gpus):
            self._settle(each, now_s)

    def opened(self, name: str, *, sick: bool = False) -> AbstractContextManager[None]:
        """Let a node take pods for a moment: who runs there came before it was cordoned.

        With ``sick`` its unhealthy GPUs do so, too: who has one came before it fell ill.
        """
        node = self.cluster.nodes[name]
        unhealthy = () if sick else node.unhealthy
        if node.schedulable and node.unhealthy == unhealthy:
            return _AS_IT_IS
        return self._opening(node, replace(node, schedulable=True, unhealthy=unhealthy))

    @contextmanager
    def _opening(self, node: Node, open_: Node) -> Iterator[None]:
        self.cluster.apply(NodeChanged(open_))
        try:
            yield
        finally:
            self.cluster.apply(NodeChanged(node))

    # --- pods -----------------------------------------------------------------------------

    def _note(self, seen: Seen) -> None:
        before = self.pods.get(seen.uid)
        if seen.claims:
            self.claiming[seen.uid] = None
        if before is not None:
            same = (before.group, before.node) == (seen.group, seen.node)
            if same and before.rivals == seen.rivals:
                self.pods[seen.uid] = seen
                return
            self._unlist(before)
        self.pods[seen.uid] = seen
        if seen.group:
            self.groups.setdefault(seen.group, {})[seen.uid] = None
            self.rivals.list(seen)
        if seen.node:
            self._on_node.setdefault(seen.node, {})[seen.uid] = None

    def _unlist(self, seen: Seen) -> None:
        if seen.rivals:
            self.rivals.unlist(seen)
        for table, key in ((self.groups, seen.group), (self._on_node, seen.node)):
            listed = table.get(key)
            if listed is not None:
                listed.pop(seen.uid, None)
                if not listed:
                    del table[key]

    def _settle(self, seen: Seen, now_s: float) -> None:
        """Let a pod be on the node on which it is shown."""
        uid, node = seen.uid, seen.node
        self.assumed.pop(uid, None)
        pod = self.cluster.pods.get(uid)
        if pod is not None:
            hint = self._hint(seen)
            stays = pod.placement.node == node and not _differs(pod.placement, hint)
            if stays and pod.held_until_s is None:
                return
            if stays:  # what was held is what it has
                self.holds.pop(uid, None)
                self.cluster.apply(Bound(Decision(pod.request, now_s, pod.placement), now_s))
                return
        self.release(uid, now_s)
        if node in self.cluster.nodes:
            self._place(seen, node, self._hint(seen), now_s)

    def place_assumed(self, uid: str, node: str, hint: Hint, now_s: float) -> None:
        """Let a pod that was bound by us be where it was bound, whatever there is room for."""
        self.assumed[uid] = node
        self._place(self.pods[uid], node, hint, now_s)

    def _place(self, seen: Seen, node: str, hint: Hint, now_s: float) -> None:
        request = (
            self.reader.request(seen, seen.group)
            if seen.node
            else _unwishing(self.reader.held_form(seen, node, seen.group))
        )
        pod = BoundPod(request, node, _since_s(seen, now_s), hint)
        problem = self._bind(pod)
        if not problem:
            return
        holders = self._holders(node)
        for uid in holders:  # who runs comes before whom we promised room
            self.release(uid, now_s)
        if holders and not self._bind(pod):
            return
        with self.opened(node, sick=True):
            wholly = squeeze_in(self.cluster, pod, Groups())
        self._crowded.setdefault(node, {})[seen.uid] = problem
        if not wholly:
            self._vague.setdefault(node, set()).add(seen.uid)
            self._reopen(node)

    def _bind(self, pod: BoundPod) -> str:
        """Put a pod where it runs, or say why that cannot be."""
        with self.opened(pod.node):
            problem = bind_pod(self.cluster, pod, Groups())
        if problem and self.cluster.nodes[pod.node].unhealthy:
            with self.opened(pod.node, sick=True):
                problem = bind_pod(self.cluster, pod, Groups())
        return problem

    def _holders(self, node: str) -> list[str]:
        there = self.cluster.pods_on(self.cluster.row(node))
        return [uid for uid in there if uid in self.holds]

    def _uncrowd(self, node: str, now_s: float) -> None:
        """Give those who were squeezed in all that they have, if there is room by now."""
        crowded = self._crowded.pop(node, None)
        if crowded is None:
            return
        self._vague.pop(node, None)
        if node not in self.cluster.nodes:
            return
        self._reopen(node)
        for uid in crowded:
            if uid in self.cluster.pods:
                self.cluster.apply(Gone(uid))
        for uid in crowded:
            seen = self.pods.get(uid)
            if seen is not None and node in (seen.node, self.assumed.get(uid)):
                self._place(seen, node, self._hint(seen), now_s)

    def _reopen(self, name: str) -> None:
        node = self._as_it_counts(self.reader.nodes[name].node)
        if node.schedulable != self.cluster.nodes[name].schedulable:
            self.cluster.apply(NodeChanged(node))

    def _hint(self, seen: Seen) -> Hint:
        facts = self.reader.nodes.get(seen.node)
        return NO_HINT if facts is None else hint_of(seen.facts, facts)

    # --- what pods ask for changes --------------------------------------------------------

    def _read_dependent(self, now_s: float) -> None:
        """Read those anew who ask for something else now that the cluster has other GPUs."""
        for uid in [uid for uid, seen in self.pods.items() if seen.thing is not None]:
            thing = self.pods[uid].thing
            seen = None if thing is None else self.reader.see_pod(thing)
            if seen is None:
                continue
            same = seen.facts.room == self.pods[uid].facts.room
            self.pods[uid] = seen
            if self.started and seen.node and not same:
                self.release(uid, now_s)
                self._settle(seen, now_s)
        self._name_gpus(now_s)

    def _ask_anew(self, now_s: float) -> None:
        """Let pods have the labels that somebody's constraints look at by now."""
        for uid, pod in list(self.cluster.pods.items()):
            seen = self.pods.get(uid)
            if seen is None or not seen.node or pod.held_until_s is not None:
                continue
            request = self.reader.request(seen, seen.group)
            if pod.request.constraints == request.constraints or uid in self._squeezed():
                continue
            self._let_ask(seen, pod.request._replace(constraints=request.constraints), now_s)

    def learn_budgets(self, now_s: float) -> None:
        """Let pods have the disruption budgets that protect them by now."""
        if not self.reader.learn_budgets():
            return
        for uid, pod in list(self.cluster.pods.items()):
            seen = self.pods.get(uid)
            if seen is None or pod.held_until_s is not None:
                continue
            budgets = self.reader.request(seen, seen.group).disruption_budgets
            if budgets == pod.request.disruption_budgets or uid in self._squeezed():
                continue
            self._let_ask(seen, pod.request._replace(disruption_budgets=budgets), now_s)

    def _let_ask(self, seen: Seen, request: Request, now_s: float) -> None:
        """Let a pod that has its room have another request for it."""
        pod = self.cluster.pods[seen.uid]
        node = pod.placement.node
        self.cluster.apply(Gone(seen.uid))
        try:
            with self.opened(node, sick=True):
                self.cluster.apply(Bound(Decision(request, now_s, pod.placement), pod.start_s))
        except Conflict:  # the node has become smaller than what runs there
            self._place(seen, node, hint_of_placement(pod.placement), now_s)

    def _squeezed(self) -> set[str]:
        return {uid for pods in self._crowded.values() for uid in pods}


def _since_s(seen: Seen, now_s: float) -> float:
    """Return when a pod began to run, as its status says: it may have been there before us."""
    started_s = seconds_of(seen.facts.start) if seen.node else None
    return now_s if started_s is None else min(started_s, now_s)


def placeholder(request: Request, uid: str, queue: str) -> Request:
    """Return a request for the same room by a uid that is no pod's."""
    return request._replace(
        uid=uid, queue=queue, gang="", topology=None, constraints=None, disruption_budgets=()
    )


def _unwishing(request: Request) -> Request:
    """Return what a pod holds where it was bound, whatever it wished or wishes by now."""
    devices = tuple(
        replace(each, models=(), least_memory_mib=0, uuids=(), not_uuids=())
        for each in request.devices
    )
    return request._replace(devices=devices, topology=None)


def _differs(placement: Placement, hint: Hint) -> bool:
    """Whether a pod has other GPUs than those that it was given here."""
    gpus = hint_of_placement(placement).gpus
    return bool(hint.gpus) and bool(gpus) and sorted(gpus) != sorted(hint.gpus)


def hint_of_placement(placement: Placement) -> Hint:
    """Return which GPUs a placement has, where they have an index."""
    gpus: Sequence[int] = [grant.slot.gpu for grants in placement.grants for grant in grants]
    return NO_HINT if ANONYMOUS in gpus else Hint(gpus=tuple(gpus))


def _uid_of(thing: Object) -> str:
    metadata = thing.get("metadata") or {}
    return f"{metadata.get('namespace') or 'default'}/{metadata.get('name') or ''}"
