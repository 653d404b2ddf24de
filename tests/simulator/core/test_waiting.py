"""Who may fit, whatever a pass leaves undone."""

from __future__ import annotations

from bayplan.simulator.core.floor import Floor

from .support import ends, job, node, simulation


class OneAtATime:
    """A pass that starts one job, and leaves the others for the next."""

    settled = False

    def is_idle(self, floor: Floor) -> bool:
        """Whether nobody may fit."""
        return not floor.waiting.has_open

    def run(self, floor: Floor) -> None:
        """Start the first who fits."""
        waiting = floor.waiting
        while (number := waiting.next_open()) >= 0:
            if floor.try_start(waiting.head(number)):
                return
            waiting.block(number)


def test_a_pass_may_stop_before_it_has_asked_for_all() -> None:
    jobs = [job("a", 4.0), job("b", 4.0, gpu_count=2), job("c", 4.0), job("d", 1.0, arrival_s=5.0)]
    done = simulation([node("n0", 3)], jobs, more={"preemption": OneAtATime()})
    waiting = done.floor.waiting
    # a at 0, and b and c wait for another event: a's end, and d's arrival.
    assert ends(done.run()) == [4.0, 8.0, 9.0, 9.0]
    assert not waiting.has_open
    assert len(waiting) == 0
