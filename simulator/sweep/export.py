"""A sweep brought to MLflow: one of its runs a row, with parameters, metrics and tags."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.simulator.simulate.progress import runs_bar
from bayplan.simulator.sweep.folder import ABOUT, read_about
from bayplan.simulator.sweep.table import PARQUET
from bayplan.traces.files import display

SWEEP, NUMBER, ERROR = "bayplan.sweep", "bayplan.run", "bayplan.error"
_PAGE = 1000
_FIX = "name a database, such as sqlite:///mlflow.db, or a server that answers"


def to_mlflow(folder: Path, uri: str, experiment: str = "") -> int:
    """Bring the rows of a sweep to MLflow, and return the exit code.

    Runs of the same sweep that are there already stay as they are, so it may be done again after
    ``--resume``.

    Parameters
    ----------
    folder
        The folder of the sweep.
    uri
        Where MLflow keeps its runs.
    experiment
        The experiment that they go into; empty: one that is called like the folder.

    Raises
    ------
    InputError
        MLflow is not installed or cannot be used, or there is no sweep.
    """
    about = read_about(folder)
    rows = _rows(folder)
    if find_spec("mlflow") is None:
        raise InputError("MLflow is not installed", fix="pip install 'bayplan[mlflow]'")
    # Read when it is imported; by itself it asks a server that is not there for minutes.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    try:
        made, before = _export(
            _client(uri), about, rows, _identity(folder), experiment or _name(folder)
        )
    except MlflowException as error:
        said = str(error).strip().splitlines()[0].split(". ")[0]
        raise InputError(f"--mlflow {uri!r}: {said}", fix=_FIX) from None
    also = f"; {before:,} were there already" if before else ""
    print(f"{made:,} runs brought to {uri}, experiment {experiment or _name(folder)}{also}")
    if len(rows) < about["runs"]:
        print(
            f"bayplan: {len(rows):,} of {about['runs']:,} runs of the sweep are done: go on with"
            " --resume, and export again",
            file=sys.stderr,
        )
        return 1
    return 0


def _client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(uri, registry_uri=uri)


def _export(
    client: Any, about: Mapping[str, Any], rows: list[dict[str, Any]], sweep: str, experiment: str
) -> tuple[int, int]:
    """Return how many runs were made, and how many were there before."""
    found = client.get_experiment_by_name(experiment)
    number = client.create_experiment(experiment) if found is None else found.experiment_id
    there = set(_numbers(client, number, sweep))
    missing = [row for row in rows if str(row["run"]) not in there]
    with runs_bar("exporting", len(missing)) as one_done:
        for row in missing:
            _add(client, number, about, row, sweep)
            one_done()
    return len(missing), len(rows) - len(missing)


def _numbers(client: Any, experiment: str, sweep: str) -> Iterator[str]:
    """Yield the numbers of the runs that are there whole, and remove those that are not."""
    token = None
    while True:
        page = client.search_runs(
            [experiment], f"tags.`{SWEEP}` = '{sweep}'", max_results=_PAGE, page_token=token
        )
        for run in page:
            if run.info.status == "RUNNING":  # an export was killed in the middle of it
                client.delete_run(run.info.run_id)
            else:
                yield run.data.tags[NUMBER]
        token = page.token
        if not token:
            return


def _add(
    client: Any, experiment: str, about: Mapping[str, Any], row: Mapping[str, Any], sweep: str
) -> None:
    from mlflow.entities import Metric, Param

    tags = {SWEEP: sweep, NUMBER: str(row["run"]), "bayplan.version": about["version"]}
    if row["error"]:
        tags[ERROR] = row["error"]
    run = client.create_run(experiment, tags=tags, run_name=f"run {row['run']}")
    key = run.info.run_id
    params = [Param(name, _text(row[name])) for name in (*about["keys"], "seed")]
    at_ms = run.info.start_time
    figures = [
        Metric(name, float(row[name]), at_ms, 0)
        for name in about["metrics"]
        if row[name] is not None
    ]
    client.log_batch(key, metrics=figures, params=params)
    client.set_terminated(key, "FAILED" if row["error"] else "FINISHED")


def _rows(folder: Path) -> list[dict[str, Any]]:
    import polars as pl

    path = folder / PARQUET
    try:
        return pl.read_parquet(path).to_dicts()
    except FileNotFoundError:
        fix = "go on with --resume: it is written when the sweep ends"
        raise InputError("there is no such file", file=display(path), fix=fix) from None
    except (OSError, pl.exceptions.PolarsError):
        fix = "write it anew with --resume"
        raise InputError("this is no Parquet file", file=display(path), fix=fix) from None


def _identity(folder: Path) -> str:
    """Return what tells a sweep from others: a digest of what it is made from."""
    return sha256((folder / ABOUT).read_bytes()).hexdigest()[:16]


def _name(folder: Path) -> str:
    return folder.resolve().name


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
