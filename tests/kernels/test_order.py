from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_backfill as naive
from bayplan.kernels import order

AMOUNT = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 8.0])
WEIGHT = st.sampled_from([0.5, 1.0, 1.0, 3.0])


@given(st.data())
def test_the_queue_with_the_least_share_is_served_again_and_again(data: st.DataObject) -> None:
    n_queues = data.draw(st.integers(1, 9))
    resources = data.draw(st.integers(1, 3))
    member = st.integers(0, n_queues - 1)
    of_queue = data.draw(st.lists(member, max_size=40))
    row = st.lists(AMOUNT, min_size=resources, max_size=resources)
    amounts = data.draw(st.lists(row, min_size=len(of_queue), max_size=len(of_queue)))
    used = data.draw(st.lists(row, min_size=n_queues, max_size=n_queues))
    capacity = data.draw(row)
    weight = data.draw(st.lists(WEIGHT, min_size=n_queues, max_size=n_queues))
    queues = [[j for j, q in enumerate(of_queue) if q == queue] for queue in range(n_queues)]
    out = np.full(len(of_queue), -1)
    order.serve_least_share(
        np.cumsum([0, *map(len, queues)]),
        np.array([j for jobs in queues for j in jobs], np.int64),
        np.array(amounts).reshape(len(of_queue), resources),
        np.array(capacity),
        np.array(weight),
        np.array(used),
        out,
    )
    assert out.tolist() == naive.serve_least_share(queues, amounts, capacity, weight, used)


@given(st.lists(AMOUNT, min_size=1, max_size=4), WEIGHT, st.data())
def test_a_share_is_the_largest_fraction_over_the_weight(
    capacity: list[float], weight: float, data: st.DataObject
) -> None:
    used = data.draw(st.lists(AMOUNT, min_size=len(capacity), max_size=len(capacity)))
    share = order.queue_share(np.array([used]), np.array(capacity), weight, 0)
    assert share == naive.queue_share(used, capacity, weight)


SIZE = st.one_of(st.integers(1, 12), st.integers(1, 2_000))


@given(st.lists(SIZE, max_size=30), st.lists(st.integers(0, 2_000) | st.integers(0, 14)))
def test_gittins_indices_are_those_of_the_best_delta(sizes: list[int], attained: list[int]) -> None:
    sizes, attained = sorted(sizes), sorted(attained, reverse=True)
    out = np.full(len(attained), np.nan)
    order.gittins_indices(np.array(sizes, float), np.array(attained, float), out)
    assert out.tolist() == naive.gittins_indices(sizes, attained)
