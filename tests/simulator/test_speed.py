"""What ``show_speed`` prints and refuses: the tenants, the calibration file, the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.speed import JOB_CLASSES
from bayplan.simulator.speed.calibration import DEFAULTS, read_calibration
from bayplan.simulator.speed.command import show_speed


def refused(*arguments: Any, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        show_speed(*arguments, **more)
    line = str(caught.value)
    assert "\n" not in line
    return line


def shown(
    capsys: pytest.CaptureFixture[str], mode: str, jobs: str, calibration: Path | None = None
) -> dict[str, Any]:
    show_speed(mode, jobs, calibration, json=True)
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- what is printed ---------------------------------------------------------------------------


def test_the_table_is_80_columns_wide_and_says_who_runs_how_fast(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_speed("mig", "heavy:1g.10gb,medium:3g.40gb,yolos:2g.20gb")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines if "g." in line and "MiB" not in line] == [
        ["heavy", "1g.10gb", "9,694", "5.80", "17.2", "%"],
        ["medium", "3g.40gb", "6,227", "1.49", "67.2", "%"],
        ["yolos", "2g.20gb", "?", "2.23", "44.9", "%"],
    ]
    text = " ".join(" ".join(lines).split())
    assert "together 1.29 × the work of one GPU that runs one job alone" in text
    assert (
        "memory does not fit: 10,094 MiB (400 MiB for each context) on 1g.10gb with 9,856 MiB"
    ) in text
    assert "memory is not known of yolos" in text


def test_the_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    result = shown(capsys, "mps", "yolos:50%,heavy")
    assert list(result) == [
        "schema",
        "mode",
        "product",
        "jobs",
        "aggregate_speed",
        "context_mib",
        "memory",
    ]
    assert result["schema"] == "bayplan.speed/1"
    assert [(job["job"], job["share"], job["compute_share"]) for job in result["jobs"]] == [
        ("yolos", "50%", 0.5),
        ("heavy", "100%", 1.0),
    ]
    for job in result["jobs"]:
        assert job["speed"] == pytest.approx(1 / job["slowdown"])
    assert result["aggregate_speed"] == pytest.approx(sum(job["speed"] for job in result["jobs"]))


@pytest.mark.parametrize(
    ("mode", "jobs", "fits"),
    [
        ("timeslice", "heavy,heavy", [True]),
        ("timeslice", ",".join(["heavy"] * 9), [False]),
        ("timeslice", "heavy,yolos", [None]),
        ("timeslice", ",".join(["heavy"] * 9 + ["yolos"]), [False]),
        ("exclusive", ",".join(["heavy"] * 9), [True] * 9),
        ("mig", "light:1g.10gb,heavy:1g.10gb", [True, False]),
        ("mig", "light+light:1g.10gb", [False]),
    ],
)
def test_memory_is_that_of_the_gpu_or_of_the_instance(
    mode: str, jobs: str, fits: list[bool | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [pool["fits"] for pool in shown(capsys, mode, jobs)["memory"]] == fits


def test_what_fits_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    show_speed("exclusive", "light,light")
    assert capsys.readouterr().out.count("memory fits") == 1
    show_speed("mig", "heavy:1g.10gb,heavy:1g.10gb")
    assert capsys.readouterr().out.count("does not fit") == 1


def test_jobs_of_one_instance_share_it_by_mps(capsys: pytest.CaptureFixture[str]) -> None:
    apart = shown(capsys, "mig", "light:3g.40gb,light:3g.40gb")["jobs"]
    together = shown(capsys, "mig", "light+light:3g.40gb")["jobs"]
    assert [job["pool"] for job in together] == [0, 0]
    assert together[0]["slowdown"] > apart[0]["slowdown"]


def test_blanks_between_jobs_do_not_matter(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "mps", " yolos : 50% , heavy ") == shown(capsys, "mps", "yolos:50%,heavy")


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "jobs", "line"),
    [
        ("mgi", "heavy", "no sharing mode 'mgi'; did you mean mig?"),
        ("mps", "heavi", "--jobs: no job class 'heavi'; did you mean heavy?"),
        ("mps", "heavy:101%",
         "--jobs 'heavy:101%': 101% is outside 0% to 100%; give each job more than 0% and at"
         " most 100%"),
        ("hami", "heavy:0%",
         "--jobs 'heavy:0%': 0% is outside 0% to 100%; give each job more than 0% and at"
         " most 100%"),
        ("mps", "heavy:-1%",
         "--jobs 'heavy:-1%': '-1%' is no percentage; mps takes one, such as 50%"),
        ("mps", "heavy:1g.10gb",
         "--jobs 'heavy:1g.10gb': '1g.10gb' is no percentage; mps takes one, such as 50%"),
        ("mps", "heavy:", "--jobs 'heavy:': nothing after the colon; write a share"),
        ("timeslice", "heavy:50%",
         "--jobs 'heavy:50%': timeslice has no shares; leave out what follows the colon"),
        ("mig", "heavy", "--jobs 'heavy': no MIG profile; write heavy:1g.10gb"),
        ("mig", "heavy:50%", "--jobs 'heavy:50%': no MIG profile; write heavy:1g.10gb"),
        ("mig", ",".join(["light:1g.10gb"] * 8),
         "the instances need 8 compute slices, A100-80GB has 7; name fewer or smaller ones"),
        ("mig", "light:3g.40gb,light:3g.40gb,light:1g.10gb",
         "the instances need 9 memory slices, A100-80GB has 8; name fewer or smaller ones"),
        ("mig", "light:1g.10gb+me,light:1g.10gb+me",
         "2 instances of 1g.10gb+me, A100-80GB has at most 1; name fewer"),
        ("mig", "light:4g.40gb,light:2g.20gb,light:1g.10gb,light:",
         "--jobs 'light:': nothing after the colon; write a share"),
        ("mps", ",".join(["light"] * 1001), "--jobs names 1001 jobs; name up to 1000"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_line(mode: str, jobs: str, line: str) -> None:
    assert refused(mode, jobs) == line


@pytest.mark.parametrize("jobs", ["", "heavy,", "heavy,,light", ":50%"])
def test_a_job_without_a_name_is_refused_with_the_classes(jobs: str) -> None:
    line = refused("mps", jobs)
    assert line == f"--jobs: a job without a name; known are {', '.join(JOB_CLASSES)}"


def test_an_unknown_product_or_profile_is_refused() -> None:
    assert "V999" in refused("mps", "heavy", product="V999")
    assert "no MIG profile '1g.99gb'" in refused("mig", "heavy:1g.99gb")
    assert refused("mig", "heavy:1g.5gb", product="T4") == (
        "T4 has no MIG; name another --gpu or --mode"
    )


# --- the calibration file ----------------------------------------------------------------------

TOML = """
[settings]
switch_cost = 0.2

