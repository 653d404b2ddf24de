"""One question about victims: the pool under all guards, as the kernel takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayplan.kernels.victims import HARD, SOFT, search_victims
from bayplan.scheduler.arrays import BoolArray, IntArray, IntTable
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.islands import ANY
from bayplan.scheduler.near import only_island
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.preemption.policies import PreemptionPolicy
from bayplan.scheduler.preemption.table import pod_table
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import Request

_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class GangArrays:
    """What the kernel takes of gangs, by number (``search_victims``)."""

    whole: BoolArray
    slack: IntArray
    size: IntArray
    rank: IntArray
    lost: IntArray
    start: IntArray
    links: IntTable


class Question:
    """Who may leave for a request at ``now_s``, and what each of them costs; good for one state.

    ``eligible`` (n,), ``rank`` (n,) and ``lost`` (n,) int64 milli-GPU-seconds, by place of
    ``table``. ``spared`` are pods that must stay. ``limits`` (n_limits,) is what may still be
    taken of budgets and queues.
    """

    def __init__(
        self,
        cluster: Cluster,
        request: Request,
        now_s: float,
        guards: Guards,
        policy: PreemptionPolicy,
        spared: frozenset[str] = frozenset(),
    ) -> None:
        self.table = table = pod_table(cluster)
        self.pods = cluster.pods
        self.now_s, self.guards = now_s, guards
        pool = policy.pool(table, request, guards)
        eligible = pool.eligible & table.live & table.preemptible & ~table.held
        if guards.min_run_s > 0:
            eligible &= table.start_s + guards.min_run_s <= now_s
        if request.gang and (own := table.gangs.number.get(request.gang)) is not None:
            eligible &= table.gang != own
        eligible[[table.place[uid] for uid in sorted(spared)]] = False
        self.eligible: BoolArray = eligible
        self.rank: IntArray = np.ascontiguousarray(pool.rank)
        run_s = np.maximum(0.0, now_s - table.safe_s)
        self.lost: IntArray = np.rint(table.gpu_milli * run_s).astype(np.int64)
        self.limits = self._limits(pool.queue_milli)
        self.gangs = self._gangs()
        self._guarded: BoolArray | None = None

    def copy(self) -> Question:
        """Return the same question, which can be used up by itself."""
        twin = copy(self)
        twin.eligible, twin.limits = self.eligible.copy(), self.limits.copy()
        whole, slack, rank = self.gangs.whole.copy(), self.gangs.slack.copy(), self.gangs.rank
        twin.gangs = replace(self.gangs, whole=whole, slack=slack, rank=rank.copy())
        return twin

    @property
    def guarded(self) -> BoolArray:
        """Which pods (n,) a disruption budget protects."""
        if self._guarded is None:
            self._guarded = self._bound_to(SOFT)
        return self._guarded

    def _limits(self, queue_milli: dict[str, int]) -> IntArray:
        numbers = self.table.limits.number
        limits = np.full(len(numbers), _NO_LIMIT, np.int64)
        for name, allowed in self.guards.budgets.items():
            if (number := numbers.get((SOFT, name))) is not None:
                limits[number] = max(0, allowed)
        for name, milli in queue_milli.items():
            if (number := numbers.get((HARD, name))) is not None:
                limits[number] = milli
        return limits

    def _gangs(self) -> GangArrays:
        table, n = self.table, len(self.table.gangs.number)
        places = np.flatnonzero(table.gang >= 0)
        gang = table.gang[places]
        size = np.bincount(gang, minlength=n).astype(np.int64)
        may = np.bincount(gang[self.eligible[places]], minlength=n)
        rank = np.full(n, -(1 << 62), np.int64)
        np.maximum.at(rank, gang, self.rank[places])
        lost = np.zeros(n, np.int64)
        np.add.at(lost, gang, self.lost[places])
        slack = np.zeros(n, np.int64)
        for name, least in self.guards.gang_min.items():
            number = table.gangs.number.get(name)
            if number is not None:
                slack[number] = max(0, size.item(number) - max(0, least))
        start, links = self._gang_links(n)
        return GangArrays((may == size) & (size > 0), slack, size, rank, lost, start, links)

    def _gang_links(self, n: int) -> tuple[IntArray, IntTable]:
        """Return what all members of each gang take of limits, added up."""
        start, links = np.zeros(n + 1, np.int64), self.table.links.table
        of_gangs = links[(links[:, 0] >= SOFT) & (links[:, 3] >= 0)]
        of_gangs = of_gangs[self.limits[of_gangs[:, 1]] < _NO_LIMIT]
        # One number for (gang, kind, limit): rows of a table sort much slower.
        width = max(1, self.limits.size)
        keys = (of_gangs[:, 3] * (HARD + 1) + of_gangs[:, 0]) * width + of_gangs[:, 1]
        pairs, which = np.unique(keys, return_inverse=True)
        sums = np.zeros(pairs.size, np.int64)
        np.add.at(sums, which, of_gangs[:, 2])
        kinds, numbers = np.divmod(pairs, width)
        gangs, kinds = np.divmod(kinds, HARD + 1)
        np.cumsum(np.bincount(gangs, minlength=n), out=start[1:])
        return start, np.ascontiguousarray(np.column_stack([kinds, numbers, sums]))

    def allows(self, places: Collection[int], *, budgets: bool = False) -> bool:
        """Whether the limits of queues (and budgets) let all of these leave together."""
        pods, links = self.table.pods.table, self.table.links.table
        taken: dict[int, int] = {}
        for place in places:
            for kind, number, amount, _ in links[pods[place, 5] : pods[place, 6]].tolist():
                if kind == HARD or (budgets and kind == SOFT):
                    taken[number] = taken.get(number, 0) + amount
        return all(amount <= self.limits.item(number) for number, amount in taken.items())

    def take(self, places: Collection[int]) -> None:
        """Note that these pods left in a trial: limits shrink, and they cannot leave again.

        ``places`` has all members of gangs that left whole.
        """
        table, links = self.table, self.table.links.table
        gone: dict[int, int] = {}
        for place in places:
            gang = table.gang.item(place)
            if gang >= 0:
                gone[gang] = gone.get(gang, 0) + 1
            _, _, _, _, _, low, high, _ = table.pods.table[place].tolist()
            for kind, number, amount, _ in links[low:high].tolist():
                if kind >= SOFT:
                    self.limits[number] = max(0, self.limits.item(number) - amount)
        self.eligible[list(places)] = False
        for gang, n in gone.items():
            self.gangs.whole[gang] = False
            self.gangs.slack[gang] = max(0, self.gangs.slack.item(gang) - n)

    def spare_limited(self) -> None:
        """Let only those leave whom no budget and no limit of a queue concerns."""
        self.eligible &= ~self._bound_to(SOFT, HARD)
        self.gangs.whole[self.gangs.start[1:] > self.gangs.start[:-1]] = False

    def _bound_to(self, *kinds: int) -> BoolArray:
        """Return which pods (n,) some kinds of limits concern."""
        links, pods = self.table.links.table, self.table.pods.table
        limited = np.isin(links[:, 0], kinds)
        limited[limited] = self.limits[links[limited, 1]] < _NO_LIMIT
        before = np.concatenate([[0], np.cumsum(limited)])
        places = pods[: self.eligible.size]
        concerned: BoolArray = before[places[:, 6]] > before[places[:, 5]]
        return concerned

    @property
    def has_limits(self) -> bool:
        """Whether budgets or queues limit how many may leave."""
        return bool((self.limits < _NO_LIMIT).any())

    def flatten(self, highest: int) -> None:
        """Let only ranks up to ``highest`` leave, and count all of them alike."""
        self.eligible &= self.rank <= highest
        self.gangs.whole[self.gangs.rank > highest] = False
        self.rank = np.full_like(self.rank, highest)
        self.gangs.rank[:] = highest

    def search(
        self,
        cluster: Cluster,
        shape: Shape,
        needs: Needs,
        rows: IntArray,
        effort: tuple[int, int, int],
        eligible: BoolArray | None = None,
        island: int = ANY,
    ) -> tuple[IntTable, BoolArray]:
        """Return the values (k, 4) of the best victims on ``rows``, and who they are (n,).

        ``effort`` is how many rows matter (0: all), the number of steps a row and order, and how
        many orders. ``eligible``
        narrows who may leave; ``island`` is the only one of each row that the request may take
        GPUs of.
        """
        values = np.zeros((rows.size, 4), np.int64)
        evict = np.zeros(self.eligible.size, np.bool_)
        may = self.eligible if eligible is None else eligible
        arguments: Any = (rows, *effort, *self._arguments(cluster, shape, needs, may, island))
        search: Callable[..., None] = search_victims
        search(*arguments, values, evict)
        return values, evict

    def _arguments(
        self, cluster: Cluster, shape: Shape, needs: Needs, eligible: BoolArray, island: int = ANY
    ) -> tuple[Any, ...]:
        view, table, gangs = cluster.view, self.table, self.gangs
        slot_kind, kinds = view.slot_kind, needs.table
        if island != ANY:
            slot_kind, kinds = only_island(view, needs, island)
        columns = {name: i for i, name in enumerate(view.resource_names)}
        wanted = np.array([columns.get(name, -1) for name, _ in shape.resources], np.int64)
        amounts = np.array([amount for _, amount in shape.resources], np.int64)
        return (
            shape.cpu, shape.memory, shape.count, kinds, wanted, amounts,
            table.pods.start, table.pods.count,
            table.pods.table, table.parts.table, table.links.table,
            eligible, self.rank, self.lost,
            gangs.whole, gangs.slack, gangs.size, gangs.rank, gangs.lost,
            gangs.start, gangs.links, self.limits,
            view.cpu_free_milli, view.memory_free_mib, view.resources_free,
            view.slot_start, view.slot_count, slot_kind, view.slot_free_milli,
            view.slot_free_mib, view.slot_able, view.slot_used, view.slot_table,
            view.kinds.tables,
        )  # fmt: skip
