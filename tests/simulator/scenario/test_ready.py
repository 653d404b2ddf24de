"""Scenarios made ready: clusters, sharing, speeds, and what contradicts what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.sharing import Exclusive, Mig, Mps, TimeSlicing
from bayplan.scheduler.speed import JOB_CLASSES
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.ready import Files, Ready, made_ready, try_ready, wrong_with
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.speeds import read_speeds, speeds_of
from bayplan.traces import builtin_nodes
from bayplan.traces.jobs import JobTable, builtin_jobs, read_jobs, write_jobs

from .support import job_table, rows_of

CLUSTER = """
[[nodes]]
name = "a"
count = 2
gpus = 4
gpu_model = "A100-80GB"
sharing = "1g.10gb@0,3g.40gb@4"
[[nodes]]
name = "b"
gpus = 2
gpu_model = "T4"
sharing = "mps"
[[nodes]]
name = "c"
gpus = 1
gpu_model = "T4"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "c.toml").write_text(CLUSTER)
    jobs = job_table([0, 10, 20, 30], gpu_count=[1, 1, 2, 1], gpu_milli=[200, 1000, 1000, 200])
    write_jobs(jobs, tmp_path / "j.csv")
    return tmp_path


def scenario(folder: Path, **values: Any) -> Scenario:
    files = {"cluster__file": str(folder / "c.toml"), "jobs__file": str(folder / "j.csv")}
    return Scenario().of(**{**files, **values})


def ready(folder: Path, **values: Any) -> Ready:
    made = scenario(folder, **values)
    assert wrong_with(made) == []
    return made_ready(made)


def test_the_defaults_are_the_builtin_trace() -> None:
    made = made_ready(Scenario())
    assert rows_of(made.jobs) == rows_of(builtin_jobs())
    assert [node.name for node in made.nodes] == list(builtin_nodes().name)
    assert not any(node.sharing for node in made.nodes)


def test_a_cluster_file_says_how_nodes_share(folder: Path) -> None:
    sharing = {node.name[0]: node.sharing for node in ready(folder).nodes}
    assert sharing == {"a": (Mig(((0, "1g.10gb"), (4, "3g.40gb"))),), "b": (Mps(),), "c": ()}


def test_a_mode_of_the_scenario_goes_before_the_cluster_file(folder: Path) -> None:
    made = ready(folder, sharing__mode="timeslice", sharing__oversubscribe=2.0,
                 sharing__ignore_memory=True)  # fmt: skip
    wanted = TimeSlicing(capacity_milli=2000, check_memory=False)
    assert {node.sharing for node in made.nodes} == {(wanted,)}


def test_another_product_takes_the_place_of_all_gpus(folder: Path) -> None:
    made = ready(folder, cluster__gpu="A100-40GB", sharing__mode="exclusive")
    assert {node.gpu_model for node in made.nodes} == {"A100-40GB"}
    assert {node.sharing for node in made.nodes} == {(Exclusive(),)}


def test_a_fitted_layout_goes_by_work_and_not_by_the_number_of_jobs(folder: Path) -> None:
    def whole(work: list[float]) -> int:
        jobs = job_table([0, 1, 2], work_s=work, gpu_milli=[1000, 140, 140])
        write_jobs(jobs, folder / "w.csv")
        made = ready(folder, jobs__file=str(folder / "w.csv"), cluster__gpu="A100-80GB",
                     sharing__mode="mig-static", sharing__layout="fitted")  # fmt: skip
        kinds = [kind for node in made.nodes for kind in node.sharing]
        return kinds.count(Exclusive())

    assert whole([1000.0, 1.0, 1.0]) > whole([1.0, 1000.0, 1000.0])


def test_limit_resampling_and_load_come_in_this_order(folder: Path) -> None:
    made = ready(folder, jobs__limit=3, jobs__resample="permute", jobs__load=0.5, run__seed=4)
    names = [row["name"] for row in rows_of(made.jobs)]
    assert sorted(name.split("#")[0] for name in names) == ["j0", "j1", "j2"]
    assert sorted(name.split("#")[1] for name in names) == ["0", "1", "2"]
    span = float(made.jobs.arrival_s.max())
    asked = (made.jobs.gpu_count * made.jobs.gpu_milli / 1000 * made.jobs.work_s).sum()
    assert asked / (11 * span) == pytest.approx(0.5)


