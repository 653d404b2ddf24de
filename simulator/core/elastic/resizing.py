"""A scheduling pass for elastic jobs: room for who waits, and pods for who runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from bayplan.scheduler.arrays import IntArray
from bayplan.scheduler.events import Bound, Gone, Returned
from bayplan.scheduler.types import Placement
from bayplan.simulator.core.elastic.change import Change
from bayplan.simulator.core.elastic.policies import Elasticity
from bayplan.simulator.core.elastic.shares import Shares, last_to_keep, targets
from bayplan.simulator.core.elastic.sizes import Sizes
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.passes import Pass

Kept = dict[int, list[tuple[int, Placement]]]
"""The numbers and places of the pods that jobs keep or get."""


class Resizer:
    """Changes the number of pods of running jobs, as a policy wants.

    A job is changed no sooner than ``interval_s`` after its start or its last change, but for
    the very moment of its start, in which it grows for nothing. Of a job that shrinks those pods
    leave first that are on the nodes with the fewest of its pods, the latest first.

    ``scheme`` is the pass for who waits and finds no room by that.
    """

    settled = True

    def __init__(
        self,
        scheme: Pass,
        policy: Elasticity,
        sizes: Sizes,
        interval_s: float,
        *,
        strict: bool,
    ) -> None:
        self._scheme, self._policy, self._sizes = scheme, policy, sizes
        self._interval_s, self._strict = interval_s, strict
        self._seen: tuple[Shares, list[int]] | None = None

    def is_idle(self, floor: Floor) -> bool:
        """Look each time: who runs may make room."""
        return False

    def run(self, floor: Floor) -> None:
        """Start whoever fits or is made room for, and hand out what is left."""
        self.serve(floor)
        self._scheme.run(floor)
        self._seen = None
        if self.share(floor):  # who was left with fewer may have left more than others took
            floor.freed()
            self.serve(floor)

    # --- who waits ------------------------------------------------------------------------

    def serve(self, floor: Floor) -> None:
        """Serve the queue in its order; pods beyond the fewest make room for who does not fit.

        ``strict``: nobody passes the first.
        """
        if not len(floor.waiting):
            return
        self._seen = None
        refused: set[int] = set()
        for job in floor.waiting.in_order(floor.now_s).tolist():
            number = floor.book.class_of.item(job)
            if number not in refused and not self._starts(floor, job):
                refused.add(number)
            if self._strict and number in refused:
                return

    def _starts(self, floor: Floor, job: int) -> bool:
        if not floor.waiting.is_blocked(job):
            if floor.try_start(job):
                self._seen = None
                return True
            floor.waiting.block(floor.book.class_of.item(job))
        return self._make_room(floor, job)

    def _make_room(self, floor: Floor, job: int) -> bool:
        shares, jobs = self._shares(floor)
        fewest = self._fewest(floor, shares, jobs)
        spare = int(((shares.pods - fewest) * shares.milli).sum())
        if not spare or floor.free_milli() + spare < floor.least_milli(job):
            return False
        kept = self._kept(floor, jobs)
        with floor.cluster.trial() as trial:
            gone = self._until_it_fits(floor, job, shares, fewest, kept)
            if gone is None:
                return False
            self._reprieve(floor, job, gone, kept)
            trial.keep()
        for each in jobs:
            if len(kept[each]) < self._sizes.pods(each):
                self._change(floor, each, kept[each])
        floor.freed()
        self._seen = None
        started = floor.try_start(job)
        assert started, "the trial found room"
        return True

    def _until_it_fits(
        self, floor: Floor, job: int, shares: Shares, fewest: IntArray, kept: Kept
    ) -> list[tuple[int, int, Placement]] | None:
        """Take pods away until a job fits; return whose, in order. None: it never does."""
        worth, jobs = self._policy.worth(shares), list(kept)
        pods = shares.pods.copy()
        gone: list[tuple[int, int, Placement]] = []
        step = 1
        while True:
            for _ in range(step):
                j = last_to_keep(shares, worth, pods, fewest)
                if j < 0:
                    break
                pods[j] -= 1
                number, place = kept[jobs[j]].pop(_leaves_first(kept[jobs[j]]))
                floor.cluster.apply(Gone(floor.pods.uid(jobs[j], number)))
                gone.append((jobs[j], number, place))
            else:
                step *= 2
                if floor.decide(job) is not None:
                    return gone
                continue
            return gone if gone and floor.decide(job) is not None else None

    def _reprieve(
        self, floor: Floor, job: int, gone: list[tuple[int, int, Placement]], kept: Kept
    ) -> None:
        """Put back pods that need not have gone, the last to go first."""
        for each, number, place in reversed(gone):
            uid = floor.pods.uid(each, number)
            floor.cluster.apply(Returned(uid))
            if floor.decide(job) is None:
                floor.cluster.apply(Gone(uid))
            else:
                kept[each] = sorted([*kept[each], (number, place)], key=lambda pod: pod[0])

    # --- who runs -------------------------------------------------------------------------

    def share(self, floor: Floor) -> bool:
        """Let jobs have as many pods as the policy wants of what there is.

        Returns whether anybody gave pods back.
        """
        floor.again_s = math.inf
        shares, jobs = self._shares(floor)
        if not jobs:
            return False
        frozen = np.array([self._is_frozen(floor, job) for job in jobs])
        moves = self._policy.moves
        sure = np.where(frozen, shares.pods, shares.least) if moves else shares.pods
        most = np.where(frozen, shares.pods, shares.most)
        free = floor.free_milli() + int(((shares.pods - sure) * shares.milli).sum())
        if frozen.any() and (moves or free or len(floor.waiting)):
            last_s: float = floor.book.stint_s[np.array(jobs)][frozen].min().item()
            floor.again_s = last_s + self._interval_s
        if not free or (most == sure).all():
            return False
        worth = self._policy.worth(shares)
        while True:
            wanted = targets(shares, worth, sure, most, free)
            with floor.cluster.trial() as trial:
                kept = self._tried(floor, shares, jobs, wanted)
                got = np.array([len(kept[job]) for job in jobs])
                if (got == wanted).all():
                    trial.keep()
                    break
            most = np.where(got < wanted, got, most)  # what is free is where it cannot be used
        for job in jobs:
            if len(kept[job]) != self._sizes.pods(job):
                self._change(floor, job, kept[job])
        return bool((wanted < shares.pods).any())

    def _tried(self, floor: Floor, shares: Shares, jobs: list[int], wanted: IntArray) -> Kept:
        """Take pods away and add others, as far as there is room; return what each then has."""
        kept = self._kept(floor, jobs)
        for job, goal in zip(jobs, wanted.tolist(), strict=True):
            while len(kept[job]) > goal:
                number, _ = kept[job].pop(_leaves_first(kept[job]))
                floor.cluster.apply(Gone(floor.pods.uid(job, number)))
        for job, has, goal in zip(jobs, shares.pods.tolist(), wanted.tolist(), strict=True):
            if has < goal:
                kept[job] += self._added(floor, job, goal)
        return kept

    def _added(self, floor: Floor, job: int, goal: int) -> list[tuple[int, Placement]]:
        gang, numbers = floor.pods.grown(job, goal)
        floor.decisions += 1
        added = []
        for decision in floor.engine.decide_gang(gang, floor.now_s).decisions:
            assert decision.placement is not None
            floor.cluster.apply(Bound(decision, floor.now_s))
            added.append((numbers[decision.request.uid], decision.placement))
        return added

    # --- a node is lost -------------------------------------------------------------------

    def lose(self, floor: Floor, job: int, node: str) -> bool:
        """Let a job go on without its pods on a node, from its last checkpoint.

        Returns False, and changes nothing, when it is not elastic or too few would be left.
        """
        if not self._sizes.is_elastic(job):
            return False
        (before,) = self._kept(floor, [job]).values()
        kept = [each for each in before if each[1].node != node]
        if len(kept) < self._sizes.least.item(job):
            return False
        for number, place in before:
            if place.node == node:
                floor.cluster.apply(Gone(floor.pods.uid(job, number)))
        if self._sizes.began_s.item(job) < floor.now_s:
            floor.book.failures[job] += 1
        self._go_on(floor, job, kept, "lose-pods")
        return True

    # --- inside ---------------------------------------------------------------------------

    def _change(self, floor: Floor, job: int, kept: list[tuple[int, Placement]]) -> None:
        began_s, stint_s = self._sizes.began_s.item(job), floor.book.stint_s.item(job)
        if began_s < floor.now_s and stint_s < floor.now_s:  # several in one moment are one
            floor.book.resizes[job] += 1
        grows = len(kept) > self._sizes.pods(job)
        self._go_on(floor, job, kept, "grow" if grows else "shrink")

    def _go_on(self, floor: Floor, job: int, kept: list[tuple[int, Placement]], what: str) -> None:
        """Let a job go on with the pods that the cluster has of it now."""
        before, after = self._sizes.pods(job), len(kept)
        cost_s: float | None = None
        if self._sizes.began_s.item(job) < floor.now_s:
            cost_s = self._sizes.cost_s(after, job)
        change = Change(
            number=self._sizes.class_of(job, after),
            placements=tuple(place for _, place in kept),
            new=tuple(place for _, place in kept[before:]),
            what=what,
            told=f"{before} to {after} ",
            saved=what != "lose-pods",
            cost_s=cost_s,
        )
        floor.go_on(job, change)
        floor.pods.renumber(job, [number for number, _ in kept])

    def _is_frozen(self, floor: Floor, job: int) -> bool:
        stint_s: float = floor.book.stint_s.item(job)
        return stint_s < floor.now_s < stint_s + self._interval_s

    def _fewest(self, floor: Floor, shares: Shares, jobs: list[int]) -> IntArray:
        """Return with how few pods each is content now: (n,)."""
        frozen = np.array([self._is_frozen(floor, job) for job in jobs], np.bool_)
        return np.where(frozen, shares.pods, shares.least)

    def _kept(self, floor: Floor, jobs: Sequence[int]) -> Kept:
        return {
            job: list(zip(floor.pods.numbers_of(job), floor.placements[job], strict=True))
            for job in jobs
        }

    def _shares(self, floor: Floor) -> tuple[Shares, list[int]]:
        """Return the elastic jobs that run as columns, and which they are.

        It is the same until somebody starts, leaves or is changed.
        """
        if self._seen is None:
            self._seen = self._look(floor)
        return self._seen

    def _look(self, floor: Floor) -> tuple[Shares, list[int]]:
        sizes, book = self._sizes, floor.book
        found = np.array([job for job in floor.running if sizes.is_elastic(job)], np.int64)
        jobs: list[int] = floor.waiting.ordered(np.sort(found), floor.now_s).tolist()
        rows = np.array(jobs, np.int64)
        speeds = [sizes.speeds(job) for job in jobs]
        shares = Shares(
            now_s=floor.now_s,
            least=sizes.least[rows],
            most=sizes.most[rows],
            pods=np.array([sizes.pods(job) for job in jobs], np.int64),
            milli=np.array([sizes.milli(job) for job in jobs], np.int64),
            gpus=sizes.stated_gpus[rows],
            left_s=np.maximum(book.estimate_s[rows] - book.done_s[rows], 0.0),
            deadline_s=book.deadline_s[rows],
            first=np.cumsum([0, *map(len, speeds)]),
            speeds=np.concatenate(speeds) if speeds else np.zeros(0),
        )
        return shares, jobs


def _leaves_first(pods: Sequence[tuple[int, Placement]]) -> int:
    """Return the index of the pod that a job gives back first."""
    on = Counter(place.node for _, place in pods)
    return min(range(len(pods)), key=lambda i: (on[pods[i][1].node], -i))
