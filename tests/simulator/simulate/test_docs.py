"""The page about simulations: its example runs and prints what it says, its tables are whole."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.ordering import ENTRY_POINTS as ORDERINGS
from bayplan.scheduler.types import Node
from bayplan.simulator.core.deferral import DEFERRALS
from bayplan.simulator.core.detectors import DETECTORS
from bayplan.simulator.core.elastic.policies import ELASTICITY
from bayplan.simulator.core.partitioning import PARTITIONERS
from bayplan.simulator.core.passes import PASSES
from bayplan.simulator.core.progress import PROGRESS
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.triggers import TRIGGERS
from bayplan.simulator.metrics import summarise
from bayplan.simulator.scenario.conflicts import conflicts, idle
from bayplan.simulator.scenario.reading import scenario_of
from bayplan.simulator.scenario.ready import made_ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.startup import startup_of
from bayplan.simulator.simulate.running import run
from bayplan.traces.jobs import JobTable

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, rest = TEXT.partition("```python\n")[2].partition("```")
    exec(code, {})
    assert capsys.readouterr().out == rest.partition("```text\n")[2].partition("```")[0]


def test_the_example_of_start_ups_takes_what_the_page_says() -> None:
    content = tomllib.loads(TEXT.partition("```toml\n# start.toml\n")[2].partition("```")[0])
    scenario, problems = scenario_of(content)
    assert (problems, list(conflicts(scenario)), list(idle(scenario))) == ([], [], [])
    jobs = JobTable.of(
        name=["first", "next"], arrival_s=[0.0, 1000.0], work_s=[10.0, 10.0], gpu_count=[1, 1],
        job_type=["chat", "chat"],
    )  # fmt: skip
    node = Node("n", 1000, 1000, 1, "A100-80GB", 81_920)
    outcome = Simulation([node], jobs, Settings(startup=startup_of(scenario))).run()
    found = outcome.jobs.startup_s
    assert found is not None
    assert found.tolist() == [143.0, 3.0]
    assert "is ready after\n9,000 / 100 + 3 + 15,000 / 300 = 143 s, and the next one there" in TEXT


def test_the_page_names_every_group_of_entry_points() -> None:
    named = re.findall(r"^\| `(bayplan\.\w+)`", TEXT, re.MULTILINE)
    registries = (PASSES, PROGRESS, TRIGGERS, PARTITIONERS, DEFERRALS, DETECTORS, ELASTICITY)
    assert set(named) == {"bayplan.policies", ORDERINGS, *(each.group for each in registries)}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(settings["project"]["entry-points"]) == set(named)


def test_the_page_names_what_may_be_chosen() -> None:
    for registry in (
        PASSES, PROGRESS, TRIGGERS, PARTITIONERS, DEFERRALS, DETECTORS, ELASTICITY,
    ):  # fmt: skip
        for name in registry.names():
            assert f"`{name}`" in TEXT


GPU_NODES = """
[[nodes]]
name = "gpu"
count = 16
gpus = 8
gpu_model = "H100-80GB-SXM"
mtbf_h = 6000
mttr_h = 2
gpu_mtbf_h = 2000
gpu_slow_mtbf_h = 2000
gpu_slow_factor = 0.6
gpu_slow_h = 100
"""


@pytest.mark.parametrize(
    ("row", "keys"),
    [
        ("as it is", {}),
        (
            "both",
            {
                "interruptions__checkpoint": "daly",
                "interruptions__checkpoint_s": 0.0,
                "stragglers__detector": "progress",
                "stragglers__on_detection": "restart",
            },
        ),
    ],
)
def test_the_faults_of_gpus_come_to_what_the_page_says(
    row: str, keys: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text(GPU_NODES)
    (tmp_path / "jobs.csv").write_text("name,work_s,gpu_count,pods\npretrain,2592000,8,14\n")
    for line in GPU_NODES.split():
        assert line in TEXT
    given: dict[str, Any] = {
        "cluster__file": str(tmp_path / "c.toml"),
        "jobs__file": str(tmp_path / "jobs.csv"),
        "interruptions__checkpoint_s": 3600.0,
        "interruptions__save_s": 60.0,
        "interruptions__restart_s": 600.0,
    }
    ready = made_ready(Scenario().of(**(given | keys)))
    found = summarise(run(ready)[0], ready.jobs)
    cells = (
        f"{found['makespan_s'] / 86_400:.1f} d",
        f"{found['work_lost_s']:,.0f} s",
        f"{found['overhead_s']:,.0f} s",
        f"{found['alarms']:.0f}",
        f"{found['effective_time_pct']:.2f} %",
    )
    assert f"| {' | '.join((row, *cells))} |" in TEXT
