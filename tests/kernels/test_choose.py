from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import choose
from strategies import FREE_MILLI, call

UNTOUCHED = -7
GAP = 3


@dataclass(frozen=True)
class Ask:
    gpus: tuple[naive.Gpu, ...]
    count: int
    milli: int
    mib: int


ASKS = st.builds(
    Ask,
    strategies.gpus(1_000),
    st.integers(0, 8),
    st.sampled_from(FREE_MILLI),
    st.sampled_from([0, 0, 500, 999, 1_000]),
)


def chosen(kernel: Callable[..., int], ask: Ask, key: int = 0) -> list[int]:
    """Run a kernel; what it must not write is untouched."""
    out = np.full(ask.count + 2, UNTOUCHED, np.int64)
    with np.errstate(over="ignore"):
        found = call(
            kernel,
            strategies.gpu_arguments(ask.gpus, GAP),
            start=GAP,
            n_gpus=len(ask.gpus),
            count=ask.count,
            milli=ask.milli,
            mib=ask.mib,
            key=np.uint64(key),
            out=out,
        )
    assert (out[found:] == UNTOUCHED).all()
    return [int(i) for i in out[:found]]


@given(ASKS)
def test_the_first_that_fit_are_the_lowest_indices(ask: Ask) -> None:
    expected = naive.choose_first(ask.gpus, ask.count, ask.milli, ask.mib)
    assert chosen(choose.choose_first, ask) == expected


@given(ASKS)
def test_best_fit_takes_the_least_free_in_order(ask: Ask) -> None:
    expected = naive.choose_best_fit(ask.gpus, ask.count, ask.milli, ask.mib)
    assert chosen(choose.choose_best_fit, ask) == expected


@given(ASKS)
def test_worst_fit_takes_the_most_free_in_order(ask: Ask) -> None:
    expected = naive.choose_worst_fit(ask.gpus, ask.count, ask.milli, ask.mib)
    assert chosen(choose.choose_worst_fit, ask) == expected


@given(ASKS, st.integers(0, 2**64 - 1))
def test_a_hashed_choice_takes_the_least_hashes_in_order(ask: Ask, key: int) -> None:
    expected = naive.choose_hashed(ask.gpus, ask.count, ask.milli, ask.mib, key)
    assert chosen(choose.choose_hashed, ask, key) == expected


@pytest.mark.parametrize("n_gpus", [2, 5])
def test_hashed_choices_are_uniform_over_the_gpus_that_fit(n_gpus: int) -> None:
    ask = Ask((naive.Gpu(0),) + (naive.Gpu(1_000),) * n_gpus, 1, 1_000, 0)
    n_keys = 2_000
    counts = np.bincount([chosen(choose.choose_hashed, ask, key)[0] for key in range(n_keys)])
    assert counts[0] == 0
    # Five standard deviations of a binomial count.
    share = 1 / n_gpus
    slack = 5 * (n_keys * share * (1 - share)) ** 0.5
    assert np.abs(counts[1:] - n_keys * share).max() < slack