def test_synthetic_jobs_have_the_seed_of_the_run_unless_they_have_their_own(folder: Path) -> None:
    def drawn(**values: Any) -> list[dict[str, Any]]:
        return rows_of(
            ready(folder, jobs__file="builtin", jobs__synthetic__count=20, **values).jobs
        )

    assert drawn(run__seed=1) != drawn(run__seed=2)
    own = {"jobs__synthetic__seed": 2}
    assert drawn(run__seed=1, **own) == drawn(run__seed=9, **own) == drawn(run__seed=2)


def test_files_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    def spied(path: Path, *how: Any, **more: Any) -> JobTable:
        read.append(path)
        return read_jobs(path, *how, **more)

    monkeypatch.setattr("bayplan.simulator.scenario.ready.read_jobs", spied)
    files = Files()
    for seed in range(3):
        try_ready(scenario(folder, run__seed=seed, jobs__resample="bootstrap"), files)
    assert len(read) == 1


def test_all_files_are_looked_at_before_any_is_given_up(folder: Path) -> None:
    (folder / "bad.toml").write_text('[[nodes]]\nname = "a"\n[[nodes]]\ngpus = 1\n')
    (folder / "s.csv").write_text("job_type,gpu_model,speed\nx,T4,0\n")
    made, problems = try_ready(
        scenario(
            folder,
            cluster__file=str(folder / "bad.toml"),
            jobs__file=str(folder / "missing"),
            speeds__file=str(folder / "s.csv"),
            speeds__default_class="mediun",
        )
    )
    assert made is None
    assert [str(problem).replace(f"{folder}/", "") for problem in problems] == [
        "cluster.file: bad.toml: [[nodes]] 1: gpus is missing; add it",
        "cluster.file: bad.toml: [[nodes]] 2: name is missing; add it",
        "jobs.file: missing: no such file; check the path",
        "speeds.file: s.csv:2: speed is 0; write more than 0",
        "speeds.default_class: there is no job class 'mediun'; did you mean 'medium'?",
    ]
    with pytest.raises(InputError, match="and 4 more: `bayplan scenario check` lists them"):
        made_ready(scenario(folder, cluster__file=str(folder / "bad.toml"),
                            jobs__file="missing", speeds__file=str(folder / "s.csv"),
                            speeds__default_class="mediun"))  # fmt: skip


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sharing__mode": "mig-static"}, "node b: its T4 GPUs have no MIG (2 of 4 nodes); set"
         " cluster.gpu, such as A100-80GB, to simulate other GPUs, or say in a cluster file how"
         " each group shares"),
        ({"sharing__mode": "mig-static", "sharing__layout": "fited", "cluster__gpu": "A100-80GB"},
         "sharing.layout: unknown layout 'fited'; did you mean 'fitted'?"),
        ({"cluster__gpu": "A30-24GB"}, "cluster.file: sharing: "),
        ({"jobs__scale": 0.0001, "jobs__file": "long"}, "jobs.scale: the arrivals end"),
        ({"speeds__demands": {"a": {"like": "b"}}},
         "speeds.demands.a.like: there is no job class 'b' before it; choose from"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_ready_names_its_key(
    folder: Path, values: dict[str, Any], said: str
) -> None:
    if values.get("jobs__file") == "long":
        write_jobs(job_table([0, 1e12]), folder / "long.csv")
        values = {**values, "jobs__file": str(folder / "long.csv")}
    with pytest.raises(InputError) as error:
        made_ready(scenario(folder, **values))
    assert str(error.value).startswith(said)


def test_speeds_are_read_and_demands_build_on_each_other(folder: Path) -> None:
    (folder / "s.csv").write_text("job_type,gpu_model,speed\nx,T4,0.5\nx,A100-80GB,1\n")
    demands = {
        "a": {"like": "heavy", "busy": 0.5},
        "b": {"like": "a", "sm": 0.25},
        "c": {"sm": 0.1},
    }
    made = Scenario().of(
        speeds__demands=demands, speeds__by_model={"T4": 0.2}, speeds__default_class="b",
        speeds__sharing__cache=0.1,
    )  # fmt: skip
    speeds = speeds_of(made, read_speeds(folder / "s.csv"))
    assert [speeds.alone(*pair) for pair in (("x", "T4"), ("y", "T4"), ("y", "V"))] == [0.5, 0.2, 1]
    assert (speeds.demand("b").busy, speeds.demand("b").sm) == (0.5, 0.25)
    assert speeds.demand("unknown") == speeds.demand("b")
    assert speeds.demand("b").power == JOB_CLASSES["heavy"].power
    assert speeds.demand("c").busy == 1.0
    assert speeds.sharing.cache == 0.1


def test_a_pair_of_type_and_model_stands_once_in_a_file_of_speeds(folder: Path) -> None:
    (folder / "s.csv").write_text("job_type,gpu_model,speed\nx,T4,0.5\nx,T4,1\n")
    with pytest.raises(InputError, match=r"s\.csv:3: x on T4 is there twice; keep one"):
        read_speeds(folder / "s.csv")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"policy__backfill": "easy", "policy__preemption": "priority"},
         "policy.backfill: reservations do not hold beside preemption 'priority'; set one of the"
         ' two to "none"'),
        ({"jobs__load": 1.0, "jobs__scale": 2.0},
         "jobs.scale: jobs.load scales the arrivals; leave one out"),
        ({"jobs__synthetic__rate_per_s": 1.0, "jobs__synthetic__load": 0.5},
         "jobs.synthetic.rate_per_s: jobs.synthetic.load says it too; leave one out"),
        ({"out_of_memory__backoff_s": 301.0},
         "out_of_memory.backoff_s: it is above most_backoff_s; lower it, or raise that"),
        ({"interruptions__checkpoint": "daly"},
         "interruptions.checkpoint: daly goes by what a checkpoint takes; set interruptions.save_s"
         " above 0"),
        ({"jobs__synthetic__mix": ({"weight": 0.0},)},
         "jobs.synthetic.mix: all weights are 0; give one a weight"),
    ],
)  # fmt: skip
def test_keys_that_contradict_each_other_are_named(values: dict[str, Any], said: str) -> None:
    assert [str(error) for error in conflicts(Scenario().of(**values))] == [said]
    for name in values:  # alone each is fine, where the other one is at its default
        rest = {other: value for other, value in values.items() if other != name}
        assert [str(error) for error in conflicts(Scenario().of(**rest))] != [said]


