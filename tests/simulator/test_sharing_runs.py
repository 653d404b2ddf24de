"""Runs of a small experiment under each way to share its GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.types import Reason
from bayplan.simulator.replay.report import as_json
from bayplan.simulator.replay.settings import Experiment
from bayplan.simulator.replay.sweep import Packer, Run, main_reason, nearest, sweep
from bayplan.simulator.sharing import MODES, Modes, cuts
from bayplan.traces import NodeTable, PodTable

MEMORY = 81_920


def a100s(*gpus: int) -> NodeTable:
    n = len(gpus)
    return NodeTable.of(
        name=[f"n{i}" for i in range(n)],
        cpu_milli=[64_000] * n,
        memory_mib=[100_000] * n,
        gpu_count=list(gpus),
        gpu_model=["A100-80GB" if count else "" for count in gpus],
        gpu_memory_mib=[MEMORY if count else 0 for count in gpus],
    )


def pods_of(
    pods: Sequence[tuple[int, int]], mib: Sequence[int] = (), profiles: Sequence[str] = ()
) -> PodTable:
    """Pods of (GPUs, milli of each)."""
    n = len(pods)
    return PodTable.of(
        name=[f"p{i:03}" for i in range(n)],
        cpu_milli=[100] * n,
        memory_mib=[64] * n,
        gpu_count=[count for count, _ in pods],
        gpu_milli=[milli for _, milli in pods],
        gpu_memory_mib=mib or [0] * n,
        mig_profile=profiles or [""] * n,
    )


def run(pods: PodTable, mode: str, layout: str = "", **settings: Any) -> Run:
    """All pods arrive, in their order, at one node of two A100s."""
    nodes = a100s(2)
    (cut,) = cuts(Modes((mode,), layout, **settings), nodes, pods)
    order = {0: np.arange(len(pods), dtype=np.int64)}
    return Packer(Experiment(nodes, pods, 5.0, order, cuts=(cut,))).run("best-fit", 0)


def numbers(found: Run) -> tuple[int, int, int, int, dict[str, int]]:
    return (
        found.placed,
        found.gpu_allocated_milli,
        found.gpu_taken_milli,
        found.gpu_stranded_milli,
        found.refused,
    )


# --- by hand -----------------------------------------------------------------------------------


HALVES = pods_of([(1, 500)] * 5)


@pytest.mark.parametrize(
    ("mode", "layout", "expected"),
    [
        ("exclusive", "", (2, 1_000, 2_000, 0, {"GPU_FREE": 3})),
        ("mps", "", (4, 2_000, 2_000, 0, {"GPU_FREE": 1})),
        ("timeslice", "", (4, 2_000, 2_000, 0, {"GPU_FREE": 1})),
        ("hami", "", (4, 2_000, 2_000, 0, {"GPU_FREE": 1})),
        # Half of the compute is four slices of seven, and a GPU has one place for them.
        ("mig-dynamic", "", (2, 1_000, 1_000, 1_000, {"MIG_PLACE": 3})),
        ("mig-static", "4g.40gb@0", (2, 1_000, 1_000, 1_000, {"GPU_FREE": 3})),
        ("mig-static", "all-7g.80gb", (2, 1_000, 2_000, 0, {"GPU_FREE": 3})),
        ("mig-static", "all-balanced", (0, 0, 0, 2_000, {"GPU_COUNT": 5})),
        ("mig-static", "1g.10gb@0", (0, 0, 0, 2_000, {"GPU_COUNT": 5})),
        ("mig-static", "all-disabled", (2, 1_000, 2_000, 0, {"GPU_FREE": 3})),
    ],
)
def test_five_pods_of_half_a_gpu_on_two_gpus(
    mode: str, layout: str, expected: tuple[int, int, int, int, dict[str, int]]
) -> None:
    found = run(HALVES, mode, layout)
    assert (found.pods, found.gpu_capacity_milli) == (5, 2_000)
    assert found.sharing == f"{mode} {layout}".strip()
    assert numbers(found) == expected


@pytest.mark.parametrize(
    ("mode", "mib", "settings", "placed", "refused"),
    [
        # 41,000 MiB: two of them exceed a GPU by 80.
        ("mps", 41_000, {}, 2, "GPU_MEMORY_FREE"),
        ("hami", 41_000, {}, 2, "GPU_MEMORY_FREE"),
        ("hami", 40_960, {}, 4, "GPU_FREE"),
        # 40,560 and a context of 400 are half a GPU.
        ("timeslice", 40_560, {}, 4, "GPU_FREE"),
        ("timeslice", 40_561, {}, 2, "GPU_MEMORY_FREE"),
        ("timeslice", 60_000, {"ignore_memory": True}, 4, "GPU_FREE"),
        ("mps", 20_000, {"oversubscribe": 1.5}, 6, "GPU_FREE"),
        ("hami", 20_000, {"oversubscribe": 2.0}, 8, "GPU_FREE"),
        ("mps", 30_000, {"oversubscribe": 2.0}, 4, "GPU_MEMORY_FREE"),
        ("timeslice", 60_000, {"ignore_memory": True, "oversubscribe": 2.0}, 8, "GPU_FREE"),
    ],
)
def test_memory_and_oversubscription_say_how_many_halves_are_placed(
    mode: str, mib: int, settings: dict[str, Any], placed: int, refused: str
) -> None:
    found = run(pods_of([(1, 500)] * 9, [mib] * 9), mode, **settings)
    assert (found.placed, found.gpu_taken_milli) == (placed, 500 * placed)
    assert found.refused == {refused: 9 - placed}


def test_what_is_oversubscribed_may_be_allocated_beyond_the_capacity() -> None:
    found = run(pods_of([(1, 500)] * 9, [20_000] * 9), "mps", oversubscribe=2.0)
    assert (found.gpu_capacity_milli, found.gpu_allocated_milli) == (2_000, 4_000)
    assert found.gpu_stranded_milli == 0
    assert max(each for each in found.allocated_pct if each is not None) == 200.0


def test_clients_are_counted() -> None:
    crumbs = pods_of([(1, 1)] * 100)
    assert numbers(run(crumbs, "mps"))[::4] == (96, {"GPU_CLIENTS": 4})
    assert numbers(run(crumbs, "timeslice"))[::4] == (32, {"GPU_CLIENTS": 68})
    assert numbers(run(crumbs, "hami"))[::4] == (20, {"GPU_CLIENTS": 80})
    assert numbers(run(crumbs, "mig-dynamic"))[::4] == (14, {"MIG_PLACE": 86})
    assert numbers(run(crumbs, "exclusive"))[::4] == (2, {"GPU_FREE": 98})


def test_a_share_on_mig_takes_more_than_it_asked_for() -> None:
    found = run(pods_of([(1, 100)] * 3), "mig-dynamic")
    assert (found.gpu_allocated_milli, found.gpu_taken_milli) == (300, 375)


def test_pods_by_profile_are_placed_on_mig_and_nowhere_else() -> None:
    pods = pods_of([(2, 125)] * 2, profiles=["1g.10gb"] * 2)
    found = run(pods, "mig-dynamic")
    assert (found.placed, found.gpu_taken_milli, found.refused) == (2, 500, {})
    assert run(pods, "hami").refused == {"PROFILE": 2}
    assert run(pods, "mig-static", "all-2g.20gb").refused == {"PROFILE": 2}


def test_the_rule_for_mig_places_is_the_experiments() -> None:
    # The published example: made in this order, the driver finds no place for the 3g.
    profiles = ["1g.10gb", "1g.10gb", "2g.20gb", "3g.40gb"]
    pods = pods_of([(1, 125), (1, 125), (1, 250), (1, 500)], profiles=profiles)
    nodes = a100s(1)
    order = {0: np.arange(4, dtype=np.int64)}
    placed = {}
    for rule in MigRule:
        experiment = Experiment(
            nodes, pods, 5.0, order, cuts=cuts(Modes(("mig-dynamic",)), nodes, pods), places=rule
        )
        placed[rule] = Packer(experiment).run("best-fit", 0).placed
    assert placed[MigRule.DRIVER_GREEDY] == 3
    assert placed[MigRule.FIRST_FIT] == 4


# --- any mode ----------------------------------------------------------------------------------


MIXED = pods_of(
    [(1, 500), (1, 250), (1, 1000), (2, 1000), (1, 100), (1, 430), (2, 300), (0, 0), (4, 1000)] * 2,
    [0, 0, 0, 0, 15_000, 0, 0, 0, 0, 20_000, 1_000, 0, 0, 40_500, 0, 9_000, 0, 0],
)
NODES = a100s(4, 2, 0, 1, 2)
POLICIES = ["best-fit", "fgd", "mig-max-options", "0.9*fgd+0.1*pwr", "random"]


def experiment(**changes: Any) -> Experiment:
    modes = Modes(MODES, oversubscribe=changes.pop("oversubscribe", 1.0))
    return Experiment(NODES, MIXED, cuts=cuts(modes, NODES, MIXED), **changes)


@pytest.mark.parametrize("oversubscribe", [1.0, 1.7])
def test_what_is_allocated_was_taken_and_what_was_refused_is_said(oversubscribe: float) -> None:
    made = experiment(oversubscribe=oversubscribe)
    runs = list(sweep(made, POLICIES, [1, 2]))
    labels = [cut.label for cut in made.cuts]
    assert [(each.sharing, each.policy, each.seed) for each in runs] == [
        (label, policy, seed) for label in labels for policy in POLICIES for seed in (1, 2)
    ]
    for each in runs:
        assert 0 < each.placed < each.pods
        assert 0 < each.gpu_allocated_milli <= each.gpu_taken_milli
        assert sum(each.refused.values()) == each.pods - each.placed
        assert all(n > 0 and name in Reason.__members__ for name, n in each.refused.items())
        assert each.gpu_capacity_milli == 9_000
        free = each.gpu_capacity_milli - each.gpu_taken_milli
        if oversubscribe == 1.0:
            assert 0 <= each.gpu_stranded_milli <= free
    by_mode = {(each.sharing, each.policy, each.seed): each for each in runs}
    for policy in POLICIES:
        for seed in (1, 2):
            assert len({by_mode[label, policy, seed].pods for label in labels}) == 1


def test_only_mig_and_exclusive_take_more_than_was_asked_for() -> None:
    for each in sweep(experiment(), ["fgd"], [1]):
        more = each.gpu_taken_milli > each.gpu_allocated_milli
        assert more == each.sharing.startswith(("mig", "exclusive")), each.sharing


def test_ungoverned_gpus_are_what_they_were_without_modes() -> None:
    plain = Experiment(NODES, MIXED)
    (found,) = sweep(plain, ["fgd"], [1])
    assert found.sharing == ""
    assert found.gpu_taken_milli == found.gpu_allocated_milli


def test_the_bytes_do_not_depend_on_the_number_of_processes() -> None:
    made = experiment()
    made = replace(made, cuts=tuple(cut for cut in made.cuts if cut.label != "exclusive"))

    def results(workers: int) -> str:
        runs = sweep(made, ["mig-max-options", "random"], [3, 1], workers)
        return as_json([replace(each, decide_s=0.0) for each in runs], 1.3)

    alone = results(1)
    assert alone == results(2)
    assert alone.count('"sharing":"mig-static fitted"') == 4


def test_pods_that_fit_no_node_are_counted_for_each_cut() -> None:
    pods = pods_of([(1, 500), (1, 1000), (2, 300), (1, 100)], profiles=["", "", "", "1g.20gb"])
    nodes = a100s(2)
    counts = {}
    for cut in cuts(Modes(MODES), nodes, pods):
        packer = Packer(Experiment(nodes, pods, cuts=(cut,)))
        counts[cut.label] = packer.unschedulable()
    assert counts["mps"] == counts["hami"] == counts["exclusive"] == {Reason.PROFILE: 1}
    assert counts["mig-dynamic"] == {Reason.MIG_SPAN: 1}
    assert counts["mig-static all-balanced"] == {
        Reason.GPU_COUNT: 2, Reason.MIG_SPAN: 1, Reason.PROFILE: 1,
    }  # fmt: skip


# --- which reason counts -----------------------------------------------------------------------


def test_the_nearest_reason_is_the_last() -> None:
    assert nearest([(Reason.GPU_MODEL, 9), (Reason.GPU_FREE, 1)]) is Reason.GPU_FREE


@pytest.mark.parametrize(
    ("reasons", "counts"),
    [
        ([(Reason.GPU_COUNT, 9), (Reason.GPU_FREE, 1)], Reason.GPU_FREE),
        ([(Reason.GPU_FREE, 5), (Reason.GPU_CLIENTS, 4)], Reason.GPU_FREE),
        ([(Reason.GPU_FREE, 4), (Reason.GPU_CLIENTS, 4)], Reason.GPU_CLIENTS),
        ([(Reason.MIG_PLACE, 4), (Reason.CPU_FREE, 1)], Reason.MIG_PLACE),
        ([(Reason.GPU_MODEL, 4), (Reason.CPU_CAPACITY, 1)], Reason.CPU_CAPACITY),
        ([(Reason.PROFILE, 1)], Reason.PROFILE),
    ],
)
def test_a_refused_pod_counts_by_what_most_nodes_lack_that_could_hold_it(
    reasons: list[tuple[Reason, int]], counts: Reason
) -> None:
    assert main_reason(reasons) is counts
