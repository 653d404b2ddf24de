"""Speeds and demands of a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.speed import JOB_CLASSES, Demand, SpeedSettings
from bayplan.simulator.core.scaling import Scaling
from bayplan.simulator.core.speeds import Speeds
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.values import nearest
from bayplan.traces.columns import Column
from bayplan.traces.files import PathLike
from bayplan.traces.reading import open_csv, read_columns

COLUMNS: tuple[Column, ...] = (
    Column("job_type", "str", "", "what runs", required=True),
    Column("gpu_model", "str", "", "the GPU model", required=True),
    Column(
        "speed", "float64", "", "alone on the whole GPU, over the reference GPU",
        required=True, minimum=0, maximum=10_000,
    ),
)  # fmt: skip
"""Columns of a file of speeds."""


def read_speeds(path: PathLike) -> dict[tuple[str, str], float]:
    """Read a file of speeds: (job type, GPU model) → speed.

    Parameters
    ----------
    path
        A CSV file with the columns of ``COLUMNS``, plain or gzip.

    Raises
    ------
    InputError
        The file cannot be read, a speed is 0, or a pair is there twice.
    """
    file = open_csv(path)
    columns = read_columns(file, COLUMNS)
    speeds: dict[tuple[str, str], float] = {}
    rows = zip(columns["job_type"], columns["gpu_model"], columns["speed"].tolist(), strict=True)
    for record, (job_type, model, speed) in enumerate(rows):
        if not speed > 0:
            raise file.error(f"speed is {speed:g}", "write more than 0", record=record)
        if (job_type, model) in speeds:
            raise file.error(f"{job_type} on {model} is there twice", "keep one", record=record)
        speeds[job_type, model] = speed
    return speeds


def speeds_of(scenario: Scenario, by_type: Mapping[tuple[str, str], float]) -> Speeds:
    """Return the speeds of a scenario.

    Parameters
    ----------
    scenario
        The scenario.
    by_type
        What its file of speeds says.

    Raises
    ------
    InputError
        A job class is not there.
    """
    demands = _demands(scenario)
    default = scenario["speeds.default_class"]
    if default not in demands:
        raise scenario.error(
            "speeds.default_class", f"there is no job class {default!r}", nearest(default, demands)
        )
    return Speeds(
        by_type=by_type,
        by_model=dict(scenario["speeds.by_model"]),
        demands=demands,
        default_class=default,
        sharing=SpeedSettings(**scenario.table("speeds.sharing")),
        scaling=_scaling(scenario),
    )


def _scaling(scenario: Scenario) -> Scaling:
    points: dict[str, list[tuple[int, float]]] = {}
    for row in scenario["speeds.scaling"] or ():
        points.setdefault(row["job_type"], []).append((row["gpus"], row["speed"]))
    try:
        return Scaling(
            {name: tuple(sorted(each)) for name, each in points.items()}, scenario["speeds.serial"]
        )
    except InputError as error:
        raise scenario.error("speeds.scaling", str(error), "") from None


def _demands(scenario: Scenario) -> dict[str, Demand]:
    demands = dict(JOB_CLASSES)
    for name, table in scenario["speeds.demands"].items():
        given = dict(table)
        like = given.pop("like", name if name in demands else None)
        if like is not None and like not in demands:
            path = f"speeds.demands.{name}.like"
            problem = f"there is no job class {like!r} before it"
            raise scenario.error(path, problem, nearest(like, demands))
        try:
            demands[name] = replace(Demand() if like is None else demands[like], **given)
        except InputError as error:
            raise scenario.error(f"speeds.demands.{name}", str(error), "") from None
    return demands
