from __future__ import annotations

import gzip
from pathlib import Path

from bayplan.traces.builtin import (
    BUILTIN,
    DATA,
    NODES_FILE,
    PODS_FILE,
    builtin_nodes,
    builtin_pods,
    write_builtin,
)
from bayplan.traces.info import class_counts, gpu_demand_milli


def test_the_shipped_trace_is_what_its_settings_make(tmp_path: Path) -> None:
    write_builtin(tmp_path)
    for name in (NODES_FILE, PODS_FILE):
        made, shipped = (tmp_path / name).read_bytes(), (DATA / name).read_bytes()
        # Unpacked: how well zlib packs differs from one of its builds to the next.
        assert gzip.decompress(made) == gzip.decompress(shipped)


def test_the_shipped_trace_is_small_and_useful() -> None:
    assert sum((DATA / name).stat().st_size for name in (NODES_FILE, PODS_FILE)) <= 300_000
    nodes, pods = builtin_nodes(), builtin_pods()
    assert len(nodes) == BUILTIN.nodes
    assert 1500 <= len(pods) <= 2500
    assert 0.97 <= gpu_demand_milli(pods) / (1000 * nodes.gpu_count.sum()) <= 0.99
    assert min(class_counts(pods).values()) >= 20
