"""Whatever stands in a file: it is read, or refused in one line that names the file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.traces.jobs import read_jobs
from bayplan.traces.jobs.registry import JOB_FORMATS

from .samples import DUMP, NEEDS_OTHERS, PHILLY_LOG, SAMPLES

TABLES = [each.name for each in JOB_FORMATS if not each.json]
JUNK = st.one_of(
    st.sampled_from(
        [
            "", "-1", "0", "1e400", "nan", "None", "2024-02-30T00:00:00", "cpu=", "gres/gpu=1",
            "9" * 20, "1-", "=", "2017-10-09 07:01:55+99:99", "|", '"', "\0", "9999-12-31 23:59:59",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=8),
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
    st.just([]), st.just({}), st.just([[]]), st.just([{}]),
    st.sampled_from(["2024-05-01T00:00:00Z", "2017-10-07 01:12:09", "9999999Gi"]),
)  # fmt: skip


def check(path: Path, text: str, format: str) -> None:
    path.write_bytes(text.encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert len(read_jobs(path, format, interarrival_s=400)) > 0
        except InputError as error:
            line = str(error)
            assert "\n" not in line
            assert path.name in line or "table" in line


@pytest.mark.parametrize("format", TABLES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_table_with_a_cell_of_junk(format: str, tmp_path: Path, data: st.DataObject) -> None:
    name, others = NEEDS_OTHERS.get(format, ("f.csv", {}))
    for other, sample in others.items():
        (tmp_path / other).write_text(SAMPLES[sample])
    mark = "|" if format == "slurm" else ","
    rows = [line.split(mark) for line in SAMPLES[format].rstrip("\n").split("\n")]
    row = data.draw(st.integers(1, len(rows) - 1))
    rows[row][data.draw(st.integers(0, len(rows[row]) - 1))] = data.draw(JUNK)
    check(tmp_path / name, "\n".join(map(mark.join, rows)) + "\n", format)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found = []
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            found += [(value, key), *places(each)]
    return found


@pytest.mark.parametrize(("format", "whole"), [("philly-json", PHILLY_LOG), ("kubernetes", DUMP)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_json_with_a_value_of_junk(
    format: str, whole: Any, tmp_path: Path, data: st.DataObject
) -> None:
    changed = json.loads(json.dumps(whole))
    every = places(changed)
    container, key = every[data.draw(st.integers(0, len(every) - 1))]
    if data.draw(st.booleans()):
        container[key] = data.draw(VALUES)
    else:
        del container[key]
    check(tmp_path / "f.json", json.dumps(changed), format)
