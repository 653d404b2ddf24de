"""The GPUs of a simulated cluster: which take no new pods, which are slow, whom a fault takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.events import NodeChanged
from bayplan.scheduler.faults import blast_radius
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.machines import Machines
from bayplan.simulator.core.progress import Saves
from bayplan.simulator.core.slowness import Slowness

Later = Callable[[float, Callable[[], None]], None]
"""Takes a time and what to do then."""

Gpu = tuple[str, int]
"""A node, and the index of a GPU on it."""


class Gpus:
    """Closes GPUs to new pods and opens them again, repairs them, slows them down.

    Whoever closes a GPU has a hold on it by a name, as on a node (``Machines``): it takes pods
    when nobody holds it and its node takes them. A node that comes back has the GPUs closed that
    were.

    Attributes
    ----------
    repairing
        GPUs that are to be repaired once nothing is on them.
    faults
        How many faults there were, by class.
    alarms, false_alarms
        GPUs that a detector took for slow, and those of them that were not.
    """

    def __init__(self, floor: Floor, machines: Machines, later: Later) -> None:
        self._floor, self._machines, self._later = floor, machines, later
        self._holds: dict[Gpu, set[str]] = {}
        self.repairing: dict[Gpu, tuple[str, float, Callable[[], None]]] = {}
        self.faults: dict[str, int] = {}
        self.alarms = self.false_alarms = 0
        self._closed_gpu_s, self._since_s = 0.0, 0.0
        self._looked: dict[Gpu, int] = {}

    # --- what is on them ------------------------------------------------------------------

    def uids_on(self, name: str, gpu: int) -> list[str]:
        """Return the pods on a GPU, sorted; whom an anonymous one has, the seats say."""
        cluster = self._floor.cluster
        if not self._machines.is_up(name):
            return []
        if cluster.nodes[name].anonymous_gpus:
            jobs = self.jobs_on(name, gpu)
            uids = [uid for job in jobs for uid in self._floor.pods.uids(job)]
            return sorted(uid for uid in uids if cluster.pods[uid].placement.node == name)
        return [
            uid
            for uid in cluster.pods_on(cluster.row(name))
            if any(
                grant.slot.gpu == gpu
                for grants in cluster.pods[uid].placement.grants
                for grant in grants
            )
        ]

    def jobs_on(self, name: str, gpu: int) -> list[int]:
        """Return the jobs with a seat on a GPU, by number."""
        seats = self._floor.seats
        number = seats.number(name, gpu)
        return [job for job in self._machines.jobs_on(name) if number in seats.gpus_of(job)]

    def is_closed(self, name: str, gpu: int) -> bool:
        """Whether somebody keeps new pods from a GPU."""
        return (name, gpu) in self._holds

    def closed_gpu_s(self, now_s: float) -> float:
        """Return for how long GPUs were closed until now, each by itself, in GPU-seconds."""
        return self._closed_gpu_s + len(self._holds) * (now_s - self._since_s)

    # --- faults ---------------------------------------------------------------------------

    def fault(self, name: str, gpu: int, kind: str, uids: Iterable[str]) -> None:
        """Let a fault of a GPU stop the jobs of some pods; they wait again.

        Parameters
        ----------
        name, gpu
            The GPU.
        kind
            The class of the fault.
        uids
            Whose process dies; with each its co-residents by ``blast_radius``.
        """
        floor = self._floor
        self.faults[kind] = self.faults.get(kind, 0) + 1
        floor.note("fault", None, f"{name}/{gpu} {kind}")
        hit = {uid for each in uids for uid in blast_radius(floor.cluster, each)}
        for job in sorted({floor.pods.job_of(uid) for uid in hit}):
            floor.lose(job)

    def suspect(self, name: str, gpu: int) -> None:
        """Note that somebody takes a GPU for slow."""
        floor = self._floor
        slow = {} if floor.slowness is None else floor.slowness.factors
        self.alarms += 1
        self.false_alarms += floor.seats.number(name, gpu) not in slow
        floor.note("suspect", None, f"{name}/{gpu}")

    # --- closing --------------------------------------------------------------------------

    def close(self, name: str, gpu: int, by: str) -> None:
        """Let a GPU take no more pods; those on it stay."""
        self._check(name, gpu)
        holds = self._holds.get((name, gpu), set())
        if not holds:
            self._count()
            self._holds[name, gpu] = holds
            self._show(name)
            self._floor.note("close", None, f"{name}/{gpu}")
        holds.add(by)

    def open(self, name: str, gpu: int, by: str) -> None:
        """Take back a hold; a GPU that nobody holds takes pods again."""
        self._check(name, gpu)
        holds = self._holds.get((name, gpu), set())
        if by not in holds:
            return
        holds.remove(by)
        if not holds:
            self._count()
            del self._holds[name, gpu]
            self._show(name)
            self._floor.note("open", None, f"{name}/{gpu}")
            self._floor.waiting.unblock()

    def repair(
        self, name: str, gpu: int, by: str, for_s: float, done: Callable[[], None] = lambda: None
    ) -> None:
        """Close a GPU, repair it for ``for_s`` once nothing is on it, open it and say it is done.

        Who is repairing it already goes on.
        """
        self.close(name, gpu, by)
        self.repairing.setdefault((name, gpu), (by, for_s, done))
        self.repair_empty()

    def repair_empty(self) -> None:
        """Begin the repair of those that are to be repaired and have nothing on them."""
        for name, gpu in sorted(self.repairing):
            if self._is_as_it_was(name, gpu):
                continue
            if not self.jobs_on(name, gpu):
                by, for_s, done = self.repairing.pop((name, gpu))
                self._looked.pop((name, gpu), None)
                self._later(self._floor.now_s + for_s, self._ending(name, gpu, by, done))

    def _is_as_it_was(self, name: str, gpu: int) -> bool:
        """Whether nothing happened on the node of a GPU since the last look; this is one."""
        cluster = self._floor.cluster
        if not self._machines.is_up(name):
            return False
        version = cluster.view.version.item(cluster.row(name))
        before = self._looked.get((name, gpu))
        self._looked[name, gpu] = version
        return before == version

    def _ending(self, name: str, gpu: int, by: str, done: Callable[[], None]) -> Callable[[], None]:
        def end() -> None:
            done()
            self.open(name, gpu, by)

        return end

    # --- speed ----------------------------------------------------------------------------

    def slow(self, name: str, gpu: int, factor: float) -> None:
        """Let a GPU do ``factor`` of what a sound one does (1: it is sound) from now on."""
        self._check(name, gpu)
        floor = self._floor
        if floor.slowness is None:
            floor.slowness = Slowness(floor.book, floor.seats)
        number = floor.seats.number(name, gpu)
        if floor.slowness.factors.get(number, 1.0) == factor:
            return
        floor.note("slow" if factor < 1.0 else "sound", None, f"{name}/{gpu}")
        jobs = self.jobs_on(name, gpu)
        floor.respeed(floor.slowness.set(number, factor, floor.now_s, jobs))

    def restart(self, name: str, gpu: int) -> None:
        """Let the jobs on a GPU save what they have done, if they can, and wait again."""
        floor, model = self._floor, self._floor.progress
        for job in self.jobs_on(name, gpu):
            if isinstance(model, Saves):
                model.save(floor.book, job, floor.now_s)
            floor.stop(job)

    # --- inside ---------------------------------------------------------------------------

    def _show(self, name: str) -> None:
        """Tell the cluster, now or when the node comes back, which GPUs of a node are closed."""
        gpus = {gpu for node, gpu in self._holds if node == name}
        closed = tuple(sorted(gpus.union(self._machines.known[name].unhealthy)))
        self._machines.unhealthy[name] = closed
        if self._machines.is_up(name):
            cluster = self._floor.cluster
            cluster.apply(NodeChanged(replace(cluster.nodes[name], unhealthy=closed)))
            self._floor.node_changes += 1

    def _count(self) -> None:
        now_s = self._floor.now_s
        self._closed_gpu_s, self._since_s = self.closed_gpu_s(now_s), now_s

    def _check(self, name: str, gpu: int) -> None:
        node = self._machines.known.get(name)
        if node is None or not 0 <= gpu < node.gpu_count:
            raise InputError(f"there is no GPU {gpu} of a node {name!r}", fix="name one there is")
