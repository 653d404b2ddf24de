from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.traces.builtin import builtin_pods
from bayplan.traces.columns import BadRow
from bayplan.traces.jobs import builtin_jobs, jobs_from_pods
from bayplan.traces.schema import PodTable


def pods(**columns: object) -> PodTable:
    rows = len(next(iter(columns.values())))  # type: ignore[arg-type]
    given = {
        "name": [f"p{row}" for row in range(rows)],
        "cpu_milli": [1] * rows,
        "memory_mib": [2] * rows,
        "gpu_count": [1] * rows,
        "gpu_milli": [1000] * rows,
        "duration_s": [10] * rows,
    }
    return PodTable.of(**given | columns)


def test_pods_of_a_gang_that_are_alike_become_one_row() -> None:
    jobs = jobs_from_pods(
        pods(gang=["g", "", "g", "", "g"], gpu_count=[1, 1, 1, 1, 4], queue=["q"] * 5)
    )
    assert jobs.name == ("p0", "p1", "p3", "p4")
    assert jobs.gang == ("g", "", "", "g")
    assert jobs.pods.tolist() == [2, 1, 1, 1]
    assert jobs.gpu_count.tolist() == [1, 1, 1, 4]
    assert jobs.work_s.tolist() == [10] * 4
    assert jobs.queue == ("q",) * 4


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (
            {"duration_s": [1, float("nan")]},
            "row 1 (counted from 0): duration_s is empty, so its work is unknown;"
            " write the seconds that it runs, or leave the pod out",
        ),
        (
            {"gpu_count": [1, 65]},
            "row 1 (counted from 0): gpu_count is 65, above 64; split it into pods of a gang",
        ),
        (
            {"gang": ["{", "{"], "arrival_s": [0, 3]},
            "row 1 (counted from 0): arrival_s is 3 in gang '{', 0 in row 0;"
            " give all pods of a gang one arrival_s",
        ),
        (
            {"gang": ["g", "g"], "duration_s": [2, 3]},
            "row 1 (counted from 0): duration_s is 3 in gang 'g', 2 in row 0;"
            " give all pods of a gang one duration_s",
        ),
        (
            {"gang": ["g", "g"], "priority": [2, 3]},
            "row 1 (counted from 0): priority is 3 in gang 'g', 2 in row 0;"
            " give all pods of a gang one priority",
        ),
        (
            {"gang": ["g", "g"], "user": ["a", "{b}"], "gpu_count": [1, 2]},
            "row 1 (counted from 0): user is '{b}' in gang 'g', 'a' in row 0;"
            " give all pods of a gang one user",
        ),
        (
            {"gang": ["g", "g"], "priority": [2**31, 2**31]},
            "row 0 (counted from 0): priority is 2147483648, no priority of a job;"
            " write -2147483648 to 2147483647",
        ),
    ],
)
def test_pods_that_cannot_be_jobs_are_refused(columns: dict[str, object], line: str) -> None:
    with pytest.raises(BadRow) as error:
        jobs_from_pods(pods(**columns))
    assert str(error.value) == line


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "g", "h"]), st.integers(0, 2), st.integers(0, 1)),
        min_size=1,
        max_size=12,
    ),
    st.tuples(st.integers(0, 1), st.integers(0, 1)),
)
def test_no_pod_is_lost_and_shapes_stay(
    drawn: list[tuple[str, int, int]], of_gangs: tuple[int, int]
) -> None:
    rows = [(g, n, of_gangs["gh".index(g)] if g else priority) for g, n, priority in drawn]
    gangs, gpus, priorities = zip(*rows, strict=True)
    jobs = jobs_from_pods(
        pods(gang=gangs, gpu_count=gpus, gpu_milli=[1000 * (g > 0) for g in gpus],
             priority=priorities)
    )  # fmt: skip
    shapes = zip(
        jobs.gang, jobs.gpu_count.tolist(), jobs.priority.tolist(), jobs.pods.tolist(), strict=True
    )
    back = sorted(shape for *shape, number in shapes for _ in range(number))
    assert back == sorted(map(list, rows))
    rows_of_gangs = [
        shape
        for shape in zip(jobs.gang, jobs.gpu_count.tolist(), jobs.priority.tolist(), strict=True)
        if shape[0]
    ]
    assert len(set(rows_of_gangs)) == len(rows_of_gangs)


def test_the_builtin_trace_becomes_jobs() -> None:
    jobs, table = builtin_jobs(), builtin_pods()
    assert jobs.name == table.name
    assert jobs.work_s.tobytes() == table.duration_s.tobytes()
    assert jobs.pods.sum() == len(table)
