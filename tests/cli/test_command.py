"""What every command does: help, exit codes, signals, widths."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bayplan import __version__
from bayplan.simulator.replay import command

from .support import ONE, OUT, Bayplan, listing, started

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
