from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bayplan.traces.columns import BadRow
from bayplan.traces.jobs import JOB_COLUMNS, JobTable, columns_of
from bayplan.traces.jobs.schema import markdown

ROOT = Path(__file__).parents[3]


def test_three_columns_are_enough() -> None:
    jobs = JobTable.of(name=["a", "b"], work_s=[5, 0], gpu_count=[2, 0])
    assert list(columns_of(jobs)) == [column.name for column in JOB_COLUMNS]
    assert jobs.gpu_milli.tolist() == [1000, 0]
    assert jobs.pods.tolist() == jobs.preemptible.tolist() == [1, 1]
    assert jobs.arrival_s.tolist() == [0.0, 0.0]
    for unknown in (jobs.estimate_s, jobs.deadline_s, jobs.cancel_s):
        assert np.isnan(unknown).all()
    assert jobs.gang == jobs.job_type == ("", "")
    assert len(jobs) == 2


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"pods": [1, 0]}, "row 1 (counted from 0): pods is 0, below 1; write 1 or more"),
        (
            {"gpu_count": [1, 65]},
            "row 1 (counted from 0): gpu_count is 65, above 64; write 64 or less",
        ),
        (
            {"work_s": [1, math.nan]},
            "row 1 (counted from 0): work_s is not a number; write seconds",
        ),
        (
            {"preemptible": [2, 1]},
            "row 0 (counted from 0): preemptible is 2, above 1; write 1 or less",
        ),
        (
            {"gpu_count": [1, 0], "gpu_milli": [1, 7]},
            "row 1 (counted from 0): gpu_milli is 7 for a job with gpu_count 0;"
            " write 0, or a gpu_count of 1 or more",
        ),
        (
            {"gpu_milli": [0, 1]},
            "row 0 (counted from 0): gpu_milli is 0 for a job with gpu_count 1;"
            " write 1 to 1000 (1000 = a whole GPU)",
        ),
        (
            {"gpu_count": [0, 1], "mig_profile": ["1g.10gb", ""]},
            "row 0 (counted from 0): mig_profile is '1g.10gb' for a job with gpu_count 0;"
            " write the number of instances as gpu_count",
        ),
        (
            {"gang": ["{g}", "{g}"], "work_s": [1, 2.5]},
            "row 1 (counted from 0): work_s is 2.5 in gang '{g}', 1 in row 0;"
            " give all rows of a gang one work_s",
        ),
        (
            {"gang": ["g", "g"], "arrival_s": [3, 4]},
            "row 1 (counted from 0): arrival_s is 4 in gang 'g', 3 in row 0;"
            " give all rows of a gang one arrival_s",
        ),
        *(
            (
                {"gang": ["g", "g"], column: values},
                f"row 1 (counted from 0): {column} is {theirs} in gang 'g', {ours} in row 0;"
                f" give all rows of a gang one {column}",
            )
            for column, values, ours, theirs in (
                ("priority", [3, 4], "3", "4"),
                ("preemptible", [1, 0], "1", "0"),
                ("queue", ["", "{q}"], "''", "'{q}'"),
                ("user", ["u", "v"], "'u'", "'v'"),
                ("job_type", ["bert", ""], "'bert'", "''"),
                ("estimate_s", [math.nan, 5], "empty", "5"),
                ("deadline_s", [5.5, math.nan], "5.5", "empty"),
                ("cancel_s", [5, 6], "5", "6"),
            )
        ),
        (
            {"priority": [2**31 - 1, 2**31]},
            "row 1 (counted from 0): priority is 2147483648, above 2147483647;"
            " write 2147483647 or less",
        ),
        (
            {"priority": [-(2**31) - 1, 0]},
            "row 0 (counted from 0): priority is -2147483649, below -2147483648;"
            " write -2147483648 or more",
        ),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_rule_is_refused(columns: dict[str, list[object]], line: str) -> None:
    given = {"name": ["a", "b"], "work_s": [1, 1], "gpu_count": [1, 1]} | columns
    with pytest.raises(BadRow) as error:
        JobTable.of(**given)
    assert str(error.value) == line


def test_rows_of_one_gang_are_roles_of_one_job() -> None:
    jobs = JobTable.of(
        name=["ps", "worker"], work_s=[9, 9], gpu_count=[0, 8], pods=[2, 4], gang=["g", "g"],
        estimate_s=[math.nan, math.nan], deadline_s=[7, 7], priority=[-(2**31), -(2**31)],
    )  # fmt: skip
    assert jobs.gang == ("g", "g")


def test_the_documented_columns_are_the_columns() -> None:
    page = ROOT / "docs" / "jobs.md"
    assert markdown() in page.read_text(encoding="utf-8")
