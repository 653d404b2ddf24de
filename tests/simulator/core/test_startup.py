"""Pods that start: exact schedules by hand, and what a node keeps and transfers against oracles.

An image of 1,000 MiB comes at 100 MiB/s in 10 s, and a container takes 2 s more.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.types import Node
from bayplan.simulator.core.results import JobResults, Outcome
from bayplan.simulator.core.settings import Interruptions
from bayplan.simulator.core.sources import Listed, NodeChange
from bayplan.simulator.core.startup.cache import Cache
from bayplan.simulator.core.startup.link import SHARED, Guest, Link, Transfer
from bayplan.simulator.core.startup.site import Site
from bayplan.simulator.core.startup.types import Startup, Wants
from bayplan.simulator.metrics import summarise

from .support import ends, job, node, run, table, told

TYPES = {
    "i": Wants("i"),
    "j": Wants("j"),
    "k": Wants("k"),
    "m": Wants(model="m"),
    "im": Wants("i", "m"),
}
GIVEN = Startup(
    images={"i": 1000, "j": 1000, "k": 1000},
    models={"m": 1000},
    types=TYPES,
    container_s=2.0,
    node_mib_per_s=100.0,
    registry_mib_per_s=100.0,
    store_mib_per_s=100.0,
)


def done(
    nodes: Sequence[Node],
    *jobs: dict[str, Any],
    changes: Any = (),
    given: Any = (),
    **settings: Any,
) -> Outcome:
    source = Listed([NodeChange(*change) for change in changes])
    startup = replace(GIVEN, **dict(given))
    return run(nodes, jobs, more={"sources": [source]}, startup=startup, **settings)


def of(name: str, kind: str, at_s: float, work_s: float = 5.0, **more: Any) -> dict[str, Any]:
    return job(name, work_s, arrival_s=at_s, job_type=kind, **more)


# --- images ------------------------------------------------------------------------------------


def test_a_cold_pull_takes_its_time_and_a_warm_start_does_not() -> None:
    outcome = done([node("a")], of("x", "i", 0.0), of("y", "i", 20.0))
    assert told(outcome) == [
        "0 arrive x", "0 pull x i a", "0 start x a", "17 finish x",
        "20 arrive y", "20 start y a", "27 finish y",
    ]  # fmt: skip
    assert outcome.jobs.startup_s is not None
    assert outcome.jobs.startup_s.tolist() == outcome.jobs.overhead_s.tolist() == [12.0, 2.0]
    assert outcome.jobs.gpu_s.tolist() == [17.0, 7.0]  # it holds its GPU meanwhile
    totals = outcome.totals
    assert (totals.pulls, totals.pulled_mib) == (1, 1000.0)
    assert (totals.images_looked_for, totals.images_found) == (2, 1)


def test_who_comes_while_the_image_is_pulled_waits_for_that_pull() -> None:
    outcome = done([node("a", 3)], of("x", "i", 0.0), of("y", "i", 4.0), of("z", "i", 11.0))
    assert ends(outcome) == [17.0, 17.0, 18.0]
    assert (outcome.totals.pulls, outcome.totals.images_found) == (1, 1)  # z: there, and 2 + 5


def test_pulls_share_the_link_of_their_node() -> None:
    # At 5 both get 50: x has 500 to come, at 15; y then 500 at 100, at 20. Then 2, and 5 of work.
    outcome = done([node("a", 2)], of("x", "i", 0.0), of("y", "j", 5.0))
    assert ends(outcome) == [22.0, 27.0]
    # On nodes of their own they do not, nor where the link has enough for both.
    apart = done([node("a"), node("b")], of("x", "i", 0.0), of("y", "j", 5.0))
    wide = done(
        [node("a", 2)], of("x", "i", 0.0), of("y", "j", 5.0), given={"node_mib_per_s": 200.0}
    )
    assert ends(apart) == ends(wide) == [17.0, 22.0]


def test_what_one_source_cannot_give_the_others_get() -> None:
    # The model gets 20 of 100, the image 80: 12.5 s; then 2, and 5.
    given = {"store_mib_per_s": 20.0, "container_s": 0.0}
    outcome = done([node("a", 2)], of("x", "m", 0.0), of("y", "i", 0.0), given=given)
    assert ends(outcome) == [55.0, 17.5]


def test_a_pull_that_nobody_waits_for_any_more_ends_and_leaves_nothing() -> None:
    # At 9 y has got 200 of 1,000; alone it takes 8 s more, 2 and 5. x brought 500 and 200.
    jobs = of("x", "i", 0.0, cancel_s=9.0), of("y", "j", 5.0), of("z", "i", 30.0)
    outcome = done([node("a", 2)], *jobs)
    assert told(outcome) == [
        "0 arrive x", "0 pull x i a", "0 start x a", "5 arrive y", "5 pull y j a", "5 start y a",
        "9 cancel x", "24 finish y", "30 arrive z", "30 pull z i a", "30 start z a", "47 finish z",
    ]  # fmt: skip
    assert outcome.jobs.startup_s is not None
    assert outcome.jobs.startup_s.tolist() == [9.0, 14.0, 12.0]
    assert outcome.totals.pulled_mib == pytest.approx(700.0 + 2000.0)


def test_the_image_used_longest_ago_makes_room() -> None:
    # Room for two: i, j, i again, k in place of j, i again, j in place of k.
    order = ["i", "j", "i", "k", "i", "j"]
    jobs = [of(f"{n}{kind}", kind, 100.0 * n) for n, kind in enumerate(order)]
    outcome = done([node("a")], *jobs, given={"cache_mib": 2500.0})
    pulled = [entry.detail for entry in outcome.log if entry.what == "pull"]
    assert pulled == ["i a", "j a", "k a", "j a"]
    assert ends(outcome) == [17.0, 117.0, 207.0, 317.0, 407.0, 517.0]
    assert (outcome.totals.images_looked_for, outcome.totals.images_found) == (6, 2)


def test_an_image_in_use_makes_no_room_and_who_finds_none_pulls_for_itself() -> None:
    # j finds no room beside i, which x uses: z pulls it anew. When x is gone, j is kept.
    jobs = (
        of("x", "i", 0.0, 100.0), of("y", "j", 20.0), of("z", "j", 40.0),
        of("v", "j", 200.0), of("w", "j", 300.0),
    )  # fmt: skip
    outcome = done([node("a", 2)], *jobs, given={"cache_mib": 1500.0})
    assert ends(outcome) == [112.0, 37.0, 57.0, 217.0, 307.0]


def test_a_lazy_pull_starts_with_a_part_and_the_rest_takes_its_share_of_the_link() -> None:
    # x starts with 300 at 3, and its 1,000 are there at 10 if nobody else comes.
    lazy = {"lazy_part": 0.3}
    assert ends(done([node("a", 2)], of("x", "i", 0.0, 20.0), given=lazy)) == [25.0]
    # y comes at 4, when x has 600 to come: at 50 its 300 take 6 s. 10 + 2 + 5.
    jobs = of("x", "i", 0.0, 20.0), of("y", "j", 4.0)
    assert ends(done([node("a", 2)], *jobs, given=lazy)) == [25.0, 17.0]
    # Who comes for x's image at 4 has enough of it at once.
    jobs = of("x", "i", 0.0, 20.0), of("y", "i", 4.0)
    outcome = done([node("a", 2)], *jobs, given=lazy)
    assert ends(outcome) == [25.0, 11.0]
    assert outcome.totals.images_found == 0


def test_a_node_that_comes_back_has_nothing() -> None:
    changes = (20.0, "a", "down"), (21.0, "a", "up")
    outcome = done([node("a")], of("x", "i", 0.0), of("y", "i", 30.0), changes=changes)
    assert ends(outcome) == [17.0, 47.0]
    assert outcome.totals.pulls == 2


def test_a_job_that_loses_its_node_while_it_pulls_pulls_again() -> None:
    changes = (6.0, "a", "down"), (8.0, "a", "up")
    costs = Interruptions(restart_s=3.0)
    outcome = done([node("a")], of("x", "i", 0.0), changes=changes, interruptions=costs)
    # 8 + 10 + 2 of start-up, 3 of restart, 5 of work.
    assert ends(outcome) == [28.0]
    assert outcome.jobs.startup_s is not None
    assert outcome.jobs.startup_s.tolist() == [6.0 + 12.0]
    assert outcome.jobs.overhead_s.tolist() == [6.0 + 12.0 + 3.0]
    assert outcome.totals.pulled_mib == pytest.approx(600.0 + 1000.0)


def test_images_that_nodes_have_at_first_are_found() -> None:
    nodes = [node("a", images=(("i", 1000),))]
    changes = (10.0, "a", "down"), (11.0, "a", "up")
    outcome = done(nodes, of("x", "i", 0.0), of("y", "i", 20.0), changes=changes)
    assert ends(outcome) == [7.0, 37.0]


# --- gangs -------------------------------------------------------------------------------------


def test_a_gang_starts_with_its_last_pod() -> None:
    jobs = of("x", "i", 0.0), of("g", "i", 50.0, pods=2)
    outcome = done([node("a"), node("b")], *jobs)
    assert ends(outcome) == [17.0, 67.0]  # a has the image, b does not
    assert (outcome.totals.images_looked_for, outcome.totals.images_found) == (3, 1)


def test_pods_of_a_gang_on_one_node_pull_once() -> None:
    outcome = done([node("a", 4)], of("g", "i", 0.0, pods=4))
    assert ends(outcome) == [17.0]
    assert outcome.totals.pulls == 1


def test_who_slows_one_pod_of_a_gang_slows_the_gang() -> None:
    # On a, y takes half of the link from 5 to 15: 17 and 5 of work.
    jobs = of("g", "i", 0.0, pods=2), of("y", "j", 5.0)
    assert ends(done([node("a", 2), node("b", 1)], *jobs, placement="first-fit"))[0] == 17.0
    jobs = of("g", "i", 0.0, pods=2, gpu_count=2), of("y", "j", 5.0)
    assert ends(done([node("a", 3), node("b", 2)], *jobs, placement="first-fit"))[0] == 22.0


# --- models ------------------------------------------------------------------------------------


def test_a_model_is_loaded_when_the_container_runs() -> None:
    outcome = done([node("a")], of("x", "im", 0.0), of("y", "im", 50.0),
                   given={"local_mib_per_s": 200.0})  # fmt: skip
    # 10 + 2 + 10 + 5 of work; then 2, 1,000 at 200, and 5.
    assert ends(outcome) == [27.0, 62.0]


@pytest.mark.parametrize(
    ("cache", "at_z", "at_w"), [("none", 10.0, 10.0), ("cluster", 2.0, 2.0), ("rack", 2.0, 10.0)]
)
def test_the_first_load_fills_the_cache_for_later_ones(
    cache: str, at_z: float, at_w: float
) -> None:
    racks = {"a": "r", "b": "r", "c": "r", "d": "s"}
    nodes = [node(name, labels=(("bayplan.io/rack", rack),)) for name, rack in racks.items()]
    # x fills it at 10; y began at 3, before. z and w come at 11 and 12.
    jobs = [
        of(name, "m", at_s, 100.0)
        for name, at_s in zip("xyzw", (0.0, 3.0, 11.0, 12.0), strict=True)
    ]
    given = {
        "model_cache": cache, "shared_mib_per_s": 500.0, "container_s": 0.0,
        "node_mib_per_s": math.inf,
    }  # fmt: skip
    outcome = done(nodes, *jobs, given=given)
    assert ends(outcome) == [110.0, 113.0, 111.0 + at_z, 112.0 + at_w]


def test_a_load_that_is_given_up_fills_nothing() -> None:
    given = {"model_cache": "cluster", "shared_mib_per_s": 1000.0, "container_s": 0.0}
    jobs = of("x", "m", 0.0, cancel_s=9.0), of("y", "m", 20.0), of("z", "m", 40.0)
    outcome = done([node("a"), node("b")], *jobs, given=given, placement="worst-fit")
    assert ends(outcome)[1:] == [35.0, 45.0]  # on one node all the time: it keeps what y loaded


# --- what goes on beside -----------------------------------------------------------------------


def test_what_takes_no_time_changes_nothing() -> None:
    jobs = [of(f"x{n}", "ijk"[n % 3], 3.0 * n, 7.0 + n, pods=1 + n % 2) for n in range(30)]
    nodes = [node("a", 2), node("b", 2)]
    off = run(nodes, jobs)
    on = run(nodes, jobs, startup=Startup())
    for each in fields(JobResults):
        if each.name != "startup_s":
            one, other = getattr(off.jobs, each.name), getattr(on.jobs, each.name)
            np.testing.assert_array_equal(one, other)
    assert (off.log, off.jobs.startup_s) == (on.log, None)
    assert on.jobs.startup_s is not None
    assert not on.jobs.startup_s.any()
    summary = summarise(off, table(jobs))
    keys = "startup_s", "startup_mean_s", "startup_gpu_pct", "pulls", "image_hit_pct", "pulled_gib"
    assert all(math.isnan(summary[key]) for key in keys)


def test_metrics_of_starts() -> None:
    jobs = [of("x", "i", 0.0), of("y", "i", 20.0)]
    summary = summarise(done([node("a")], *jobs), table(jobs))
    assert summary["startup_s"] == 14.0
    assert summary["startup_mean_s"] == 7.0
    assert summary["startup_gpu_pct"] == pytest.approx(100 * 14 / 24)
    assert (summary["pulls"], summary["image_hit_pct"]) == (1, 50.0)
    assert summary["pulled_gib"] == 1000 / 1024


def test_who_starts_when_all_is_over_is_counted_up_to_then() -> None:
    outcome = done([node("a")], of("x", "i", 0.0), until_s=4.0)
    assert outcome.jobs.startup_s is not None
    assert outcome.jobs.startup_s.tolist() == outcome.jobs.overhead_s.tolist() == [4.0]
    assert (outcome.totals.pulls, outcome.totals.pulled_mib) == (1, 400.0)


def test_backfilling_counts_with_the_start() -> None:
    # The second waits for both GPUs, free at 12 + 20; the third is not done by then if it pulls.
    jobs = (
        of("x", "i", 0.0, 20.0), of("y", "i", 1.0, 5.0, gpu_count=2), of("z", "j", 15.0, 10.0),
    )  # fmt: skip
    outcome = done([node("a", 2)], *jobs, backfill="easy")
    assert outcome.jobs.start_s.tolist() == [0.0, 32.0, 39.0]
    warm = [replace(node("a", 2), images=(("i", 1000), ("j", 1000)))]
    jobs = of("x", "i", 0.0, 30.0), *jobs[1:]
    assert done(warm, *jobs, backfill="easy").jobs.start_s.tolist() == [0.0, 32.0, 15.0]


def test_pods_go_where_their_image_is_once_it_is_there() -> None:
    # x is put on b, as f has a. At 40 both are free.
    jobs = of("f", "", 0.0, 20.0), of("x", "i", 1.0, 3.0), of("y", "i", 40.0), of("z", "j", 60.0)
    nodes = [node("a"), node("b")]
    by_image = done(nodes, *jobs, placement="image-locality")
    starts = [entry.detail for entry in by_image.log if entry.what == "start"]
    assert starts == ["a", "b", "b", "a"]
    plain = done(nodes, *jobs, placement="best-fit")
    assert [entry.detail for entry in plain.log if entry.what == "start"] == ["a", "b", "a", "a"]


def test_a_pull_under_way_draws_nobody_and_a_node_that_was_away_neither() -> None:
    jobs = of("f", "", 0.0, 1.0), of("x", "i", 0.5, 60.0), of("y", "i", 5.0), of("z", "i", 90.0)
    nodes = [node("a", 1), node("b", 2)]
    outcome = done(nodes, *jobs, placement="image-locality")
    assert [e.detail for e in outcome.log if e.what == "start"] == ["a", "b", "a", "a"]
    changes = (80.0, "a", "down"), (81.0, "a", "up")
    outcome = done(nodes, *jobs, changes=changes, placement="image-locality")
    assert [e.detail for e in outcome.log if e.what == "start"] == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"types": {"t": Wants("x")}}, "startup: no size of image 'x'; state it in images"),
        ({"default": Wants(model="x")}, "startup: no size of model 'x'; state it in models"),
        ({"models": {"i": 1}}, "startup: 'i' is an image and a model; rename one of them"),
        ({"images": {"x": 0}}, "startup: x has 0 MiB; write 1 or more"),
        ({"node_mib_per_s": 0.0}, "startup: node_mib_per_s is 0.0; write more than 0"),
        ({"lazy_part": 0.0}, "startup: lazy_part is 0.0; write more than 0, up to 1"),
        ({"model_cache": "x"}, "startup: model_cache 'x'; one of none, rack, cluster"),
        ({"container_s": -1.0}, "startup: container_s is -1.0; write 0 or more"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(given: dict[str, Any], line: str) -> None:
    known: dict[str, Any] = {"images": {"i": 1}}
    with pytest.raises(InputError) as error:
        Startup(**(known | given))
    assert str(error.value) == line


# --- against oracles ---------------------------------------------------------------------------


def processor_sharing(rate: float, arrivals: Sequence[tuple[float, float]]) -> list[float]:
    """When (time, size) are served that share a rate equally: by virtual time, which rises by the
    rate over their number; each leaves when it has risen by its size."""
    order = sorted(range(len(arrivals)), key=lambda k: arrivals[k][0])
    ends, inside = [0.0] * len(arrivals), list[tuple[float, int]]()
    now = virtual = 0.0
    while order or inside:
        due = now + (inside[0][0] - virtual) * len(inside) / rate if inside else math.inf
        comes = arrivals[order[0]][0] if order else math.inf
        if due <= comes:
            now, (virtual, k) = due, heapq.heappop(inside)
            ends[k] = now
        else:
            virtual += rate * (comes - now) / len(inside) if inside else 0.0
            now, k = comes, order.pop(0)
            heapq.heappush(inside, (virtual + arrivals[k][1], k))
    return ends


ARRIVALS = st.lists(
    st.tuples(st.integers(0, 50).map(float), st.integers(1, 2_000).map(float)),
    min_size=1, max_size=8,
)  # fmt: skip


@given(ARRIVALS, st.integers(1, 100).map(float))
def test_transfers_share_a_link_as_by_virtual_time(
    arrivals: list[tuple[float, float]], rate: float
) -> None:
    link, expected = Link(rate, 0.0), processor_sharing(rate, arrivals)
    link.now_s = 0.0
    for k in sorted(range(len(arrivals)), key=lambda k: arrivals[k][0]):
        at_s, mib = arrivals[k]
        link.settle(at_s)
        link.add(Guest(k, ("x", k), None, 0.0), [Transfer(("x", k), mib, math.inf, mib)])
    for job_, at_s in link.ready().items():
        assert at_s == pytest.approx(expected[job_], rel=1e-9)
    link.run(math.inf)
    assert not link.transfers
    assert [link.guests[k].at_s for k in range(len(arrivals))] == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(1, 60).map(float), min_size=1, max_size=7), st.integers(1, 100))
def test_rates_are_max_min_fair(caps: list[float], width: int) -> None:
    link = Link(float(width), 0.0)
    link.now_s = 0.0
    for k, cap in enumerate(caps):
        link.add(Guest(k, ("x", k), None, 0.0), [Transfer(("x", k), 1e6, cap, 1e6)])
    rates = [link.transfers["x", k].rate for k in range(len(caps))]
    assert sum(rates) == pytest.approx(min(width, sum(caps)))
    # Nobody has more than its source gives, and who has less has as much as anybody.
    for rate, cap in zip(rates, caps, strict=True):
        assert rate <= cap
        assert rate == cap or rate == pytest.approx(max(rates))


JOBS = st.lists(
    st.tuples(
        st.integers(0, 60).map(float), st.integers(1, 30).map(float), st.integers(1, 2),
        st.sampled_from(["i", "j", "im", "m", "none"]), st.integers(1, 3),
    ),
    min_size=1, max_size=10,
)  # fmt: skip
CHANGES = st.lists(
    st.tuples(
        st.integers(1, 80).map(float), st.sampled_from("ab"), st.sampled_from(["down", "up"])
    ),
    max_size=5,
)


@given(
    JOBS, CHANGES,
    st.sampled_from(["none", "in-order", "repack", "easy"]),
    st.sampled_from(["best-fit", "image-locality"]),
    st.sampled_from([300.0, 1500.0, math.inf]),
)  # fmt: skip
def test_work_is_done_only_when_pods_have_started(
    jobs: list[Any], changes: list[Any], how: str, placement: str, cache_mib: float
) -> None:
    rows = [
        of(f"x{k}", kind, at_s, work_s, gpu_count=gpus, pods=pods)
        for k, (at_s, work_s, gpus, kind, pods) in enumerate(jobs)
    ]
    changes = [*sorted(changes), (200.0, "a", "up"), (200.0, "b", "up")]
    settings = {"backfill": how} if how == "easy" else {"preemption": how, "ordering": "srtf"}
    outcome = done(
        [node("a", 4), node("b", 2)], *rows, changes=changes, placement=placement,
        given={"cache_mib": cache_mib, "node_mib_per_s": 130.0}, **settings,
    )  # fmt: skip
    found, started = outcome.jobs, outcome.jobs.startup_s
    assert started is not None
    rejected = np.isnan(found.start_s)
    np.testing.assert_allclose(found.overhead_s, started, atol=1e-6)  # restarts cost nothing here
    work = np.array([row["work_s"] for row in rows])
    # Alone on its GPUs a job runs for its work, what was lost of it, and its starts.
    ran = (work + found.work_lost_s + started)[~rejected]
    np.testing.assert_allclose(found.run_s[~rejected], ran, atol=1e-6)
    assert (started[~rejected] >= 2.0 - 1e-9).all()  # no container starts at once
    totals = outcome.totals
    assert totals.images_found <= totals.images_looked_for
    assert totals.pulled_mib <= 1000 * totals.pulls + 1e-6


STEPS = st.lists(
    st.tuples(st.sampled_from(["come", "go"]), st.integers(0, 9), st.integers(0, 40)), max_size=40
)
SIZES = {"i": 300, "j": 500, "k": 900, "m": 700, "n": 200}


@given(
    STEPS, st.sampled_from([100.0, 800.0, 1200.0, 1900.0, math.inf]), st.sampled_from([0.3, 1.0])
)
def test_a_node_never_keeps_too_much_and_always_what_is_in_use(
    steps: list[tuple[str, int, int]], most: float, lazy: float
) -> None:
    given_ = Startup(
        images={name: SIZES[name] for name in "ijk"}, models={name: SIZES[name] for name in "mn"},
        cache_mib=most, node_mib_per_s=50.0, container_s=1.0, lazy_part=lazy,
    )  # fmt: skip
    kinds = [Wants(image, model) for image in ("i", "j", "k", "") for model in ("m", "n", "")]
    site, here, now = Site(given_), dict[int, Wants](), 0.0
    site.link.now_s = 0.0
    for number, (what, which, after) in enumerate(steps):
        now += after / 4
        site.link.settle(now)
        if what == "come":
            here[number] = kinds[(which * 7 + after) % len(kinds)]
            site.add(number, here[number], lambda _: 40.0)
        elif here:
            gone = sorted(here)[which % len(here)]
            del here[gone]
            site.remove(gone)
        kept = dict(site.cache.items())
        assert sum(kept.values()) == site.cache.used_mib <= most
        assert set(site.cache.held()) <= kept.keys()
        for guest in site.link.guests.values():
            for key in (guest.image, guest.model):
                assert key is None or (key[0] in kept if key[1] == SHARED else key[1] == guest.job)
        assert {name for name, _ in site.images()} <= kept.keys()
        # What comes is for somebody who is here.
        needed = {key for each in site.link.guests.values() for key in (each.image, each.model)}
        assert site.link.transfers.keys() <= needed
    for number in sorted(here):
        site.remove(number)
    assert not site.cache.held()
    assert not site.link.transfers


@given(
    st.lists(st.tuples(st.sampled_from("ahrd"), st.sampled_from("uvwxyz")), max_size=60),
    st.integers(1, 12),
)
def test_a_cache_forgets_as_a_list_by_latest_use(steps: list[tuple[str, str]], most: int) -> None:
    size = dict(zip("uvwxyz", (1, 2, 3, 4, 5, 6), strict=True))
    cache, names, held = Cache(float(most)), list[str](), list[str]()
    for what, name in steps:
        if what == "a" and name not in names:
            left = names.copy()
            for other in names:
                if sum(size[each] for each in left) + size[name] <= most:
                    break
                if other not in held:
                    left.remove(other)
            fits = sum(size[each] for each in left) + size[name] <= most
            assert cache.add(name, size[name]) is fits
            names = [*left, name] if fits else names
        elif what in "hr" and name in names and (what == "h" or name in held):
            (cache.hold if what == "h" else cache.release)(name)
            (held.append if what == "h" else held.remove)(name)
            names.remove(name)
            names.append(name)
        assert [each for each, _ in cache.items()] == sorted(names)
        assert cache.held() == sorted(set(held))


# --- elastic jobs -------------------------------------------------------------------------------


def test_pods_that_an_elastic_job_gets_start_and_those_that_stay_do_not() -> None:
    """Work 400 is stated for 2 GPUs: with 8 it goes at 4, with 4 at 2; a change takes 5 s.

    Both nodes pull until 12. 12-32 at 4: 80. 32-37: nothing, 37-54 at 2: 34. The image is still on
    b, where a container takes 2 s, less than the change. 54-59: nothing; 286 take 71.5 s.
    """
    outcome = done(
        [node("a", 4), node("b", 4)],
        of("e", "i", 0.0, 400.0, pods=2, min_pods=1, max_pods=8),
        of("r", "", 32.0, 20.0, gpu_count=4),
        elasticity="idle",
        interruptions=Interruptions(resize_s=5.0),
    )
    assert told(outcome) == [
        "0 arrive e", "0 pull e i a", "0 start e a", "0 grow e 1 to 8 a b", "0 pull e i b",
        "32 arrive r", "32 shrink e 8 to 4 a", "32 start r b", "54 finish r",
        "54 grow e 4 to 8 a b", "130.5 finish e",
    ]  # fmt: skip
    assert outcome.jobs.startup_s is not None
    assert outcome.jobs.startup_s.tolist() == [12.0 + 2.0, 2.0]
    assert outcome.jobs.overhead_s.tolist() == [12.0 + 5.0 + 5.0, 2.0]


def test_a_pod_on_a_cold_node_holds_an_elastic_job_up_longer_than_the_change() -> None:
    """0-12 its start, 12-20 at 1/2: 4. Then b comes, and is ready after 12 s; 16 are left."""
    outcome = done(
        [node("a"), node("b")],
        of("e", "i", 0.0, 20.0, pods=2, min_pods=1, max_pods=2),
        changes=[(0.0, "b", "down"), (20.0, "b", "up")],
        elasticity="idle",
    )
    assert told(outcome) == [
        "0 down b", "0 arrive e", "0 pull e i a", "0 start e a",
        "20 up b", "20 grow e 1 to 2 a b", "20 pull e i b", "48 finish e",
    ]  # fmt: skip
