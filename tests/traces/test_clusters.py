from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError, InputErrors
from bayplan.traces.clusters import TEMPLATE, NodeGroup, markdown, read_cluster
from bayplan.traces.gpu_outages import GpuOutages
from bayplan.traces.outages import Outages

Write = Callable[..., str]
ROOT = Path(__file__).parents[2]

GPUS = '[[nodes]]\nname = "g"\ngpus = 8\ngpu_model = "A100-80GB"\n'


def problems(write: Write, text: str) -> list[str]:
    with pytest.raises(InputErrors) as error:
        read_cluster(write(text, "c.toml"))
    lines = str(error.value).split("\n")
    assert lines == [f"c.toml: {problem}" for problem in error.value.problems]
    return error.value.problems


def test_groups_become_nodes_in_order(write: Write) -> None:
    rest = 'count = 11\nnodes_per_rack = 4\nblock = "b"\nzone = "z"\nsharing = "mps"\n'
    cpu = '[[nodes]]\nname = "c"\ngpus = 0\nrack = "r"\n'
    cluster = read_cluster(write(GPUS + rest + cpu, "c.toml"))
    nodes = cluster.nodes
    assert nodes.name == (*(f"g-{number:02}" for number in range(11)), "c")
    assert nodes.gpu_count.tolist() == [8] * 11 + [0]
    assert set(nodes.gpu_model[:11]) == {"A100-80GB"}
    assert nodes.gpu_memory_mib.tolist() == [81920] * 11 + [0]
    assert nodes.cpu_milli.tolist() == [192_000] * 11 + [96_000]
    assert nodes.memory_mib.tolist() == [2**21] * 11 + [2**20]
    assert nodes.rack[:5] == ("g-rack-0",) * 4 + ("g-rack-1",)
    assert nodes.rack[10:] == ("g-rack-2", "r")
    assert nodes.block == ("b",) * 11 + ("",)
    assert nodes.zone == ("z",) * 11 + ("",)
    assert cluster.sharing == ("mps",) * 11 + ("",)


def test_what_is_stated_wins_over_the_catalogue(write: Write) -> None:
    stated = "gpu_memory_mib = 7\ncpu_milli = 8\nmemory_mib = 9\ngpu_island = 4\n"
    nodes = read_cluster(write(GPUS + stated, "c.toml")).nodes
    assert nodes.name == ("g",)
    assert (nodes.gpu_memory_mib[0], nodes.cpu_milli[0], nodes.memory_mib[0]) == (7, 8, 9)
    assert nodes.gpu_island[0] == 4


def test_nvlink_domains_join_neighbours(write: Write) -> None:
    text = GPUS + "count = 5\nnodes_per_nvlink_domain = 2\n"
    nodes = read_cluster(write(text, "c.toml")).nodes
    assert nodes.nvlink_domain == tuple(f"g-nvlink-{number // 2}" for number in range(5))


def test_groups_say_how_many_there_may_be_and_what_they_cost(write: Write) -> None:
    text = (
        GPUS + "count = 2\nmost = 12\nleast = 1\nprovision_s = 90\nprovision_jitter_s = 7.5\n"
        'idle_s = 60\nprice_per_h = 32.5\nracks = 6\n[[nodes]]\nname = "c"\ngpus = 0\n'
    )
    cluster = read_cluster(write(text, "c.toml"))
    assert cluster.nodes.name == (*(f"g-{number:02}" for number in range(12)), "c")
    assert cluster.nodes.rack[:3] == ("g-rack-0", "g-rack-0", "g-rack-1")
    grows, stays = cluster.groups
    assert grows == NodeGroup("g", 0, 2, 12, 1, 90.0, 7.5, 60.0, 32.5)
    assert stays == NodeGroup("c", 12, 1, 1, 1, 0.0, 0.0, 600.0, 0.0)
    assert grows.is_elastic
    assert not stays.is_elastic


def test_a_group_may_begin_without_nodes(write: Write) -> None:
    (group,) = read_cluster(write(GPUS + "count = 0\nmost = 1\n", "c.toml")).groups
    assert (group.count, group.least, group.most) == (0, 0, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("count = 0", "count is 0, below 1; write 1 or more"),
        ("count = 4\nmost = 3", "most is 3, below count 4; write 4 or more"),
        ("count = 2\nleast = 3", "least is 3, above count 2; write 2 or less"),
        ("most = 0", "most is 0, below 1; write 1 or more"),
        ("most = 2.0", "most is 2.0, not a whole number; write a whole number"),
        ("price_per_h = -1", "price_per_h is -1, below 0; write 0 or more"),
        ("price_per_h = nan", "price_per_h is nan, not a number; write a number"),
        ("price_per_h = inf", "price_per_h is inf, above 1000000000; write 1000000000 or less"),
        ('price_per_h = "3"', "price_per_h is '3', not a number; write a number"),
        ("idle_s = 9", "idle_s says nothing, as the group stays as it is; remove it, or write most"
         " above count"),
        ("most = 3\nracks = 4", "racks is 4, and there are 3 nodes; write 3 or less"),
    ],
)  # fmt: skip
def test_sizes_and_prices_that_cannot_be_are_told(text: str, line: str, write: Write) -> None:
    assert problems(write, GPUS + text + "\n") == [f"[[nodes]] 1: {line}"]


