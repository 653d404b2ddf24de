"""``bayplan speed``: how fast jobs run that share a GPU, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bayplan.scheduler.speed import SHARING_MODES

from .support import Bayplan

GOOD = [
    ("exclusive", "heavy,light"),
    ("mig", "heavy:3g.40gb,light:1g.10gb"),
    ("mig", "heavy+light:3g.40gb"),
    ("mps", "heavy:50%,light"),
    ("timeslice", "heavy,heavy"),
    ("hami", "heavy:25%,medium:75%"),
]


@pytest.mark.parametrize(("mode", "jobs"), GOOD)
def test_jobs_are_shown_with_their_speed(mode: str, jobs: str, bayplan: Bayplan) -> None:
    code, out, err = bayplan("speed", "--mode", mode, "--jobs", jobs)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert f"A100-80GB, {mode}" in out
    code, text, err = bayplan("speed", "--mode", mode, "--jobs", jobs, "--json")
    assert (code, err) == (0, "")
    report = json.loads(text)
    assert (report["schema"], report["mode"]) == ("bayplan.speed/1", mode)
    for job in report["jobs"]:
        assert job["slowdown"] >= 1.0
        assert f"{job['slowdown']:.2f}" in out


def test_every_mode_is_among_those_tested() -> None:
    assert {mode for mode, _ in GOOD} == set(SHARING_MODES)


def test_another_gpu_and_a_calibration_are_used(bayplan: Bayplan) -> None:
    Path("mine.toml").write_text('[jobs.mine]\nlike = "heavy"\nmemory_mib = 70000\n')
    flags = ("--gpu", "H100-80GB-SXM", "--calibration", "mine.toml", "--json")
    code, out, _ = bayplan("speed", "--mode", "timeslice", "--jobs", "mine,heavy", *flags)
    report = json.loads(out)
    assert (code, report["product"]) == (0, "H100-80GB-SXM")
    assert report["jobs"][0]["memory_mib"] == 70_000
    assert report["memory"][0]["capacity_mib"] == 81_559
    assert report["memory"][0]["fits"] is True  # 79,694 and two contexts of 400


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--mode", "mp", "--jobs", "heavy"], "no sharing mode 'mp'; did you mean mps?"),
        (["--mode", "mps", "--jobs", "hevy"],
         "--jobs: no job class 'hevy'; did you mean heavy?"),
        (["--mode", "mps", "--jobs", "heavy:101%"],
         "--jobs 'heavy:101%': 101% is outside 0% to 100%;"
         " give each job more than 0% and at most 100%"),
        (["--mode", "timeslice", "--jobs", "heavy:50%"],
         "--jobs 'heavy:50%': timeslice has no shares; leave out what follows the colon"),
        (["--mode", "mig", "--jobs", "heavy:1g.5gb"],
         "A100-80GB has no MIG profile '1g.5gb', which is one of A100-40GB; it has 1g.10gb,"
         " 1g.10gb+me, 1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb, 7g.80gb"),
        (["--mode", "mig", "--jobs", "heavy"],
         "--jobs 'heavy': no MIG profile; write heavy:1g.10gb"),
        (["--mode", "mps", "--jobs", "heavy", "--calibration", "c.toml"],
         "c.toml: settings: no key 'switch_costs'; did you mean switch_cost?"),
        (["--mode", "mps", "--jobs", "heavy", "--calibration", "d.toml"],
         "d.toml: no such file; did you mean c.toml?"),
        (["--mode", "mps", "--jobs", "heavy", "--gpu", "A100-80G"],
         "no GPU product 'A100-80G' is known; did you mean 'A100-80GB'?"),
        (["--mode", "mps"],
         'Command "speed" parameter --jobs requires an argument; see bayplan speed --help'),
        (["--jobs", "heavy"],
         'Command "speed" parameter --mode requires an argument; see bayplan speed --help'),
    ],
)  # fmt: skip
def test_bad_flags_are_one_line(flags: list[str], line: str, refused: Callable[..., str]) -> None:
    Path("c.toml").write_text("[settings]\nswitch_costs = 1\n")
    assert refused("speed", *flags) == line


def test_mig_on_a_gpu_without_it_is_one_line(refused: Callable[..., str]) -> None:
    line = refused("speed", "--mode", "mig", "--jobs", "heavy:1g.5gb", "--gpu", "T4")
    assert line.startswith("T4 has no MIG; ")
