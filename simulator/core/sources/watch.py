"""Looks for GPUs that are slow, and takes them out until they are repaired."""

from __future__ import annotations

import math
from functools import partial

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.clock import next_multiple
from bayplan.simulator.core.detectors import Detector
from bayplan.simulator.core.settings import Watching
from bayplan.simulator.core.sources._base import Events, World
from bayplan.simulator.core.sources.lives import HOUR_S

WATCH = "watch"
"""Whose holds on GPUs are theirs, and whose draws."""


class Watch:
    """Lets a detector look, and quarantines whom it suspects.

    It looks at multiples of the detector's ``every_s`` while anything runs. A suspect takes no new
    pods from then on. With ``on_detection = "restart"`` the jobs on it save what they have done
    and wait again, to go on elsewhere; with ``drain`` they stay to their end. Once nothing is on
    it, the repair takes ``repair_h`` on average (exponential), whether it was slow or not; then
    it is sound, and takes pods again.

    Parameters
    ----------
    detector
        Who looks.
    watching
        What is done about a suspect.

    Raises
    ------
    InputError
        The detector's ``every_s`` is no time above 0.
    """

    def __init__(self, detector: Detector, watching: Watching) -> None:
        if not 0.0 < detector.every_s < math.inf:
            raise InputError(f"watch: every_s is {detector.every_s}", fix="write seconds above 0")
        self._detector, self._watching = detector, watching

    def run(self, world: World) -> Events:
        """Look as long as anything runs, then sleep until something does."""
        rng, repairs = world.rng(WATCH, "looks"), world.rng(WATCH, "repairs")
        every_s = self._detector.every_s
        while True:
            if not world.floor.running:
                yield world.stirred()
                continue
            yield world.until(next_multiple(every_s, world.now_s))
            world.floor.now_s = world.now_s
            for name, gpu in self._detector.suspects(world.floor, rng):
                if world.gpus.is_closed(name, gpu):
                    continue
                world.suspect(name, gpu)
                for_s = HOUR_S * self._watching.repair_h * repairs.exponential()
                restart = self._watching.on_detection == "restart"
                mended = partial(world.gpus.slow, name, gpu, 1.0)
                world.repair_gpu(name, gpu, WATCH, for_s, restart=restart, done=mended)
