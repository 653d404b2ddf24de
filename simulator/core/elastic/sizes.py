"""How many pods each elastic job may have, how fast it goes with them, and what it asks for."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.classes import PodClass, job_class
from bayplan.simulator.core.pods import Pods
from bayplan.simulator.core.settings import Interruptions
from bayplan.simulator.core.speeds import Speeds


class Sizes:
    """The sizes of elastic jobs. To be made before anybody counts the classes of the book.

    A job that waits asks for the fewest pods that it runs with. Pods are numbered; who gives some
    back and gets others has gaps.

    Attributes
    ----------
    least, most
        Pods that an elastic job may have, (n_jobs,); of others those of their first row.
    stated_gpus
        GPUs (shares as fractions) that a job's work is stated for, (n_jobs,).
    began_s
        When each job started without a break since: changes of its pods are none, (n_jobs,).
    """

    def __init__(self, book: Book, speeds: Speeds, costs: Interruptions) -> None:
        self._book, self._speeds, self._costs = book, speeds, costs
        table = book.table
        first = np.arange(book.n_jobs)
        if book.rows is not None:
            first = np.array([rows[0] for rows in book.rows], np.int64)
        self._stated: IntArray = table.pods[first]
        self.stated_gpus: FloatArray = book.gpus.copy()
        self.least, self.most = table.bounds()
        self.least, self.most = self.least[first], self.most[first]
        self.began_s = np.full(book.n_jobs, np.nan)
        self.jobs: list[int] = np.flatnonzero(self.least < self.most).tolist()
        self._pods: Pods | None = None
        self._role: dict[int, PodClass] = {}
        self._classes: dict[PodClass, int] = {}
        self._speeds_of_job: dict[int, FloatArray] = {}
        self._known_speeds: dict[tuple[str, int, int, int, int], FloatArray] = {}
        self._add_classes()

    def _add_classes(self) -> None:
        book = self._book
        for number, kind in enumerate(book.classes):
            if len(kind.roles) == 1:
                self._classes.setdefault(kind.roles[0], number)
        for job in self.jobs:
            self._role[job] = book.classes[book.class_list[job]].roles[0]
            for pods in range(self.least.item(job), self.most.item(job) + 1):
                role = replace(self._role[job], pods=pods)
                if role not in self._classes:
                    self._classes[role] = book.add_class(job_class((role,)))
            book.reclass(job, self.class_of(job, self.least.item(job)))

    def number_pods(self, pods: Pods) -> None:
        """Let the pods of elastic jobs have numbers, also where there is but one."""
        self._pods = pods
        pods.numbers = {job: list(range(self.least.item(job))) for job in self.jobs}

    def is_elastic(self, job: int) -> bool:
        """Whether a job may have more pods or fewer."""
        return job in self._role

    def class_of(self, job: int, pods: int) -> int:
        """Return the class of an elastic job with so many pods."""
        return self._classes[replace(self._role[job], pods=pods)]

    def pods(self, job: int) -> int:
        """Return how many pods a job has, or asks for."""
        return self._book.classes[self._book.class_list[job]].n_pods

    def milli(self, job: int) -> int:
        """Return the milli-GPU that a pod of an elastic job asks for."""
        return self._role[job].gpu_milli

    def speeds(self, job: int) -> FloatArray:
        """Return the speeds of an elastic job with its fewest pods and up, over the stated."""
        found = self._speeds_of_job.get(job)
        if found is None:
            found = self._speeds_of_job[job] = self._scaled(job)
        return found

    def _scaled(self, job: int) -> FloatArray:
        gpus = sum(device.ask.count for device in self._role[job].devices)
        job_type, least, most = self._book.job_type[job], self.least.item(job), self.most.item(job)
        stated = self._stated.item(job)
        key = job_type, gpus, least, most, stated
        found = self._known_speeds.get(key)
        if found is None:
            scaling = self._speeds.scaling
            one = scaling.speed(job_type, gpus * stated)
            each = [scaling.speed(job_type, gpus * k) / one for k in range(least, most + 1)]
            found = self._known_speeds[key] = np.array(each, np.float64)
        return found

    def speed(self, job: int) -> float:
        """Return the speed of a job with the pods that it has, over that with the stated ones."""
        if job not in self._role:
            return 1.0
        return self.speeds(job).item(self.pods(job) - self.least.item(job))

    def cost_s(self, pods: int, job: int) -> float:
        """Return for how long a job does no work after a change to so many pods."""
        costs = self._costs
        if costs.resize_s is not None:
            return costs.resize_s
        gpus = max(1.0, pods * self._role[job].gpu_milli / 1000.0)
        return costs.restart_s + costs.restart_log2_s * log2(gpus)

    def wait(self, job: int) -> None:
        """Let a job that is about to wait ask for its fewest pods."""
        if job in self._role:
            assert self._pods is not None
            assert self._pods.numbers is not None
            least = self.least.item(job)
            self._pods.numbers[job] = list(range(least))
            self._book.reclass(job, self.class_of(job, least))
