"""The pods of jobs, as the engine knows them: requests, gangs, uids."""

from __future__ import annotations

from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import Request
from bayplan.simulator.core.book import Book


class Pods:
    """Makes requests of jobs. A job of one pod has its uid, the pods of others a number behind.

    ``images`` are those that the pods of each job need; None: requests name none.
    ``numbers`` are those of the pods of elastic jobs, which may have gaps; None: nobody is elastic.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._classes = book.classes
        self._class_of = book.class_list
        self._job_of = {uid: job for job, uid in enumerate(book.uid)}
        self._priority: list[int] = book.priority.tolist()
        self._preemptible: list[bool] = book.preemptible.tolist()
        self._estimate_s: list[float] = book.estimate_s.tolist()
        self.images: list[tuple[str, ...]] | None = None
        self.numbers: dict[int, list[int]] | None = None

    def request(self, job: int, index: int = 0) -> Request:
        """Return what a pod of a job asks for; the index counts over all its roles."""
        kind = self._classes[self._class_of[job]]
        uid = self._book.uid[job]
        gang = ""
        role = kind.roles[0]
        if self.numbers is not None and job in self.numbers:
            gang, uid = uid, self.uid(job, self.numbers[job][index])
        elif kind.n_pods > 1:
            gang, before = uid, 0
            for role in kind.roles:
                if index < before + role.pods:
                    break
                before += role.pods
            uid = f"{uid}/{index}"
        request = Request(
            uid,
            role.cpu_milli,
            role.memory_mib,
            role.devices,
            (),
            (),
            None,
            self._priority[job],
            self._preemptible[job],
            (),
            gang,
            self._book.queue[job],
            self._estimate_s[job],
            None,
            role.constraints,
        )
        return request if self.images is None else request._replace(images=self.images[job])

    def gang(self, job: int) -> Gang:
        """Return the pods of a job as a gang, a role for each of its rows."""
        roles, index = [], 0
        for k, role in enumerate(self._classes[self._class_of[job]].roles):
            members = tuple(self.request(job, i) for i in range(index, index + role.pods))
            roles.append(Role(str(k), members))
            index += role.pods
        return Gang(self._book.uid[job], tuple(roles))

    def uids(self, job: int) -> list[str]:
        """Return the uids of a job's pods."""
        if self.numbers is not None and job in self.numbers:
            return [self.uid(job, number) for number in self.numbers[job]]
        n_pods = self._classes[self._class_of[job]].n_pods
        uid = self._book.uid[job]
        return [uid] if n_pods == 1 else [f"{uid}/{k}" for k in range(n_pods)]

    # --- elastic jobs ---------------------------------------------------------------------

    def uid(self, job: int, number: int) -> str:
        """Return the uid of a pod of an elastic job."""
        return f"{self._book.uid[job]}/{number}"

    def numbered(self, job: int, number: int) -> Request:
        """Return what a pod of an elastic job asks for; all of them are alike."""
        return self.request(job)._replace(uid=self.uid(job, number))

    def numbers_of(self, job: int) -> list[int]:
        """Return the numbers of the pods of an elastic job."""
        assert self.numbers is not None
        return self.numbers[job]

    def renumber(self, job: int, numbers: list[int]) -> None:
        """Let an elastic job have other pods."""
        assert self.numbers is not None
        self.numbers[job] = numbers

    def grown(self, job: int, pods: int) -> tuple[Gang, dict[str, int]]:
        """Return an elastic job that has got up to so many pods, and their numbers by uid.

        New ones have the lowest numbers that are free.
        """
        own = self.numbers_of(job)
        free = sorted(set(range(pods)).difference(own))
        numbers = [*own, *free[: pods - len(own)]]
        members = tuple(self.numbered(job, number) for number in numbers)
        gang = Gang(self._book.uid[job], (Role("0", members, len(own)),))
        return gang, {self.uid(job, number): number for number in numbers}

    def job_of(self, uid: str) -> int:
        """Return the job that a pod belongs to."""
        job = self._job_of.get(uid)
        return self._job_of[uid.rpartition("/")[0]] if job is None else job
