from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayplan.traces.columns import BadRow
from bayplan.traces.schema import (
    NODE_COLUMNS,
    POD_COLUMNS,
    NodeTable,
    PodTable,
    columns_of,
    markdown,
)

ONE: dict[str, Any] = {
    "name": ["a"],
    "cpu_milli": [1000],
    "memory_mib": [512],
    "gpu_count": [1],
    "gpu_milli": [500],
}


def test_the_tables_have_exactly_the_stated_columns() -> None:
    for table, columns in ((PodTable, POD_COLUMNS), (NodeTable, NODE_COLUMNS)):
        assert [f.name for f in dataclasses.fields(table)] == [c.name for c in columns]


def test_pods_take_the_stated_defaults() -> None:
    pods = PodTable.of(**ONE)
    assert len(pods) == 1
    assert pods.gpu_models == ("",)
    assert pods.priority.tolist() == [0]
    assert pods.arrival_s.tolist() == [0.0]
    assert np.isnan(pods.duration_s).all()
    assert set(columns_of(pods)) == {c.name for c in POD_COLUMNS}


def test_nodes_take_the_stated_defaults() -> None:
    nodes = NodeTable.of(name=["n"], cpu_milli=[1], memory_mib=[1], gpu_count=[64])
    assert len(nodes) == 1
    assert (nodes.gpu_model, nodes.zone, nodes.gpu_memory_mib.tolist()) == (("",), ("",), [0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gpu_milli": [0]}, "gpu_milli is 0 for a pod with gpu_count 1; "
         "write 1 to 1000 (1000 = a whole GPU)"),
        ({"gpu_count": [0]}, "gpu_milli is 500 for a pod with gpu_count 0; "
         "write 0, or a gpu_count of 1 or more"),
        ({"gpu_count": [0], "gpu_milli": [0], "gpu_memory_mib": [8]},
         "gpu_memory_mib is 8 for a pod with gpu_count 0; write 0, or a gpu_count of 1 or more"),
        ({"gpu_count": [0], "gpu_milli": [0], "mig_profile": ["1g.5gb"]},
         "mig_profile is '1g.5gb' for a pod with gpu_count 0; "
         "write the number of instances as gpu_count"),
        ({"gpu_milli": [1001]}, "gpu_milli is 1001, above 1000; write 1000 or less"),
    ],
)  # fmt: skip
def test_the_gpu_columns_agree_with_each_other(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRow) as error:
        PodTable.of(**(ONE | change))
    assert str(error.value) == f"row 0 (counted from 0): {message}"


def test_a_node_has_at_most_64_gpus() -> None:
    with pytest.raises(BadRow, match="gpu_count is 65, above 64"):
        NodeTable.of(name=["n"], cpu_milli=[1], memory_mib=[1], gpu_count=[65])


def test_a_million_of_the_largest_amounts_add_up() -> None:
    for column in POD_COLUMNS + NODE_COLUMNS:
        if column.dtype == "int64" and column.name != "priority":
            assert column.maximum is not None
            assert column.maximum * 10**6 < 2**63


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = Path(__file__).parents[2] / "docs" / "traces.md"
    assert markdown() in page.read_text(encoding="utf-8")
