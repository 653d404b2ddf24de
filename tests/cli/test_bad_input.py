"""What ``bayplan replay`` refuses, in one line."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.policies import policy_names
from bayplan.simulator import compiling
from bayplan.simulator.replay import command
from bayplan.traces import FORMATS

from .support import FILES, HEADER, ONE, OUT, PODS, Bayplan, listing, see, started


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "pods.csv: the file is empty; write a header and rows"),
        (f"{HEADER}\n".encode(), "pods.csv: the file has a header but no rows; add rows"),
        (f"{HEADER}\na,1,1,-1,1\n".encode(),
         "pods.csv:2: gpu_count is -1, below 0; write 0 or more"),
        (f"{HEADER}\na,1,1,1,1\nb,1,x,1,1\n".encode(),
         "pods.csv:3: memory_mib is 'x', not a number; write a whole number of MiB"),
        (f"{HEADER}\na,1,1,1,1\nb,1,1,1,1\na,1,1,1,1\n".encode(),
         "pods.csv:4: name 'a' is already in row 2; give every row its own name"),
        (f"{HEADER}\n\xe9,1,1,1,1\n".encode("latin-1"),
         "pods.csv:2: byte 0xe9 at position 1 of the line is not UTF-8; save the file as UTF-8"),
        (f"{HEADER}\na,1,1,1\n".encode(),
         "pods.csv:2: the row has 4 cells, the header has 5; add the missing cells"),
        (gzip.compress(PODS.encode())[:-9],
         "pods.csv: the gzip data is cut short; copy or download the file again"),
        (f"{HEADER}\na,1,1,0,0\n".encode(),
         "pods.csv: no pod asks for a GPU; replay needs a trace of GPU pods"),
    ],
    ids=["empty", "header", "negative", "text", "twice", "latin1", "short", "gzip", "no GPU"],
)  # fmt: skip
def test_a_bad_pod_file_is_one_line(content: bytes, line: str, refused: Callable[..., str]) -> None:
    Path("pods.csv").write_bytes(content)
    assert refused(*ONE, *OUT) == line


def test_a_missing_column_is_named_with_the_columns_there(refused: Callable[..., str]) -> None:
    Path("pods.csv").write_text("name,cpu_milli,memory_mib,gpu_milli\na,1,1,1\n")
    line = refused(*ONE, *OUT)
    assert line.startswith("pods.csv: the columns (name, cpu_milli, memory_mib, gpu_milli) match")
    assert "canonical lacks gpu_count" in line
    assert line.endswith("; rename the columns or add the missing ones")
    assert refused(*ONE, *OUT, "--format", "canonical") == (
        "pods.csv: there is no column 'gpu_count',"
        " only name, cpu_milli, memory_mib, gpu_milli; add it"
    )


def test_files_in_each_others_place_are_noticed(refused: Callable[..., str]) -> None:
    line = refused("replay", "--nodes", "pods.csv", "--pods", "nodes.csv", *OUT)
    assert line.startswith("pods.csv: this is a pod list (canonical); a node list is needed; ")


def test_a_bad_node_file_is_one_line(refused: Callable[..., str]) -> None:
    Path("nodes.csv").write_text("name,cpu_milli,memory_mib,gpu_count\nn,1,1,0\n")
    assert refused(*ONE, *OUT) == "nodes.csv: no node has a GPU; replay needs a cluster with GPUs"
    Path("nodes.csv").write_text("name,cpu_milli,memory_mib,gpu_count\nn,1,1,65\n")
    assert refused(*ONE, *OUT) == "nodes.csv:2: gpu_count is 65, above 64; write 64 or less"


def test_a_missing_file_and_a_folder_are_named(refused: Callable[..., str], folder: Path) -> None:
    files = ("--nodes", "nodes.csv", "--pods")
    line = refused("replay", *files, "pod.csv", *OUT)
    assert line == "pod.csv: no such file; did you mean pods.csv?"
    (folder / "d").mkdir()
    line = refused("replay", *files, "d", *OUT)
    assert line == "d: this is a folder; name a file in it"


EXAMPLE = "give whole numbers and ranges, such as 42-51 or 1,2,7-9"
LOADS = "give a number from 0.01 to 100.0, such as 1.3"
FORMAT_NAMES = ", ".join(["auto", *(each.name for each in FORMATS)])


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--policy", "fdg"], "unknown policy 'fdg'; did you mean 'fgd'?"),
        (["--policy", "fgd,best-fti"], "unknown policy 'best-fti'; did you mean 'best-fit'?"),
        (["--policy", "qqq"], f"unknown policy 'qqq'; choose from {', '.join(policy_names())}"),
        (["--policy", "all,qqq"], f"unknown policy 'qqq'; choose from {', '.join(policy_names())}"),
        (["--policy", "fgd,"], f"unknown policy ''; choose from {', '.join(policy_names())}"),
        (["--policy", "fgd,random, fgd"],
         "--policy 'fgd,random, fgd': fgd stands there twice; name it once"),
        (["--seeds", "x"], f"--seeds 'x': 'x' is no seed; {EXAMPLE}"),
        (["--seeds", "3-1"], f"--seeds '3-1': '3-1' runs backwards; {EXAMPLE}"),
        (["--seeds", "1,1"], f"--seeds '1,1': seed 1 stands there twice; {EXAMPLE}"),
        (["--seeds", "-1"], f"--seeds '-1': '-1' is no seed; {EXAMPLE}"),
        (["--load", "0"], f"--load 0.0; {LOADS}"),
        (["--load", "-1"], f"--load -1.0; {LOADS}"),
        (["--load", "nan"], f"--load nan; {LOADS}"),
        (["--load", "x"],
         'Invalid value for --load: unable to convert "x" into float; see bayplan replay --help'),
        (["--workers", "0"], "--workers 0; give 1 or more"),
        (["--workers", "-2"], "--workers -2; give 1 or more"),
        (["--workers", "x"],
         f"Invalid value for --workers: 'x' is no whole number; {see('replay')}"),
        (["--format", "cvs"], f"there is no trace format 'cvs'; choose {FORMAT_NAMES}"),
        (["--seed", "1"], f"Unknown option: --seed. Did you mean --seeds?; {see('replay')}"),
        (["extra"], f"unexpected argument 'extra'; {see('replay')}"),
        (["--arrivals", "pod.csv"], "pod.csv: no such file; did you mean pods.csv?"),
        (["--arrivals", "pods.csv"],
         "pods.csv:1: column 'name' is no seed; give one column seedNN for each seed,"
         " such as seed42, with 0-based row numbers"),
    ],
)  # fmt: skip
def test_a_bad_flag_is_one_line(flags: list[str], line: str, refused: Callable[..., str]) -> None:
    assert refused("replay", *FILES, *OUT, *flags) == line


def test_nodes_and_pods_go_together(refused: Callable[..., str]) -> None:
    nodes, pods = FILES[:2], FILES[2:]
    assert refused("replay", *nodes, *OUT) == "--nodes without --pods; give both, or neither"
    assert refused("replay", *pods, *OUT) == "--pods without --nodes; give both, or neither"


def test_an_unknown_command_is_one_line_with_the_known_ones(refused: Callable[..., str]) -> None:
    for words in (("reply",), ("traces", "lst")):
        line = refused(*words)
        assert f'"{words[-1]}"' in line
        assert line.endswith(f"; {see(*words[:-1])}")
    assert "replay" in refused("reply")
    assert "convert" in refused("traces", "lst")


def test_a_seed_that_a_given_order_lacks_is_drawn_and_said_so(
    bayplan: Bayplan, folder: Path
) -> None:
    Path("o.csv").write_text("seed1\n0\n1\n")
    code, _, err = bayplan(*ONE, "--node-order", "o.csv", "--seeds", "1-2")
    assert code == 0
    assert err.splitlines() == [
        "bayplan: warning: o.csv has no column for 1 of the seeds (2); their orders are drawn"
    ]


def test_a_plot_is_svg_and_no_output_is_an_input(refused: Callable[..., str], folder: Path) -> None:
    fix = "give it a name that ends in .svg"
    assert refused(*ONE, "--plot", "o.png") == f"o.png: a plot is SVG; {fix}"
    read = "pods.csv: this file is read as input; write to another"
    assert refused(*ONE, "--json", "pods.csv") == read
    (folder / "link.csv").symlink_to("pods.csv")
    assert refused(*ONE, "--json", "link.csv") == read.replace("pods", "link")


def test_a_link_stays_and_what_it_points_to_is_replaced(bayplan: Bayplan, folder: Path) -> None:
    (folder / "there.json").write_text("old")
    (folder / "link.json").symlink_to("there.json")
    assert bayplan(*ONE, "--json", "link.json")[0] == 0
    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "there.json").read_text())["schema"] == "bayplan.replay/2"


@pytest.mark.parametrize("flag", ["--json", "--plot"])
def test_outputs_that_cannot_be_written_are_found_before_the_work(
    flag: str, refused: Callable[..., str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: Any) -> Any:
        raise AssertionError("the work was started")

    monkeypatch.setattr(command, "sweep", never)
    (folder / "d").mkdir()
    assert refused(*ONE, flag, "no/o") == "no/o: there is no folder no; make it with mkdir -p no"
    assert refused(*ONE, flag, "d") == "d: this is a folder; name a file in it"
    assert refused(*ONE, flag, "pods.csv/o") == (
        "pods.csv/o: pods.csv is not a folder; name another folder"
    )
    assert refused(*ONE, flag, "no\nsuch/o").startswith("'no\\nsuch/o': there is no folder")

    def forbid(**where: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(tempfile, "TemporaryFile", forbid)
    assert refused(*ONE, flag, "d/o") == (
        "d/o: cannot write into d (Permission denied); name a folder that you may write into"
    )


def test_outputs_that_make_no_sense_are_refused(refused: Callable[..., str]) -> None:
    same = "out.x: --json and --plot name the same file; name two"
    assert refused(*ONE, "--json", "out.x", "--plot", "./out.x") == same
    plot = "--plot -: a plot goes to a file; name one, such as plot.svg"
    assert refused(*ONE, "--plot=-") == plot
    nothing = "--json without a file; name one, or - for stdout"
    assert refused(*ONE, "--json", "--plot=out.svg") == nothing
    assert refused(*ONE, "--json") == (
        'Command "replay" parameter --json requires an argument; see bayplan replay --help'
    )


def test_bad_input_has_the_same_code_and_line_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = started("replay", "--policy", "fdg", "--json", "o.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bayplan: unknown policy 'fdg'; did you mean 'fgd'?\n"
    assert listing(tmp_path) == set()


def test_compiling_is_announced_on_stderr_and_only_once(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "is_warm", lambda groups: False)
    code, _, err = bayplan(*ONE)
    assert code == 0
    assert err == ("bayplan: compiling the kernels; this takes some seconds\n")