@pytest.mark.parametrize(
    ("idle_one", "needed"),
    [
        ({"sharing__layout": "fitted"}, {"sharing__mode": "mig-static"}),
        ({"sharing__oversubscribe": 2.0}, {"sharing__mode": "hami"}),
        ({"sharing__ignore_memory": True}, {"sharing__mode": "timeslice"}),
        ({"policy__backfill_depth": 3}, {"policy__backfill": "conservative"}),
        ({"policy__round_s": 3.0}, {"policy__trigger": "rounds"}),
        ({"policy__min_run_s": 3.0}, {"policy__preemption": "priority"}),
        ({"policy__half_life_s": 3.0}, {"policy__ordering": "fair-share"}),
        ({"interruptions__save_s": 5.0}, {"interruptions__checkpoint_s": 5.0}),
        ({"interruptions__save_s": 5.0}, {"interruptions__checkpoint": "young"}),
        ({"interruptions__on_notice": "checkpoint"}, {"interruptions__checkpoint": "daly"}),
        ({"stragglers__window_s": 5.0}, {"stragglers__detector": "progress"}),
        ({"stragglers__repair_h": 5.0}, {"stragglers__detector": "progress"}),
        ({"jobs__synthetic__load": 0.5}, {"jobs__synthetic__count": 5}),
        ({"jobs__format": "philly"}, {"jobs__file": "x.csv"}),
        ({"cluster__format": "openb"}, {"cluster__file": "x.csv"}),
    ],
)  # fmt: skip
def test_keys_that_say_nothing_are_named(idle_one: dict[str, Any], needed: dict[str, Any]) -> None:
    (path,) = (name.replace("__", ".") for name in idle_one)
    found = dict(idle(Scenario().of(**idle_one)))
    assert list(found) == [path]
    assert str(found[path]).startswith(f"{path}: it says nothing without ")
    assert list(idle(Scenario().of(**idle_one, **needed))) == []
    assert list(idle(Scenario().of(**needed))) == []


