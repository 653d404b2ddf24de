"""The start-ups of a simulation: who waits for what on which node, and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.events import ImagesChanged
from bayplan.scheduler.types import Node, Placement
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.calendar import Calendar
from bayplan.simulator.core.locality import RACK_LABEL
from bayplan.simulator.core.progress import ProgressModel
from bayplan.simulator.core.startup.link import Transfer
from bayplan.simulator.core.startup.shared import SharedModels
from bayplan.simulator.core.startup.site import Site
from bayplan.simulator.core.startup.types import Startup, Wants

Note = Callable[[str, int | None, str], None]


@dataclass(slots=True)
class Tally:
    """What was looked for on nodes and what of it was there, transfers, and what they brought."""

    looked_for: int = 0
    found: int = 0
    pulls: int = 0
    pulled_mib: float = 0.0


@dataclass(slots=True)
class _Starting:
    """A job that runs: since when, and when its pods are ready, by node and all.

    ``after_s`` comes on top of that, and before ``least_s`` it does not work whatever its pods do.
    """

    from_s: float
    after_s: float
    ready_s: float = 0.0
    least_s: float = 0.0
    pods: int = 0
    by_node: dict[str, float] = field(default_factory=dict)
    looked_for: int = 0
    found: int = 0

    @property
    def works_s(self) -> float:
        """When it begins to work."""
        return max(self.least_s, self.ready_s + self.after_s)


class Startups:
    """Puts off the work of jobs until their pods have started.

    A job is ready with its last pod. Who comes to a node or leaves it changes how fast the others
    there get what they wait for: they are then expected to end at other times.

    Parameters
    ----------
    nodes
        All that may ever be there; ``images`` of theirs are there at first.
    tells
        Whether the cluster is told which images nodes have.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        book: Book,
        given: Startup,
        expected: tuple[ProgressModel, Calendar],
        note: Note,
        *,
        tells: bool,
    ) -> None:
        self._book, self._given, self._note = book, given, note
        self._progress, self._calendar = expected
        self._images = {node.name: node.images for node in nodes}
        racks = {node.name: dict(node.labels).get(RACK_LABEL, "") for node in nodes}
        self._shared = SharedModels(given.model_cache, racks)
        self._sites: dict[str, Site] = {}
        self._jobs: dict[int, _Starting] = {}
        self.tells = tells
        self._busy: set[str] = set()
        self._stale: set[str] = set()
        self._tally = Tally()
        self._seconds = book.startup_s = np.zeros(book.n_jobs)

    def images_of(self, job: int) -> tuple[str, ...]:
        """Return the names of what the pods of a job need."""
        wants = self._wants(job)
        return tuple(name for name in (wants.image, wants.model) if name)

    def wait_s(self, job: int, placements: Sequence[Placement], now_s: float) -> float:
        """Return how long a job would take to start now."""
        wants = self._wants(job)
        if wants == Wants():
            return self._given.container_s
        ready_s = now_s
        for name in _nodes(placements):
            self._settle(name, now_s)
            twin = self._site(name).copy()
            twin.add(job, wants, partial(self._most, name, now_s))
            ready_s = max(ready_s, twin.link.ready().get(job, now_s))
        return ready_s - now_s

    def begin(self, job: int, placements: Sequence[Placement], now_s: float) -> None:
        """Let a job start: ``book.ready_s`` is when it would be ready without this."""
        wants, book = self._wants(job), self._book
        after_s = book.ready_s.item(job) - now_s
        starting = _Starting(now_s, after_s, now_s, pods=len(placements))
        self._jobs[job] = starting
        if wants == Wants():
            starting.ready_s = now_s + self._given.container_s
        else:
            for name in _nodes(placements):
                self._come(job, name, wants, now_s)
        book.ready_s[job] = starting.works_s

    def resize(
        self, job: int, placements: Sequence[Placement], now_s: float, cost_s: float | None
    ) -> None:
        """Let a job go on with other pods: those that are new start, those that stay go on.

        Parameters
        ----------
        job, placements
            The job, and where its pods are from now on.
        now_s
            The time.
        cost_s
            For how long it does no work because of the change; None: it starts now, and
            ``book.ready_s`` is when it would be ready without this.
        """
        wants, book, starting = self._wants(job), self._book, self._jobs[job]
        self._count_seconds(job, starting, now_s)
        starting.from_s = now_s
        kept = dict.fromkeys(_nodes(placements))
        for name in [name for name in starting.by_node if name not in kept]:
            self._quit(job, name, now_s)
            del starting.by_node[name]
        if cost_s is None:
            starting.after_s = book.ready_s.item(job) - now_s
        else:
            starting.least_s = max(starting.least_s, now_s + cost_s)
        grows = len(placements) > starting.pods
        starting.pods = len(placements)
        if wants != Wants():
            for name in kept:
                if name not in starting.by_node:
                    self._come(job, name, wants, now_s)
            starting.ready_s = max(starting.by_node.values())
        if grows:  # a pod on a node that it has already needs its container at least
            starting.ready_s = max(starting.ready_s, now_s + self._given.container_s)
        book.ready_s[job] = starting.works_s

    def leave(self, job: int, now_s: float) -> None:
        """Let a job leave the nodes that it is on."""
        starting = self._jobs.pop(job)
        self._count_seconds(job, starting, now_s)
        if now_s == self._book.stint_s.item(job):  # it was never there
            self._tally.looked_for -= starting.looked_for
            self._tally.found -= starting.found
        for name in starting.by_node:
            self._quit(job, name, now_s)

    def gone(self, name: str) -> None:
        """Note that a node has left, with all that it kept: it will come back with nothing."""
        self._sites.pop(name, None)
        self._images[name] = ()
        self._busy.discard(name)
        self._stale.add(name)

    def tell(self, cluster: Cluster, now_s: float) -> None:
        """Let the cluster know which images are on its nodes now, if anybody wants to."""
        if not self.tells:
            return
        for name in sorted(self._busy):
            if self._sites[name].link.next_s() <= now_s:
                self._settle(name, now_s)
        told = [name for name in sorted(self._stale) if name in cluster.nodes]
        self._stale.difference_update(told)
        for name in told:
            site = self._sites.get(name)
            images = self._images[name] if site is None else site.images()
            if cluster.nodes[name].images != images:
                cluster.apply(ImagesChanged(name, images))

    def upto(self, now_s: float) -> Tally:
        """Return what there was up to now, and count the seconds of who is starting."""
        for job, starting in self._jobs.items():
            self._count_seconds(job, starting, now_s)
        for name in sorted(self._busy):
            self._settle(name, now_s)
        tally = replace(self._tally)
        for name in sorted(self._busy):
            _add(tally, self._sites[name].link.transfers.values())
        return tally

    # --- inside ---------------------------------------------------------------------------

    def _wants(self, job: int) -> Wants:
        return self._given.types.get(self._book.job_type[job], self._given.default)

    def _site(self, name: str) -> Site:
        site = self._sites.get(name)
        if site is None:
            site = self._sites[name] = Site(self._given, images=self._images[name])
        return site

    def _count_seconds(self, job: int, starting: _Starting, now_s: float) -> None:
        until_s = max(starting.from_s, min(now_s, starting.ready_s))
        self._seconds[job] += until_s - starting.from_s
        starting.from_s = until_s

    def _quit(self, job: int, name: str, now_s: float) -> None:
        """Let a node have none of a job's pods any more."""
        self._settle(name, now_s)
        ended = self._sites[name].remove(job)
        self._ended(name, ended, is_done=False)
        if ended:
            self._expect(name, now_s)

    def _come(self, job: int, name: str, wants: Wants, now_s: float) -> None:
        self._settle(name, now_s)
        site, starting, tally = self._site(name), self._jobs[job], self._tally
        before = site.images() if self.tells else ()
        added = site.add(job, wants, partial(self._most, name, now_s, begins=True))
        if self.tells and site.images() != before:
            self._stale.add(name)
        for counts in (starting, tally):
            counts.looked_for += added.looked_for
            counts.found += added.found
        for each in added.transfers:
            self._note("pull", job, f"{each.key[0]} {name}")
        starting.by_node[name] = now_s
        self._expect(name, now_s)

    def _most(self, node: str, now_s: float, model: str, *, begins: bool = False) -> float:
        """Return how fast a node gets a model that it has not."""
        for other in self._shared.loading(node, model):
            if other != node:
                self._settle(other, now_s)
        if self._shared.has(node, model):
            return self._given.shared_mib_per_s
        if begins:
            self._shared.begin(node, model)
        return self._given.store_mib_per_s

    def _settle(self, name: str, now_s: float) -> None:
        self._ended(name, self._site(name).link.settle(now_s), is_done=True)

    def _ended(self, name: str, transfers: list[Transfer], *, is_done: bool) -> None:
        _add(self._tally, transfers)
        for each in transfers:
            if each.key[0] in self._given.models:
                self._shared.end(name, each.key[0], is_done=is_done)
        if transfers and is_done:
            self._stale.add(name)
        self._note_busy(name)

    def _note_busy(self, name: str) -> None:
        if self._sites[name].link.transfers:
            self._busy.add(name)
        else:
            self._busy.discard(name)

    def _expect(self, name: str, now_s: float) -> None:
        """Note when the jobs on a node will be ready, and expect their ends anew."""
        book = self._book
        moved = []
        self._note_busy(name)
        for job, ready_s in self._sites[name].link.ready().items():
            starting = self._jobs[job]
            if starting.by_node.get(name) == ready_s:
                continue
            starting.by_node[name] = ready_s
            latest_s = max(starting.by_node.values())
            if latest_s != starting.ready_s:
                starting.ready_s = latest_s
                book.ready_s[job] = starting.works_s
                moved.append(job)
        jobs = np.array([job for job in moved if book.rate.item(job) > 0.0], np.int64)
        if jobs.size:
            finish = self._progress.change(book, jobs, book.rate[jobs], now_s)
            self._calendar.set(jobs, finish)


def _nodes(placements: Sequence[Placement]) -> list[str]:
    return list(dict.fromkeys(placement.node for placement in placements))


def _add(tally: Tally, transfers: Iterable[Transfer]) -> None:
    """Count transfers that have brought something."""
    for each in transfers:
        if each.left_mib < each.mib:
            tally.pulls += 1
            tally.pulled_mib += each.mib - each.left_mib
