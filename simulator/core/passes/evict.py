"""Preemption as the engine decides it: whose eviction costs least makes room for who waits."""

from __future__ import annotations

import math

from bayplan.scheduler.events import Checkpointed
from bayplan.scheduler.preemption.policies import preemption_policy
from bayplan.scheduler.preemption.types import Guards
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.passes._base import Pass
from bayplan.simulator.core.settings import Settings


class Evict:
    """Serve the queue first; then evict for those who still wait, in their order.

    ``priority``, ``fair-reclaim`` and ``spot`` are the engine's preemption policies. Under
    ``fair-reclaim`` each queue of the trace is guaranteed an equal part of the GPUs, and takes from
    others as far as that goes. A job of several pods is evicted whole. ``strict``: nobody evicts
    before the first of the queue.
    """

    settled = True

    def __init__(self, policy: str, first: Pass, settings: Settings) -> None:
        preemption_policy(policy)
        self._policy = policy
        self._first = first
        self._min_run_s = settings.min_run_s
        self._strict = settings.strict

    def is_idle(self, floor: Floor) -> bool:
        """Look each time: who runs may have to go."""
        return False

    def run(self, floor: Floor) -> None:
        """Serve, then evict."""
        self._first.run(floor)
        refused: set[tuple[int, int, str, bool]] = set()
        noted = evicted = False
        for job in floor.waiting.in_order(floor.now_s).tolist():
            key = self._question(floor, job)
            if key not in refused and self._anybody(floor, job):
                if not noted:
                    self._note_checkpoints(floor)
                    noted = True
                if self._evict_for(floor, job):
                    evicted = True
                    continue
                refused.add(key)
            if self._strict:
                break
        if evicted:  # who was evicted may have left more room than was needed
            floor.freed()
            self._first.run(floor)

    def _question(self, floor: Floor, job: int) -> tuple[int, int, str, bool]:
        book = floor.book
        return (
            book.class_of.item(job),
            book.priority.item(job),
            book.queue[job] if self._policy == "fair-reclaim" else "",
            book.preemptible.item(job),
        )

    def _anybody(self, floor: Floor, job: int) -> bool:
        """Whether anybody could be a victim, cheaply."""
        book, runners = floor.book, floor.runners()
        if not runners.size:
            return False
        if self._policy == "priority":
            return bool((book.priority[runners] < book.priority[job]).any())
        if self._policy == "spot":
            return not book.preemptible[job] and bool(book.preemptible[runners].any())
        return True

    def _evict_for(self, floor: Floor, job: int) -> bool:
        guards = Guards(min_run_s=self._min_run_s, queue_excess_milli=self._excess(floor, job))
        if floor.book.classes[floor.book.class_of.item(job)].n_pods == 1:
            request = floor.pods.request(job)
            found = floor.engine.preempt(request, floor.now_s, guards, self._policy)
            uids = found.nodes[0].uids if found.nodes else ()
        else:
            gang = floor.pods.gang(job)
            uids = floor.engine.preempt_gang(gang, floor.now_s, guards, self._policy).uids
        if not uids:
            return False
        for victim in sorted({floor.pods.job_of(uid) for uid in uids}):
            floor.stop(victim)
        return floor.try_start(job)

    def _excess(self, floor: Floor, job: int) -> dict[str, int]:
        """Return what queues use beyond their guarantee; nothing for who is beyond its own then.

        Else queues would take from each other in turns.
        """
        if self._policy != "fair-reclaim":
            return {}
        columns = floor.columns
        guaranteed = floor.capacity_milli // max(1, len(columns.names))
        used = columns.used[:, 2].astype(int).tolist()
        own = used[columns.queue_of.item(job)] + floor.book.gpu_milli.item(job)
        if own > guaranteed:
            return {}
        return {
            name: milli - guaranteed
            for name, milli in zip(columns.names, used, strict=True)
            if milli > guaranteed
        }

    def _note_checkpoints(self, floor: Floor) -> None:
        """Tell the cluster up to when everybody's work is safe: victims are chosen by it."""
        for job in floor.runners().tolist():
            every = floor.book.period_s.item(job)
            ready = floor.book.ready_s.item(job)
            at = floor.now_s
            if every:
                at = ready + every * math.floor(max(0.0, at - ready) / every)
            for uid in floor.pods.uids(job):
                if floor.cluster.pods[uid].last_checkpoint_s != at:
                    floor.cluster.apply(Checkpointed(uid, at))
