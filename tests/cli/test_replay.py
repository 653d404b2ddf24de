"""What ``bayplan replay`` gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from bayplan.scheduler.policies import policy_names
from bayplan.traces import builtin_nodes, builtin_pods

from .support import FILES, ONE, OUT, PODS, Bayplan, listing, started


def without_times(text: str) -> str:
    return re.sub(r'"decide_s":[0-9.e-]+', "", text)


def test_the_builtin_trace_is_packed_without_any_file(bayplan: Bayplan) -> None:
    code, out, err = bayplan("replay", "--policy", "fgd", "--json", "out.json")
    assert (code, err) == (0, "")
    assert "fgd" in out
    assert out.endswith("\nresults: out.json\n")
    (run,) = json.loads(Path("out.json").read_text())["runs"]
    assert run["gpu_capacity_milli"] == 1000 * int(builtin_nodes().gpu_count.sum())
    assert run["pods"] > len(builtin_pods())
    assert run["allocated_pct"][100] > 95


def test_json_to_stdout_is_nothing_but_json(tmp_path: Path) -> None:
    # In a process of its own: stdout is what a pipe would get.
    done = started("replay", "--policy", "fgd", "--json", "-", cwd=tmp_path)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["schema"] == "bayplan.replay/2"
    assert "fragmented" in done.stderr
    assert "fgd" in done.stderr
    assert listing(tmp_path) == set()


def test_the_json_has_the_same_bytes_for_the_same_flags(bayplan: Bayplan, folder: Path) -> None:
    flags = ("--seeds", "1-2,5", "--load", "1.1", "--policy", "fgd,random")
    assert bayplan("replay", *FILES, *flags, "--json", "a.json")[0] == 0
    assert bayplan("replay", *FILES, *flags, "--json", "b.json", "--workers", "2")[0] == 0
    a, b = ((folder / name).read_text() for name in ("a.json", "b.json"))
    assert without_times(a) == without_times(b)
    runs = json.loads(a)["runs"]
    assert [(run["policy"], run["seed"]) for run in runs] == [
        (policy, seed) for policy in ("fgd", "random") for seed in (1, 2, 5)
    ]
    assert {len(run["allocated_pct"]) for run in runs} == {111}
    assert json.loads(a)["load"] == 1.1


def test_all_policies_are_packed_unless_some_are_named(bayplan: Bayplan) -> None:
    assert bayplan("replay", *FILES, "--json", "o.json")[0] == 0
    runs = json.loads(Path("o.json").read_text())["runs"]
    assert [(run["policy"], run["seed"]) for run in runs] == [
        (policy, 42)
        for policy in policy_names()
        if not policy.startswith("mig-") and policy != "image-locality"
    ]
    assert bayplan("replay", *FILES, "--policy", "fgd,all", "--json", "a.json")[0] == 0
    assert without_times(Path("a.json").read_text()) == without_times(Path("o.json").read_text())


def test_a_plot_is_written_and_named(bayplan: Bayplan, folder: Path) -> None:
    code, out, err = bayplan(*ONE, *OUT)
    assert (code, err) == (0, "")
    assert out.endswith("\nresults: out.json\nplot: out.svg\n")
    assert ElementTree.fromstring((folder / "out.svg").read_text()).tag.endswith("svg")
    assert listing(folder) == {"nodes.csv", "pods.csv", "out.json", "out.svg"}


def test_a_path_with_brackets_is_printed_as_it_is(bayplan: Bayplan, folder: Path) -> None:
    (folder / "[bold]").mkdir()
    code, out, _ = bayplan(*ONE, "--json", "[bold]/o.json")
    assert code == 0
    assert out.endswith("results: [bold]/o.json\n")


def test_a_load_at_which_nothing_is_left_is_a_run_without_pods(bayplan: Bayplan) -> None:
    Path("pods.csv").write_text(PODS.splitlines()[0] + "\na,1,1,2,1000\n")
    code, _, err = bayplan(*ONE, "--load", "0.01", *OUT)
    assert (code, err) == (0, "")
    assert json.loads(Path("out.json").read_text())["runs"][0]["pods"] == 0


def test_given_orders_are_followed(bayplan: Bayplan) -> None:
    Path("arrivals.csv").write_text("seed7,seed8\n0,1\n,2\n,1\n")
    Path("ranks.csv").write_text("seed7,seed8\n1,0\n0,1\n")
    flags = ("--arrivals", "arrivals.csv", "--node-order", "ranks.csv", "--seeds", "7-8")
    assert bayplan(*ONE, *flags, "--json", "o.json")[0] == 0
    runs = json.loads(Path("o.json").read_text())["runs"]
    assert [run["pods"] for run in runs] == [1, 3]
    assert [run["gpu_allocated_milli"] for run in runs] == [1_000, 1_300]


def test_pods_that_fit_no_node_are_counted_warned_of_and_arrive(bayplan: Bayplan) -> None:
    Path("pods.csv").write_text(
        "name,cpu_milli,memory_mib,gpu_count,gpu_milli,gpu_models\n"
        "a,1000,100,1,1000,\nb,1000,100,99,1000,\nc,1000,100,99,500,\nd,1000,100,1,500,Z|Y\n"
        "e,1000,100,1000000,1,\n"
    )
    Path("o.csv").write_text("seed1\n0\n1\n2\n3\n4\n")
    flags = ("--arrivals", "o.csv", "--seeds", "1", "--load", "60", "--json", "o.json")
    code, out, err = bayplan(*ONE, *flags)
    assert code == 0
    assert err == (
        "bayplan: warning: 4 of 5 pods fit no node even of the empty cluster"
        " (1: no GPU of an allowed model, 3: too few GPUs, or each too small);"
        " they count as arrived\n"
    )
    assert "fgd" in out
    (run,) = json.loads(Path("o.json").read_text())["runs"]
    assert (run["pods"], run["placed"], run["gpu_allocated_milli"]) == (5, 1, 1_000)
    # 1 of 3 GPUs, then 99 more, then 49.5 more: 33, 3333, 4983 %; the pod of 0.5 at 5000.
    assert run["allocated_pct"][33] == run["allocated_pct"][3333] == 33.33
    assert run["allocated_pct"][4983] == run["allocated_pct"][5000] == 33.33
    assert run["allocated_pct"][100] is None


def test_the_warning_stays_out_of_json_on_stdout(bayplan: Bayplan) -> None:
    Path("pods.csv").write_text(PODS + "z,1000,100,99,1000\n")
    code, out, err = bayplan(*ONE, "--json", "-", "--load", "40")
    assert code == 0
    assert err.startswith("bayplan: warning: 1 of 5 pods fit no node")
    assert json.loads(out)["load"] == 40.0
