"""Scenarios as objects: files, tables, keys one by one, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import bayplan
from bayplan.scheduler.errors import InputError

NODES = "name,cpu_milli,memory_mib,gpu_count,gpu_model\nn1,8000,9000,2,A\n"


def test_a_scenario_does_not_change() -> None:
    before = bayplan.Scenario()
    after = before.set("placement", "fgd").set("policy.strict", True).set("run.until_s", 5)
    assert (before["placement"], before["policy.strict"]) == ("best-fit", False)
    assert (after["policy.placement"], after["strict"], after["until_s"]) == ("fgd", True, 5.0)
    assert after.set("placement", "best-fit")["placement"] == "best-fit"


def test_tables_are_set_as_objects_or_texts() -> None:
    for value in ({"T4": 0.5}, "{T4 = 0.5}"):
        assert bayplan.Scenario().set("speeds.by_model", value)["by_model"] == {"T4": 0.5}
    mix = [{"weight": 2, "gpu_count": 1}, {"gpu_count": 8, "pods": 2}]
    assert [row["gpu_count"] for row in bayplan.Scenario().set("mix", mix)["mix"]] == [1, 8]


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "s.toml").write_text('[cluster]\nfile = "nodes.csv"\n[jobs]\nlimit = 3\n')
    scenario = bayplan.Scenario.from_file(tmp_path / "s.toml")
    assert scenario["cluster.file"] == str(tmp_path / "nodes.csv")
    assert scenario.check() == []
    assert scenario.set("cluster.file", tmp_path / "no.csv").check() != []


def test_tables_are_what_a_file_says() -> None:
    tables = {"policy": {"placement": "fgd"}, "jobs": {"synthetic": {"count": 7}}}
    scenario = bayplan.Scenario.from_dict(tables)
    assert (scenario["placement"], scenario["count"]) == ("fgd", 7)


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    scenario = bayplan.Scenario().set("ordering", "las").set("count", 7)
    scenario.save(tmp_path / "s.toml")
    assert bayplan.Scenario(tmp_path / "s.toml").to_toml() == scenario.to_toml()


def test_a_saved_scenario_names_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nodes.csv").write_text(NODES)
    Path("sub").mkdir()
    bayplan.Scenario().set("cluster", "nodes.csv").save("sub/s.toml")
    assert 'file = "../nodes.csv"' in Path("sub/s.toml").read_text()
    assert bayplan.Scenario("sub/s.toml").check() == []


def test_a_scenario_says_how_it_is_made() -> None:
    scenario = bayplan.Scenario({"policy": {"placement": "fgd"}}).set("until_s", 5)
    again = eval(repr(scenario), {"bayplan": bayplan})
    assert again.to_toml() == scenario.to_toml()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("placment", "fgd", "placment: there is no such key; did you mean 'placement'?"),
        ("sharing", "mig", "sharing.mode: there is no 'mig'; did you mean"),
        ("jobs.limit", 0, "jobs.limit: 0 is outside 1 to 10,000,000; write a value in that range"),
        ("jobs.limit", None, "jobs.limit: None is of a type that no key has; give a text"),
        ("policy.strict", "maybe", "policy.strict: 'maybe' is not true or false"),
    ],
)
def test_a_value_that_a_key_cannot_have_is_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        bayplan.Scenario().set(key, value)
    assert str(caught.value).startswith(said)


def test_a_check_tells_everything(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[run]\nseed = -1\nx = 3\n")
    scenario = bayplan.Scenario(tmp_path / "s.toml").set("placement", "fdg")
    scenario = scenario.set("round_s", 3).set("jobs.file", "missing.csv")
    told = scenario.check()
    assert len(told) == 5
    with pytest.raises(InputError, match=r"run\.x: there is no such key.*and 1 more"):
        bayplan.simulate(scenario)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        bayplan.Scenario(tmp_path / "s.toml")
