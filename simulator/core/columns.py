"""Jobs as the columns that ordering policies look at."""

from __future__ import annotations

import numpy as np

from bayplan.scheduler.arrays import FloatArray, FloatTable, IntArray
from bayplan.scheduler.ordering import Pending, Queues
from bayplan.scheduler.queues.decay import DecayedUsage
from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.core.book import Book, State


class Columns:
    """Makes ``Pending`` of jobs that wait or run.

    ``used`` (n_queues, 3), as in ``Queues``, is kept up to date by who starts and stops jobs,
    where it is ``tracked``; ``elastic``: jobs may have had more GPUs, or fewer. The queues are
    ``names``. What is left of a job is its estimate less the work that it did: an estimate that
    was too low leaves nothing.
    """

    def __init__(self, book: Book, half_life_s: float) -> None:
        self._book = book
        names = sorted(set(book.queue))
        index = {name: k for k, name in enumerate(names)}
        self.queue_of = np.array([index[name] for name in book.queue], np.int64)
        self.used: FloatTable = np.zeros((len(names), 3))
        self._usage = DecayedUsage(half_life_s)
        self.names = tuple(names)
        self.tracked = True
        self.elastic = False
        self._capacity = np.zeros(3)
        self._asks = np.array(
            [(c.cpu_milli, c.memory_mib, c.gpu_milli, c.n_gpus) for c in book.classes], np.int64
        ).reshape(-1, 4)

    def resize(self, cpu_milli: int, memory_mib: int, gpu_milli: int) -> None:
        """Let the nodes have more in all, or less."""
        self._capacity = self._capacity + np.array([cpu_milli, memory_mib, gpu_milli])

    def use(self, job: int, sign: int, now_s: float) -> None:
        """Let a job's queue use what it asks for (1), or no longer (-1)."""
        queue = self.queue_of.item(job)
        asks = self._asks[self._book.class_of.item(job), :3]
        self.used[queue] += sign * asks
        self._usage.change(now_s, self.names[queue], sign * int(asks[2]))

    def of(self, jobs: IntArray, now_s: float) -> Pending:
        """Return jobs as columns, a row each in their order."""
        book = self._book
        asks = self._asks[book.class_of[jobs]]
        running = book.state[jobs] == State.RUNNING
        stint = np.where(running, now_s - book.stint_s[jobs], 0.0)
        attained = book.run_s[jobs] + stint
        estimate = book.estimate_s[jobs]
        known = self._usage.at(now_s)
        usage = [known.get(name, 0.0) / GPU_MILLI for name in self.names]
        return Pending(
            submit_s=book.arrival_s[jobs],
            waiting_since_s=book.queued_s[jobs],
            priority=book.priority[jobs],
            cpu_milli=asks[:, 0],
            memory_mib=asks[:, 1],
            n_gpus=asks[:, 3],
            gpu_milli=asks[:, 2],
            run_time_s=estimate,
            remaining_s=np.maximum(estimate - book.done_s[jobs], 0.0),
            attained_s=attained,
            attained_gpu_s=self._held(jobs, stint) if self.elastic else attained * book.gpus[jobs],
            deadline_s=book.deadline_s[jobs],
            queue=self.queue_of[jobs],
            key=book.rank[jobs],
            queues=Queues(
                names=self.names,
                used=self.used,
                capacity=self._capacity,
                weight=np.ones(len(self.names)),
                usage_gpu_s=np.array(usage, np.float64),
                usage_at_s=np.full(len(self.names), now_s),
            ),
        )

    def _held(self, jobs: IntArray, stint_s: FloatArray) -> FloatArray:
        """Return the GPU-seconds that jobs (n,) held, up to now: (n,)."""
        held: FloatArray = self._book.gpu_s[jobs] + stint_s * self._book.gpus[jobs]
        return held
