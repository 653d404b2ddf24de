"""The units of a row, their orders and the best rows against plain twins."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_victims as naive
from bayplan.kernels import victim_order


@given(st.integers(0, 2), st.integers(0, 8), st.integers(0, 3), st.integers(0, 1 << 30))
def test_orders_are_those_of_a_plain_sort(turn: int, n: int, n_whole: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_slots, first, start = 3, 2, 5
    counts = rng.integers(0, 3, n + first)
    ends = np.cumsum(counts)
    parts = rng.integers(0, 4, (int(ends[-1]), 4)) * 250
    for low, high in zip(ends - counts, ends, strict=True):
        parts[low:high, 0] = start + rng.choice(n_slots, high - low, replace=False)
    pods = rng.integers(0, 3, (n + first, 8)) * 1000
    pods[:, 3], pods[:, 4], pods[:, 7] = ends - counts, ends, rng.random(n + first) < 0.2
    eligible = rng.random(n + first) < 0.7
    rank, lost = rng.integers(0, 3, n + first), rng.integers(0, 3, n + first) * 1000
    gangs = [rng.integers(0, 4, 3) for _ in range(3)]
    unit_gang = np.concatenate([np.arange(n_whole), np.full(n, -1)])
    unit_pod = np.concatenate([np.full(n_whole, -1), rng.permutation(n)])
    n_units = n + n_whole
    asked: tuple[Any, ...] = (
        turn, first, n, start, n_units, n_whole, 1500, 0, unit_gang, unit_pod, pods, parts,
        eligible, rank, lost, *gangs,
    )  # fmt: skip

    def used() -> Any:
        zeros = np.zeros(n_slots, np.int64), np.zeros(n_slots, np.int64)
        return *zeros, np.zeros((n_units, 3), np.int64), np.zeros(n_units, np.int64)

    mine, wanted = used(), used()
    victim_order.order_units(*asked, *mine)
    naive.order_units(*asked, *wanted)
    assert mine[-1].tolist() == wanted[-1].tolist()


@given(st.integers(0, 8), st.integers(0, 1 << 30))
def test_units_are_whole_gangs_and_then_pods(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pods = np.zeros((n + 2, 8), np.int64)
    pods[:, 0], pods[:, 7] = rng.integers(-1, 3, n + 2), rng.random(n + 2) < 0.2
    asked: tuple[Any, ...] = (
        2, n, pods, rng.random(n + 2) < 0.7, rng.random(3) < 0.6, rng.integers(0, 3, 3),
    )  # fmt: skip
    mine, wanted = np.full((2, 2 * n), 7), np.full((2, 2 * n), 7)
    kernel: Any = victim_order.list_units
    n_units = kernel(*asked, mine[0], mine[1])
    assert n_units == naive.list_units(*asked, *wanted)
    assert mine.tolist() == wanted.tolist()


@given(st.integers(1, 3), st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=6))
def test_the_best_rows_are_kept_sorted(size: int, rows: list[tuple[int, ...]]) -> None:
    mine, wanted = np.zeros((size, 4), np.int64), np.zeros((size, 4), np.int64)
    n_mine = n_wanted = 0
    for row in rows:
        # As the search does: what comes is less than the last of a full table.
        if n_mine == size and list(row) >= mine[-1].tolist():
            continue
        n_mine = victim_order.keep_best(mine, n_mine, np.array(row, np.int64))
        n_wanted = naive.keep_best(wanted, n_wanted, np.array(row, np.int64))
        assert n_mine == n_wanted
        assert mine.tolist() == wanted.tolist()
