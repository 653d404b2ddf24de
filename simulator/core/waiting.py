"""The queue: who waits, in what order, and whose shape is known not to fit."""

from __future__ import annotations

import heapq

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray, IntTable
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.ordering import KeyedOrder, OrderingPolicy, Pending
from bayplan.scheduler.timing import (
    FIRST,
    HOPE,
    LAST,
    NOBODY,
    NONE,
    PODS,
    TIE,
    first_class,
    is_hopeless,
    list_open,
    next_open,
    unblock,
)
from bayplan.scheduler.types import MigInstances
from bayplan.scheduler.view import View
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.classes import JobClass
from bayplan.simulator.core.columns import Columns

Entry = tuple[float, int, int, int]
"""Key, place by arrival and uid among equal keys, job, and how often the job had been queued."""

Room = tuple[IntArray, IntArray, IntArray, IntArray, IntArray, IntArray]

_MOST_FRESH = 4096
_NOBODY, _UNKNOWN = -1, -2


class Waiting:
    """Jobs that wait.

    Jobs of one class are one question to the engine: when one of them does not fit, none does,
    and the class is *blocked* until something was freed that could help it. Then it has a *hope*:
    only on the rows that were freed since then can it fit. An ordering that goes by a key keeps a
    heap a class; others sort whoever may be tried at each pass.
    """

    def __init__(
        self, cluster: Cluster, book: Book, columns: Columns, ordering: OrderingPolicy
    ) -> None:
        self.book = book
        self._cluster = cluster
        self._columns = columns
        self._ordering = ordering
        self._n = self._n_open = self._n_fresh = self._n_freed = 0
        self._queued = bytearray(book.n_jobs)
        self._times_queued: dict[int, int] = {}
        n = len(book.classes)
        self._heaps: list[list[Entry]] = [[] for _ in range(n)]
        self._jobs: list[dict[int, None]] = [{} for _ in range(n)]
        self._class_of = book.class_list
        self._there: dict[int, None] = {}
        # The same bytes for kernels and, faster one by one, for Python.
        self._blocked = bytearray(n)
        self._is_blocked = np.frombuffer(self._blocked, np.bool_)
        self._table, self._needs = _tables(book.classes)
        self._n_listed = np.zeros(1, np.int64)
        self._head_ties, self._hopes = self._table[TIE], self._table[HOPE]
        self._head_keys = np.zeros(n)
        self._first = _UNKNOWN
        self._fresh = np.zeros(_MOST_FRESH, np.int64)
        self._rows = np.zeros(_MOST_FRESH, np.int64)
        self._keys = self._all_keys()
        self._ties = self._all_ties() if self._keys is not None else []
        self._arrivals_s: FloatArray | None = None

    def _all_keys(self) -> list[float] | None:
        if not isinstance(self._ordering, KeyedOrder):
            return None
        every = np.arange(self.book.n_jobs)
        keys = self._ordering.key(self._columns.of(every, 0.0))
        if keys is None:
            return None
        return np.where(np.isnan(keys), np.inf, keys).tolist()  # type: ignore[no-any-return]

    def _all_ties(self) -> list[int]:
        places = np.empty(self.book.n_jobs, np.int64)
        places[np.lexsort((self.book.rank, self.book.arrival_s))] = np.arange(self.book.n_jobs)
        ties: list[int] = (2 * places).tolist()  # odd ones are left for who comes as a new one
        return ties

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
        self._use_freed()
        return self._n_open > 0

    def add(self, job: int) -> None:
        """Let a job wait."""
        number = self._class_of[job]
        jobs = self._jobs[number]
        if not jobs:
            self._there[number] = None
            if not self._blocked[number]:
                self._n_open += 1
                list_open(number, self._table, self._n_listed)
        if self._keys is not None:
            key, times = self._keys[job], 0
            if self._queued[job]:
                times = self._times_queued[job] = self._times_queued.get(job, 0) + 1
                key = self._key_again(job)
            entry = key, self._ties[job], job, times
            heap = self._heaps[number]
            heapq.heappush(heap, entry)
            if heap[0] is entry:
                self._head_keys[number], self._head_ties[number] = key, entry[1]
                first = self._first
                if first == _NOBODY or (first >= 0 and entry < self._heaps[first][0]):
                    self._first = number
        self._queued[job] = 1
        jobs[job] = None
        self._n += 1

    def renew(self, job: int, now_s: float) -> None:
        """Let a job that is not here wait next as one that arrives now, behind those who have."""
        self._queued[job] = 1  # its key is worked out when it comes
        if self._keys is not None:
            if self._arrivals_s is None:
                self._arrivals_s = np.sort(self.book.arrival_s)
            self._ties[job] = 2 * int(np.searchsorted(self._arrivals_s, now_s, side="right")) - 1

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
        if number == self._first:
            self._first = _UNKNOWN
        if not jobs:
            self._remove_class(number)
            return
        if self._keys is None:
            return
        heap, again = self._heaps[number], self._times_queued
        entry = heap[0]
        if entry[2] == job:
            # Until an entry is not one of a job that has left, or has been queued again.
            while entry[2] not in jobs or (again and entry[3] != again.get(entry[2], 0)):
                heapq.heappop(heap)
                entry = heap[0]
            self._head_keys[number], self._head_ties[number] = entry[0], entry[1]

    def _remove_class(self, number: int) -> None:
        self._heaps[number].clear()
        del self._there[number]
        if self._blocked[number]:
            self._blocked[number] = 0
        else:
            self._n_open -= 1
        self._head_ties[number], self._hopes[number] = NOBODY, NONE

    def head(self, number: int) -> int:
        """Return the first job of a class in which somebody waits, under an order by keys."""
        return self._heaps[number][0][2]

    # --- who may fit ----------------------------------------------------------------------

    def block(self, number: int) -> None:
        """Note that a class does not fit now."""
        self._use_freed()
        self._hopes[number] = NONE
        if self._jobs[number] and not self._blocked[number]:
            self._blocked[number] = 1
            self._n_open -= 1

    def unblock(self) -> None:
        """Let every class be tried again."""
        self._use_freed()
        self._is_blocked[:] = False
        self._hopes[:] = NONE
        self._n_open = len(self._there)
        for number in self._there:
            list_open(number, self._table, self._n_listed)

    def is_blocked(self, job: int) -> bool:
        """Whether the job's class is known not to fit."""
        self._use_freed()
        return bool(self._blocked[self._class_of[job]])

    def freed(self, rows: list[int]) -> None:
        """Note that something was freed on some rows, which may help classes that are blocked.

        Whom it helps is found out when somebody asks, by the room that there is then.
        """
        self._use_freed()
        n = len(rows)
        if not self._n:
            self._n_fresh = 0  # nobody has a hope
        elif n > _MOST_FRESH:
            self.unblock()
        else:
            if self._n_fresh + n > _MOST_FRESH:
                self._hopes[:] = NONE  # whoever is still open is asked for without
                self._n_fresh = 0
            for k, row in enumerate(rows):
                self._rows[k] = row
            self._n_freed = n

    def _use_freed(self) -> None:
        if self._n_freed:
            self._n_open += unblock(
                self._rows,
                self._n_freed,
                self._n_fresh,
                self._fresh,
                self._is_blocked,
                self._table,
                self._n_listed,
                self._needs,
                *_room(self._cluster.view),
            )
            self._n_fresh += self._n_freed
            self._n_freed = 0

    def is_hopeless(self, number: int) -> bool:
        """Whether a class was blocked and the rows freed since then are too full again."""
        self._use_freed()
        view = self._cluster.view
        hopeless: bool = is_hopeless(
            number,
            view.n_rows,
            self._n_fresh,
            self._fresh,
            self._table,
            self._needs,
            *_room(view),
        )
        return hopeless

    def first_class(self) -> int:
        """Return the class of the first of all, blocked or not, under an order by keys; or -1."""
        if self._first == _UNKNOWN:
            self._first = first_class(self._head_keys, self._table)
        return self._first

    def first_open(self) -> int:
        """Return the class of the first of all if it may fit, under an order by keys; or -1.

        If it is hopeless it becomes blocked.
        """
        number = self.first_class()
        if self._n_freed:
            self._use_freed()
        if number < 0 or self._blocked[number]:
            return _NOBODY
        if self._hopes.item(number) != NONE and self.is_hopeless(number):
            self.block(number)
            return _NOBODY
        return number

    def next_open(self) -> int:
        """Return the class of the first who may fit, under an order by keys; or -1.

        Classes that are hopeless become blocked.
        """
        if not self._n_freed:
            if not self._n_open:
                return _NOBODY
            if len(self._there) == 1:  # most who come find nobody before them
                (only,) = self._there
                if self._hopes.item(only) == NONE:
                    return only
        view = self._cluster.view
        number: int = next_open(
            self._rows,
            self._n_freed,
            view.n_rows,
            self._n_fresh,
            self._fresh,
            self._head_keys,
            self._is_blocked,
            self._table,
            self._n_listed,
            self._needs,
            *_room(view),
        )
        self._n_fresh += self._n_freed
        self._n_freed = 0
        self._n_open = self._n_listed.item(0)  # it has just dropped who is not open any more
        return number

    # --- in order -------------------------------------------------------------------------

    def jobs(self, *, blocked: bool = True) -> IntArray:
        """Return who waits, by number; without ``blocked`` only those that may be tried."""
        self._use_freed()
        numbers = [number for number in self._there if blocked or not self._blocked[number]]
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


def _room(view: View) -> Room:
    return (
        view.cpu_free_milli,
        view.memory_free_mib,
        view.idle_milli,
        view.slot_start,
        view.slot_count,
        view.slot_free_milli,
    )


def _tables(kinds: list[JobClass]) -> tuple[IntTable, IntTable]:
    """Return classes and needs as ``kernels.queue`` takes them; nobody waits, nothing is hoped."""
    needs = [_least(kind) for kind in kinds]
    ends = np.cumsum([len(each) for each in needs])
    table = np.zeros((7, len(kinds)), np.int64)
    table[TIE], table[HOPE], table[PODS] = NOBODY, NONE, [kind.n_pods for kind in kinds]
    table[FIRST, 1:], table[LAST] = ends[:-1], ends
    flat = np.array([need for each in needs for need in each], np.int64).reshape(-1, 4)
    return table, np.ascontiguousarray(flat.T)


def _least(kind: JobClass) -> list[tuple[int, int, int, int]]:
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
    return needs
