from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayplan.traces import canonical
from bayplan.traces.canonical import csv_text, write_nodes, write_pods
from bayplan.traces.reading import open_csv
from bayplan.traces.schema import (
    MAX_AMOUNT,
    NODE_COLUMNS,
    POD_COLUMNS,
    NodeTable,
    PodTable,
    columns_of,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = TEXT.filter(bool)
AMOUNT = st.integers(0, MAX_AMOUNT)
TIME = st.floats(0, MAX_AMOUNT)


def same(one: PodTable | NodeTable, other: PodTable | NodeTable) -> bool:
    mine, theirs = columns_of(one), columns_of(other)
    for name, values in mine.items():
        if isinstance(values, tuple):
            if values != theirs[name]:
                return False
        elif values.tobytes() != theirs[name].tobytes() and not same_floats(values, theirs[name]):
            return False
    return mine.keys() == theirs.keys()


def same_floats(one: Any, other: Any) -> bool:
    # Which of the many not-a-numbers stands for "unknown" does not matter.
    known = ~np.isnan(one)
    return bool((np.isnan(other) == ~known).all()) and (
        one[known].tobytes() == other[known].tobytes()
    )


@st.composite
def pod_tables(draw: st.DrawFn) -> PodTable:
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    rows = [draw(pod_rows()) for _ in names]
    return PodTable.of(name=names, **{key: [row[key] for row in rows] for key in rows[0]})


@st.composite
def pod_rows(draw: st.DrawFn) -> dict[str, Any]:
    gpus = draw(st.integers(0, 9))
    row = {"gpu_count": gpus, "gpu_milli": 0, "gpu_memory_mib": 0, "mig_profile": ""}
    if gpus:
        row |= {"gpu_milli": draw(st.integers(1, 1000)), "gpu_memory_mib": draw(AMOUNT)}
        row |= {"mig_profile": draw(TEXT)}
    texts = {name: draw(TEXT) for name in ("gpu_models", "queue", "gang", "user")}
    return {
        **row,
        **texts,
        "cpu_milli": draw(AMOUNT),
        "memory_mib": draw(AMOUNT),
        "arrival_s": draw(TIME),
        "duration_s": draw(st.one_of(TIME, st.just(math.nan))),
        "priority": draw(st.integers(-(2**63), 2**63 - 1)),
    }


@st.composite
def node_tables(draw: st.DrawFn) -> NodeTable:
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return [draw(values) for _ in names]

    return NodeTable.of(
        name=names,
        cpu_milli=column(AMOUNT),
        memory_mib=column(AMOUNT),
        gpu_count=column(st.integers(0, 64)),
        gpu_memory_mib=column(AMOUNT),
        gpu_island=column(st.sampled_from([0, 0, 0, 4])),
        **{key: column(TEXT) for key in ("gpu_model", "zone", "rack", "block", "nvlink_domain")},
    )


FIXTURE_IS_FINE = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FIXTURE_IS_FINE
@given(pod_tables(), st.sampled_from(["pods.csv", "pods.csv.gz"]))
def test_pods_come_back_bit_by_bit(tmp_path: Path, pods: PodTable, name: str) -> None:
    write_pods(pods, tmp_path / name)
    assert same(canonical.pods_from_csv(open_csv(tmp_path / name)), pods)


@FIXTURE_IS_FINE
@given(node_tables(), st.sampled_from(["nodes.csv", "nodes.csv.gz"]))
def test_nodes_come_back_bit_by_bit(tmp_path: Path, nodes: NodeTable, name: str) -> None:
    write_nodes(nodes, tmp_path / name)
    assert same(canonical.nodes_from_csv(open_csv(tmp_path / name)), nodes)


def test_a_file_has_every_column_and_short_numbers() -> None:
    pods = PodTable.of(
        name=["a", "b"],
        cpu_milli=[1, 2],
        memory_mib=[3, 4],
        gpu_count=[1, 0],
        gpu_milli=[500, 0],
        arrival_s=[7.0, 0.1],
        duration_s=[math.nan, 1e22 / 1e12],
        queue=["x,y", ""],
    )
    header = ",".join(column.name for column in POD_COLUMNS if not column.rare)
    assert csv_text(pods) == (
        f'{header}\na,1,3,1,500,0,,,7,,0,"x,y",,\nb,2,4,0,0,0,,,0.1,10000000000,0,,,\n'
    )


def test_nodes_of_running_pods_are_written_where_there_are_any() -> None:
    pods = PodTable.of(
        name=["a", "b"],
        cpu_milli=[1, 2],
        memory_mib=[3, 4],
        gpu_count=[0, 0],
        gpu_milli=[0, 0],
        node=["", "n1"],
    )
    header, *rows = csv_text(pods).splitlines()
    assert header.endswith(",user,node")
    assert [row.rpartition(",")[2] for row in rows] == ["", "n1"]


def test_an_empty_table_is_a_header() -> None:
    columns = [column.name for column in NODE_COLUMNS if not column.rare]
    nodes = NodeTable.of(**{name: [] for name in columns})
    assert csv_text(nodes) == ",".join(columns) + "\n"