[jobs.heavy]
busy = 1

[jobs.ranker]
like = "heavy"
pm = 0.1

[jobs.own]
memory_mib = 100
"""


def test_a_calibration_takes_the_place_of_the_defaults(folder: Path) -> None:
    (folder / "mine.toml").write_text(TOML)
    found = read_calibration("mine.toml")
    assert found.settings.switch_cost == 0.2
    assert found.settings.cache == DEFAULTS.settings.cache
    assert found.jobs["heavy"].busy == 1
    assert found.jobs["heavy"].pc == JOB_CLASSES["heavy"].pc
    assert (found.jobs["ranker"].busy, found.jobs["ranker"].pm) == (1, 0.1)
    assert (found.jobs["own"].busy, found.jobs["own"].memory_mib) == (1.0, 100)
    assert {name: found.jobs[name] for name in JOB_CLASSES if name != "heavy"} == {
        name: demand for name, demand in JOB_CLASSES.items() if name != "heavy"
    }


def test_toml_and_json_say_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.toml").write_text(TOML)
    content = {
        "settings": {"switch_cost": 0.2},
        "jobs": {
            "heavy": {"busy": 1},
            "ranker": {"like": "heavy", "pm": 0.1},
            "own": {"memory_mib": 100},
        },
    }
    (folder / "mine.json").write_text(json.dumps(content))
    assert read_calibration("mine.json") == read_calibration("mine.toml")
    result = shown(capsys, "timeslice", "own,own", Path("mine.json"))
    assert [job["slowdown"] for job in result["jobs"]] == pytest.approx([2.4, 2.4])


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("c.toml", "[setings]", "c.toml: no key 'setings'; did you mean settings?"),
        ("c.toml", "settings = 1",
         "c.toml: settings is 1, not a table; write [settings] and keys below it"),
        ("c.toml", "[settings]\nswitch_costs = 0",
         "c.toml: settings: no key 'switch_costs'; did you mean switch_cost?"),
        ("c.toml", "[settings]\ncache = 'x'",
         "c.toml: settings: cache is 'x', not a number; write a number from 0 to 0.15"),
        ("c.toml", "[settings]\ncache = nan",
         "c.toml: settings: cache is nan, outside 0 to 0.15; write a value in that range"),
        ("c.toml", "[settings]\ncache = true",
         "c.toml: settings: cache is True, not a number; write a number from 0 to 0.15"),
        ("c.toml", "[jobs.a]\nbuzy = 1", "c.toml: jobs.a: no key 'buzy'; did you mean busy?"),
        ("c.toml", "[jobs.a]\nbusy = 2",
         "c.toml: jobs.a: busy is 2, outside 0 to 1; write a value in that range"),
        ("c.toml", "[jobs.a]\nmemory_mib = 2.5",
         "c.toml: jobs.a: memory_mib is 2.5, not a whole number; round it up"),
        ("c.toml", "[jobs.a]\nlike = 'hevy'",
         "c.toml: jobs.a: no job class 'hevy' before it; did you mean heavy?"),
        ("c.toml", "[jobs.a]\nlike = 1",
         "c.toml: jobs.a: no job class 1 before it; name a job class"),
        ("c.toml", "[jobs.'a,b']",
         "c.toml: jobs: no name for a job: 'a,b'; use letters, digits and -"),
        ("c.toml", "[jobs]\na = 1",
         "c.toml: jobs.a is 1, not a table; write [jobs.a] and keys below it"),
        ("c.toml", "\n[settings]\nx x",
         "c.toml:3: no TOML: Expected '=' after a key in a key/value pair; correct the file"),
        ("c.json", "{\n1}",
         "c.json:2: no JSON: Expecting property name enclosed in double quotes;"
         " correct the file"),
        ("c.json", "[]",
         "c.json: the file holds no table of settings and jobs; correct the file"),
        ("c.json", '{"jobs": {}, "jobs": {}}',
         "c.json: cannot be read: 'jobs' stands there twice; correct the file"),
        ("c.json", '{"settings": {"cache": null}}',
         "c.json: settings: cache is None, not a number; write a number from 0 to 0.15"),
    ],
)  # fmt: skip
def test_a_bad_calibration_is_one_line(name: str, content: str, line: str, folder: Path) -> None:
    (folder / name).write_text(content)
    assert refused("mps", "heavy", Path(name)) == line


@pytest.mark.parametrize("name", ["c.toml", "c.json"])
def test_a_calibration_that_is_too_deep_is_one_line(name: str, folder: Path) -> None:
    deep = "[" * 100_000
    (folder / name).write_text(deep if name == "c.json" else f"a = {deep}")
    assert refused("mps", "heavy", Path(name)).startswith(f"{name}: cannot be read: ")


def test_a_missing_calibration_is_one_line(folder: Path) -> None:
    (folder / "mine.toml").write_text("")
    assert refused("mps", "heavy", Path("mien.toml")) == (
        "mien.toml: no such file; did you mean mine.toml?"
    )
