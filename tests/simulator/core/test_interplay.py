"""What went wrong where features meet, by hand: exact event logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bayplan.simulator.core.settings import Interruptions
from bayplan.simulator.core.sources import Events, World

from .support import job, node, run, told


@dataclass(frozen=True, slots=True)
class At:
    """Something that is done to the world at a time."""

    time_s: float
    do: Callable[[World], None]

    def run(self, world: World) -> Events:
        """Wait, and do it."""
        yield world.until(self.time_s)
        self.do(world)


CLOSINGS = pytest.mark.parametrize(
    ("close", "word"),
    [
        (lambda world: world.cordon("n1"), "1 cordon n1"),
        (lambda world: world.close_gpu("n1", 0, "me"), "1 close n1/0"),
    ],
    ids=["node", "gpu"],
)


@CLOSINGS
@pytest.mark.parametrize("anonymous", [False, True])
def test_who_is_where_nobody_may_come_keeps_its_room(
    close: Callable[[World], None], word: str, anonymous: bool
) -> None:
    # c takes room from the last in the order on: without b it does not fit, as n1 takes no pods;
    # without a it does. b then goes back, though n1 takes no pods.
    nodes = [node("n0", anonymous_gpus=anonymous), node("n1", anonymous_gpus=anonymous)]
    jobs = [job("a", 9.0), job("b", 9.0), job("c", 3.0, arrival_s=2.0, priority=1)]
    outcome = run(
        nodes, jobs, ordering="priority", preemption="in-order", more={"sources": [At(1.0, close)]}
    )
    assert told(outcome) == [
        "0 arrive a", "0 arrive b", "0 start a n0", "0 start b n1", word, "2 arrive c",
        "2 preempt a n0", "2 start c n0", "5 finish c", "5 start a n0", "9 finish b",
        "12 finish a",
    ]  # fmt: skip


@CLOSINGS
def test_pods_where_nobody_may_come_go_back_to_who_made_room(
    close: Callable[[World], None], word: str
) -> None:
    # e would give back its pod on n1, of which nobody has anything, then its second on n0. For
    # that alone j fits. e did 3 × 2 of 30 by 2 s, with two pods 12 more by 8 s, and then the last
    # 12 with three in 4 s.
    nodes = [node("n0", 2), node("n1")]
    jobs = [job("e", 30.0, min_pods=1, max_pods=3), job("j", 6.0, arrival_s=2.0)]
    outcome = run(
        nodes, jobs, placement="first-fit", elasticity="idle", more={"sources": [At(1.0, close)]}
    )
    assert told(outcome) == [
        "0 arrive e", "0 start e n0", "0 grow e 1 to 3 n0 n1", word, "2 arrive j",
        "2 shrink e 3 to 2 n0 n1", "2 start j n0", "8 finish j", "8 grow e 2 to 3 n0 n1",
        "12 finish e",
    ]  # fmt: skip


def test_saves_of_who_still_runs_are_overhead() -> None:
    # a saves for 1 s every 5 s: 2 of the 10 s until the end of time. b waits for it.
    costs = Interruptions(checkpoint_s=4.0, save_s=1.0)
    jobs = [job("a", 20.0), job("b", 20.0)]
    outcome = run([node()], jobs, interruptions=costs, until_s=10.0)
    assert outcome.jobs.work_done_s.tolist() == [8.0, 0.0]
    assert outcome.jobs.overhead_s.tolist() == [2.0, 0.0]
