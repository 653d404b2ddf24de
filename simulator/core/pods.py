"""The pods of jobs, as the engine knows them: requests, gangs, uids."""

from __future__ import annotations

from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import Request
from bayplan.simulator.core.book import Book


class Pods:
    """Makes requests of jobs. A job of one pod has its uid, the pods of others a number behind."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._classes = book.classes
        self._class_of = book.class_list
        self._job_of = {uid: job for job, uid in enumerate(book.uid)}
        self._priority: list[int] = book.priority.tolist()
        self._preemptible: list[bool] = book.preemptible.tolist()
        self._estimate_s: list[float] = book.estimate_s.tolist()

    def request(self, job: int, index: int = 0) -> Request:
        """Return what a pod of a job asks for; the index counts over all its roles."""
        kind = self._classes[self._class_of[job]]
        uid = self._book.uid[job]
        gang = ""
        role = kind.roles[0]
        if kind.n_pods > 1:
            gang, before = uid, 0
            for role in kind.roles:
                if index < before + role.pods:
                    break
                before += role.pods
            uid = f"{uid}/{index}"
        return Request(
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
        n_pods = self._classes[self._class_of[job]].n_pods
        uid = self._book.uid[job]
        return [uid] if n_pods == 1 else [f"{uid}/{k}" for k in range(n_pods)]

    def job_of(self, uid: str) -> int:
        """Return the job that a pod belongs to."""
        job = self._job_of.get(uid)
        return self._job_of[uid.rpartition("/")[0]] if job is None else job
