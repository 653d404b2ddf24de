"""The declaration of keys against the parts of the product that it speaks for."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args

import pytest
from cyclopts import Parameter

from bayplan import cli, cli_simulate
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.ordering import BACKFILLS as ENGINE_BACKFILLS
from bayplan.scheduler.speed import JOB_CLASSES, Demand, SpeedSettings
from bayplan.scheduler.speed.jobs import RANGES as DEMAND_RANGES
from bayplan.scheduler.speed.settings import RANGES as SPEED_RANGES
from bayplan.simulator import sharing
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.startup.types import MODEL_CACHES, Startup
from bayplan.simulator.scenario import keys
from bayplan.simulator.scenario.key import Key
from bayplan.simulator.scenario.keys import BY_PATH, KEYS, MAIN, TABLES
from bayplan.simulator.scenario.names import REGISTRIES
from bayplan.simulator.scenario.ready import settings_of
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.speeds import speeds_of
from bayplan.simulator.scenario.values import checked
from bayplan.traces.jobs.schema import MAX_PRIORITY, MIN_PRIORITY


def test_the_defaults_are_those_of_the_core() -> None:
    scenario = Scenario()
    made, core = settings_of(scenario, speeds_of(scenario, {}), None), Settings()
    for field in fields(Settings):
        if field.name not in ("mig", "speeds"):
            assert getattr(made, field.name) == getattr(core, field.name), field.name
    assert made.speeds.sharing == core.speeds.sharing == SpeedSettings()
    assert made.speeds.demands == core.speeds.demands == JOB_CLASSES
    assert made.speeds.default_class == core.speeds.default_class
    assert made.mig == MigRule.MAX_OPTIONS.value  # what the core takes for an empty text


def test_every_setting_of_the_core_can_be_reached() -> None:
    names = {key.name for key in KEYS if key.table in ("policy", "run", "jobs", "sharing")}
    grouped = {"speeds", "interruptions", "stragglers", "locality", "out_of_memory"}
    assert "mig_path" in names
    for field in fields(Settings):
        if field.name == "grid":
            assert "co2_g_per_kwh" in {k.name for k in KEYS if k.table == "energy"}
        elif field.name == "deferring":
            own = {f.name for f in fields(Settings().deferring)}
            assert own <= {k.name for k in KEYS if k.table == "deferral"}
        elif field.name == "startup":
            default = {"default": {"image", "model"}}
            inside = set().union(*(default.get(f.name, {f.name}) for f in fields(Startup)))
            assert {k.name for k in KEYS if k.table == "startup"} == inside
        elif field.name == "await_series":
            assert BY_PATH["services.end"].choices == ("jobs", "series")
        elif field.name == "reconfiguration":
            assert [f.name for f in fields(Settings().reconfiguration)] == ["path"]
        elif field.name in grouped:
            inner = [] if field.name == "speeds" else fields(getattr(Settings(), field.name))
            assert {f.name for f in inner} <= {k.name for k in KEYS if k.table == field.name}
        else:
            assert field.name in names, field.name


def test_ranges_are_those_of_the_speed_models() -> None:
    ours = {k.name: (k.least, k.most) for k in KEYS if k.table == "speeds.sharing"}
    assert ours == SPEED_RANGES
    columns = BY_PATH["speeds.demands"].columns
    assert {k.name: (k.least, k.most) for k in columns if k.name != "like"} == DEMAND_RANGES
    assert {k.name for k in columns} == {"like", *(field.name for field in fields(Demand))}


def test_choices_are_those_of_the_engine() -> None:
    assert (keys.NONE, *sharing.MODES) == keys.MODES
    assert (keys.NONE, *ENGINE_BACKFILLS) == keys.BACKFILLS
    assert set(keys.MIG_RULES) == {rule.value for rule in MigRule}
    assert BY_PATH["sharing.oversubscribe"].most == sharing.MAX_OVERSUBSCRIBE
    assert BY_PATH["startup.model_cache"].choices == MODEL_CACHES


@pytest.mark.parametrize("path", [key.path for key in KEYS if key.names])
def test_the_names_that_are_told_are_those_of_the_registry(path: str) -> None:
    key = BY_PATH[path]
    assert key.names == tuple(REGISTRIES[key.registry]())


def test_priorities_of_synthetic_jobs_are_those_of_the_table() -> None:
    (key,) = (c for c in BY_PATH["jobs.synthetic.mix"].columns if c.name == "priority")
    assert (key.least, key.most, key.range) == (MIN_PRIORITY, MAX_PRIORITY, "-2^31 to 2^31 - 1")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_a_key_is_whole(key: Key) -> None:
    assert key.table in TABLES
    assert key.meaning
    assert key.registry in ("", "product", *REGISTRIES)
    if key.default is not None:
        given = list(key.default) if isinstance(key.default, tuple) else key.default
        assert checked(key, given) == (key.default, [])
    if key.registry in REGISTRIES:
        assert key.default in REGISTRIES[key.registry]()


def test_names_are_unique_and_short_names_lead_to_keys() -> None:
    assert len(BY_PATH) == len(KEYS)
    assert set(MAIN.values()) <= BY_PATH.keys()
    assert not set(MAIN) & BY_PATH.keys()


@pytest.mark.parametrize("command", [cli_simulate.simulate, cli_simulate.compare])
def test_every_key_is_a_flag_and_no_flag_is_more(command: object) -> None:
    assert cli.app  # it gave the commands their flags
    parameters = inspect.signature(command).parameters.values()  # type: ignore[arg-type]
    named = [
        name for p in parameters for about in _about(p.annotation) for name in about.name or ()
    ]
    assert [name for name in named if "." in name] == [f"--{key.path}" for key in KEYS]


def _about(annotation: Any) -> Sequence[Parameter]:
    return [about for about in get_args(annotation) if isinstance(about, Parameter)]