@given(count=st.integers(1, 60), data=st.data())
def test_racks_are_as_even_as_can_be(
    count: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    racks = data.draw(st.integers(1, count))
    path = tmp_path_factory.getbasetemp() / "racks.toml"
    path.write_text(GPUS + f"count = {count}\nracks = {racks}\n", encoding="utf-8")
    named = read_cluster(path).nodes.rack
    sizes = [named.count(rack) for rack in dict.fromkeys(named)]
    assert len(sizes) == racks
    assert max(sizes) - min(sizes) <= 1
    assert list(named) == sorted(named, key=lambda rack: int(rack.rsplit("-", 1)[1]))


@pytest.mark.parametrize(
    "sharing",
    ["exclusive", "mps", "timeslice", "hami", "mig-dynamic", "all-balanced", "all-1g.10gb",
     "3g.40gb@0,3g.40gb@4"],
)  # fmt: skip
def test_ways_to_share_are_kept_as_they_are(sharing: str, write: Write) -> None:
    text = GPUS + f'sharing = "{sharing}"\n'
    assert read_cluster(write(text, "c.toml")).sharing == (sharing,)


def test_how_nodes_go_away_is_kept_by_node(write: Write) -> None:
    text = (
        '[[nodes]]\nname = "f"\ngpus = 1\ncount = 2\nmtbf_h = 100\nmttr_h = 0.5\nmtbf_shape = 0.7\n'
        '[[nodes]]\nname = "s"\ngpus = 1\nspot = true\nreclaim_per_h = 0.1\nreturn_h = 2\n'
        '[[nodes]]\nname = "n"\ngpus = 1\nspot = false\n'
    )
    fails = Outages(mtbf_h=100.0, mttr_h=0.5, mtbf_shape=0.7)
    spot = Outages(reclaim_per_h=0.1, return_h=2.0, notice_s=120.0)
    found = read_cluster(write(text, "c.toml")).outages
    assert found == {"f-0": fails, "f-1": fails, "s": spot}


def test_how_gpus_fail_is_kept_by_node(write: Write) -> None:
    text = (
        '[[nodes]]\nname = "f"\ngpus = 8\ngpu_mtbf_h = 80000\ngpu_faults = "reset=3, bus=1"\n'
        "gpu_reset_s = 60\n"
        '[[nodes]]\nname = "s"\ngpus = 1\ngpu_slow_mtbf_h = 100\ngpu_slow_h = 2\n'
        "gpu_slow_factor = 0.5\n"
        '[[nodes]]\nname = "n"\ngpus = 1\n'
    )
    fails = GpuOutages(mtbf_h=80_000.0, mix={"reset": 3.0, "bus": 1.0}, reset_s=60.0)
    slows = GpuOutages(slow_mtbf_h=100.0, slow_h=2.0, slow_factor=0.5)
    assert read_cluster(write(text, "c.toml")).gpu_outages == {"f": fails, "s": slows}


def test_all_problems_are_told_at_once(write: Write) -> None:
    text = """
    [[nodes]]
    nam = "a"
    count = 0
    gpus = 8.5
    [[nodes]]
    name = "b"
    gpus = 0
    sharing = "mps"
    rack = "r"
    racks = 2
    [[nodes]]
    name = ""
    gpus = 65
    count = true
    [extra]
    """
    assert problems(write, text) == [
        "there is no table 'extra' in a cluster file; remove it",
        "[[nodes]] 1: there is no key 'nam'; did you mean 'name'?",
        "[[nodes]] 1: name is missing; add it",
        "[[nodes]] 1: count is 0, below 1; write 1 or more",
        "[[nodes]] 1: gpus is 8.5, not a whole number; write a whole number",
        "[[nodes]] 2: rack and racks are both given; keep one of them",
        "[[nodes]] 2: racks is 2, and there are 1 nodes; write 1 or less",
        "[[nodes]] 2: sharing is 'mps' for nodes with gpus 0; remove it, or write how many GPUs",
        "[[nodes]] 3: name is empty; write a name",
        "[[nodes]] 3: count is true, not a whole number; write a whole number",
        "[[nodes]] 3: gpus is 65, above 64; write 64 or less",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "there are no nodes; add a table [[nodes]]"),
        ("nodes = 3\n", "nodes is no list of tables; write [[nodes]]"),
        ("[nodes]\ngpus = 1\n", "nodes is no list of tables; write [[nodes]]"),
        (GPUS + GPUS,
         "[[nodes]] 2: node 'g' is already in [[nodes]] 1; give the groups other names"),
        (GPUS.replace("A100-80GB", "A100"),
         "[[nodes]] 1: gpu_model: no GPU product 'A100' is known;"
         " did you mean 'A100-40GB' or 'A100-80GB'?; or write its gpu_memory_mib (0 = unknown)"),
        (GPUS + 'sharing = "mp"\n', "[[nodes]] 1: sharing is 'mp'; did you mean 'mps'?"),
        (GPUS + 'sharing = "3g.40gb@1"\n',
         "[[nodes]] 1: sharing is '3g.40gb@1': layout '3g.40gb@1': 3g.40gb of A100-80GB"
         " cannot start at 1; places for it: 0, 4"),
        (GPUS.replace("A100-80GB", "T4") + 'sharing = "mig-dynamic"\n',
         "[[nodes]] 1: sharing is 'mig-dynamic', and T4 has no MIG;"
         " write exclusive, mps, timeslice, hami"),
        (GPUS + "gpu_reset_s = 60\n",
         "[[nodes]] 1: gpu_reset_s is given without gpu_mtbf_h; say how often that happens, or"
         " remove it"),
        (GPUS + 'gpu_mtbf_h = 100\ngpu_faults = "rest=1"\n',
         "[[nodes]] 1: gpu_faults: 'rest' is no class of faults; write such as reset=3,bus=1 of"
         " application, contained, reset, nvlink, bus, broken"),
        (GPUS + "gpu_slow_mtbf_h = 100\ngpu_slow_h = 1\n",
         "[[nodes]] 1: gpu_slow_mtbf_h is given without gpu_slow_factor; add it"),
        (GPUS + "gpu_slow_mtbf_h = 100\ngpu_slow_h = 1\ngpu_slow_factor = 1\n",
         "[[nodes]] 1: gpu_slow_factor is 1, which is not slow; write less"),
        ('[[nodes]]\nname = "c"\ngpus = 0\ngpu_mtbf_h = 100\n',
         "[[nodes]] 1: gpu_mtbf_h is given for nodes with gpus 0; remove it, or write how many"
         " GPUs"),
        (GPUS + "mtbf_h = 100\n",
         "[[nodes]] 1: mtbf_h is given without mttr_h; say how long a repair takes"),
        (GPUS + "mttr_h = 4\n",
         "[[nodes]] 1: mttr_h is given without mtbf_h; say how often nodes fail, or remove it"),
        (GPUS + "mtbf_h = 0\nmttr_h = 4\n",
         "[[nodes]] 1: mtbf_h is 0, not above 0; write more, or leave it out"),
        (GPUS + "mtbf_h = inf\nmttr_h = 4\n",
         "[[nodes]] 1: mtbf_h is inf, above 1000000; write 1000000 or less"),
        (GPUS + "mtbf_h = nan\nmttr_h = 4\n",
         "[[nodes]] 1: mtbf_h is nan, not a number; write a number"),
        (GPUS + 'mtbf_h = "often"\nmttr_h = 4\n',
         "[[nodes]] 1: mtbf_h is 'often', not a number; write a number"),
        (GPUS + "spot = 1\nreclaim_per_h = 1\nreturn_h = 1\n",
         "[[nodes]] 1: spot is '1', not true or false; write true or false"),
        (GPUS + "spot = true\nreturn_h = 1\n",
         "[[nodes]] 1: spot is true without reclaim_per_h; add it"),
        (GPUS + "notice_s = 30\n",
         "[[nodes]] 1: notice_s is given without spot; write spot = true, or remove it"),
        (GPUS + "spot = true\nreclaim_per_h = 1\nreturn_h = 1\nnotice_s = -1\n",
         "[[nodes]] 1: notice_s is -1, below 0; write 0 or more"),
        ('[[nodes]]\nname = "g"\ngpus = 8\nsharing = "all-balanced"\n',
         "[[nodes]] 1: sharing is 'all-balanced' without a gpu_model; name the GPU model"),
    ],
)  # fmt: skip
def test_a_problem_names_table_and_key(text: str, line: str, write: Write) -> None:
    assert problems(write, text) == [line]


