"""Services through the command: the page's example, files, what is told, what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

import bayplan
from bayplan.scheduler.errors import InputError
from bayplan.simulator.metrics import BY_KEY
from bayplan.simulator.report import page, read_run
from bayplan.simulator.simulate.command import Options, simulate

PAGE = Path(__file__).parents[3] / "docs" / "services.md"
TEXT = PAGE.read_text(encoding="utf-8")

SCENARIO = """\
[jobs]
file = "none"

[services]
file = "services.toml"
"""
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


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder / "my.toml"


def run(scenario: Path, **settings: str) -> int:
    out = scenario.parent / "run"
    pairs = [(name.replace("__", "."), value) for name, value in settings.items()]
    return simulate(Options(scenario, pairs, out))


def test_the_example_says_what_the_page_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    cluster, services, my = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    scenario = files(tmp_path, cluster=cluster, services=services, my=my)
    assert run(scenario, policy__preemption="priority") == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    said = TEXT.partition("```text\n")[2].partition("```")[0].splitlines()
    first = lines.index(said[0])
    assert lines[first : first + len(said)] == said
    assert all(len(line) <= 80 for line in lines[first : first + len(said)])


def test_a_folder_has_what_became_of_services(tmp_path: Path) -> None:
    scenario = files(tmp_path, my=SCENARIO, services=SERVICES)
    assert run(scenario) == 0
    report = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    (web,) = report["services"]
    assert (web["name"], web["offered"], web["served"]) == ("web", 1800.0, 1800.0)
    assert report["summary"]["requests"] == 1800.0
    assert report["summary"]["jobs"] == 0
    assert report["summary"]["requests_in_time_pct"] == pytest.approx(web["in_time_pct"])
    series = pl.read_parquet(tmp_path / "run" / "services.parquet")
    assert series["service"].to_list() == ["web"] * 40
    assert series["time_s"].to_list() == [15.0 * k for k in range(1, 41)]
    assert series["offered_per_s"].to_list() == pytest.approx([3.0] * 40)
    stints = pl.read_parquet(tmp_path / "run" / "stints.parquet")
    assert stints.select("job", "milli", "start_s", "end_s").rows() == [("web-0", 500, 0.0, 600.0)]
    report_page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert report_page.count('<figure class="plot" id="service-') == 1
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert run(scenario) == 0
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}


def test_runs_side_by_side_show_what_was_in_time(tmp_path: Path) -> None:
    names = []
    for name, services in (("a", SERVICES), ("b", SERVICES.replace("per_s = 10", "per_s = 4"))):
        folder = tmp_path / name
        folder.mkdir()
        assert run(files(folder, my=SCENARIO, services=services)) == 0
        names.append(folder / "run")
    text = page([read_run(folder, folder.parent.name) for folder in names])
    assert "Service web: in time" in text
    assert text.count('id="service-0"') == 1


def test_python_has_the_same(tmp_path: Path) -> None:
    found = bayplan.simulate(files(tmp_path, my=SCENARIO, services=SERVICES))
    assert found.services.select("name", "offered").rows() == [("web", 1800.0)]
    assert found.service_series.height == 40
    assert "Services: requests" in str(found)
    without = bayplan.simulate(files(tmp_path, my="[jobs]\nlimit = 5\n"))
    assert (without.services.height, without.service_series.height) == (0, 0)


def test_without_services_nothing_is_written_of_them(tmp_path: Path) -> None:
    scenario = files(tmp_path, my="[jobs]\nlimit = 20\n")
    assert run(scenario) == 0
    assert not (tmp_path / "run" / "services.parquet").exists()
    report = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert "services" not in report
    of_services = [key for key, metric in BY_KEY.items() if metric.group == "Services"]
    assert len(of_services) == 7
    assert {report["summary"][key] for key in of_services} == {None}


@pytest.mark.parametrize(
    ("my", "services", "said"),
    [
        (SCENARIO, SERVICES + "bad = 1\n", "services.file: .*there is no key 'bad'"),
        (SCENARIO, SERVICES.replace("until_s = 600\n", ""), "no service ever ends"),
        ('[jobs]\nfile = "none"\n', SERVICES, "jobs.file: there are no jobs and no services"),
        ('[services]\nend = "series"\n', SERVICES, "services.end: it says nothing without"),
        (
            '[jobs.synthetic]\ncount = 2\n[services]\nfile = "services.toml"\n',
            SERVICES.replace('"web"', '"job"').replace("most = 4", "most = 3"),
            "'job-1' is the name of a replica and of a job",
        ),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    tmp_path: Path, my: str, services: str, said: str
) -> None:
    scenario = files(tmp_path, my=my, services=services)
    with pytest.raises(InputError, match=said):
        run(scenario)
    assert not (tmp_path / "run").exists()


def test_a_replica_that_fits_nowhere_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = files(tmp_path, my=SCENARIO, services=SERVICES + 'gpu_models = "B200"\n')
    assert run(scenario) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "service web: a replica fits no node even of the empty cluster (no GPU of an" in said


def test_the_keys_of_the_page_are_what_the_generator_writes() -> None:
    from bayplan.traces.services.keys import markdown

    assert TEXT.endswith(f"Written by `make docs`.\n\n{markdown()}")
