from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
from bayplan.kernels import pick
from strategies import mask, subsets

SCORES = st.lists(st.sampled_from([-math.inf, -175.0, 0.0, 49.0, 50.0]), max_size=12)


@given(SCORES, st.data())
def test_the_first_candidate_among_the_highest_is_picked(
    column: list[float], data: st.DataObject
) -> None:
    candidates = data.draw(subsets(len(column)))
    row = pick.pick_first_among(np.array(column), mask(len(column), candidates))
    assert row == naive.pick_first_among(column, candidates)


@given(SCORES, st.integers(0, 2**64 - 1), st.data())
def test_the_candidate_with_the_least_hash_among_the_highest_is_picked(
    column: list[float], salt: int, data: st.DataObject
) -> None:
    candidates = data.draw(subsets(len(column)))
    # Few keys: equal hashes, which go to the lowest row, are common.
    key = st.sampled_from([0, 1, 2**64 - 1])
    keys = data.draw(st.lists(key, min_size=len(column), max_size=len(column)))
    with np.errstate(over="ignore"):
        row = pick.pick_hashed(
            np.array(column),
            mask(len(column), candidates),
            np.uint64(salt),
            np.array(keys, np.uint64),
        )
    assert row == naive.pick_hashed(column, candidates, salt, keys)
