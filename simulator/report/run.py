"""What a report reads of a run's folder; the folder is all that it knows of the run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayplan.scheduler.errors import InputError
from bayplan.simulator.metrics import METRICS, Part, Summary
from bayplan.simulator.outputs.folder import (
    AWAY,
    JOBS,
    NODES,
    SERIES,
    SERVICES,
    STINTS,
    SUMMARY,
)
from bayplan.simulator.outputs.report import SCHEMA
from bayplan.simulator.report.jobs import JOB_COLUMNS, jobs_of
from bayplan.traces.files import display

if TYPE_CHECKING:
    import polars as pl

_RUN_AGAIN = "make it with bayplan simulate --out"
_FACTS = ("totals", "notes", "rejections", "settings", "summary")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A run as its folder tells it.

    Attributes
    ----------
    name
        What it is called beside others.
    summary, settings, totals
        Of ``summary.json``; totals are those of ``simulator.core.results``.
    notes, rejections
        What must be known of it, a line each; who fitted nowhere: reason, how many, some names.
    jobs
        A row a job, see ``jobs.jobs_of``.
    series, stints, nodes
        The files of these names; stints are None where none were taken down.
    cut_s
        From when on stints are missing; None: none is.
    away
        From when to when nodes were not there; None: all always were.
    services
        Services over time; None: there were none.
    """

    name: str
    summary: Summary
    settings: Mapping[str, Any]
    totals: Mapping[str, float]
    notes: tuple[str, ...]
    rejections: tuple[Mapping[str, Any], ...]
    jobs: pl.DataFrame
    series: pl.DataFrame
    nodes: pl.DataFrame
    stints: pl.DataFrame | None
    cut_s: float | None
    away: pl.DataFrame | None = None
    services: pl.DataFrame | None = None

    @property
    def whole_stints(self) -> pl.DataFrame | None:
        """The stints, if all are there."""
        return self.stints if self.cut_s is None else None

    @property
    def span_s(self) -> tuple[float, float]:
        """The first arrival and the last end."""
        first, end = self.totals["first_s"], self.totals["end_s"]
        return (first, end) if math.isfinite(first) else (0.0, 0.0)


def read_run(folder: Path, name: str) -> Run:
    """Read a run.

    Parameters
    ----------
    folder
        The folder of ``bayplan simulate --out``.
    name
        What the report calls it.

    Raises
    ------
    InputError
        It holds no run, or files of it are missing or broken.
    """
    report = _summary(folder)
    jobs = _table(folder / JOBS, JOB_COLUMNS)
    stints = _table(folder / STINTS, ()) if STINTS in report["files"] else None
    values = {metric.key: _number(report["summary"].get(metric.key)) for metric in METRICS}
    return Run(
        name=name,
        summary=Summary(values, _parts(report, "by_queue"), _parts(report, "by_user")),
        settings=report["settings"],
        totals={key: _number(value) for key, value in report["totals"].items()},
        notes=tuple(report["notes"]),
        rejections=tuple(report["rejections"]),
        jobs=jobs_of(jobs),
        series=_table(folder / SERIES, ()),
        nodes=_table(folder / NODES, ()),
        stints=stints,
        away=_table(folder / AWAY, ()) if AWAY in report["files"] else None,
        cut_s=report.get("stints_cut_s"),
        services=_table(folder / SERVICES, ()) if SERVICES in report["files"] else None,
    )


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / SUMMARY
    if not folder.is_dir():
        raise InputError("there is no such folder", file=display(folder), fix=_RUN_AGAIN)
    try:
        report = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError("the folder holds no run", file=display(folder), fix=_RUN_AGAIN) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", file=display(path), fix=_RUN_AGAIN) from None
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        raise InputError("this is not the summary of a run", file=display(path), fix=_RUN_AGAIN)
    if missing := [key for key in _FACTS if key not in report]:
        said = f"{missing[0]} is missing: an earlier version wrote it"
        raise InputError(said, file=display(path), fix=_RUN_AGAIN)
    return report


def _table(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path, columns=list(columns) or None)
    except FileNotFoundError:
        raise InputError("the run's file is missing", file=display(path), fix=_RUN_AGAIN) from None
    except (OSError, pl.exceptions.PolarsError) as error:
        said = str(error).partition("\n")[0]
        raise InputError(f"cannot be read: {said}", file=display(path), fix=_RUN_AGAIN) from None


def _parts(report: Mapping[str, Any], key: str) -> tuple[Part, ...]:
    names = [field.name for field in fields(Part)]
    rows = report.get(key, [])
    return tuple(
        Part(**{name: _number(row[name]) if name != "name" else row[name] for name in names})
        for row in rows
    )


def _number(value: Any) -> Any:
    return math.nan if value is None else value
