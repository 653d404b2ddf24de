from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from bayplan.kernels.hashing import mix

KEYS = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1]))


@given(KEYS, KEYS)
def test_the_hash_is_that_of_arithmetic_modulo_two_to_the_64(key: int, value: int) -> None:
    with np.errstate(over="ignore"):
        hashed = mix(np.uint64(key), np.uint64(value))
    assert int(hashed) == naive.mix(key, value)


@pytest.mark.parametrize(
    ("value", "published"),
    [(0, 0xE220A8397B1DCDAF), (1, 0x6E789E6AA1B965F4), (2, 0x06C45D188009454F)],
)
def test_key_zero_gives_the_published_outputs_of_splitmix64(value: int, published: int) -> None:
    with np.errstate(over="ignore"):
        assert int(mix(np.uint64(0), np.uint64(value))) == published
