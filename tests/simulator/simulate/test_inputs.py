from __future__ import annotations

from pathlib import Path

from bayplan.simulator.scenario.keys import FILE_KEYS, KEYS
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.command import inputs_of


def test_every_file_that_a_scenario_names_is_an_input() -> None:
    assert set(FILE_KEYS) == {key.path for key in KEYS if key.kind == "file"}
    named = {key.replace(".", "__"): f"{key}.csv" for key in FILE_KEYS}
    found = inputs_of(Scenario().of(**named), Path("s.toml"))
    assert found == [Path("s.toml"), *(Path(f"{key}.csv") for key in FILE_KEYS)]
    assert Path("cluster.changes.csv") in found


def test_what_is_built_in_is_no_file() -> None:
    assert inputs_of(Scenario(), None) == []
