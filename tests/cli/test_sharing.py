"""What ``bayplan replay --sharing`` gives, and what it refuses in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies import policy_names
from bayplan.simulator.replay import command
from bayplan.simulator.sharing import MODES

from .support import FILES, OUT, PODS, Bayplan, started

REPLAY = ("replay", *FILES, *OUT)
A100 = ("--gpu", "A100-80GB")
STATIC = (*A100, "--sharing", "mig-static", "--layout")
MIX = "write it as 0.9*fgd+0.1*pwr"
OTHER_GPUS = "give --gpu, such as --gpu A100-80GB, to replay with other GPUs"
UNKNOWN = (
    f"node n1: its A GPUs are no product that bayplan devices lists (2 of 2 nodes); {OTHER_GPUS}"
)
DYNAMIC = (*A100, "--sharing", "mig-dynamic")
NAMES = ", ".join(MODES)
RULES = ", ".join(rule.value for rule in MigRule)


def says_nothing(flag: str, modes: str) -> str:
    return f"{flag} says nothing without --sharing {modes}; add that mode, or leave the flag out"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--sharing", "mpss"], "--sharing: unknown mode 'mpss'; did you mean 'mps'?"),
        (["--sharing", "mps,time-slice"],
         "--sharing: unknown mode 'time-slice'; did you mean 'timeslice'?"),
        (["--sharing", "qqq"], f"--sharing: unknown mode 'qqq'; choose from {NAMES}"),
        (["--sharing", "mps,"], f"--sharing: unknown mode ''; choose from {NAMES}"),
        (["--sharing", "mps,hami,mps"],
         "--sharing 'mps,hami,mps': mps stands there twice; name it once"),
        (["--gpu", "A100-80G"],
         "--gpu: no GPU product 'A100-80G' is known; did you mean 'A100-80GB'?"),
        (["--gpu", "A100"],
         "--gpu: no GPU product 'A100' is known; did you mean 'A100-40GB' or 'A100-80GB'?"),
        (["--sharing", "mig-static"], UNKNOWN),
        (["--sharing", "mig-dynamic"], UNKNOWN),
        (["--sharing", "all"], UNKNOWN),
        (["--sharing", "mps,mig-dynamic", "--gpu", "T4"],
         f"node n1: its T4 GPUs have no MIG (2 of 2 nodes); {OTHER_GPUS}"),
        (["--layout", "all-balanced"], says_nothing("--layout", "mig-static")),
        (["--sharing", "mps,mig-dynamic", "--layout", "all-balanced"],
         says_nothing("--layout", "mig-static")),
        (["--oversubscribe", "2"], says_nothing("--oversubscribe", "hami|mps|timeslice")),
        (["--oversubscribe", "2", "--sharing", "exclusive"],
         says_nothing("--oversubscribe", "hami|mps|timeslice")),
        (["--ignore-memory"], says_nothing("--ignore-memory", "timeslice")),
        (["--ignore-memory", "--sharing", "mps"], says_nothing("--ignore-memory", "timeslice")),
        (["--sharing", "mps", "--oversubscribe", "0.5"], "--oversubscribe 0.5; give 1 to 16"),
        (["--sharing", "mps", "--oversubscribe", "0"], "--oversubscribe 0.0; give 1 to 16"),
        (["--sharing", "mps", "--oversubscribe", "16.5"], "--oversubscribe 16.5; give 1 to 16"),
        (["--sharing", "mps", "--oversubscribe", "-1"], "--oversubscribe -1.0; give 1 to 16"),
        (["--sharing", "hami", "--oversubscribe", "nan"], "--oversubscribe nan; give 1 to 16"),
        (["--sharing", "hami", "--oversubscribe", "x"],
         'Invalid value for --oversubscribe: unable to convert "x" into float;'
         " see bayplan replay --help"),
        (["--mig", "first-fit"], says_nothing("--mig", "mig-dynamic")),
        (["--mig", "frist-fit", *DYNAMIC],
         "--mig: unknown placement policy 'frist-fit'; did you mean 'first-fit'?"),
        (["--mig", "qqq", *DYNAMIC], f"--mig: unknown placement policy 'qqq'; choose from {RULES}"),
        (["--policy", "0.9*fdg+0.1*pwr"], "unknown policy 'fdg'; did you mean 'fgd'?"),
        (["--policy", "0.9*fgd+0.1*qqq"],
         f"unknown policy 'qqq'; choose from {', '.join(policy_names())}"),
        (["--policy", "best-fit,0.9*fgd+"],
         f"policy '0.9*fgd+': '' is no weight (up to 1000) and policy; {MIX}"),
        (["--policy", "0*fgd"],
         f"policy '0*fgd': '0*fgd' is no weight (up to 1000) and policy; {MIX}"),
        (["--policy", "2000*fgd"],
         f"policy '2000*fgd': '2000*fgd' is no weight (up to 1000) and policy; {MIX}"),
        (["--policy", "1*fgd,1*fgd"],
         "--policy '1*fgd,1*fgd': 1*fgd stands there twice; name it once"),
    ],
)  # fmt: skip
def test_a_bad_flag_is_one_line(flags: list[str], line: str, refused: Callable[..., str]) -> None:
    assert refused(*REPLAY, *flags) == line


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        ("all-balance", "A100-80GB has no MIG layout 'all-balance'; did you mean 'all-balanced'?"),
        ("1g.10gb", "A100-80GB has no MIG layout '1g.10gb'; did you mean 'all-1g.10gb'?"),
        ("1g.5gb@0",
         "A100-80GB has no MIG profile '1g.5gb', which is one of A100-40GB; it has 1g.10gb,"
         " 1g.10gb+me, 1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb, 7g.80gb"),
        ("3g.40gb@2",
         "layout '3g.40gb@2': 3g.40gb of A100-80GB cannot start at 2; places for it: 0, 4"),
        ("4g.40gb@0,1g.10gb@3",
         "layout '4g.40gb@0,1g.10gb@3': 4g.40gb@0 and 1g.10gb@3 overlap;"
         " move or drop one"),
        ("1g.10gb+me@0,1g.10gb+me@1",
         "layout '1g.10gb+me@0,1g.10gb+me@1': 1g.10gb+me 2 times; a GPU takes at most 1"),
        ("1g.10gb@x",
         "layout '1g.10gb@x': '1g.10gb@x' is no profile with a start;"
         " write it like 1g.10gb@0, and commas between"),
        ("1g.10gb@0,",
         "layout '1g.10gb@0,': '' is no profile with a start;"
         " write it like 1g.10gb@0, and commas between"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_is_one_line(
    layout: str, line: str, refused: Callable[..., str]
) -> None:
    assert refused(*REPLAY, *STATIC, layout) == f"--layout: {line}"


def test_an_unknown_layout_is_refused_with_those_there_are(refused: Callable[..., str]) -> None:
    line = refused(*REPLAY, *STATIC, "qqq")
    assert line.startswith("--layout: A100-80GB has no MIG layout 'qqq'; choose from ")
    assert "all-balanced" in line


@pytest.mark.parametrize("mode", ["mig-static", "mig-dynamic", "all"])
def test_the_builtin_trace_needs_other_gpus_for_mig(mode: str, refused: Callable[..., str]) -> None:
    line = refused("replay", "--sharing", mode, *OUT)
    assert line.startswith("node node-")
    assert line.endswith(OTHER_GPUS)


def test_bad_modes_are_found_before_the_work(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: Any) -> Any:
        raise AssertionError("the work was started")

    monkeypatch.setattr(command, "sweep", never)
    refused(*REPLAY, "--sharing", "mpss")
    refused(*REPLAY, *STATIC, "3g.40gb@2")
    refused(*REPLAY, *A100, "--sharing", "mig-dynamic", "--mig", "qqq")


def test_a_bad_mode_has_the_same_line_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = started("replay", "--sharing", "mpss", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bayplan: --sharing: unknown mode 'mpss'; did you mean 'mps'?\n"


# --- what it gives -----------------------------------------------------------------------------


def runs_of(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(path).read_text())["runs"]
    return found


def test_all_modes_are_compared_in_two_tables(bayplan: Bayplan) -> None:
    flags = ("--policy", "fgd", *A100, "--sharing", "all", "--json", "out.json")
    code, out, err = bayplan("replay", *FILES, *flags)
    assert code == 0
    # What a layout cannot hold is said once for each cut.
    assert err.startswith("bayplan: warning: mig-static all-balanced: 2 of 4 pods fit no node")
    assert len(err.splitlines()) == 1
    labels = ["exclusive", "mig-static all-balanced", "mig-static fitted", "mig-dynamic",
              "mps", "timeslice", "hami"]  # fmt: skip
    assert [run["sharing"] for run in runs_of("out.json")] == labels
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    for label in labels:
        assert f" {label} " in out
    for heading in ("internal", "external", "reason"):
        assert heading in out


def test_without_modes_the_table_is_that_of_policies(bayplan: Bayplan) -> None:
    flags = ("--policy", "fgd", *A100, "--json", "out.json")
    code, out, err = bayplan("replay", *FILES, *flags)
    assert (code, err) == (0, "")
    assert "policy" in out
    assert "internal" not in out
    (run,) = runs_of("out.json")
    assert (run["sharing"], run["gpu_taken_milli"]) == ("", run["gpu_allocated_milli"])


def test_all_pods_may_use_the_gpus_that_are_put_in(bayplan: Bayplan) -> None:
    Path("pods.csv").write_text(
        f"{PODS.splitlines()[0]},gpu_models\na,1000,100,1,1000,Z\nb,1000,100,1,500,A\n"
    )
    flags = ("--policy", "fgd", "--sharing", "exclusive", "--load", "0.5", "--json", "o.json")
    assert bayplan("replay", *FILES, *flags)[2].startswith("bayplan: warning: exclusive: 1 of 2")
    code, _, err = bayplan("replay", *FILES, *flags, *A100)
    assert (code, err) == (0, "")
    (run,) = runs_of("o.json")
    assert run["pods"] == run["placed"]


def test_oversubscription_and_memory_change_what_is_placed(bayplan: Bayplan) -> None:
    Path("pods.csv").write_text(
        f"{PODS.splitlines()[0]},gpu_memory_mib\n"
        + "".join(f"p{i},100,100,1,500,50000\n" for i in range(20))
    )
    Path("order.csv").write_text("seed1\n" + "".join(f"{i}\n" for i in range(20)))
    base = ("--policy", "best-fit", *A100, "--seeds", "1", "--arrivals", "order.csv", "--load", "4")

    def placed(*flags: str) -> list[int]:
        assert bayplan("replay", *FILES, *base, *flags, "--json", "o.json")[0] == 0
        return [run["placed"] for run in runs_of("o.json")]

    # Three GPUs; two pods of half a GPU exceed its memory.
    assert placed("--sharing", "exclusive,mps,timeslice,hami") == [3, 3, 3, 3]
    assert placed("--sharing", "timeslice", "--ignore-memory") == [6]
    assert placed("--sharing", "timeslice,hami", "--ignore-memory", "--oversubscribe", "2") == [
        12,
        3,
    ]


def test_where_instances_start_is_chosen_by_a_flag(bayplan: Bayplan) -> None:
    Path("pods.csv").write_text(
        f"{PODS.splitlines()[0]},mig_profile\na,1,1,1,125,1g.10gb\nb,1,1,1,125,1g.10gb\n"
        "c,1,1,1,250,2g.20gb\nd,1,1,1,500,3g.40gb\n"
    )
    Path("nodes.csv").write_text("name,cpu_milli,memory_mib,gpu_count,gpu_model\nn,9,9,1,A\n")
    Path("order.csv").write_text("seed1\n0\n1\n2\n3\n")
    base = ("--policy", "best-fit", *A100, "--seeds", "1", "--arrivals", "order.csv",
            "--sharing", "mig-dynamic", "--json", "o.json")  # fmt: skip
    placed = {}
    for rule in MigRule:
        assert bayplan("replay", *FILES, *base, "--mig", rule.value)[0] == 0
        (run,) = runs_of("o.json")
        placed[rule] = run["placed"]
    assert (placed[MigRule.FIRST_FIT], placed[MigRule.DRIVER_GREEDY]) == (4, 3)


def test_a_mixed_policy_runs_under_its_own_name(bayplan: Bayplan) -> None:
    flags = ("--policy", "0.9*fgd+0.1*pwr", *A100, "--sharing", "mps", "--json", "o.json")
    code, _, err = bayplan("replay", *FILES, *flags)
    assert (code, err) == (0, "")
    assert [run["policy"] for run in runs_of("o.json")] == ["0.9*fgd+0.1*pwr"]


def test_an_explicit_layout_is_the_label_of_its_runs(bayplan: Bayplan) -> None:
    flags = ("--policy", "fgd", *STATIC, "3g.40gb@4,1g.10gb@0", "--json", "o.json")
    assert bayplan("replay", *FILES, *flags)[0] == 0
    assert [run["sharing"] for run in runs_of("o.json")] == ["mig-static 3g.40gb@4,1g.10gb@0"]
