"""The running pods of a cluster as arrays, kept up to date by rows that changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np

from bayplan.kernels.victims import CLAIM, HARD, RESOURCE, SOFT
from bayplan.scheduler.arrays import BoolArray, FloatArray, IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.preemption.chunks import Chunks
from bayplan.scheduler.tenancy import Tenancy
from bayplan.scheduler.types import GPU_MILLI, Pod

_PRIORITY, _QUEUE, _GANG, _GPU_MILLI, _LIVE, _PREEMPTIBLE, _HELD = range(7)
_NONE = -1


@dataclass(slots=True)
class Names:
    """Numbers for names, in the order in which they came."""

    number: dict[object, int] = field(default_factory=dict)

    def of(self, name: object) -> int:
        """Return the number of a name, a new one when it is new."""
        return self.number.setdefault(name, len(self.number))


class Entry(NamedTuple):
    """What the tables hold of one pod; good as long as it is the same pod and tenancy.

    ``host`` is (CPU, memory), ``facts`` the columns of the table's facts.
    """

    pod: Pod
    own: Tenancy
    host: tuple[int, int]
    facts: tuple[int, ...]
    parts: tuple[tuple[int, int, int, int], ...]
    links: tuple[tuple[int, int, int, int], ...]


class PodTable:
    """Pods by node row, as ``kernels.victims`` takes them, with what policies look at.

    All columns are (n,), one entry a place of ``pods.table``; places without a pod have ``uids``
    empty and ``live`` False. It holds no reference to its cluster.

    Attributes
    ----------
    pods, parts, links
        The tables of ``kernels.victims``; their owners are node rows.
    uids
        By place; ``place`` is the way back.
    priority, queue, gang, gpu_milli, live, preemptible, held
        By place; queue and gang are numbers (gang -1: none).
    start_s, safe_s
        By place: when the pod started, and up to when its work is safe (the last checkpoint, or
        the start).
    members
        The places of each gang, by its number.
    limits
        The numbers of disruption budgets and queues, by (kind of link, name).
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = ref(cluster)
        self.queues, self.gangs, self.limits = Names(), Names(), Names()
        self._since, self._checkpoints = _NONE, 0
        self._rows: IntArray = np.zeros(0, np.int64)
        self._clear(0)

    def _clear(self, n_rows: int) -> None:
        self.pods, self.parts = Chunks(8, n_rows), Chunks(4, n_rows)
        self.links = Chunks(4, n_rows)
        self.uids: list[str] = []
        self.place: dict[str, int] = {}
        self.members: dict[int, set[int]] = {}
        self._known: dict[str, Entry] = {}
        self._facts = np.zeros((0, 7), np.int64)
        self._times = np.zeros((0, 2))

    def _grow(self, size: int) -> None:
        """Give all columns a place for every place of the table of pods."""
        self.uids += [""] * (size - len(self.uids))
        facts, times = np.zeros((size, 7), np.int64), np.zeros((size, 2))
        facts[:, _GANG] = _NONE
        facts[: len(self._facts)], times[: len(self._times)] = self._facts, self._times
        self._facts, self._times = facts, times

    @property
    def priority(self) -> IntArray:
        """Priorities."""
        return self._facts[:, _PRIORITY]

    @property
    def queue(self) -> IntArray:
        """Numbers of queues."""
        return self._facts[:, _QUEUE]

    @property
    def gang(self) -> IntArray:
        """Numbers of gangs, -1 for none."""
        return self._facts[:, _GANG]

    @property
    def gpu_milli(self) -> IntArray:
        """What pods take of GPUs, their claims included."""
        return self._facts[:, _GPU_MILLI]

    @property
    def live(self) -> BoolArray:
        """Where there are pods."""
        live: BoolArray = self._facts[:, _LIVE] != 0
        return live

    @property
    def preemptible(self) -> BoolArray:
        """Which pods say that they may be evicted."""
        preemptible: BoolArray = self._facts[:, _PREEMPTIBLE] != 0
        return preemptible

    @property
    def held(self) -> BoolArray:
        """Which only have room kept for them."""
        held: BoolArray = self._facts[:, _HELD] != 0
        return held

    @property
    def start_s(self) -> FloatArray:
        """When pods started."""
        return self._times[:, 0]

    @property
    def safe_s(self) -> FloatArray:
        """Up to when their work is safe."""
        return self._times[:, 1]

    def lost_gpu_s(self, place: int, now_s: float) -> float:
        """Return the GPU-seconds of work that a pod loses when it is evicted now."""
        run_s = max(0.0, now_s - self._times.item(place, 1))
        return self._facts.item(place, _GPU_MILLI) / GPU_MILLI * run_s

    def row_of_place(self) -> IntArray:
        """Return the row of each place, (n,); -1 where no row has it."""
        rows = np.full(len(self._facts), _NONE, np.int64)
        n = self.pods.count
        owner = np.repeat(np.arange(n.size), n)
        within = np.arange(owner.size) - np.repeat(np.cumsum(n) - n, n)
        rows[self.pods.start[owner] + within] = owner
        return rows

    def refresh(self) -> None:
        """Bring all up to date with the cluster."""
        cluster = self._cluster()
        assert cluster is not None
        view, log = cluster.view, cluster.log
        if self._rows.size != view.alive.size or self.pods.wasted > self.pods.used // 2 + 1024:
            self._rows = np.zeros(view.alive.size, np.int64)
            self._since = _NONE
        if self._since != log.number:
            n = log.rows_since(self._since, view, self._rows) if self._since >= 0 else _NONE
            if n < 0:
                self._clear(view.alive.size)
            self._rebuild(cluster, range(view.n_rows) if n < 0 else self._rows[:n].tolist())
            self._since = log.number
        self._follow_checkpoints(cluster)

    def settle(self) -> None:
        """Take the cluster for what it was at the last ``refresh``: trials came and went since."""
        cluster = self._cluster()
        assert cluster is not None
        self._since = cluster.log.number

    def _follow_checkpoints(self, cluster: Cluster) -> None:
        """Note what was replaced in the table of pods: a checkpoint is no change of a row."""
        n = cluster.n_checkpoints - self._checkpoints
        self._checkpoints = cluster.n_checkpoints
        uids: Iterable[str] = self.place
        if n <= len(cluster.checkpoints):
            noted = cluster.checkpoints
            uids = {noted[-1 - i] for i in range(n)}
        for uid in uids:
            if uid in self.place:
                self._times[self.place[uid]] = _times_of(cluster.pods[uid])

    def _rebuild(self, cluster: Cluster, rows: Iterable[int]) -> None:
        rows = list(rows)
        forgotten = [uid for row in rows for uid in self._forget(row)]
        for row in rows:
            self._put(cluster, row)
        for uid in forgotten:
            if uid not in self.place:
                del self._known[uid]

    def _forget(self, row: int) -> list[str]:
        start = self.pods.start.item(row)
        stop = start + self.pods.count.item(row)
        for place, gang in enumerate(self._facts[start:stop, _GANG].tolist(), start):
            if gang >= 0:
                self.members[gang].discard(place)
        uids = [uid for uid in self.uids[start:stop] if uid]
        for uid in uids:
            del self.place[uid]
        self.uids[start:stop] = [""] * (stop - start)
        self._facts[start:stop, _LIVE] = 0
        self._facts[start:stop, _GANG] = _NONE
        return uids

    def _put(self, cluster: Cluster, row: int) -> None:
        uids = cluster.pods_on(row) if cluster.view.alive.item(row) else []
        shared = _shared_claims(cluster, uids)
        start = self.pods.place(row, len(uids) + len(shared))
        if len(self.uids) < len(self.pods.table):
            self._grow(len(self.pods.table))
        entries = [self._entry(cluster, uid, shared, len(uids)) for uid in uids]
        claims = [cluster.claims[name] for name in shared]
        own = [each.parts for each in entries] + [claim.tenancy.taken for claim in claims]
        at = self.parts.put(row, [part for parts in own for part in parts])
        linked = self.links.put(row, [link for each in entries for link in each.links])
        rows: list[tuple[int, ...]] = []
        for entry, parts in zip([*entries, *[None] * len(claims)], own, strict=True):
            end, far = at + len(parts), linked + (len(entry.links) if entry else 0)
            host = entry.host if entry else (0, 0)
            gang = entry.facts[_GANG] if entry else _NONE
            users = 0 if entry else len(claims[len(rows) - len(entries)].users)
            rows.append((gang, *host, at, end, linked, far, users))
            at, linked = end, far
        if rows:
            self.pods.table[start : start + len(rows)] = rows
        self._note(start, uids, entries)

    def _note(self, start: int, uids: list[str], entries: list[Entry]) -> None:
        if not entries:
            return
        stop = start + len(uids)
        self.uids[start:stop] = uids
        self._facts[start:stop] = [entry.facts for entry in entries]
        self._times[start:stop] = [_times_of(entry.pod) for entry in entries]
        for place, (uid, entry) in enumerate(zip(uids, entries, strict=True), start):
            self.place[uid] = place
            if entry.facts[_GANG] >= 0:
                self.members.setdefault(entry.facts[_GANG], set()).add(place)

    def _entry(self, cluster: Cluster, uid: str, shared: list[str], n_pods: int) -> Entry:
        pod, own = cluster.pods[uid], cluster.tenancies[uid]
        known = self._known.get(uid)
        if known is not None and known.pod is pod and known.own is own and not _has_claim(pod):
            return known
        request = pod.request
        gang = self.gangs.of(request.gang) if request.gang else _NONE
        parts, links = list(own.taken), list[tuple[int, int, int, int]]()
        gpu_milli = _milli(own)
        for device in request.devices:
            if device.claim:
                claim = cluster.claims[device.claim].tenancy
                gpu_milli += _milli(claim)
                if device.claim in shared:
                    links.append((CLAIM, n_pods + shared.index(device.claim), 0, gang))
                else:
                    parts += claim.taken
        links += [(RESOURCE, column, amount, gang) for column, amount in own.resources]
        for name in dict.fromkeys(request.disruption_budgets):
            links.append((SOFT, self.limits.of((SOFT, name)), 1, gang))
        if request.queue:
            links.append((HARD, self.limits.of((HARD, request.queue)), gpu_milli, gang))
        held = pod.held_until_s is not None
        facts = (
            request.priority, self.queues.of(request.queue), gang, gpu_milli,
            1, int(request.preemptible), int(held),
        )  # fmt: skip
        host = own.cpu, own.memory
        entry = Entry(pod, own, host, facts, tuple(parts), tuple(links))
        self._known[uid] = entry
        return entry


_TABLES: WeakKeyDictionary[Cluster, PodTable] = WeakKeyDictionary()


def pod_table(cluster: Cluster) -> PodTable:
    """Return the table of a cluster's pods, up to date."""
    table = _TABLES.get(cluster)
    if table is None:
        table = _TABLES[cluster] = PodTable(cluster)
    table.refresh()
    return table


def _times_of(pod: Pod) -> tuple[float, float]:
    safe_s = pod.last_checkpoint_s
    return pod.start_s, pod.start_s if safe_s is None else safe_s


def _milli(tenancy: Tenancy) -> int:
    return sum(part[1] for part in tenancy.taken)


def _has_claim(pod: Pod) -> bool:
    return any(device.claim for device in pod.request.devices)


def _shared_claims(cluster: Cluster, uids: list[str]) -> list[str]:
    """Return the claims with several users on a row, sorted."""
    if not cluster.claims:
        return []
    names = {d.claim for uid in uids for d in cluster.pods[uid].request.devices if d.claim}
    return sorted(name for name in names if len(cluster.claims[name].users) > 1)