def test_what_is_no_toml_is_told_by_line(write: Write) -> None:
    with pytest.raises(InputError) as error:
        read_cluster(write("[[nodes]]\ngpus = \n", "c.toml"))
    assert str(error.value) == "c.toml:2: this is not TOML (Invalid value); correct it"


def test_an_unknown_model_is_taken_with_its_memory(write: Write) -> None:
    text = GPUS.replace("A100-80GB", "X1") + "gpu_memory_mib = 0\n"
    assert read_cluster(write(text, "c.toml")).nodes.gpu_model == ("X1",)


def test_the_template_is_a_cluster_and_so_is_what_it_comments_out(write: Write) -> None:
    assert len(read_cluster(write(TEMPLATE, "c.toml")).nodes) == 9
    open_keys = "\n".join(
        line.removeprefix("# ") if " = " in line else line for line in TEMPLATE.splitlines()
    )
    cluster = read_cluster(write(open_keys, "c.toml"))
    assert cluster.sharing == ("mig-dynamic",) * 32 + ("",)
    assert set(cluster.outages.values()) == {Outages(6300.0, 4.0, 1.0, 0.05, 2.0, 30.0)}
    failing = GpuOutages(80_000.0, slow_mtbf_h=20_000.0, slow_h=24.0, slow_factor=0.7)
    assert all(each == failing for each in cluster.gpu_outages.values())
    assert len(cluster.gpu_outages) == 32


def test_the_documented_keys_are_the_keys() -> None:
    assert markdown() in (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
