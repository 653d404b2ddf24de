"""The jobs of a simulation: what they are, how far they came, and what became of them."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from bayplan.scheduler.arrays import FloatArray, FloatTable, IntArray, IntTable
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.core.classes import JobClass, PodClass, job_class, pod_classes
from bayplan.simulator.core.estimates import noisy
from bayplan.simulator.core.results import JobResults, Status
from bayplan.simulator.core.settings import Settings
from bayplan.traces.jobs import JobTable


class State(IntEnum):
    """Where a job is."""

    COMING = 0
    WAITING = 1
    RUNNING = 2
    AWAY = 3
    ENDED = 4


_ENDED = State.ENDED


class Book:
    """All jobs, numbered by their first row in the job table. Read by everybody.

    Arrays are (n_jobs,). Those of progress are written by the progress model alone:
    ``done_s`` (work done, in seconds alone on whole reference GPUs), ``safe_s`` (what a stop
    would leave of it), ``rate`` (work a second),
    ``since_s`` (up to when ``done_s`` holds), ``ready_s`` (before it no work is done). Others:
    ``work_s`` asked for; ``base`` the speed alone where it runs; ``arrival_s``, ``estimate_s``
    (with its error, of the whole run), ``deadline_s``, ``cancel_s`` (NaN: none); ``stint_s`` when
    it last started; ``run_s`` how long it ran before; ``mttf_s`` the mean time to a failure of
    what it runs on; ``period_s`` the time from checkpoint to checkpoint (0: all is safe at once);
    ``state``; ``class_of``, a number of ``classes`` (``class_list`` the same, faster one by one);
    ``gpus`` (shares as fractions) of all its pods; ``work_gpus`` those that ``work_s`` is stated
    for, whatever it asks for now. ``uid`` are names, ``rank`` their place among all names, which
    breaks ties. The first ``n_batch`` come by themselves and end; the others are ``n_replicas`` of
    services.
    """

    def __init__(self, table: JobTable, settings: Settings, n_replicas: int = 0) -> None:
        self.table = table
        self._checkpoint_s = float(settings.interruptions.checkpoint_s)
        self._save_s = float(settings.interruptions.save_s)
        first, self.rows = _jobs_of(table)
        self.n_jobs = first.size
        self.n_batch = self.n_jobs - n_replicas
        row_class, pods = pod_classes(table)
        self.class_of, self.classes = self._classes(row_class, pods, first)
        self.class_list: list[int] = self.class_of.tolist()
        self.uid = [table.gang[row] or table.name[row] for row in first.tolist()]
        self._check_uids()
        self.rank = np.empty(self.n_jobs, np.int64)
        self.rank[sorted(range(self.n_jobs), key=self.uid.__getitem__)] = np.arange(self.n_jobs)
        self.arrival_s: FloatArray = table.arrival_s[first]
        # Rows of one table each, so that kernels take one array instead of seven.
        self.progress: FloatTable = np.zeros((7, self.n_jobs))
        self.work_s, self.done_s, self.safe_s, self.rate = self.progress[:4]
        self.since_s, self.ready_s, self.base = self.progress[4:]
        self.seat_ints: IntTable = np.zeros((3, self.n_jobs), np.int64)
        self.first_seat, self.demand_of, self.rate_changes = self.seat_ints
        self.work_s[:] = table.work_s[first]
        self.deadline_s: FloatArray = table.deadline_s[first]
        self.cancel_s: FloatArray = table.cancel_s[first]
        self.priority: IntArray = table.priority[first]
        self.preemptible = table.preemptible[first] != 0
        self.queue = [table.queue[row] for row in first.tolist()]
        self.user = [table.user[row] for row in first.tolist()]
        self.job_type = [table.job_type[row] for row in first.tolist()]
        stated = table.estimate_s[first]
        estimate = np.where(np.isnan(stated), self.work_s, stated)
        self.estimate_s = noisy(estimate, self.uid, settings.estimate_error, settings.seed)
        self.gpu_milli: IntArray = self._of_class([c.gpu_milli for c in self.classes])
        self.n_gpus: IntArray = self._of_class([c.n_gpus for c in self.classes])
        self.gpus: FloatArray = self.gpu_milli / GPU_MILLI
        self.work_gpus = self.n_gpus.copy()
        self._clear()

    def _check_uids(self) -> None:
        """Refuse a job that is named as a pod of another one is."""
        known = {uid: job for job, uid in enumerate(self.uid)}
        for uid in self.uid:
            head, slash, tail = uid.rpartition("/")
            if slash and head in known and tail.isdecimal():
                pods = self.classes[self.class_of.item(known[head])].n_pods
                pods = max(pods, self.table.max_pods.item(self._first_row(known[head])))
                if pods > 1 and int(tail) < pods:
                    raise InputError(
                        f"job {uid!r} is named as a pod of job {head!r} is",
                        fix="rename one of them",
                    )

    def _first_row(self, job: int) -> int:
        return job if self.rows is None else self.rows[job][0]

    def _of_class(self, values: list[int]) -> IntArray:
        return np.array(values, np.int64)[self.class_of]

    def _clear(self) -> None:
        n = self.n_jobs
        self.state = np.zeros(n, np.int8)
        self.base[:] = 1.0
        self.first_seat[:] = -1
        self.stint_s = np.full(n, np.nan)
        self.queued_s = self.arrival_s.copy()
        self.start_s = np.full(n, np.nan)
        self.finish_s = np.full(n, np.nan)
        self.run_s = np.zeros(n)
        self.gpu_s = np.zeros(n)
        self.held_milli = np.zeros(n, np.int64)
        self.lost_s = np.zeros(n)
        self.overhead_s = np.zeros(n)
        self.status = np.zeros(n, np.int8)
        self.preemptions = np.zeros(n, np.int32)
        self.oom_kills = np.zeros(n, np.int32)
        self.failures = np.zeros(n, np.int32)
        self.startup_s: FloatArray | None = None
        self.resizes = np.zeros(n, np.int32)
        self.mttf_s = np.full(n, np.inf)
        self.period_s = np.full(n, self._checkpoint_s)

    def _classes(
        self, row_class: IntArray, pods: list[PodClass], first: IntArray
    ) -> tuple[IntArray, list[JobClass]]:
        if self.rows is None:
            return row_class, [job_class((each,)) for each in pods]
        known: dict[tuple[int, ...], int] = {}
        of_row = row_class.tolist()
        numbers = [
            known.setdefault(tuple(of_row[row] for row in rows), len(known)) for rows in self.rows
        ]
        classes = [job_class(tuple(pods[k] for k in key)) for key in known]
        return np.array(numbers, np.int64), classes

    def add_class(self, kind: JobClass) -> int:
        """Return the number of a class that no job is of yet; all are known before jobs wait."""
        self.classes.append(kind)
        return len(self.classes) - 1

    def reclass(self, job: int, number: int) -> None:
        """Let a job that neither waits nor runs ask for what another class asks for."""
        kind = self.classes[number]
        self.class_of[job] = self.class_list[job] = number
        self.gpu_milli[job], self.n_gpus[job] = kind.gpu_milli, kind.n_gpus
        self.gpus[job] = kind.gpu_milli / GPU_MILLI

    def results(self, now_s: float) -> JobResults:
        """Return what became of the jobs, up to ``now_s`` where they have not ended."""
        running = self.state == State.RUNNING
        run = self.run_s + np.where(running, now_s - self.stint_s, 0.0)
        idle = np.maximum(np.minimum(now_s, self.ready_s) - self.stint_s, 0.0)
        until = np.where(np.isnan(self.finish_s), now_s, self.finish_s)
        if self._save_s:  # what saves take is booked at the end of a stint
            worked = np.maximum(now_s - np.maximum(self.ready_s, self.stint_s), 0.0)
            saves = self.period_s > 0.0
            idle += np.divide(worked * self._save_s, self.period_s, out=0.0 * worked, where=saves)
        wait = np.maximum(until - self.arrival_s, 0.0) - run
        job_of_row = self._job_of_row()
        return JobResults(
            status=self.status[job_of_row],
            start_s=self.start_s[job_of_row],
            finish_s=self.finish_s[job_of_row],
            run_s=run[job_of_row],
            wait_s=np.where(np.abs(wait) < 1e-9 * np.maximum(until, 1.0), 0.0, wait)[job_of_row],
            gpu_s=(self.gpu_s + (run - self.run_s) * self.held_milli / GPU_MILLI)[job_of_row],
            work_done_s=self.done_s[job_of_row],
            work_lost_s=self.lost_s[job_of_row],
            overhead_s=(self.overhead_s + np.where(running, idle, 0.0))[job_of_row],
            preemptions=self.preemptions[job_of_row],
            oom_kills=self.oom_kills[job_of_row],
            failures=self.failures[job_of_row],
            resizes=self.resizes[job_of_row],
            rate_changes=self.rate_changes[job_of_row].astype(np.int32),
            startup_s=None if self.startup_s is None else self.startup_s[job_of_row],
        )

    def _job_of_row(self) -> IntArray:
        if self.rows is None:
            return np.arange(self.n_jobs)
        job_of_row = np.empty(len(self.table), np.int64)
        for job, rows in enumerate(self.rows):
            job_of_row[rows] = job
        return job_of_row

    def end(self, job: int, now_s: float, status: Status) -> None:
        """Note that a job has ended."""
        self.state[job] = _ENDED
        self.status[job] = status
        self.finish_s[job] = now_s


def _jobs_of(table: JobTable) -> tuple[IntArray, list[list[int]] | None]:
    """Return the first row of each job, and all rows of each; None where every row is one."""
    if not any(table.gang):
        return np.arange(len(table)), None
    rows: dict[tuple[str, int], list[int]] = {}
    for row, gang in enumerate(table.gang):
        rows.setdefault((gang, -1 if gang else row), []).append(row)
    found = list(rows.values())
    return np.array([each[0] for each in found], np.int64), found
