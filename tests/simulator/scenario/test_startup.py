"""What a scenario says of starts: None where it says nothing, and errors that name the key."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.startup.types import Startup, Wants
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.doubts import doubts
from bayplan.simulator.scenario.reading import scenario_of
from bayplan.simulator.scenario.ready import made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.startup import startup_of


def read(**startup: Any) -> Scenario:
    scenario, problems = scenario_of({"startup": startup})
    assert problems == []
    return scenario


def test_nothing_stated_takes_no_time() -> None:
    assert startup_of(Scenario()) is None
    assert startup_of(read(node_mib_per_s=5)) is None


def test_what_is_left_out_is_as_in_the_core() -> None:
    assert startup_of(read(container_s=3)) == Startup(container_s=3.0)


def test_everything_stated_arrives() -> None:
    scenario = read(
        images={"pytorch:2": 20_000.2, "vllm": 9_000},
        models={"llama": 140_000},
        types={"serve": {"image": "vllm", "model": "llama"}, "none": {}},
        image="pytorch:2", container_s=3, lazy_part=0.2, cache_mib=400_000, node_mib_per_s=1_200,
        registry_mib_per_s=150, store_mib_per_s=300, local_mib_per_s=6_000, model_cache="rack",
        shared_mib_per_s=3_000,
    )  # fmt: skip
    assert startup_of(scenario) == Startup(
        images={"pytorch:2": 20_001, "vllm": 9_000},
        models={"llama": 140_000},
        types={"serve": Wants("vllm", "llama"), "none": Wants()},
        default=Wants("pytorch:2"),
        container_s=3.0, lazy_part=0.2, cache_mib=400_000.0, node_mib_per_s=1_200.0,
        registry_mib_per_s=150.0, store_mib_per_s=300.0, local_mib_per_s=6_000.0,
        model_cache="rack", shared_mib_per_s=3_000.0,
    )  # fmt: skip
    assert not list(conflicts(scenario))
    assert not list(idle(scenario))
    settings = made_ready(scenario).settings
    assert settings.startup == startup_of(scenario)
    assert math.isinf(Startup().node_mib_per_s)


@pytest.mark.parametrize(
    ("startup", "line"),
    [
        ({"image": "vllm"}, "startup.image: there is no image 'vllm' in startup.images;"
         " state it in [startup] as images = {vllm = MiB}"),
        ({"images": {"vllm": 9}, "types": {"s": {"image": "vlm"}}},
         "startup.types.s.image: there is no image 'vlm' in startup.images; did you mean 'vllm'?"),
        ({"models": {"llama": 9}, "types": {"s": {"model": "lama"}}},
         "startup.types.s.model: there is no model 'lama' in startup.models; did you mean"
         " 'llama'?"),
        ({"images": {"a": 9}, "models": {"a": 9}},
         "startup.models: 'a' is an image too; rename one of them"),
    ],
)  # fmt: skip
def test_a_name_without_a_size_is_an_error_at_its_key(startup: Any, line: str) -> None:
    with pytest.raises(InputError) as error:
        startup_of(read(**startup))
    assert str(error.value) == line
    assert [str(each) for each in conflicts(read(**startup))] == [line]


@pytest.mark.parametrize(
    ("startup", "key", "where"),
    [
        ({"lazy_part": 0.5}, "lazy_part", "without startup.images"),
        ({"registry_mib_per_s": 5}, "registry_mib_per_s", "without startup.images"),
        ({"model_cache": "rack"}, "model_cache", "without startup.models"),
        ({"store_mib_per_s": 5}, "store_mib_per_s", "without startup.models"),
        ({"local_mib_per_s": 5}, "local_mib_per_s", "without startup.models"),
        ({"models": {"a": 1}, "shared_mib_per_s": 5}, "shared_mib_per_s",
         "without a startup.model_cache"),
    ],
)  # fmt: skip
def test_a_key_that_says_nothing_is_told(startup: Any, key: str, where: str) -> None:
    (found,) = idle(read(**startup))
    assert found[0] == f"startup.{key}"
    assert str(found[1]).startswith(f"startup.{key}: it says nothing {where}; ")


def test_types_that_no_job_has_and_a_policy_without_images_are_told() -> None:
    mixed = Scenario().of(policy__placement="0.5*image-locality+0.5*best-fit")
    assert list(doubts(made_ready(mixed))) == [
        "policy.placement: image-locality tells no nodes apart, as nobody needs an image; see"
        " [startup]"
    ]
    synthetic = {"count": 3, "mix": [{"job_type": "train"}]}
    startup = {"images": {"i": 1}, "types": {"trian": {"image": "i"}, "train": {"image": "i"}}}
    scenario, problems = scenario_of({"jobs": {"synthetic": synthetic}, "startup": startup})
    assert problems == []
    assert list(doubts(made_ready(scenario.of(policy__placement="image-locality")))) == [
        "startup.types: no job or service is of type 'trian'; did you mean 'train'?"
    ]


def test_types_of_services_are_types_too(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[classes.c]\ntarget_s = 1\n[[services]]\nname = "s"\nclass = "c"\nrate_per_s = 1\n'
        'per_s = 2\nmost = 1\njob_type = "llm"\n'
    )
    startup = {"models": {"m": 1}, "types": {"llm": {"model": "m"}}}
    file = str(tmp_path / "s.toml")
    scenario, problems = scenario_of({"startup": startup, "services": {"file": file}})
    assert problems == []
    assert list(doubts(made_ready(scenario))) == []
