"""Faults of GPUs by class: logs by hand under each way of sharing, availability, draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.xids import BY_NAME, CLASSES, Hit, Mend, drawn, parse_mix
from bayplan.scheduler.sharing import Mig, Mps, Sharing
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Interruptions, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import (
    Failing,
    FailingGpus,
    Faults,
    GpuFaults,
    Listed,
    NodeChange,
    Source,
    World,
)

from .support import job, node, speeds, table, told

HOUR_S = 3600.0


class Drawn:
    """A generator whose draws are stated: of times, in units of the mean, and from [0, 1)."""

    def __init__(self, *times: float, uniform: Sequence[float] = ()) -> None:
        self._times, self._uniform = list(times), list(uniform)

    def exponential(self) -> float:
        return self._times.pop(0) if self._times else math.inf

    def weibull(self, shape: float) -> float:
        assert shape == 1.0
        return self.exponential()

    def random(self) -> float:
        return self._uniform.pop(0) if self._uniform else 0.0


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> dict[str, Drawn]:
    """What is drawn for whom; whoever is not named never fails."""
    stated: dict[str, Drawn] = {}
    monkeypatch.setattr(World, "rng", lambda self, *names: stated.get("/".join(names), Drawn()))
    return stated


def failing(kind: str, gpus: int = 1, *, name: str = "a", **more: Any) -> GpuFaults:
    """GPUs with faults of one class, one an hour on average."""
    given: dict[str, Any] = {"mtbf_h": 1.0, "reset_s": 30.0, "reboot_s": 600.0, "mttr_h": 2.0}
    return GpuFaults([FailingGpus(name, gpus, **(given | more), mix={kind: 1.0})])


def run(
    jobs: Sequence[dict[str, Any]],
    *sources: Source,
    gpus: int = 1,
    sharing: Sharing | None = None,
    others: int = 0,
    anonymous: bool = False,
    **settings: Any,
) -> Outcome:
    how = () if sharing is None else (sharing,)
    nodes = [node("a", gpus, *how, anonymous_gpus=anonymous)]
    nodes += [node(name, gpus, *how) for name in "bcd"[:others]]
    # Neighbours do not slow each other down: half of the time nobody is busy.
    asked = Settings(log=True, speeds=speeds(), **settings)
    return Simulation(nodes, table(jobs), asked, Parts(sources=sources)).run()


# --- exclusive GPUs -----------------------------------------------------------------------


def test_a_reset_takes_the_job_and_the_gpu_is_out_for_its_time(draws: dict[str, Drawn]) -> None:
    # The fault at 3600 s (one mean); the reset takes 30 s. Checkpoints every 1000 s: 3000 are safe.
    draws["gpu-faults/a/0"] = Drawn(1.0)
    costs = Interruptions(checkpoint_s=1000.0, restart_s=60.0)
    done = run([job("x", 5000.0)], failing("reset"), interruptions=costs)
    assert told(done) == [
        "0 arrive x", "0 start x a",
        "3600 fault a/0 reset", "3600 lose x a", "3600 close a/0",
        "3630 open a/0", "3630 start x a",
        "5690 finish x",  # 60 s of restart and 2000 s of work
    ]  # fmt: skip
    assert done.jobs.work_lost_s.tolist() == [600.0]
    assert done.totals.gpu_faults == done.faults["reset"] == 1
    assert done.totals.closed_gpu_s == 30.0


def test_the_other_gpus_of_the_node_go_on(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/0"] = Drawn(0.5)
    done = run([job("x", 4000.0), job("y", 4000.0)], failing("reset", 2), gpus=2)
    assert told(done)[4:] == [
        "1800 fault a/0 reset", "1800 lose x a", "1800 close a/0",
        "1830 open a/0", "1830 start x a",
        "4000 finish y", "4030 finish x",
    ]  # fmt: skip


def test_a_fault_of_the_application_leaves_the_gpu_as_it_is(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/0"] = Drawn(0.5)
    done = run([job("x", 4000.0)], failing("application"))
    assert told(done)[2:] == [
        "1800 fault a/0 application", "1800 lose x a", "1800 start x a", "4000 finish x",
    ]  # fmt: skip
    assert done.totals.closed_gpu_s == 0.0


def test_who_was_stopped_by_a_fault_is_placed_anew_by_repack(draws: dict[str, Drawn]) -> None:
    # Nothing but x itself is another one than in the pass before.
    draws["gpu-faults/a/0"] = Drawn(1.0)
    jobs = [job("x", 5000.0), job("y", 100.0)]
    done = run(jobs, failing("application"), preemption="repack")
    assert told(done) == [
        "0 arrive x", "0 arrive y", "0 start x a", "3600 fault a/0 application", "3600 lose x a",
        "3600 start x a", "5000 finish x", "5000 start y a", "5100 finish y",
    ]  # fmt: skip


def test_an_idle_gpu_has_no_application_to_lose(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/1"] = Drawn(0.5)
    done = run([job("x", 4000.0)], failing("application", 2), gpus=2)
    assert told(done)[2:] == ["1800 fault a/1 application", "4000 finish x"]


def test_off_the_bus_reboots_the_node(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/1"] = Drawn(0.5)
    done = run([job("x", 4000.0)], failing("bus", 2), gpus=2)
    assert told(done)[2:] == [
        "1800 fault a/1 bus", "1800 lose x a", "1800 down a",
        "2400 up a", "2400 start x a", "4600 finish x",
    ]  # fmt: skip


def test_a_broken_gpu_is_out_until_it_is_replaced(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/0"] = Drawn(0.5, 0.25)  # at 1800 s, for a quarter of 2 hours
    done = run([job("x", 4000.0)], failing("broken"))
    assert told(done)[2:] == [
        "1800 fault a/0 broken", "1800 lose x a", "1800 close a/0",
        "3600 open a/0", "3600 start x a", "5800 finish x",
    ]  # fmt: skip


def test_nvlink_takes_who_spans_gpus_and_waits_for_the_others(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/1"] = Drawn(0.5)
    draws["gpu-faults/a/2"] = Drawn(0.6)
    jobs = [job("x", 4000.0, gpu_count=2), job("y", 4000.0)]
    done = run(jobs, failing("nvlink", 3), gpus=3)
    assert told(done)[4:] == [
        "1800 fault a/1 nvlink", "1800 lose x a", "1800 close a/1", "1830 open a/1",
        "1830 start x a",
        "2160 fault a/2 nvlink", "2160 close a/2",  # y is alone: it stays, and nobody comes
        "4000 finish y", "4030 finish x",
    ]  # fmt: skip


def test_a_contained_fault_takes_one_and_closes_until_the_rest_has_gone(
    draws: dict[str, Drawn],
) -> None:
    draws["gpu-faults/a/0"] = Drawn(0.5)
    done = run([job("x", 4000.0)], failing("contained"), others=1)
    assert told(done)[2:] == [
        "1800 fault a/0 contained", "1800 lose x a", "1800 close a/0", "1800 start x b",
        "1830 open a/0", "4000 finish x",
    ]  # fmt: skip


# --- shared GPUs --------------------------------------------------------------------------

HALF = {"gpu_milli": 500, "gpu_count": 1}


def at_full_speed(done: Outcome) -> list[str]:
    return [entry for entry in told(done) if "finish" not in entry]


@pytest.mark.parametrize("kind", ["application", "contained"])
def test_under_mps_all_clients_die_of_the_process_of_one(
    kind: str, draws: dict[str, Drawn]
) -> None:
    # Of x and y the draw 0.9 takes y, and with it x.
    draws["gpu-faults/a/0"] = Drawn(0.25, uniform=[0.0, 0.9])
    jobs = [job("x", 4000.0, **HALF), job("y", 4000.0, **HALF), job("z", 4000.0)]
    done = run(jobs, failing(kind, 2), gpus=2, sharing=Mps())
    closed = ["900 close a/0", "930 open a/0"] if kind == "contained" else []
    assert at_full_speed(done)[6:] == [
        f"900 fault a/0 {kind}", "900 lose x a", "900 lose y a", *closed,
        f"{930 if closed else 900} start x a", f"{930 if closed else 900} start y a",
    ]  # fmt: skip
    assert done.jobs.failures.tolist() == [1, 1, 0]


INSTANCE = {"mig_profile": "3g.40gb"}


def test_under_mig_the_process_of_one_instance_dies_alone(draws: dict[str, Drawn]) -> None:
    # x and y have an instance each; the draw 0.9 takes y. Nobody comes until x has gone, then the
    # reset takes 30 s.
    draws["gpu-faults/a/0"] = Drawn(0.25, uniform=[0.0, 0.9])
    jobs = [job("x", 4000.0, **INSTANCE), job("y", 4000.0, **INSTANCE)]
    done = run(jobs, failing("contained"), sharing=Mig())
    x_ends = done.jobs.finish_s.tolist()[0]
    kept = [e for e in done.log if e.what != "finish"][4:]
    assert [(e.time_s, e.what, e.job or e.detail) for e in kept] == [
        (900.0, "fault", "a/0 contained"), (900.0, "lose", "y"), (900.0, "close", "a/0"),
        (x_ends + 30.0, "open", "a/0"), (x_ends + 30.0, "start", "y"),
    ]  # fmt: skip
    assert done.totals.closed_gpu_s == pytest.approx(x_ends + 30.0 - 900.0)


def test_under_mig_a_reset_takes_every_instance(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/0"] = Drawn(0.25)
    jobs = [job("x", 4000.0, **INSTANCE), job("y", 4000.0, **INSTANCE)]
    done = run(jobs, failing("reset"), sharing=Mig())
    assert at_full_speed(done)[4:] == [
        "900 fault a/0 reset", "900 lose x a", "900 lose y a", "900 close a/0",
        "930 open a/0", "930 start x a", "930 start y a",
    ]  # fmt: skip


def test_of_anonymous_gpus_the_seat_says_who_is_hit(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/1"] = Drawn(0.25)
    jobs = [job(name, 4000.0) for name in "xyz"]
    done = run(jobs, failing("reset", 2), gpus=2, anonymous=True)
    assert told(done)[5:] == [
        "900 fault a/1 reset", "900 lose y a", "900 close a/1",
        "930 open a/1", "930 start y a", "4000 finish x", "4000 start z a",
        "4030 finish y", "8000 finish z",
    ]  # fmt: skip


# --- beside other things ------------------------------------------------------------------


def test_a_node_that_comes_back_has_its_broken_gpu_still(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/0"] = Drawn(0.5, 1.0)  # broken from 1800 to 9000
    draws["faults/a"] = Drawn(1.0, 1.0)  # down from 3600 to 5400
    done = run(
        [job("x", 2500.0), job("y", 4000.0)], failing("broken", 2),
        Faults([Failing("a", 1.0, 0.5)]), gpus=2,
    )  # fmt: skip
    assert told(done)[4:] == [
        "1800 fault a/0 broken", "1800 lose x a", "1800 close a/0",
        "3600 lose y a", "3600 down a", "5400 up a", "5400 start x a", "6100 finish x",
        "6100 start y a", "6500 finish y",
    ]  # fmt: skip


def test_a_node_that_is_not_there_has_no_faults(draws: dict[str, Drawn]) -> None:
    draws["gpu-faults/a/0"] = Drawn(0.5, 0.0, 0.5)  # at 1800 s, and at 3600 s
    changes = Listed([NodeChange(1000.0, "a", "down"), NodeChange(2000.0, "a", "up")])
    done = run([job("x", 4000.0)], failing("reset"), changes)
    assert told(done)[2:] == [
        "1000 lose x a", "1000 down a", "2000 up a", "2000 start x a",
        "3600 fault a/0 reset", "3600 lose x a", "3600 close a/0", "3630 open a/0",
        "3630 start x a", "5030 finish x",
    ]  # fmt: skip


# --- theory -------------------------------------------------------------------------------


def test_gpus_are_available_as_theory_says() -> None:
    """Up 10 h and out 2 h on average: open 5/6 of the time.

    128 GPUs have some 10,000 cycles in 1,000 h. One of them is spread by √2 × 5/6 × 1/6 of its
    length or so, so their mean by 0.24 % of 5/6: 1 % is four standard deviations.
    """
    gpus, hours, names = 8, 1000.0, [f"n{k}" for k in range(16)]
    mix = {"broken": 1.0}
    faults = GpuFaults([FailingGpus(name, gpus, 10.0, mttr_h=2.0, mix=mix) for name in names])
    jobs = table([job("x", hours * HOUR_S, gpu_count=0, cpu_milli=1)])
    asked = Settings(seed=5, until_s=hours * HOUR_S)
    nodes = [node(name, gpus) for name in names]
    done = Simulation(nodes, jobs, asked, Parts(sources=[faults])).run()
    gpu_s = 128 * hours * HOUR_S
    assert done.totals.there_gpu_s == pytest.approx(gpu_s)
    assert 1.0 - done.totals.closed_gpu_s / gpu_s == pytest.approx(5.0 / 6.0, rel=0.01)
    assert done.totals.gpu_faults == pytest.approx(gpu_s / (12.0 * HOUR_S), rel=0.03)


def test_classes_come_by_their_weights() -> None:
    total = sum(each.weight for each in CLASSES)
    n = 10_000
    found = [drawn({each.name: each.weight for each in CLASSES}, k / n).name for k in range(n)]
    for each in CLASSES:
        assert found.count(each.name) / n == pytest.approx(each.weight / total, abs=2.0 / n)
    assert drawn({"bus": 1.0}, 0.999999).name == "bus"


def test_the_default_mix_is_that_of_the_published_interruptions() -> None:
    assert sum(each.weight for each in CLASSES) == 148 + 72 + 19 + 17
    assert {each.name: (each.hit, each.mend) for each in CLASSES}["bus"] == (Hit.NODE, Mend.REBOOT)
    assert BY_NAME["contained"].xids == (94,)


# --- draws and errors ---------------------------------------------------------------------


def test_a_seed_gives_the_same_and_a_gpu_more_changes_nobody() -> None:
    jobs = [job(f"x{k}", 40 * HOUR_S) for k in range(3)]

    def faults_of(done: Outcome, gpu: str) -> list[tuple[float, str]]:
        return [(e.time_s, e.detail) for e in done.log if e.what == "fault" and gpu in e.detail]

    mixed = [
        GpuFaults([FailingGpus("a", n, mtbf_h=5.0, mix={"reset": 3.0, "application": 1.0})])
        for n in (2, 2, 3)
    ]
    once, again, more = (run(jobs, source, gpus=3) for source in mixed)
    assert once.log == again.log
    assert once.totals == again.totals
    assert len(faults_of(once, "a/0")) > 5
    shared = min(once.totals.end_s, more.totals.end_s)
    assert [f for f in faults_of(once, "a/0") if f[0] < shared] == [
        f for f in faults_of(more, "a/0") if f[0] < shared
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reset=1,oops=2", "'oops' is no class of faults"),
        ("reset=1,reset=2", "'reset' is named twice"),
        ("reset=-1", "the weight of reset is '-1'"),
        ("reset", "the weight of reset is ''"),
        ("reset=nan", "the weight of reset is 'nan'"),
        ("reset=0", "all weights are 0"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_mix(text)


def test_a_mix_names_those_that_have_a_weight() -> None:
    assert parse_mix("reset=3, bus=1") == {"reset": 3.0, "bus": 1.0}
    assert parse_mix("")["broken"] == 49


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mtbf_h": 0.0}, "mtbf_h is 0.0; write more than 0"),
        ({"reset_s": -1.0}, "reset_s is -1.0; write 0 or more"),
        ({"mttr_h": math.inf}, "mttr_h is inf; write more than 0"),
    ],
)
def test_times_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        failing("reset", **wrong)
