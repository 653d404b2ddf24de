from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bayplan import __version__, cli
from bayplan.kernels.warm import warm
from bayplan.scheduler.policies import policy_names
from bayplan.simulator.replay import command
from bayplan.traces import FORMATS, builtin_nodes, builtin_pods, read_nodes, read_pods

NODES = "name,cpu_milli,memory_mib,gpu_count,gpu_model\nn1,8000,9000,2,A\nn2,8000,9000,1,A\n"
PODS = (
    "name,cpu_milli,memory_mib,gpu_count,gpu_milli\n"
    "a,1000,100,1,1000\nb,1000,100,1,500\nc,1000,100,1,300\nd,500,100,0,0\n"
)
FILES = ("--nodes", "nodes.csv", "--pods", "pods.csv")
ONE = ("replay", *FILES, "--policy", "fgd")
OUT = ("--json", "out.json", "--plot", "out.svg")

Captured = tuple[int, str, str]
Bayplan = Callable[..., Captured]


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()  # so that no command says that it compiles


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a small cluster and trace in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(command, "warm", lambda: None)
    monkeypatch.setattr(command, "is_warm", lambda: True)
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "pods.csv").write_text(PODS)
    return tmp_path


@pytest.fixture
def bayplan(folder: Path, capfd: pytest.CaptureFixture[str]) -> Bayplan:
    """Run the command line in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> Captured:
        capfd.readouterr()
        code = cli._run(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return run


def started(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person does, in a process of its own."""
    program = "from bayplan.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def refused(bayplan: Bayplan, folder: Path) -> Callable[..., str]:
    """Run what must be refused, see that nothing was written, and return the one line."""

    def run(*arguments: str) -> str:
        before = {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
        code, out, err = bayplan(*arguments)
        assert code == 2
        assert out == ""
        assert err.endswith("\n")
        assert len(err.splitlines()) == 1
        assert err.startswith("bayplan: ")
        after = {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
        assert after == before
        return err.removeprefix("bayplan: ").removesuffix("\n")

    return run


# --- what every command does --------------------------------------------------------------------

COMMANDS = (
    (),
    ("replay",),
    ("policies",),
    ("traces",),
    ("traces", "list"),
    ("traces", "info"),
    ("traces", "convert"),
    ("traces", "synth"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(words: Sequence[str], flag: str, bayplan: Bayplan) -> None:
    code, out, err = bayplan(*words, flag)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: {' '.join(('bayplan', *words))}")
    assert max(map(len, out.splitlines())) <= 80


def test_help_names_every_command(bayplan: Bayplan) -> None:
    assert {"replay", "policies", "traces"} <= set(bayplan("--help")[1].split())
    assert {"list", "info", "convert", "synth"} <= set(bayplan("traces", "--help")[1].split())


def test_help_explains_every_flag_of_replay(bayplan: Bayplan) -> None:
    out = bayplan("replay", "--help")[1]
    flags = [
        "nodes",
        "pods",
        "format",
        "policy",
        "load",
        "seeds",
        "arrivals",
        "node-order",
        "workers",
        "json",
        "plot",
    ]
    for flag in flags:
        assert re.search(rf"^│ --{flag} +[A-Z]+ +\S", out, re.MULTILINE), flag


def test_help_loads_neither_the_compiler_nor_the_plotter() -> None:
    program = (
        "import sys; from bayplan.cli import _run\n"
        "assert _run(sys.argv[1:]) == 0\n"
        "print('loaded:', *({'numba', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    for words in ((), ("replay",), ("traces", "synth")):
        done = subprocess.run(
            [sys.executable, "-c", program, *words, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "loaded:"


def test_no_command_at_all_shows_the_help(bayplan: Bayplan) -> None:
    assert bayplan()[:2] == bayplan("--help")[:2]


def test_the_version_is_printed(bayplan: Bayplan) -> None:
    assert bayplan("--version") == (0, f"{__version__}\n", "")


def test_an_interrupt_is_one_line_and_code_130(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "sweep", interrupt)
    assert bayplan(*ONE, *OUT) == (130, "", "bayplan: interrupted\n")


def test_a_bug_is_a_traceback_and_not_a_line(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(command, "sweep", broken)
    with pytest.raises(ZeroDivisionError):
        bayplan(*ONE)


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    program = "from bayplan.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "policies"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"")


# --- policies and traces ------------------------------------------------------------------------


def test_policies_lists_every_policy_with_a_line_about_it(bayplan: Bayplan) -> None:
    code, out, err = bayplan("policies")
    assert (code, err) == (0, "")
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == policy_names()
    assert all(len(line.split()) > 2 for line in lines)


def test_traces_list_names_the_builtin_trace_and_the_formats(bayplan: Bayplan) -> None:
    code, out, err = bayplan("traces", "list")
    assert (code, err) == (0, "")
    names = [line.split()[:2] for line in out.splitlines() if not line.startswith(" ")]
    assert names == [["trace", "builtin"], *(["format", each.name] for each in FORMATS)]


def test_traces_info_describes_the_builtin_trace_or_files(bayplan: Bayplan) -> None:
    code, out, err = bayplan("traces", "info")
    assert (code, err) == (0, "")
    assert ["pods", f"{len(builtin_pods()):,}"] in [line.split() for line in out.splitlines()]
    code, out, err = bayplan("traces", "info", "pods.csv", "--nodes", "nodes.csv")
    assert (code, err) == (0, "")
    words = [line.split() for line in out.splitlines()]
    assert ["pods", "4"] in words
    assert ["GPUs", "asked", "for", "1.8"] in words
    assert ["nodes", "2", "(2", "with", "GPUs)"] in words
    assert ["nodes", "2"] not in [
        w[:2] for w in map(str.split, bayplan("traces", "info", "pods.csv")[1].splitlines())
    ]


def test_texts_of_a_trace_are_shown_as_they_stand(bayplan: Bayplan) -> None:
    Path("nodes.csv").write_text(NODES.replace(",A", ",a100[sxm4]"))
    Path("pods.csv").write_text(
        PODS.splitlines()[0] + ",gpu_models\na,1,1,1,1000,h100[/nvl]\nb,1,1,1,1000,A\x1b[31mR\n"
    )
    code, out, err = bayplan("traces", "info", "pods.csv", "--nodes", "nodes.csv")
    assert (code, err) == (0, "")
    assert "nodes with 2 x a100[sxm4]" in out
    assert "bound to h100[/nvl]" in out
    assert "bound to A\\x1b[31mR" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("columns", ["0", "5", "40"])
def test_no_figure_is_cut_whatever_width_the_terminal_claims(columns: str, tmp_path: Path) -> None:
    done = started("replay", "--policy", "fgd", cwd=tmp_path, COLUMNS=columns)
    assert done.returncode == 0
    assert re.search(r"^ fgd +\d\d\.\d\d +\d\d\.\d\d ", done.stdout, re.MULTILINE)
    assert "…" not in done.stdout
    assert started("--help", COLUMNS=columns).stdout.startswith("Usage: bayplan")


def test_a_run_that_is_terminated_leaves_no_process_and_no_noise(tmp_path: Path) -> None:
    program = "from bayplan.cli import main; main()"
    flags = ["replay", "--policy", "fgd", "--seeds", "1-500", "--workers", "2", "--json", "o.json"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *flags],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    members = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(600):  # until there are workers beside the process that tracks resources
        if process.poll() is not None or len(members.read_text().split()) >= 3:
            break
        time.sleep(0.05)
    process.terminate()
    out, err = process.communicate(timeout=60)  # ends when the last process that holds a pipe does
    assert (process.returncode, out, err) == (143, "", "")
    assert listing(tmp_path) == set()


def test_traces_convert_writes_both_tables(bayplan: Bayplan, folder: Path) -> None:
    (folder / "openb.csv").write_text(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\na,1000,10,1,1500,T4\n"
    )
    (folder / "out").mkdir()
    code, out, err = bayplan(
        "traces", "convert", "--pods", "openb.csv", "--nodes", "nodes.csv", "--out", "out"
    )
    assert (code, err) == (0, "")
    assert out == "1 pods: out/pods.csv\n2 nodes: out/nodes.csv\n"
    pods = read_pods("out/pods.csv", "canonical")
    assert (pods.gpu_milli.tolist(), pods.gpu_models) == ([1000], ("T4",))
    assert read_nodes("out/nodes.csv", "canonical").name == ("n1", "n2")


def test_traces_convert_writes_only_what_was_given(bayplan: Bayplan, folder: Path) -> None:
    (folder / "out").mkdir()
    assert bayplan("traces", "convert", "--pods", "pods.csv", "--out", "out")[0] == 0
    assert listing(folder / "out") == {"pods.csv"}


def test_traces_synth_makes_the_same_bytes_for_the_same_seed(
    bayplan: Bayplan, folder: Path
) -> None:
    made = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        (folder / name).mkdir()
        code, out, err = bayplan("traces", "synth", "--out", name, "--seed", seed, "--nodes", "9")
        assert (code, err) == (0, "")
        assert out.endswith(f"9 nodes: {name}/nodes.csv\n")
        made.append([(folder / name / each).read_bytes() for each in ("pods.csv", "nodes.csv")])
    assert made[0] == made[1]
    assert made[0][0] != made[2][0]
    assert (
        bayplan("replay", "--policy", "fgd", "--pods", "a/pods.csv", "--nodes", "a/nodes.csv")[0]
        == 0
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["info", "--nodes", "nodes.csv"], "--nodes without a pod file; give a pod file too"),
        (["info", "pod.csv"], "pod.csv: no such file; did you mean pods.csv?"),
        (["info", "pods.csv", "--format", "openbb"],
         "there is no trace format 'openbb'; did you mean 'openb'?"),
        (["convert", "--out", "."], "nothing to convert; give --pods, --nodes or both"),
        (["convert", "--out", "no", "--pods", "pods.csv"],
         "no/pods.csv: there is no folder no; make it with mkdir -p no"),
        (["convert", "--out", "pods.csv", "--nodes", "nodes.csv"],
         "pods.csv/nodes.csv: pods.csv is not a folder; name another folder"),
        (["convert", "--out", ".", "--pods", "pods.csv"],
         "pods.csv: this would overwrite the file that is read; give another folder as --out"),
        (["convert", "--out", ".", "--nodes", "nodes.csv"],
         "nodes.csv: this would overwrite the file that is read; give another folder as --out"),
        (["convert", "--pods", "pods.csv"],
         'Command "traces convert" parameter --out requires an argument; see bayplan --help'),
        (["synth", "--out", "no"], "no/pods.csv: there is no folder no; make it with mkdir -p no"),
        (["synth", "--out", ".", "--nodes", "0"],
         "synthetic trace: nodes is 0; it may be 1 to 100000"),
        (["synth", "--out", ".", "--seed", "-1"],
         "synthetic trace: seed is -1; it may be 0 to 2^63 - 1"),
        (["synth", "--out", ".", "--load", "nan"],
         "synthetic trace: load is nan; it may be above 0 and up to 100"),
    ],
)  # fmt: skip
def test_bad_input_of_traces_is_one_line(
    arguments: list[str], line: str, refused: Callable[..., str]
) -> None:
    assert refused("traces", *arguments) == line


def test_of_two_files_none_is_written_when_the_second_cannot_be(
    refused: Callable[..., str], folder: Path
) -> None:
    (folder / "out" / "nodes.csv").mkdir(parents=True)
    line = refused("traces", "synth", "--out", "out", "--nodes", "2")
    assert line == "out/nodes.csv: this is a folder; remove or rename it"


# --- replay: what it gives ----------------------------------------------------------------------


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
    assert report["schema"] == "bayplan.replay/1"
    assert "fragmented" in done.stderr
    assert "fgd" in done.stderr
    assert listing(tmp_path) == set()


def test_a_warning_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {"HOME": str(tmp_path / "file"), "NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": ""}
    done = started("replay", "--policy", "fdg", cwd=tmp_path, **nowhere)
    first, second = done.stderr.splitlines()
    assert first.startswith("bayplan: warning: no writable cache folder: kernels are compiled in")
    assert second == "bayplan: unknown policy 'fdg'; did you mean 'fgd'?"


def test_progress_is_silent_when_nobody_looks(tmp_path: Path) -> None:
    done = started("replay", "--policy", "fgd", "--json", "o.json", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "packing" not in done.stdout


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
    assert [(run["policy"], run["seed"]) for run in runs] == [(p, 42) for p in policy_names()]


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


# --- replay: what fits nowhere ------------------------------------------------------------------


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
        " (1: no GPU of an allowed model, 3: fewer GPUs than asked for, or each too small);"
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


# --- replay: bad input --------------------------------------------------------------------------

HEADER = PODS.splitlines()[0]


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
    assert line == "d: this is a folder; name a CSV file in it"


EXAMPLE = "give whole numbers and ranges, such as 42-51 or 1,2,7-9"
LOADS = "give a number from 0.01 to 100.0, such as 1.3"
SEE = "see bayplan --help"
FORMAT_NAMES = ", ".join(["auto", *(each.name for each in FORMATS)])


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--policy", "fdg"], "unknown policy 'fdg'; did you mean 'fgd'?"),
        (["--policy", "fgd,best-fti"], "unknown policy 'best-fti'; did you mean 'best-fit'?"),
        (["--policy", "qqq"], f"unknown policy 'qqq'; choose from {', '.join(policy_names())}"),
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
        (["--load", "x"], f'Invalid value for --load: unable to convert "x" into float; {SEE}'),
        (["--workers", "0"], "--workers 0; give 1 or more"),
        (["--workers", "-2"], "--workers -2; give 1 or more"),
        (["--workers", "x"],
         f'Invalid value for --workers: \'x\' is no whole number; {SEE}'),
        (["--format", "cvs"], f"there is no trace format 'cvs'; choose {FORMAT_NAMES}"),
        (["--seed", "1"], f"Unknown option: --seed. Did you mean --seeds?; {SEE}"),
        (["extra"], f"unexpected argument 'extra'; {SEE}"),
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
        assert line.endswith(f"; {SEE}")
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
    assert json.loads((folder / "there.json").read_text())["schema"] == "bayplan.replay/1"


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
        f'Command "replay" parameter --json requires an argument; {SEE}'
    )


def test_bad_input_has_the_same_code_and_line_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = started("replay", "--policy", "fdg", "--json", "o.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bayplan: unknown policy 'fdg'; did you mean 'fgd'?\n"
    assert listing(tmp_path) == set()


def test_compiling_is_announced_on_stderr_and_only_once(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "is_warm", lambda: False)
    code, _, err = bayplan(*ONE)
    assert code == 0
    assert err == ("bayplan: compiling the kernels; this takes some seconds\n")
