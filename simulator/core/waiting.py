"""The queue: who waits, in what order, and whose shape is known not to fit."""

from __future__ import annotations

import heapq

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.ordering import KeyedOrder, OrderingPolicy, Pending
from bayplan.scheduler.types import MigInstances
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.classes import JobClass
from bayplan.simulator.core.columns import Columns

Entry = tuple[float, float, int, int, int]
"""Key, time of arrival, rank of the uid, job, and how often the job had been queued."""


_MOST_FRESH = 4096


class Waiting:
    """Jobs that wait.

    Jobs of one class are one question to the engine: when one of them does not fit, none does,
    and the class is *blocked* until something was freed that could help it. Then it has a *hope*:
    only on the rows that were freed since then can it fit. An ordering that goes by a key keeps a
    heap a class; others sort whoever may be tried at each pass.
    """

    def __init__(self, book: Book, columns: Columns, ordering: OrderingPolicy) -> None:
        self.book = book
        self._columns = columns
        self._ordering = ordering
        self._n = 0
        self._queued = bytearray(book.n_jobs)
        self._times_queued: dict[int, int] = {}
        n = len(book.classes)
        self._heaps: list[list[Entry]] = [[] for _ in range(n)]
        self._jobs: list[dict[int, None]] = [{} for _ in range(n)]
        self._class_of: list[int] = book.class_of.tolist()
        self._arrival_s: list[float] = book.arrival_s.tolist()
        self._rank: list[int] = book.rank.tolist()
        self._open: set[int] = set()
        self._blocked: set[int] = set()
        self._fresh: list[int] = []
        self._hopes: dict[int, int] = {}
        self._every: list[Entry] | None = None
        self._rooms: dict[int, tuple[int, Room]] = {}
        self._needs: list[tuple[Room, ...]] = [_least(kind) for kind in book.classes]
        self._keys = self._all_keys()

    def _all_keys(self) -> list[float] | None:
        if not isinstance(self._ordering, KeyedOrder):
            return None
        every = np.arange(self.book.n_jobs)
        keys = self._ordering.key(self._columns.of(every, 0.0))
        if keys is None:
            return None
        return np.where(np.isnan(keys), np.inf, keys).tolist()  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return self._n

    def __contains__(self, job: int) -> bool:
        return job in self._jobs[self._class_of[job]]

    @property
    def keyed(self) -> bool:
        """Whether the order goes by a key that stays while a job waits."""
        return self._keys is not None

    @property
    def has_open(self) -> bool:
        """Whether anybody who waits is of a class that may fit."""
        return bool(self._open)

    def add(self, job: int) -> None:
        """Let a job wait."""
        number = self._class_of[job]
        if self._keys is not None:
            key, times = self._keys[job], 0
            if self._queued[job]:
                times = self._times_queued[job] = self._times_queued.get(job, 0) + 1
                key = self._key_again(job)
            entry = key, self._arrival_s[job], self._rank[job], job, times
            heapq.heappush(self._heaps[number], entry)
            if self._every is not None:
                heapq.heappush(self._every, entry)
        self._queued[job] = 1
        self._jobs[number][job] = None
        self._n += 1
        if number not in self._blocked:
            self._open.add(number)

    def _key_again(self, job: int) -> float:
        assert isinstance(self._ordering, KeyedOrder)
        keys = self._ordering.key(self._columns.of(np.array([job]), self.book.queued_s.item(job)))
        assert keys is not None
        key = float(keys[0])
        return key if key == key else np.inf

    def remove(self, job: int) -> None:
        """Take a job out: it started, or it is cancelled."""
        number = self._class_of[job]
        jobs = self._jobs[number]
        del jobs[job]
        self._n -= 1
        if not jobs:
            self._heaps[number].clear()
            self._open.discard(number)
            self._blocked.discard(number)
            self._hopes.pop(number, None)

    def block(self, number: int) -> None:
        """Note that a class does not fit now."""
        self._open.discard(number)
        self._hopes.pop(number, None)
        if self._jobs[number]:
            self._blocked.add(number)

    def freed(self, cluster: Cluster, rows: set[int]) -> None:
        """Unblock the classes that what was freed on some rows could help."""
        if not self._hopes or len(self._fresh) > _MOST_FRESH:
            self._hopes.clear()  # whoever is still open is asked for without them
            self._fresh.clear()
        if not self._blocked and not self._hopes:
            return
        needs = self._needs
        for row in rows:
            room = self._room(cluster, row)
            helped = [number for number in self._blocked if _holds(room, needs[number])]
            self._blocked.difference_update(helped)
            self._open.update(helped)
            self._hopes.update(dict.fromkeys(helped, len(self._fresh)))
            self._fresh.append(row)

    def is_hopeless(self, cluster: Cluster, number: int) -> bool:
        """Whether a class was blocked and the rows freed since then are too full again."""
        since = self._hopes.get(number)
        if since is None:
            return False
        needs = self._needs[number]
        for row in dict.fromkeys(self._fresh[since:]):
            if _holds(self._room(cluster, row), needs):
                kind = self.book.classes[number]
                return kind.n_pods > 1 and _too_many(cluster, kind, needs)
        return True

    def _room(self, cluster: Cluster, row: int) -> Room:
        """Return what is free on a row, of the slot with the most free."""
        view = cluster.view
        version = view.version.item(row)
        known = self._rooms.get(row)
        if known is not None and known[0] == version:
            return known[1]
        start = view.slot_start.item(row)
        stop = start + view.slot_count.item(row)
        room = (
            view.cpu_free_milli.item(row),
            view.memory_free_mib.item(row),
            max(view.slot_free_milli[start:stop].tolist(), default=0),
            view.idle_milli.item(row),
        )
        self._rooms[row] = version, room
        return room

    def unblock(self) -> None:
        """Let every class be tried again."""
        self._open.update(self._blocked)
        self._blocked.clear()
        self._hopes.clear()

    def is_blocked(self, job: int) -> bool:
        """Whether the job's class is known not to fit."""
        return self._class_of[job] in self._blocked

    def jobs(self, *, blocked: bool = True) -> IntArray:
        """Return who waits, by number; without ``blocked`` only those that may be tried."""
        numbers = self._open | self._blocked if blocked else self._open
        found = [job for number in numbers for job in self._jobs[number]]
        return np.array(sorted(found), np.int64)

    def in_order(self, now_s: float, *, blocked: bool = True) -> IntArray:
        """Return who waits, first served first."""
        return self.ordered(self.jobs(blocked=blocked), now_s)

    def ordered(self, jobs: IntArray, now_s: float) -> IntArray:
        """Return jobs, waiting or not, in the order of the policy."""
        if not jobs.size:
            return jobs
        return jobs[self.order_of(self._columns.of(jobs, now_s), now_s)]

    def order_of(self, pending: Pending, now_s: float) -> IntArray:
        """Return the rows of some jobs' columns in the order of the policy."""
        return self._ordering.order(pending, now_s)

    def head(self, number: int) -> Entry | None:
        """Return the first entry of a class under an order by keys, None when there is none."""
        heap = self._heaps[number]
        while heap:
            entry = heap[0]
            if self._stands(entry):
                return entry
            heapq.heappop(heap)
        return None

    def open_heads(self) -> list[tuple[Entry, int]]:
        """Return a heap of the first entry of each class that may be tried, with its class."""
        heads = [(head, k) for k in self._open if (head := self.head(k)) is not None]
        heapq.heapify(heads)
        return heads

    def first(self) -> Entry | None:
        """Return the first entry of all, blocked or not."""
        if self._every is None:  # few ask, and those who do ask at each pass
            self._every = [entry for heap in self._heaps for entry in heap]
            heapq.heapify(self._every)
        while self._every:
            entry = self._every[0]
            if self._stands(entry):
                return entry
            heapq.heappop(self._every)
        return None

    def _stands(self, entry: Entry) -> bool:
        """Whether an entry is not one of a job that has left, or has been queued again."""
        job = entry[3]
        queued = job in self._jobs[self._class_of[job]]
        return queued and entry[4] == self._times_queued.get(job, 0)


