"""What ``bayplan simulate`` and ``bayplan compare`` give, and what they refuse."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from bayplan.simulator.simulate import command, compare_command
from bayplan.traces.jobs import builtin_jobs

from .support import Bayplan, listing, started

SMALL = ("--cluster.file", "nodes.csv", "--jobs.synthetic.count", "40")
GOVERNED = ("--cluster.gpu", "A100-80GB", "--jobs.synthetic.count", "40")
POLICIES = ("none", "idle", "equal-share", "marginal", "optimus")
WRITTEN = {
    "summary.json", "jobs.parquet", "timeseries.parquet", "stints.parquet", "nodes.parquet",
    "trace.json", "report.html",
}  # fmt: skip
COMPARE = ("compare", *SMALL, "--seeds", "1-2", "--workers", "1")


def test_the_builtin_trace_is_run_without_any_file(bayplan: Bayplan, folder: Path) -> None:
    code, out, err = bayplan("simulate", "--out", "run")
    assert (code, err) == (0, "")
    assert out.startswith(f"{len(builtin_jobs()):,} jobs: ")
    assert out.endswith("\nwritten: run\nreport: run/report.html\n")
    assert listing(folder / "run") == WRITTEN


def test_the_same_scenario_and_seed_have_the_same_bytes(bayplan: Bayplan, folder: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        (folder / name).mkdir()
        assert bayplan("simulate", *SMALL, "--run.seed", seed, "--out", f"{name}/run", "--run.log",
                       "--plot", f"{name}.svg")[0] == 0  # fmt: skip
    for file in {*WRITTEN, "log.csv"} - {"nodes.parquet"}:
        a, b, c = ((folder / name / "run" / file).read_bytes() for name in "abc")
        assert a == b != c
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes()
    assert ElementTree.fromstring((folder / "a.svg").read_text()).tag.endswith("svg")


def test_faults_of_gpus_are_told_and_written(bayplan: Bayplan, folder: Path) -> None:
    (folder / "c.toml").write_text(
        '[[nodes]]\nname = "g"\ncount = 2\ngpus = 8\ngpu_mtbf_h = 50\ngpu_slow_mtbf_h = 20\n'
        "gpu_slow_h = 5\ngpu_slow_factor = 0.5\n"
    )
    (folder / "j.csv").write_text("name,work_s,gpu_count\nx,200000,4\ny,200000,4\n")
    flags = ("--cluster.file", "c.toml", "--jobs.file", "j.csv", "--interruptions.save_s", "30",
             "--interruptions.checkpoint", "daly", "--stragglers.detector", "progress",
             "--run.log")  # fmt: skip
    code, out, _ = bayplan("simulate", *flags, "--out", "run")
    assert code == 0
    assert "GPU faults" in out
    summary = json.loads((folder / "run" / "summary.json").read_text())["summary"]
    with (folder / "run" / "log.csv").open() as file:
        told = [row["what"] for row in csv.DictReader(file)]
    assert summary["gpu_faults"] == told.count("fault") > 0
    assert summary["alarms"] == told.count("suspect") > 0
    refused = bayplan("simulate", *flags[:4], "--stragglers.detector", "progres")
    assert (refused[0], refused[1]) == (2, "")
    assert "there is no detector 'progres'; did you mean 'progress'?" in refused[2]


def test_what_is_written_is_what_was_run(bayplan: Bayplan, folder: Path) -> None:
    flags = ("--policy.placement", "fgd", "--set", "ordering=las", "--policy.strict", "--run.log")
    assert bayplan("simulate", *SMALL, *flags, "--out", "run", "--quiet") == (0, "", "")
    report = json.loads((folder / "run" / "summary.json").read_text())
    how = report["settings"]
    assert (how["complete"], how["scenario"]) == (True, "")
    assert how["policy"] | {"placement": "fgd", "ordering": "las", "strict": True} == how["policy"]
    assert how["jobs.synthetic"]["count"] == report["summary"]["jobs"] == 40
    jobs = pl.read_parquet(folder / "run" / "jobs.parquet")
    assert jobs.height == 40
    events = list(csv.DictReader((folder / "run" / "log.csv").read_text().splitlines()))
    assert list(events[0]) == ["time_s", "what", "job", "detail"]
    ends = {row["name"] for row in jobs.iter_rows(named=True) if row["status"] == "finished"}
    assert {event["job"] for event in events if event["what"] == "finish"} == ends
    assert ends


STARTUP = (
    "--startup.images", "{i = 6000}", "--startup.image", "i", "--startup.container-s", "2",
    "--startup.registry-mib-per-s", "100",
)  # fmt: skip


def test_start_ups_are_told_and_written(bayplan: Bayplan, folder: Path) -> None:
    code, out, err = bayplan("simulate", *SMALL, *STARTUP, "--out", "on", "--run.log")
    assert (code, err) == (0, "")
    summary = json.loads((folder / "on" / "summary.json").read_text())["summary"]
    jobs = pl.read_parquet(folder / "on" / "jobs.parquet")
    assert summary["startup_s"] == pytest.approx(jobs["startup_s"].sum())
    started = jobs.filter(pl.col("status") == "finished")["startup_s"].round(6)
    assert started.is_between(2.0, 62.0).all()
    assert {started.min(), started.max()} == {2.0, 62.0}
    events = list(csv.DictReader((folder / "on" / "log.csv").read_text().splitlines()))
    pulls = [event["detail"] for event in events if event["what"] == "pull"]
    assert len(set(pulls)) == len(pulls) == summary["pulls"]  # once a node: it keeps all
    assert summary["pulled_gib"] == pytest.approx(len(pulls) * 6000 / 1024)
    assert "Start-up" in out
    code, out, _ = bayplan("simulate", *SMALL, "--out", "off")
    summary = json.loads((folder / "off" / "summary.json").read_text())["summary"]
    assert {summary[key] for key in ("startup_s", "pulls", "image_hit_pct")} == {None}
    assert "startup_s" not in pl.read_parquet(folder / "off" / "jobs.parquet").columns
    assert "Start-up" not in out


def test_an_image_without_a_size_is_refused(refused: Callable[..., str]) -> None:
    assert refused("simulate", *SMALL, "--startup.image", "i") == (
        "startup.image: there is no image 'i' in startup.images; state it in [startup] as"
        " images = {i = MiB}"
    )


def test_a_scenario_file_is_run_and_flags_go_before_it(bayplan: Bayplan, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "s.toml").write_text(
        '[cluster]\nfile = "../nodes.csv"\n[jobs.synthetic]\ncount = 5\n'
        '[policy]\nordering = "las"\n'
    )
    flags = ("--set", "count=6", "--jobs.synthetic.count", "7", "--out", "run", "--quiet")
    assert bayplan("simulate", "sub/s.toml", *flags)[0] == 0
    report = json.loads((folder / "run" / "summary.json").read_text())
    assert report["summary"]["jobs"] == 7
    assert report["settings"]["policy"]["ordering"] == "las"
    assert report["settings"]["scenario"] == "sub/s.toml"


# Flags, and the one line that they get.
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--policy.placement", "fdg"],
         "policy.placement: there is no placement 'fdg'; did you mean 'fgd'?"),
        (["--set", "placment=fgd"], "placment: there is no such key; did you mean 'placement'?"),
        (["--set", "x"], "--set 'x': no key=value; write it like policy.placement=fgd"),
        (["--run.seed", "-1"],
         "run.seed: -1 is outside 0 to 2^63 - 1; write a value in that range"),
        (["--jobs.file", "missing"], "jobs.file: missing: no such file; check the path"),
        (["--policy.strict=maybe"], "Invalid value"),
        (["--policy.placement", "-1*fgd+2*pwr"], "policy.placement: policy '-1*fgd+2*pwr': "),
        (["--bogus", "3"], "Unknown option: --bogus. Did you mean --out?; see bayplan simulate"),
        (["--sharing.mode", "mig"],
         "sharing.mode: there is no 'mig'; did you mean 'mig-static' or 'mig-dynamic'?"),
        (["--policy.plcement", "x"], "Unknown option"),
        (["--jobs.limit", "0", "--run.sample_s", "0"],
         "jobs.limit: 0 is outside 1 to 10,000,000; write a value in that range;"
         " and 1 more: `bayplan scenario check` lists them"),
        (["--plot", "x.png"], "x.png: a plot is SVG; give it a name that ends in .svg"),
        (["--out", "no/x"], "no/x: there is no folder no; make it with mkdir -p no"),
        (["--out", "."], ".: "),
        (["--sharing.mode", "mig-static"], "node "),
        (["--cluster.file", "nodes.csv", "--plot", "nodes.svg", "--jobs.file", "nodes.svg"],
         "nodes.svg: this file is read as input; write to another"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_nothing_is_run(
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    said: str,
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was run")

    monkeypatch.setattr(command, "run", never)
    assert refused("simulate", *flags).startswith(said)


def test_a_folder_with_other_things_is_left_alone_unless_forced(
    bayplan: Bayplan, folder: Path, refused: Callable[..., str]
) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("x")
    assert "holds other things" in refused("simulate", *SMALL, "--out", "mine")
    assert bayplan("simulate", *SMALL, "--out", "mine", "--force", "--quiet")[0] == 0
    assert listing(folder / "mine") >= {"notes.txt", "summary.json"}


def test_an_input_in_the_folder_is_not_overwritten(
    bayplan: Bayplan, folder: Path, refused: Callable[..., str]
) -> None:
    assert bayplan("simulate", *SMALL, "--out", "run", "--quiet")[0] == 0
    (folder / "link.parquet").symlink_to(folder / "run" / "jobs.parquet")
    table = ("--cluster.file", "nodes.csv", "--jobs.file")
    for name in ("run/jobs.parquet", "link.parquet", "run/../run/jobs.parquet"):
        line = refused("simulate", *table, name, "--out", "run")
        assert line == "run/jobs.parquet: this file is read as input; write to another folder"
    (folder / "nodes.csv").rename(folder / "run" / "log.csv")
    flags = ("--cluster.file", "run/log.csv", "--jobs.synthetic.count", "5", "--out", "run")
    assert refused("simulate", *flags, "--run.log").startswith("run/log.csv: this file is read")
    assert bayplan("simulate", *flags, "--quiet")[0] == 0  # there it is only another file
    assert "log.csv" in listing(folder / "run")


def test_a_scenario_in_the_folder_is_not_overwritten(
    folder: Path, refused: Callable[..., str]
) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "summary.json").write_text("[run]\nseed = 1\n")
    line = refused("simulate", "run/summary.json", "--out", "run", "--force")
    assert line == "run/summary.json: this file is read as input; write to another folder"


def test_a_folder_in_the_place_of_a_file_is_found_before_the_run(
    folder: Path, refused: Callable[..., str]
) -> None:
    (folder / "run" / "log.csv").mkdir(parents=True)
    line = refused("simulate", *SMALL, "--run.log", "--out", "run", "--force")
    assert line == "run/log.csv: this is a folder, and a file is to be there; rename it"


def test_names_that_nothing_knows_are_told_and_the_run_goes_on(bayplan: Bayplan) -> None:
    speeds = ("--set", "speeds.by_model={T5 = 0.5}")
    told = "speeds.by_model: no GPU 'T5' is known; did you mean 'T4'?"
    for arguments in (("simulate", *SMALL), COMPARE):
        code, out, _ = bayplan(*arguments, *speeds)
        assert (code, out.count(told)) == (0, 1)


def test_a_plot_goes_into_the_new_folder(bayplan: Bayplan, folder: Path) -> None:
    for _ in range(2):  # new, and an earlier run's
        assert bayplan("simulate", *SMALL, "--plot", "o/x.svg", "--out", "o", "--quiet")[0] == 0
        assert listing(folder / "o") == {*WRITTEN, "x.svg"}
    code, _, err = bayplan("simulate", *SMALL, "--plot", "p/x/x.svg", "--out", "p", "--quiet")
    assert (code, err) == (
        2,
        "bayplan: p/x/x.svg: there is no folder p/x; make it with mkdir -p p/x\n",
    )


def test_the_current_folder_takes_a_run(
    bayplan: Bayplan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bayplan("simulate", *SMALL, "--out", ".", "--force", "--quiet")[0] == 0
    assert listing(folder) >= {"nodes.csv", *WRITTEN}
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder / "empty")
    assert bayplan("simulate", "--jobs.synthetic.count", "5", "--out", ".", "--quiet")[0] == 0
    assert listing(Path.cwd()) == WRITTEN


def test_jobs_too_long_for_any_table_are_one_line(refused: Callable[..., str]) -> None:
    line = refused("simulate", "--jobs.synthetic.count", "50", "--jobs.synthetic.mean_s", "1e12")
    assert line.endswith("lower jobs.synthetic.mean_s, or set most_s")


def test_a_seed_gives_the_same_row_among_others(bayplan: Bayplan, folder: Path) -> None:
    trace = ("--jobs.limit", "60", "--cluster.file", "nodes.csv", "--workers", "1", "--quiet")
    for name, seeds in (("a", "2"), ("b", "1-2")):
        assert bayplan("compare", *trace, "--seeds", seeds, "--csv", f"{name}.csv")[0] == 0
    assert (folder / "a.csv").read_text().splitlines()[-1:] == (
        (folder / "b.csv").read_text().splitlines()[-1:]
    )


def test_a_comparison_is_a_table_and_a_row_a_run(bayplan: Bayplan, folder: Path) -> None:
    flags = ("--vary", "sharing=mps,timeslice", "--vary", "placement=fgd,best-fit")
    code, out, err = bayplan("compare", *GOVERNED, *flags, "--seeds", "1-2", "--workers", "1",
                             "--json", "c.json", "--csv", "c.csv", "--plot", "c.svg")  # fmt: skip
    assert (code, err) == (0, "")
    assert "timeslice" in out
    assert out.endswith("results: c.json\nrows: c.csv\nplot: c.svg\n")
    rows = list(csv.DictReader((folder / "c.csv").read_text().splitlines()))
    assert [(r["sharing.mode"], r["policy.placement"], r["seed"]) for r in rows] == [
        (mode, policy, seed)
        for mode in ("mps", "timeslice")
        for policy in ("fgd", "best-fit")
        for seed in "12"
    ]
    assert len(json.loads((folder / "c.json").read_text())["runs"]) == 8
    assert ElementTree.fromstring((folder / "c.svg").read_text()).tag.endswith("svg")


def test_a_row_of_a_comparison_is_what_simulate_gives(bayplan: Bayplan, folder: Path) -> None:
    trace = ("--jobs.limit", "60", "--cluster.file", "nodes.csv")
    assert bayplan("compare", *trace, "--seeds", "3-4", "--json", "c.json", "--quiet",
                   "--workers", "1") == (0, "", "")  # fmt: skip
    alike = (*trace, "--run.seed", "4", "--jobs.resample", "bootstrap")
    assert bayplan("simulate", *alike, "--out", "run", "--quiet")[0] == 0
    last = json.loads((folder / "c.json").read_text())["runs"][-1]
    alone = json.loads((folder / "run" / "summary.json").read_text())
    assert last["summary"] == alone["summary"]


def test_a_comparison_has_the_same_bytes_on_any_number_of_workers(
    bayplan: Bayplan, folder: Path
) -> None:
    for name, workers in (("a", "1"), ("b", "2")):
        assert bayplan("compare", *SMALL, "--seeds", "1-3", "--workers", workers, "--quiet",
                       "--json", f"{name}.json", "--csv", f"{name}.csv")[0] == 0  # fmt: skip
    for kind in ("json", "csv"):
        assert (folder / f"a.{kind}").read_bytes() == (folder / f"b.{kind}").read_bytes()


def test_json_to_stdout_is_nothing_but_json(tmp_path: Path) -> None:
    flags = ("--jobs.synthetic.count", "5", "--seeds", "1", "--json", "-")
    done = started("compare", *flags, cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["schema"] == "bayplan.compare/1"
    assert "JCT" in done.stderr
    assert listing(tmp_path) == set()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--vary", "placement"],
         "--vary 'placement': no key=values; write placement=fgd,best-fit"),
        (["--vary", "placement=fgd,fdg"],
         "policy.placement: there is no placement 'fdg'; did you mean 'fgd'?"),
        (["--seeds", "x"], "--seeds 'x': 'x' is no seed"),
        (["--workers", "0"], "--workers 0; give 1 or more"),
        (["--metrics", "jct"], "--metrics: no metric is called 'jct'"),
        (["--json", "a", "--csv", "a"], "a: --json and --csv name the same file; name two"),
        (["--json", "-", "--csv", "-"], "--json and --csv both go to stdout; name a file"),
        (["--json", "--csv"], "--json without a file; name one, or - for stdout"),
        (["--vary", "jobs.file=missing,builtin"], "jobs.file: missing: no such file"),
        (["--vary", "sharing=mps,mig-dynamic"], "node "),
    ],
)  # fmt: skip
def test_a_bad_comparison_is_one_line_and_nothing_is_run(
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    said: str,
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was run")

    monkeypatch.setattr(compare_command, "compared", never)
    assert refused("compare", *flags).startswith(said)


def interrupted(folder: Path, nth: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose nth run has a Ctrl-C come with its fifth report of progress."""
    program = (
        "import signal; from bayplan.simulator.simulate import running; from bayplan import cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "real, runs = running.Simulation.run, []\n"
        "def run(self, told):\n"
        "    seen = []\n"
        "    runs.append(seen)\n"
        "    def tell(now_s, done):\n"
        "        seen.append(done)\n"
        f"        if (len(runs), len(seen)) == ({nth}, 5): signal.raise_signal(signal.SIGINT)\n"
        "        told(now_s, done)\n"
        "    return real(self, tell)\n"
        "running.Simulation.run = run\n"
        "cli.main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder, env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_ctrl_c_writes_what_is_done(tmp_path: Path) -> None:
    jobs = ("--jobs.synthetic.count", "9000", "--jobs.synthetic.mean_s", "60")
    done = interrupted(tmp_path, 1, "simulate", *jobs, "--out", "run")
    assert done.returncode == 1
    assert done.stderr.startswith("bayplan: interrupted at day ")
    assert "unfinished" in done.stdout
    report = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert report["settings"]["complete"] is False
    assert 0 < report["summary"]["finished"] < 9000
    statuses = pl.read_parquet(tmp_path / "run" / "jobs.parquet")["status"].value_counts()
    counts = dict(statuses.iter_rows())
    assert counts["unfinished"] == report["summary"]["unfinished"] > 0


def test_ctrl_c_keeps_the_runs_of_a_comparison_that_are_done(tmp_path: Path) -> None:
    jobs = ("--jobs.synthetic.count", "3000", "--jobs.synthetic.mean_s", "60")
    done = interrupted(tmp_path, 3, "compare", *jobs, "--workers", "1", "--csv", "c.csv")
    assert done.returncode == 1
    assert done.stderr == "bayplan: interrupted: 2 of 5 runs were done, and stand\n"
    assert "Means of 2 seeds" in done.stdout
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 3


def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    reading, writing = pty.openpty()
    program = "from bayplan.cli import main; main()"
    flags = ("--jobs.synthetic.count", "20000", "--jobs.synthetic.mean_s", "60")
    with subprocess.Popen(
        [sys.executable, "-c", program, "simulate", *flags],
        cwd=tmp_path, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.DEVNULL, stderr=writing,
    ) as process:  # fmt: skip
        os.close(writing)
        shown = b""
        while True:
            try:
                part = os.read(reading, 4096)
            except OSError:  # the other end has gone
                break
            if not part:
                break
            shown += part
    os.close(reading)
    assert process.returncode == 0
    assert b"simulating day 0," in shown
    assert b"/20000" in shown


def test_jobs_that_cannot_run_are_named_and_counted(bayplan: Bayplan, folder: Path) -> None:
    (folder / "jobs.csv").write_text("name,work_s,gpu_count\nok,5,1\nwide,5,16\n")
    table = ("--cluster.file", "nodes.csv", "--jobs.file", "jobs.csv")
    code, out, err = bayplan("simulate", *table)
    assert (code, err) == (0, "")
    assert "\n1 job fits no node even of the empty cluster: wide (too few GPUs" in out
    code, out, err = bayplan("compare", *table, "--seeds", "1", "--workers", "1",
                             "--jobs.resample", "none",
                             "--vary", "placement=fgd,best-fit")  # fmt: skip
    assert (code, err) == (0, "")
    assert "\n1 of 2 jobs rejected in every run\n" in out


def test_what_a_comparison_takes_for_granted_is_told(bayplan: Bayplan) -> None:
    flags = ("compare", "--jobs.synthetic.count", "9", "--seeds", "1", "--workers", "1", "--vary")
    _, out, _ = bayplan(*flags, "cluster.gpu=A100-80GB,T4")
    assert "no speeds given" in out
    _, out, _ = bayplan(*flags, "sharing=none,mps", "--cluster.gpu", "A100-80GB")
    assert "none models no interference" in out
    assert "no speeds given" not in out


def test_the_documented_jobs_grow_and_shrink_as_it_is_told(bayplan: Bayplan, folder: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "simulate.md"
    section = page.read_text(encoding="utf-8").split("## Jobs that grow and shrink\n")[1]
    jobs, log = (part.split("```")[0] for part in section.split("```csv\n")[1:3])
    (folder / "jobs.csv").write_text(jobs)
    (folder / "elastic.toml").write_text(section.split("```toml\n")[1].split("```")[0])
    group = '[[nodes]]\nname = "gpu"\ngpus = 8\ngpu_model = "A100-80GB"\n'
    (folder / "cluster.toml").write_text(group)
    code, out, err = bayplan("simulate", "elastic.toml", "--out", "run")
    assert (code, err) == (0, "")
    assert (folder / "run" / "log.csv").read_text() == log
    assert re.search(r"resizes +4 times", out)
    found = pl.read_parquet(folder / "run" / "jobs.parquet")
    assert found["resizes"].to_list() == [1, 3, 0]
    assert found["max_pods"].to_list() == [8, 8, 0]
    _, out, _ = bayplan("compare", "elastic.toml", "--seeds", "1", "--workers", "1",
                        "--jobs.resample", "none", "--metrics", "jct_mean_s,makespan_s",
                        "--vary", f"policy.elasticity={','.join(POLICIES)}")  # fmt: skip
    shown = [row.replace("*", "").split() for row in out.splitlines() if row.strip()]
    for line in section.split("|---|---|---|---|---|---|\n")[1].splitlines()[:4]:
        names, jct, makespan, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        for name in names.replace("`", "").split(", "):
            assert [name, jct, makespan] in shown


def test_runs_without_elastic_jobs_say_nothing_of_them(bayplan: Bayplan, folder: Path) -> None:
    code, out, _ = bayplan("simulate", *SMALL, "--out", "run")
    assert code == 0
    assert "resizes" not in out
    found = pl.read_parquet(folder / "run" / "jobs.parquet")
    assert not {"min_pods", "max_pods", "resizes"} & set(found.columns)


def test_elastic_jobs_beside_reservations_are_refused(refused: Callable[..., str]) -> None:
    said = refused("simulate", *SMALL, "--policy.elasticity", "idle", "--policy.backfill", "easy",
                   "--out", "run")  # fmt: skip
    assert "policy.backfill: reservations do not hold beside policy.elasticity 'idle'" in said


SERVICES = """\
[classes.fast]
target_s = 1

[[services]]
name = "web"
class = "fast"
rate_per_s = 3
until_s = 600
per_s = 10
gpu_milli = 500
most = 4
"""


def test_services_run_beside_jobs_or_alone(bayplan: Bayplan, folder: Path) -> None:
    (folder / "services.toml").write_text(SERVICES)
    alone = ("--cluster.file", "nodes.csv", "--jobs.file", "none")
    for flags, jobs in ((SMALL, 40), (alone, 0)):
        code, out, err = bayplan("simulate", *flags, "--services.file", "services.toml",
                                 "--out", "run", "--services.end", "series")  # fmt: skip
        assert (code, err) == (0, "")
        assert out.startswith(f"{jobs} jobs: ")
        assert " web " in out.partition("Services: requests")[2]
        assert all(len(line) <= 80 for line in out.splitlines())
        assert listing(folder / "run") == WRITTEN | {"services.parquet"}


def test_a_services_file_that_is_wrong_is_told_in_one_line(bayplan: Bayplan, folder: Path) -> None:
    (folder / "services.toml").write_text(SERVICES.replace("most", "mots"))
    code, out, err = bayplan("simulate", *SMALL, "--set", "services=services.toml", "--out", "run")
    assert (code, out) == (2, "")
    assert err == (
        "bayplan: services.file: services.toml: [[services]] 1: there is no key 'mots'; did you"
        " mean 'most'?; and 1 more: `bayplan scenario check` lists them\n"
    )
    assert not (folder / "run").exists()