@pytest.mark.parametrize(
    ("key", "fine", "idle_in"),
    [
        ({"sharing__mig": "best-fit"}, "none mig-dynamic", "mig-static exclusive mps hami"),
        ({"policy__partitioning": "demand"}, "none mig-static", "mig-dynamic exclusive timeslice"),
        ({"sharing__mig_path": "nvml"}, "none mig-dynamic", "mig-static exclusive mps hami"),
    ],
)
def test_what_cuts_gpus_needs_gpus_that_may_be_cut(
    key: dict[str, Any], fine: str, idle_in: str
) -> None:
    (path,) = (name.replace("__", ".") for name in key)
    for mode in fine.split():
        assert list(idle(Scenario().of(**key, sharing__mode=mode))) == []
    for mode in idle_in.split():
        assert [name for name, _ in idle(Scenario().of(**key, sharing__mode=mode))] == [path]


def test_layouts_take_time_to_change_where_demand_changes_them() -> None:
    static = Scenario().of(sharing__mode="mig-static", sharing__mig_path="nvml")
    (error,) = dict(idle(static)).values()
    assert str(error) == (
        'sharing.mig_path: it says nothing without policy.partitioning = "demand",'
        " as layouts stay as they are; set that, or leave it out"
    )
    assert list(idle(static.of(policy__partitioning="demand"))) == []


@pytest.mark.parametrize(
    ("key", "beside"),
    [
        ({"policy__strict": True}, {"policy__backfill": "easy"}),
        ({"policy__strict": True}, {"policy__backfill": "conservative"}),
        ({"policy__strict": True}, {"policy__preemption": "in-order"}),
        ({"policy__strict": True}, {"policy__preemption": "repack"}),
        ({"policy__min_run_s": 5.0}, {"policy__preemption": "repack"}),
        ({"policy__backfill_depth": 3}, {"policy__backfill": "easy"}),
        ({"interruptions__checkpoint_s": 3.0}, {"interruptions__checkpoint": "young"}),
    ],
)
def test_keys_that_say_nothing_beside_others_are_named(
    key: dict[str, Any], beside: dict[str, Any]
) -> None:
    (path,) = (name.replace("__", ".") for name in key)
    assert [name for name, _ in idle(Scenario().of(**key, **beside))] == [path]


def test_strict_says_something_where_the_queue_is_served_first() -> None:
    for preemption in ("none", "priority", "fair-reclaim", "spot"):
        assert list(idle(Scenario().of(policy__strict=True, policy__preemption=preemption))) == []


def test_keys_of_a_job_file_say_nothing_beside_synthetic_jobs() -> None:
    made = Scenario().of(jobs__synthetic__count=5, jobs__limit=3, jobs__file="x.csv")
    assert [path for path, _ in idle(made)] == ["jobs.file", "jobs.limit"]


def test_a_wrong_name_is_said_once_and_what_hangs_on_it_is_not() -> None:
    wrong = {"policy__ordering": "fair-shar", "cluster__gpu": "A100-80G"}
    made = Scenario().of(policy__half_life_s=3.0, **wrong)
    assert [str(error) for error in wrong_with(made)] == [
        "cluster.gpu: no GPU product 'A100-80G' is known; did you mean 'A100-80GB'?",
        "policy.ordering: there is no ordering 'fair-shar'; did you mean 'fair-share'?",
    ]


def test_a_weighted_sum_of_policies_is_a_placement() -> None:
    assert wrong_with(Scenario().of(policy__placement="0.9*fgd+0.1*pwr")) == []
    (error,) = wrong_with(Scenario().of(policy__placement="0.9*fgd+0.1*q"))
    assert str(error).startswith("policy.placement: ")