Room = tuple[int, int, int, int]
"""CPU (millicores), memory (MiB), milli-GPU of one slot, and of all slots together."""


def _too_many(cluster: Cluster, kind: JobClass, needs: tuple[Room, ...]) -> bool:
    """Whether the rows cannot hold so many pods, by GPUs and CPU alone."""
    view = cluster.view
    n_rows = view.n_rows
    milli = min(need[3] for need in needs)
    if not milli:
        return False
    fits = view.cpu_free_milli[:n_rows] >= min(need[0] for need in needs)
    held = view.idle_milli[:n_rows] // milli
    return int(held[fits].sum()) < kind.n_pods


def _holds(room: Room, needs: tuple[Room, ...]) -> bool:
    # Asked for each class that waits, at each departure: no generator, no attributes.
    cpu, memory, slot_milli, milli = room
    for need in needs:
        if need[3] <= milli and need[2] <= slot_milli and need[0] <= cpu and need[1] <= memory:
            return True
    return False


def _least(kind: JobClass) -> tuple[Room, ...]:
    """Return what a row must have free to hold a pod, by role: lower bounds.

    How much of a slot a MIG profile takes depends on the slot.
    """
    needs = []
    for role in kind.roles:
        asks = [device.ask for device in role.devices]
        per_slot = max((role.gpu_milli // max(1, ask.count) for ask in asks), default=0)
        total = role.gpu_milli
        if any(isinstance(ask, MigInstances) for ask in asks):
            per_slot = total = 1
        needs.append((role.cpu_milli, role.memory_mib, per_slot, total))
    return tuple(needs)
