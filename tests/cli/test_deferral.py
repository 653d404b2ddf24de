"""Jobs that wait for better hours, on the built-in trace and the built-in week."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from .support import Bayplan

PAGE = Path(__file__).parents[2] / "docs" / "simulate.md"
START = "bayplan compare --energy.measure --energy.co2_g_per_kwh builtin"


def test_carbon_falls_without_a_missed_deadline_as_the_page_says(bayplan: Bayplan) -> None:
    text = PAGE.read_text(encoding="utf-8")
    command, _, rest = (START + text.partition(START)[2]).partition("\n```")
    program, *flags = shlex.split(command.replace("\\\n", " "))
    assert program == "bayplan"
    code, out, _ = bayplan(*flags, "--workers", "1", "--json", "runs.json")
    assert code == 0
    printed = rest.partition("prints\n\n```\n")[2].partition("```")[0]
    lines = [line.rstrip() for line in out.splitlines()]
    for line in printed.splitlines():
        assert line.rstrip() in lines
    runs = json.loads(Path("runs.json").read_text())["runs"]
    none, carbon = (run["summary"] for run in runs)
    assert carbon["co2_jobs_kg"] < 0.7 * none["co2_jobs_kg"]
    assert carbon["co2_kg"] < none["co2_kg"]
    assert carbon["deadline_misses"] == none["deadline_misses"] == 0
    assert none["deferred"] is None
    # What it costs: all that was held back is in the waits.
    assert carbon["deferred"] > 200
    held_s = carbon["deferred"] * carbon["deferral_mean_s"]
    assert carbon["wait_mean_s"] * carbon["jobs"] >= held_s > 0
    assert carbon["deferral_max_s"] <= 12 * 3600


def test_the_cheapest_hours_cost_less(bayplan: Bayplan) -> None:
    flags = ("--energy.measure", "--energy.price_per_kwh", "builtin", "--deferral.slack_h", "12")
    assert bayplan("compare", *flags, "--jobs.resample", "none", "--vary",
                   "deferral=none,cheapest", "--seeds", "1", "--workers", "1", "--json",
                   "runs.json")[0] == 0  # fmt: skip
    none, cheapest = (run["summary"] for run in json.loads(Path("runs.json").read_text())["runs"])
    assert cheapest["energy_cost_jobs"] < 0.8 * none["energy_cost_jobs"]
    assert cheapest["energy_cost"] < none["energy_cost"]
    assert cheapest["deadline_misses"] == 0


def test_the_summary_says_how_long_jobs_were_held_back(bayplan: Bayplan, folder: Path) -> None:
    (folder / "co2.csv").write_text("hour,g_per_kwh\n0,400\n1,400\n2,100\n")
    flags = ("--cluster.file", "nodes.csv", "--jobs.synthetic.count", "20", "--energy.measure",
             "--jobs.synthetic.load", "0.3", "--energy.co2_file", "co2.csv",
             "--deferral.slack_h", "6", "--deferral.headroom", "0",
             "--policy.deferral", "carbon", "--run.log")  # fmt: skip
    for name in ("a", "b"):
        code, out, _ = bayplan("simulate", *flags, "--out", name)
        assert code == 0
    assert "held back, longest" in out
    assert "CO2 of jobs" in out
    log = (folder / "a" / "log.csv").read_text()
    assert log.count(",defer,") == log.count(",release,") > 0
    for file in ("log.csv", "jobs.parquet", "timeseries.parquet", "summary.json"):
        assert (folder / "a" / file).read_bytes() == (folder / "b" / file).read_bytes()


# Flags, and the one line that they get.
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--policy.deferral", "carbn"],
         "policy.deferral: there is no deferral 'carbn'; did you mean 'carbon'?"),
        (["--policy.deferral", "carbon"],
         "policy.deferral: carbon goes by the carbon intensity of the electricity; set"
         " energy.measure = true, and energy.co2_g_per_kwh or energy.co2_file"),
        (["--energy.measure", "--energy.co2_file", "co2.csv"],
         "energy.co2_file: co2.csv:3: hour 0 is there twice; keep one"),
        (["--energy.measure", "--energy.co2_g_per_kwh", "bulitin"],
         "energy.co2_g_per_kwh: hour 1 is 'bulitin'; write numbers from 0 to 10,000, or builtin"),
        (["--energy.measure", "--energy.price_file", "missing.csv"],
         "energy.price_file: missing.csv: no such file; check the path"),
        (["--deferral.slack_h", "1", "--deferral.jobs", "nobody"],
         "deferral.jobs: no job is of a type or queue 'nobody'; "),
        (["--deferral.headroom", "0.2"],
         "deferral.headroom: it says nothing without policy.deferral; set that, or leave it out"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    refused: Callable[..., str], folder: Path, flags: list[str], said: str
) -> None:
    (folder / "co2.csv").write_text("hour,g_per_kwh\n0,1\n0,2\n")
    assert said in refused("simulate", *flags)
