"""What ``bayplan scenario`` gives, and what it says is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bayplan.simulator.scenario.reading import read_scenario
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.writing import initial

from .support import Bayplan, started

WRONG = """
seed = 4
[cluster]
file = "missing"
[policy]
placment = "fgd"
ordering = "fifoo"
backfill = "easy"
round_s = 30
[sharing]
mode = "mpss"
oversubscribe = 20
[jobs]
load = 1
scale = 2.0
[run]
sample_s = "x"
"""


def test_init_writes_a_file_that_is_all_defaults_and_never_over_another(
    bayplan: Bayplan, folder: Path, refused: Callable[..., str]
) -> None:
    assert bayplan("scenario", "init") == (0, "written: scenario.toml\n", "")
    scenario, problems = read_scenario(folder / "scenario.toml")
    assert (scenario.values, problems) == (Scenario().values, [])
    line = refused("scenario", "init")
    assert line == "scenario.toml: there is a file already; name another one"
    assert bayplan("scenario", "init", "other.toml")[0] == 0
    assert bayplan("scenario", "init", "-") == (0, initial(), "")
    assert refused("scenario", "init", "no/x.toml").startswith("no/x.toml: there is no folder no")


def test_check_says_what_a_scenario_is_made_of(bayplan: Bayplan, folder: Path) -> None:
    (folder / "s.toml").write_text('[cluster]\nfile = "nodes.csv"\n[jobs.synthetic]\ncount = 5\n')
    said = "s.toml: nothing wrong; 2 nodes with 3 GPUs, 5 rows of jobs\n"
    assert bayplan("scenario", "check", "s.toml") == (0, said, "")
    code, _, err = bayplan("scenario", "check", "s.toml", "--set", "limit=1")
    assert code == 2
    assert err == (
        "bayplan: jobs.limit: it says nothing beside jobs.synthetic.count;"
        " leave one of the two out\n"
    )


def test_check_says_everything_that_is_wrong_a_line_each(bayplan: Bayplan, folder: Path) -> None:
    (folder / "s.toml").write_text(WRONG)
    code, out, err = bayplan("scenario", "check", "s.toml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"bayplan: s.toml: {line}"
        for line in (
            "seed: there is no key outside the tables; write it as jobs.synthetic.seed or run.seed",
            "policy.placment: there is no such key; did you mean 'placement'?",
            "sharing.mode: there is no 'mpss'; did you mean 'mps'?",
            "sharing.oversubscribe: 20 is outside 1 to 16; write a value in that range",
            "run.sample_s: 'x' is not a number; write a number (0.001 to 10^12)",
            "policy.ordering: there is no ordering 'fifoo'; did you mean 'fifo'?",
            "jobs.scale: jobs.load scales the arrivals; leave one out",
            'policy.round_s: it says nothing without policy.trigger = "rounds";'
            " set that, or leave it out",
            "cluster.file: missing: no such file; check the path",
        )
    ]


def test_show_prints_what_holds(bayplan: Bayplan, folder: Path) -> None:
    (folder / "s.toml").write_text('[policy]\nplacement = "fgd"\nordering = "las"\n')
    code, out, err = bayplan("scenario", "show", "s.toml", "--set", "ordering=srtf")
    assert (code, err) == (0, "")
    (folder / "shown.toml").write_text(out)
    scenario, problems = read_scenario(folder / "shown.toml")
    assert problems == []
    changed = {k: v for k, v in scenario.values.items() if v != Scenario().values[k]}
    assert changed == {"policy.placement": "fgd", "policy.ordering": "srtf"}
    code, out, err = bayplan("scenario", "show", "--set", "ordering=3", "--set", "limit=x")
    assert (code, out) == (2, "")
    assert err.startswith("bayplan: jobs.limit: 'x' is not a whole number")


def test_show_and_init_load_no_numba(tmp_path: Path) -> None:
    code = (
        "import sys; from bayplan.cli import _run; _run(['scenario', 'init', '-']);"
        " _run(['scenario', 'show']); print({'numba', 'polars', 'matplotlib'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_a_missing_scenario_is_bad_input(tmp_path: Path) -> None:
    done = started("scenario", "check", "none.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bayplan: none.toml: no such file; check the path\n"


def test_check_warns_of_jobs_that_could_never_start(bayplan: Bayplan, folder: Path) -> None:
    (folder / "jobs.csv").write_text("name,work_s,gpu_count\nok,5,1\nwide,5,16\n")
    (folder / "s.toml").write_text('[cluster]\nfile = "nodes.csv"\n[jobs]\nfile = "jobs.csv"\n')
    code, out, err = bayplan("scenario", "check", "s.toml")
    assert (code, out) == (0, "s.toml: nothing wrong; 2 nodes with 3 GPUs, 2 rows of jobs\n")
    assert err == (
        "bayplan: warning: 1 job fits no node even of the empty cluster: wide"
        " (too few GPUs, or each too small)\n"
    )


def test_check_warns_of_services_that_could_never_start(bayplan: Bayplan, folder: Path) -> None:
    services = "".join(
        f'[[services]]\nname = "{name}"\nclass = "c"\nrate_per_s = 1\nuntil_s = 9\nper_s = 1\n'
        f"most = 1\ngpu_count = {gpus}\n"
        for name, gpus in (("fits", 1), ("wide", 16))
    )
    (folder / "services.toml").write_text(f"[classes.c]\ntarget_s = 1\n{services}")
    (folder / "s.toml").write_text(
        '[cluster]\nfile = "nodes.csv"\n[jobs]\nfile = "none"\n[services]\nfile = "services.toml"\n'
    )
    code, out, err = bayplan("scenario", "check", "s.toml")
    said = "s.toml: nothing wrong; 2 nodes with 3 GPUs, 0 rows of jobs, 2 services\n"
    assert (code, out) == (0, said)
    assert err == (
        "bayplan: warning: service wide: a replica fits no node even of the empty cluster"
        " (too few GPUs, or each too small)\n"
    )
