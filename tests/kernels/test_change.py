from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import change
from strategies import Cluster, call, ints

Grants = list[tuple[int, int, int]]


@st.composite
def changes(draw: st.DrawFn) -> tuple[Cluster, int, dict[str, int], Grants]:
    """A cluster, a row of it, host amounts, and grants, some of them on one GPU."""
    cluster = draw(strategies.clusters().filter(lambda c: c.nodes))
    row = draw(st.integers(0, len(cluster.nodes) - 1))
    host = {"cpu": draw(st.integers(0, 4_000)), "memory": draw(st.integers(0, 1_024))}
    n_gpus = len(cluster.nodes[row].gpus)
    grant = st.tuples(st.integers(0, max(n_gpus - 1, 0)), st.integers(0, 9), st.integers(0, 9))
    return cluster, row, host, draw(st.lists(grant, max_size=4 if n_gpus else 0))


def change_room(
    arrays: dict[str, Any], sign: int, row: int, host: dict[str, int], grants: Grants
) -> None:
    """Run the kernel; the entries behind the first ``n_gpus`` are not to be read."""
    start = int(arrays["gpu_start"][row])
    call(
        change.change_room,
        arrays,
        host,
        sign=sign,
        row=row,
        gpus=ints([*(start + gpu for gpu, _, _ in grants), 10**6]),
        milli=ints([*(milli for _, milli, _ in grants), 1]),
        mib=ints([*(mib for _, _, mib in grants), 1]),
        n_gpus=len(grants),
    )


def assert_same(arrays: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


@given(changes(), st.sampled_from([-1, 1]))
def test_a_change_touches_the_room_of_its_node_alone(
    case: tuple[Cluster, int, dict[str, int], Grants], sign: int
) -> None:
    cluster, row, host, grants = case
    arrays = strategies.cluster_arguments(cluster)
    change_room(arrays, sign, row, host, grants)
    nodes = list(cluster.nodes)
    nodes[row] = naive.change_room(nodes[row], sign, host["cpu"], host["memory"], grants)
    after = Cluster(tuple(nodes), cluster.n_models, cluster.n_resources, cluster.gap)
    assert_same(arrays, strategies.cluster_arguments(after))


@given(changes())
def test_a_release_gives_back_what_was_allocated(
    case: tuple[Cluster, int, dict[str, int], Grants],
) -> None:
    cluster, row, host, grants = case
    arrays = strategies.cluster_arguments(cluster)
    change_room(arrays, -1, row, host, grants)
    change_room(arrays, 1, row, host, grants)
    assert_same(arrays, strategies.cluster_arguments(cluster))


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 8), st.data())
def test_each_row_changed_since_is_gathered_once(
    history: list[int], size: int, data: st.DataObject
) -> None:
    now = len(history)
    since = data.draw(st.integers(max(0, now - size), now))
    ring, version, out = (np.zeros(n, np.int64) for n in (size, 5, 5))
    for number, row in enumerate(history, start=1):
        ring[number % size] = row
        version[row] = number
    n = change.changed_rows(ring, since, now, version, out)
    assert out[:n].tolist() == naive.changed_rows(history, since)
