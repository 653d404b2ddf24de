"""Jobs that wait for better hours, by hand; the hours are 3,600 s each, from 0 on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import Node
from bayplan.simulator.core.deferral import DEFERRALS
from bayplan.simulator.core.deferral.holding import latest_start
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.settings import Deferring, Locality, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import Listed, NodeChange
from bayplan.simulator.core.zones import ZONE_LABEL

from .support import job, node, run, speeds, table, told

HOUR = 3600.0
DIRTY_THEN_CLEAN = Grid((300.0, 100.0))
EXACT = Deferring(margin=0.0, headroom=0.0)


def deferred(
    nodes: list[Node],
    jobs: list[dict[str, Any]],
    grid: Grid = DIRTY_THEN_CLEAN,
    deferring: Deferring = EXACT,
    **more: Any,
) -> Outcome:
    given = {"deferral": "carbon", "speeds": speeds(), **more}
    return run(nodes, jobs, grid=grid, deferring=deferring, **given)


def zoned(name: str, zone: str, **more: Any) -> Node:
    return node(name, labels=((ZONE_LABEL, zone),), **more)


def test_a_job_with_slack_waits_for_the_clean_hour() -> None:
    jobs = [job("a", 1800.0, arrival_s=600.0, deadline_s=2 * HOUR), job("b", 60.0, arrival_s=700.0)]
    done = deferred([node("n0", 2)], jobs)
    # At the latest a starts at 7200 - 1800 = 5400; half an hour from 3600 on is all in the clean
    # hour, and no earlier start is.
    assert told(done) == [
        "600 arrive a",
        "600 defer a until 3600",
        "700 arrive b",
        "700 start b n0",
        "760 finish b",
        "3600 release a",
        "3600 start a n0",
        "5400 finish a",
    ]
    totals = done.totals
    assert (totals.deferred, totals.deferral_s, totals.most_deferral_s) == (1, 3000.0, 3000.0)
    assert done.jobs.wait_s.tolist() == [3000.0, 0.0]  # what it cost is in the wait


@pytest.mark.parametrize(
    ("why", "more", "grid"),
    [
        ("it states no deadline", {}, DIRTY_THEN_CLEAN),
        ("no slack at all", {"deadline_s": 2400.0}, DIRTY_THEN_CLEAN),
        ("it cannot be in time", {"deadline_s": 2000.0}, DIRTY_THEN_CLEAN),
        ("the deadline is over when it comes", {"deadline_s": 500.0}, DIRTY_THEN_CLEAN),
        ("all hours are alike", {"deadline_s": 9 * HOUR}, Grid((200.0,))),
        ("now is as clean as it gets", {"deadline_s": 9 * HOUR}, Grid((100.0, 300.0))),
    ],
)
def test_who_gains_nothing_starts_at_once(why: str, more: dict[str, float], grid: Grid) -> None:
    done = deferred([node("n0", 1)], [job("a", 1800.0, arrival_s=600.0, **more)], grid)
    assert told(done) == ["600 arrive a", "600 start a n0", "2400 finish a"], why
    assert done.totals.deferred == 0


def test_of_windows_alike_the_earliest_is_taken() -> None:
    # 300, 100, 300, 100, …: an hour's run is cleanest from 3600, 10800, … on.
    done = deferred([node("n0", 1)], [job("a", HOUR, deadline_s=9 * HOUR)])
    assert told(done)[1] == "0 defer a until 3600"


def test_a_run_longer_than_the_clean_hour_has_it_in_its_window() -> None:
    # Hours of 300, 300, 50, 200, 300: 1.5 h cost least from 2 to 3.5 h: 50 + 100 = 150;
    # from 1.5 to 3 h it would be 150 + 50 = 200.
    grid = Grid((300.0, 300.0, 50.0, 200.0, 300.0))
    done = deferred([node("n0", 1)], [job("a", 1.5 * HOUR, deadline_s=5 * HOUR)], grid)
    assert told(done)[1] == f"0 defer a until {2 * HOUR:g}"
    # A deadline at 3.25 h leaves starts up to 1.75 h: 75 + 50 + 50 = 175 is the least.
    done = deferred([node("n0", 1)], [job("a", 1.5 * HOUR, deadline_s=3.25 * HOUR)], grid)
    assert told(done)[1:] == [
        f"0 defer a until {1.75 * HOUR:g}",
        f"{1.75 * HOUR:g} release a",
        f"{1.75 * HOUR:g} start a n0",
        f"{3.25 * HOUR:g} finish a",
    ]


def test_the_margin_keeps_time_before_the_deadline() -> None:
    # 1800 s × 1.5 = 2700 s before 6000: at 3300 at the latest, where 300 s are dirty.
    jobs = [job("a", 1800.0, deadline_s=6000.0)]
    done = deferred([node("n0", 1)], jobs, deferring=Deferring(margin=0.5, headroom=0.0))
    assert told(done)[1] == "0 defer a until 3300"


def test_a_small_saving_is_not_waited_for() -> None:
    # From 1800 to 5400 it costs 150 + 50; from 3600 on 100: half of that is saved.
    jobs = [job("a", HOUR, arrival_s=1800.0, deadline_s=9 * HOUR)]
    nodes = [node("n0", 1)]
    enough = deferred(nodes, jobs, deferring=Deferring(0.0, 0.0, least_saving=0.5))
    short = deferred(nodes, jobs, deferring=Deferring(0.0, 0.0, least_saving=0.51))
    assert (enough.totals.deferred, short.totals.deferred) == (1, 0)


def test_the_slowest_gpu_counts_in_the_estimate() -> None:
    # At half of the speed it takes 2 h: 4 h - 2 h leaves starts up to 2 h, and two hours cost
    # 400 whenever they begin. On the fast node alone an hour from 3600 on costs 100.
    fast, slow = node("n0", 1), node("n1", 1, gpu_model="T4", gpu_memory_mib=16_384)
    jobs = [job("a", HOUR, deadline_s=4 * HOUR)]
    slower = speeds(by_model={"T4": 0.5})
    assert deferred([fast, slow], jobs, speeds=slower).totals.deferred == 0
    assert deferred([fast], jobs, speeds=slower).totals.deferred == 1


def test_distance_counts_in_the_estimate_of_several_pods() -> None:
    # Together an hour; apart two, which cost the same whenever they begin.
    jobs = [job("a", HOUR, pods=2, deadline_s=4 * HOUR)]
    nodes = [node("n0", 2)]
    assert deferred(nodes, jobs).totals.deferred == 1
    assert deferred(nodes, jobs, locality=Locality(across_nodes=0.5)).totals.deferred == 0


def test_who_would_find_no_room_later_goes_early_and_before_the_others() -> None:
    # b holds the one GPU for 2 h: when it comes there is none left for a before 7200 - 1800.
    jobs = [
        job("a", 1800.0, deadline_s=2 * HOUR),
        job("b", 2 * HOUR, arrival_s=100.0),
    ]
    assert told(deferred([node("n0", 1)], jobs)) == [
        "0 arrive a",
        "0 defer a until 3600",
        "100 arrive b",
        "100 release a early",
        "100 start a n0",
        "1900 finish a",
        "1900 start b n0",
        "9100 finish b",
    ]


def test_who_ends_in_time_leaves_room() -> None:
    # a is over at 1000 by its estimate, so b may wait though no GPU is free meanwhile for c too.
    jobs = [
        job("a", 1000.0),
        job("b", 1800.0, arrival_s=10.0, deadline_s=2 * HOUR),
        job("c", 900.0, arrival_s=20.0),
    ]
    done = deferred([node("n0", 2)], jobs)
    assert told(done)[2:6] == [
        "10 arrive b", "10 defer b until 3600", "20 arrive c", "20 start c n0",
    ]  # fmt: skip
    # Who has run for longer than was estimated is not believed to end.
    jobs[0]["estimate_s"] = 15.0
    assert "20 release b early" in told(deferred([node("n0", 2)], jobs))


def test_headroom_is_kept_free() -> None:
    jobs = [job("a", 1800.0, deadline_s=2 * HOUR)]
    half = Deferring(margin=0.0, headroom=0.5)
    assert deferred([node("n0", 2)], jobs, deferring=half).totals.deferred == 1
    assert deferred([node("n0", 1)], jobs, deferring=half).totals.deferred == 0


def test_who_does_not_fit_now_joins_the_queue() -> None:
    jobs = [job("a", 100.0), job("b", 60.0, arrival_s=10.0, deadline_s=9 * HOUR)]
    assert told(deferred([node("n0", 1)], jobs))[2:] == [
        "10 arrive b", "100 finish a", "100 start b n0", "160 finish b",
    ]  # fmt: skip


def test_a_lost_node_lets_jobs_go() -> None:
    jobs = [job("a", 1800.0, deadline_s=2 * HOUR), job("b", 3 * HOUR)]
    listed = Listed([NodeChange(600.0, "n1", "cordon")])
    done = deferred([node("n0", 1), node("n1", 1)], jobs, more={"sources": [listed]})
    # b took n0: best fit takes the first of two alike. n1 takes no pods from 600 on.
    assert told(done)[:5] == [
        "0 arrive b", "0 arrive a", "0 defer a until 3600", "0 start b n0", "600 cordon n1",
    ]  # fmt: skip
    assert told(done)[5] == "600 release a early"


def test_a_withdrawn_job_is_held_no_longer() -> None:
    jobs = [job("a", 1800.0, deadline_s=2 * HOUR, cancel_s=900.0), job("b", 60.0)]
    done = deferred([node("n0", 2)], jobs)
    assert told(done)[-1] == "900 cancel a"
    assert done.jobs.status.tolist() == [Status.CANCELLED, Status.FINISHED]
    assert done.totals.deferral_s == 900.0
    assert done.totals.end_s == 900.0


def test_a_run_that_is_stopped_tells_of_those_who_are_held() -> None:
    done = deferred([node("n0", 1)], [job("a", 1800.0, deadline_s=2 * HOUR)], until_s=1000.0)
    assert done.jobs.status.tolist() == [Status.UNFINISHED]
    assert done.totals.most_deferral_s == 1000.0


def test_jobs_go_to_the_cleanest_zone_with_room() -> None:
    grid = Grid((300.0,), {"west": (200.0,), "east": (100.0,)})
    nodes = [zoned("n0", "south"), zoned("n1", "west"), zoned("n2", "east")]
    jobs = [job(name, 100.0) for name in "abcd"]
    assert told(deferred(nodes, jobs, grid))[4:8] == [
        "0 start a n2", "0 start b n1", "0 start c n0", "100 finish a",
    ]  # fmt: skip
    as_it_is = deferred(nodes, jobs, grid, Deferring(across_zones=False))
    assert told(as_it_is)[4:7] == ["0 start a n0", "0 start b n1", "0 start c n2"]


def test_a_zone_counts_over_the_whole_run() -> None:
    # East is cleaner in the first hour, west over two: 100 + 500 against 200 + 200.
    grid = Grid((0.0,), {"west": (200.0,), "east": (100.0, 500.0)})
    nodes = [zoned("n0", "east"), zoned("n1", "west")]
    done = deferred(nodes, [job("a", 2 * HOUR), job("b", 0.5 * HOUR)], grid)
    assert told(done)[2:4] == ["0 start a n1", "0 start b n0"]


def test_watts_count_beside_the_intensity() -> None:
    # Jobs add 350 W to an A100 and 60 W to a T4 at most: 100 × 0.35 is more than 300 × 0.06.
    grid = Grid((0.0,), {"east": (100.0,), "west": (300.0,)})
    small = zoned("n1", "west", gpu_model="T4", gpu_memory_mib=16_384)
    done = deferred([zoned("n0", "east"), small], [job("a", 60.0)], grid)
    assert told(done)[1] == "0 start a n1"


def test_a_gang_stays_in_one_zone_if_it_can() -> None:
    grid = Grid((300.0,), {"west": (200.0,), "east": (100.0,)})
    nodes = [zoned("n0", "east"), zoned("n1", "west"), zoned("n2", "west")]
    done = deferred(nodes, [job("a", 100.0, pods=2)], grid)
    assert told(done)[1] == "0 start a n1 n2"
    done = deferred(nodes, [job("a", 100.0, pods=3)], grid)
    assert sorted(told(done)[1].split()[3:]) == ["n0", "n1", "n2"]


def test_a_job_waits_for_the_best_zone_that_could_hold_it() -> None:
    # Only the T4 has a clean hour later, and a may not use it.
    grid = Grid((300.0,), {"west": (300.0, 10.0)})
    nodes = [node("n0", 1), zoned("n1", "west", gpu_model="T4", gpu_memory_mib=16_384)]
    anywhere = job("b", 600.0, deadline_s=4 * HOUR)
    bound = job("a", 600.0, deadline_s=4 * HOUR, gpu_models="A100-80GB")
    assert deferred(nodes, [anywhere], grid).totals.deferred == 1
    assert deferred(nodes, [bound], grid).totals.deferred == 0


def test_cheapest_goes_by_electricity_and_by_the_price_of_nodes() -> None:
    grid = Grid(price_per_kwh=(0.30, 0.10))
    jobs = [job("a", 1800.0, deadline_s=3 * HOUR)]
    done = deferred([node("n0", 1)], jobs, grid, deferral="cheapest")
    assert told(done)[1] == "0 defer a until 3600"
    # Jobs add 0.35 kW to an A100: an hour is 1.00 + 0.035 at n0, 0.98 + 0.07 or + 0.035 at n1.
    groups = [Group("g0", ("n0",), price_per_h=1.00), Group("g1", ("n1",), price_per_h=0.98)]
    nodes = [zoned("n0", "a", gpu_model="A100-80GB"), zoned("n1", "b", gpu_model="A100-80GB")]
    for dear, where in ((0.20, "n0"), (0.10, "n1")):
        grid = Grid(price_zones={"a": (0.10,), "b": (dear,)})
        done = deferred(nodes, [job("a", HOUR)], grid, deferral="cheapest",
                        more={"groups": groups})  # fmt: skip
        assert told(done)[1] == f"0 start a {where}"


def test_cheapest_needs_no_grid() -> None:
    groups = [Group("g0", ("n0",), price_per_h=2.0), Group("g1", ("n1",), price_per_h=1.0)]
    done = run([node("n0"), node("n1")], [job("a", 10.0)], deferral="cheapest",
               more={"groups": groups})  # fmt: skip
    assert told(done)[1] == "0 start a n1"


def test_an_object_may_be_the_policy() -> None:
    class Late:
        def hours(self, site: object) -> tuple[float, ...]:
            return (9.0, 9.0, 1.0)

    jobs = [job("a", 60.0, deadline_s=4 * HOUR)]
    done = run([node("n0")], jobs, deferring=EXACT, more={"deferral": Late()})
    assert told(done)[1] == "0 defer a until 7200"


def test_the_same_jobs_are_held_in_every_run() -> None:
    jobs = [
        job(f"j{i}", 900.0 * (1 + i % 3), arrival_s=40.0 * i, deadline_s=40.0 * i + 5 * HOUR)
        for i in range(60)
    ]
    nodes = [zoned(f"n{i}", "ab"[i % 2], gpus=4) for i in range(4)]
    grid = Grid((300.0, 200.0, 50.0), {"a": (100.0, 400.0)})
    first, again = (deferred(nodes, jobs, grid, Deferring()) for _ in range(2))
    assert first.totals.deferred > 0
    assert told(first) == told(again)


def test_without_a_policy_deadlines_change_nothing() -> None:
    jobs = [job(f"j{i}", 900.0, arrival_s=40.0 * i) for i in range(20)]
    with_deadlines = [each | {"deadline_s": 9 * HOUR} for each in jobs]
    plain, same = (run([node("n0", 2)], each) for each in (jobs, with_deadlines))
    assert told(plain) == told(same)


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown deferral policy 'carbn'; did you mean 'carbon'"):
        DEFERRALS.make("carbn", Settings())
    with pytest.raises(InputError, match=r"carbon goes by the grid's carbon intensity; give"):
        Simulation([node()], table([job("a", 1.0)]), Settings(deferral="carbon"), Parts())


@given(deadline=st.floats(0.0, 1e9), run_s=st.floats(0.0, 1e9))
def test_a_latest_start_is_in_time_and_the_next_one_is_not(deadline: float, run_s: float) -> None:
    latest = latest_start(deadline, run_s)
    assert latest + run_s <= deadline
    assert latest + run_s > deadline - 1e-6


@st.composite
def workloads(draw: st.DrawFn) -> tuple[int, list[dict[str, Any]]]:
    """GPUs, and jobs of one GPU each whose deadlines leave some slack, or none."""
    jobs = []
    for i in range(draw(st.integers(1, 14))):
        arrival_s, work_s = 300.0 * draw(st.integers(0, 40)), 300.0 * draw(st.integers(1, 40))
        slack_s = draw(st.sampled_from([None, 0.0, 1800.0, 7200.0, 36000.0]))
        more = {} if slack_s is None else {"deadline_s": arrival_s + work_s + slack_s}
        jobs.append(job(f"j{i:02}", work_s, arrival_s=arrival_s, **more))
    return draw(st.integers(1, 4)), jobs


@given(workloads(), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_nobody_is_late_who_was_held_back(
    workload: tuple[int, list[dict[str, Any]]], grams: list[int]
) -> None:
    gpus, jobs = workload
    done = deferred([node("n0", gpus)], jobs, Grid(tuple(map(float, grams))))
    held = {entry.job for entry in done.log if entry.what == "defer"}
    for each, finish_s in zip(jobs, done.jobs.finish_s.tolist(), strict=True):
        if each["name"] in held:
            assert finish_s <= each["deadline_s"]


def test_a_window_that_was_promised_to_another_does_not_count() -> None:
    # a has the clean hour of the one GPU in the east; for b there is none, and it starts at once.
    grid = Grid((300.0,), {"east": (300.0, 100.0)})
    nodes = [zoned("n0", "east"), zoned("n1", "west")]
    slack = {"deadline_s": 9 * HOUR}
    jobs = [job("a", HOUR, **slack), job("b", HOUR, arrival_s=10.0, **slack)]
    assert told(deferred(nodes, jobs, grid))[:4] == [
        "0 arrive a", "0 defer a until 3600", "10 arrive b", "10 start b n0",
    ]  # fmt: skip
    # With two GPUs there both wait for it.
    jobs[1]["deadline_s"] = 8 * HOUR
    nodes[0] = zoned("n0", "east", gpus=2)
    assert told(deferred(nodes, jobs, grid))[3] == "10 defer b until 3600"


def test_the_next_cleanest_zone_is_waited_for_where_the_cleanest_is_promised() -> None:
    grid = Grid((0.0,), {"east": (300.0, 100.0), "west": (300.0, 200.0)})
    nodes = [zoned("n0", "east"), zoned("n1", "west")]
    jobs = [job(name, HOUR, deadline_s=4 * HOUR) for name in "ab"]
    assert told(deferred(nodes, jobs, grid))[4:8] == [
        "3600 release a", "3600 release b", "3600 start a n0", "3600 start b n1",
    ]  # fmt: skip
