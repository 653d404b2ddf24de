"""Whether there will be room for jobs that are held back, by sums of GPUs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.kinds import slots_of
from bayplan.simulator.core.deferral.sites import Sites
from bayplan.simulator.core.floor import Floor

_BITS = 62


class Room:
    """What is free by GPU model, now and when those who run have ended as estimated.

    Jobs are counted by the milli-GPU that they ask for, nodes that take pods by what is free of
    them; CPU, memory and how what is free is scattered are not looked at. Who has run
    for longer than was estimated is not expected to end.
    """

    def __init__(self, floor: Floor, sites: Sites) -> None:
        self._floor, self._sites = floor, sites
        names = sorted({node.gpu_model for node in floor.cluster.nodes.values()})
        self._number = {name: k % _BITS for k, name in enumerate(names)}
        n_jobs = floor.book.n_jobs
        self._model: IntArray = np.zeros(n_jobs, np.int64)
        self._place: IntArray = np.zeros(n_jobs, np.int64)
        self._seen_s: FloatArray = np.full(n_jobs, np.nan)
        self._bits_of_class: dict[int, int] = {}
        self._row_bits: IntArray = np.zeros(0, np.int64)
        self._row_milli: IntArray = np.zeros(0, np.int64)
        self._row_place: IntArray = np.zeros(0, np.int64)
        self._changes = -1

    def late(self, jobs: Sequence[int], latest_s: FloatArray, headroom: float) -> list[int]:
        """Return those of some jobs, by place among them, that may find no room in time.

        One may when the GPUs that it could use, less ``headroom`` of all of them, are fewer at its
        latest start than all of these jobs and all who wait take. Where all jobs take one GPU, are
        served in the order in which they came and end as estimated, one that is let go as soon as
        this is so starts in time: at its latest start there is room for it and for all before it.

        Parameters
        ----------
        jobs
            Jobs that are held back.
        latest_s
            (n,) when each is to start at the latest.
        headroom
            A share of the GPUs.
        """
        waiting = self._floor.waiting.jobs()
        asking = np.append(np.array(jobs, np.int64), waiting)
        bits = np.array([self._bits(job) for job in asking.tolist()], np.int64)
        takes = self._floor.book.gpu_milli[asking]
        jobs_now, ends_s = self._ends()
        end_bits, gives = self._model[jobs_now], self._floor.book.held_milli[jobs_now]
        free, all_milli = self._rows()
        own_bits = bits[: len(jobs)]
        is_late = np.zeros(len(jobs), np.bool_)
        for own in np.unique(own_bits).tolist():  # jobs that may use the same models
            same = own_bits == own
            mine, ending = (self._row_bits & own) != 0, (end_bits & own) != 0
            asked = takes[(bits & own) != 0].sum() + headroom * all_milli[mine].sum()
            by_end = np.argsort(ends_s[ending], kind="stable")
            room = free[mine].sum() + np.append(0, np.cumsum(gives[ending][by_end]))
            ended = np.searchsorted(ends_s[ending][by_end], latest_s[same], side="right")
            is_late[same] = asked > room[ended]
        late: list[int] = np.flatnonzero(is_late).tolist()
        return late

    def has(
        self, job: int, places: Sequence[int], at_s: float, beside: Sequence[int], headroom: float
    ) -> bool:
        """Whether there is to be room for a job at some places and a time, beside others.

        Parameters
        ----------
        job
            A job that may be held back.
        places
            Numbers of ``Sites``.
        at_s
            When.
        beside
            Jobs that are to run there then, and do not yet.
        headroom
            A share of the GPUs.
        """
        own = self._bits(job)
        running, ends_s = self._ends()
        free, all_milli = self._rows()
        mine = ((self._row_bits & own) != 0) & np.isin(self._row_place, places)
        ending = ((self._model[running] & own) != 0) & (ends_s <= at_s)
        ending &= np.isin(self._place[running], places)
        book = self._floor.book
        room = free[mine].sum() + book.held_milli[running[ending]].sum()
        others = [other for other in beside if self._bits(other) & own]
        asked = book.gpu_milli[np.array([job, *others], np.int64)].sum()
        return bool(asked + headroom * all_milli[mine].sum() <= room)

    def _bits(self, job: int) -> int:
        number = self._floor.book.class_list[job]
        if number not in self._bits_of_class:
            self._bits_of_class[number] = sum({self._bit(m) for m in self._sites.models(job)})
        return self._bits_of_class[number]

    def _bit(self, model: str) -> int:
        return 1 << self._number.setdefault(model, len(self._number) % _BITS)

    def _rows(self) -> tuple[IntArray, IntArray]:
        """Return by row what is free, and what there is, of nodes that take pods: (n_rows,)."""
        floor = self._floor
        view, n = floor.cluster.view, floor.cluster.view.n_rows
        if self._changes != floor.node_changes:
            self._changes = floor.node_changes
            self._row_bits, self._row_milli, self._row_place = np.zeros((3, n), np.int64)
            for name, node in floor.cluster.nodes.items():
                row = floor.cluster.row(name)
                self._row_bits[row] = self._bit(node.gpu_model)
                self._row_milli[row] = slots_of(node).total_milli
                self._row_place[row] = self._sites.place_of(name)
        is_open = view.alive[:n] & view.schedulable[:n]
        return view.idle_milli[:n] * is_open, self._row_milli * is_open

    def _ends(self) -> tuple[IntArray, FloatArray]:
        """Return who runs, and when each is to end: (n,)."""
        floor, book = self._floor, self._floor.book
        jobs = floor.runners()
        for job in jobs[self._seen_s[jobs] != book.stint_s[jobs]].tolist():
            name = floor.placements[job][0].node
            self._model[job] = self._bit(floor.cluster.nodes[name].gpu_model)
            self._place[job] = self._sites.place_of(name)
            self._seen_s[job] = book.stint_s.item(job)
        rate = np.where(book.rate[jobs] > 0.0, book.rate[jobs], book.base[jobs])
        worked = np.maximum(floor.now_s - np.maximum(book.since_s[jobs], book.ready_s[jobs]), 0.0)
        left = book.estimate_s[jobs] - book.done_s[jobs] - rate * worked
        ends = np.maximum(floor.now_s, book.ready_s[jobs]) + left / rate
        return jobs, np.where(left > 0.0, ends, np.inf)
