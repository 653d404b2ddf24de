"""Stragglers found by the progress of the jobs on them."""

from __future__ import annotations

import numpy as np

from bayplan.simulator.core.detectors._base import Gpu
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.settings import Watching


class Progress:
    """Compares what a job did in the last ``window_s`` with what it does on sound GPUs.

    Where it is behind by more than ``threshold``, each of its GPUs is tested by itself, and those
    are found that account for that much. Only jobs are looked at that had room and worked through
    the whole window. What is measured is exact but for false alarms: a GPU that could be looked at
    and is not behind is taken for slow with the probability ``false_alarms`` at each look.

    Notes
    -----
    A window, a threshold and a test of the parts are how fail-slow detection is done in training;
    the model of it and its defaults are ours.
    """

    def __init__(self, watching: Watching) -> None:
        self.every_s = watching.window_s
        self._window_s = watching.window_s
        self._threshold = watching.threshold
        self._false_alarms = watching.false_alarms

    def suspects(self, floor: Floor, rng: np.random.Generator) -> list[Gpu]:
        """Return GPUs that were too slow over the window, and some that were not."""
        slowness = floor.slowness
        slow = {} if slowness is None else slowness.factors
        if not slow and not self._false_alarms:
            return []
        seen = self._seen(floor)
        found = {gpu for gpu in seen if gpu in slow and self._is_behind(floor, gpu, slow[gpu])}
        if self._false_alarms:
            sound = [gpu for gpu in seen if gpu not in found]
            draws, chance = rng.random(len(sound)), self._false_alarms
            found |= {gpu for gpu, draw in zip(sound, draws, strict=True) if draw < chance}
        return [floor.seats.gpu_at(gpu) for gpu in sorted(found)]

    def _seen(self, floor: Floor) -> list[int]:
        """Return the GPUs, by number, that a job had and worked on through the window."""
        book, from_s = floor.book, floor.now_s - self._window_s
        jobs = [
            job
            for job in sorted(floor.running)
            if max(book.stint_s.item(job), book.ready_s.item(job)) <= from_s
        ]
        return sorted({gpu for job in jobs for gpu in floor.seats.gpus_of(job)})

    def _is_behind(self, floor: Floor, gpu: int, factor: float) -> bool:
        assert floor.slowness is not None
        slow_s = min(self._window_s, floor.now_s - floor.slowness.since_s[gpu])
        return (1.0 - factor) * slow_s / self._window_s > self._threshold
