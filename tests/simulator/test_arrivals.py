from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.simulator.replay.arrivals import arrival_order, node_order
from bayplan.simulator.replay.settings import Experiment

from .support import Pod, mixed, node_table, pod_table

pods = st.one_of(
    st.tuples(st.just(1_000), st.just(0), st.just(0)),
    st.tuples(st.just(1_000), st.just(1), st.sampled_from((150, 300, 500, 999))),
    st.tuples(st.just(1_000), st.sampled_from((1, 2, 8)), st.just(1_000)),
    st.tuples(st.just(1_000), st.just(3), st.just(400)),
)


def asks_for_gpus(drawn: Sequence[Pod]) -> bool:
    return any(count for _, count, _ in drawn)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Demand on both sides of the limit, and names that are not in the order of the file."""
    drawn = draw(st.lists(pods, min_size=1, max_size=12).filter(asks_for_gpus))
    names = draw(st.permutations([f"p{i:02}" for i in range(len(drawn))]))
    gpus = draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    load = draw(st.sampled_from((0.1, 0.5, 1.0, 1.3, 2.0)))
    return Experiment(node_table(gpus), pod_table(drawn, names), load)


seeds = st.integers(0, 2**63)


def demand_of(experiment: Experiment) -> list[int]:
    return [int(n) for n in experiment.pods.gpu_count * experiment.pods.gpu_milli]


def limit_of(experiment: Experiment) -> float:
    return experiment.load * 1000 * int(experiment.nodes.gpu_count.sum())


def slowly(experiment: Experiment, seed: int) -> list[int]:
    """The protocol in its own words, with the same draws of the same generator."""
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    sorted_rows = sorted(range(len(experiment.pods)), key=lambda row: experiment.pods.name[row])
    order = [sorted_rows[i] for i in rng.permutation(len(sorted_rows))]
    demand, limit = demand_of(experiment), limit_of(experiment)
    originals = tuple(order)
    if sum(demand) > limit:
        while sum(demand[row] for row in order) > limit:
            del order[rng.integers(len(order))]
        return order
    total = sum(demand)
    while True:
        row = originals[rng.integers(len(originals))]
        if total + int(experiment.pods.gpu_milli[row]) > limit:
            return order
        order.append(row)
        total += demand[row]


@given(experiments(), seeds)
def test_the_order_is_that_of_the_protocol_done_slowly(experiment: Experiment, seed: int) -> None:
    assert arrival_order(experiment, seed).tolist() == slowly(experiment, seed)


@given(experiments(), seeds)
def test_all_pods_arrive_once_and_copies_only_afterwards(experiment: Experiment, seed: int) -> None:
    order, n = arrival_order(experiment, seed).tolist(), len(experiment.pods)
    if sum(demand_of(experiment)) <= limit_of(experiment):
        assert sorted(order[:n]) == list(range(n))
    else:
        assert len(order) < n
        assert len(set(order)) == len(order)


@given(experiments(), seeds)
def test_before_each_copy_one_gpu_of_it_fits_below_the_limit(
    experiment: Experiment, seed: int
) -> None:
    order, n = arrival_order(experiment, seed).tolist(), len(experiment.pods)
    demand, limit = demand_of(experiment), limit_of(experiment)
    total = sum(demand[row] for row in order[:n])
    for row in order[n:]:
        assert total + int(experiment.pods.gpu_milli[row]) <= limit
        total += demand[row]


@pytest.mark.parametrize(("load", "arrivals"), [(1.0, 13), (0.9999, 12), (0.92, 12), (0.9199, 11)])
def test_the_limit_itself_may_be_reached_by_one_gpu_of_a_copy(load: float, arrivals: int) -> None:
    # Each pod has 400 milli of two GPUs: 12 of them ask for 9,600 of 10,000, and one GPU of the
    # next still fits below the limit, though both do not.
    experiment = Experiment(node_table([10]), pod_table([(1_000, 2, 400)] * 3), load)
    assert arrival_order(experiment, 7).size == arrivals


@given(experiments().filter(lambda e: sum(demand_of(e)) > limit_of(e)), seeds)
def test_deletion_ends_at_the_limit_and_only_just(experiment: Experiment, seed: int) -> None:
    order = arrival_order(experiment, seed).tolist()
    demand, limit = demand_of(experiment), limit_of(experiment)
    total = sum(demand[row] for row in order)
    assert total <= limit
    # Whichever pod was deleted last, with it the rest asked for more than the limit.
    gone = set(range(len(demand))) - set(order)
    assert total + max(demand[row] for row in gone) > limit


def test_demand_that_equals_the_limit_deletes_nothing() -> None:
    pods = pod_table([(1_000, 1, 1_000)] * 4)
    order = arrival_order(Experiment(node_table([4]), pods, load=1.0), 3)
    assert sorted(order.tolist()) == [0, 1, 2, 3]


def test_demand_that_equals_the_limit_leaves_room_for_copies_without_gpus() -> None:
    pods = pod_table([(1_000, 1, 1_000)] * 2 + [(1_000, 0, 0)] * 8)
    experiment = Experiment(node_table([2]), pods, load=1.0)
    orders = [arrival_order(experiment, seed).tolist() for seed in range(20)]
    assert orders == [slowly(experiment, seed) for seed in range(20)]
    assert max(map(len, orders)) > 10


def test_every_pod_may_be_deleted() -> None:
    pods = pod_table([(1_000, 1, 1_000)] * 2)
    assert arrival_order(Experiment(node_table([1]), pods, load=0.5), 3).tolist() == []


def test_the_same_seed_gives_the_same_order_and_others_differ() -> None:
    experiment = mixed()
    orders = [arrival_order(experiment, seed).tolist() for seed in range(20)]
    assert orders == [arrival_order(experiment, seed).tolist() for seed in range(20)]
    assert len({tuple(order) for order in orders}) == 20
    nodes = Experiment(node_table([1] * 30), pod_table([(1_000, 1, 1_000)]))
    ranks = [node_order(nodes, seed).tolist() for seed in range(20)]
    assert ranks == [node_order(nodes, seed).tolist() for seed in range(20)]
    assert len({tuple(rank) for rank in ranks}) == 20


@given(experiments(), st.randoms(use_true_random=False), seeds)
def test_the_order_of_rows_in_the_file_does_not_matter(
    experiment: Experiment, random: object, seed: int
) -> None:
    table = experiment.pods
    rows = list(range(len(table)))
    random.shuffle(rows)  # type: ignore[attr-defined]
    again = pod_table(
        [(int(table.cpu_milli[r]), int(table.gpu_count[r]), int(table.gpu_milli[r])) for r in rows],
        [table.name[r] for r in rows],
    )
    other = Experiment(experiment.nodes, again, experiment.load)
    names = [table.name[row] for row in arrival_order(experiment, seed)]
    assert [again.name[row] for row in arrival_order(other, seed)] == names


@given(st.integers(1, 20), seeds)
def test_a_node_order_names_every_node_once_whatever_their_rows(n: int, seed: int) -> None:
    nodes = node_table([1] * n)
    order = node_order(Experiment(nodes, pod_table([(1, 1, 1)])), seed).tolist()
    assert sorted(order) == list(range(n))
    backwards = type(nodes).of(
        name=nodes.name[::-1],
        cpu_milli=nodes.cpu_milli,
        memory_mib=nodes.memory_mib,
        gpu_count=nodes.gpu_count,
    )
    other = node_order(Experiment(backwards, pod_table([(1, 1, 1)])), seed).tolist()
    assert [backwards.name[row] for row in other] == [nodes.name[row] for row in order]


def test_pods_and_nodes_are_shuffled_by_draws_of_their_own() -> None:
    n = 30
    experiment = Experiment(node_table([1] * n), pod_table([(1_000, 1, 1_000)] * n))
    differ = [
        arrival_order(experiment, s)[:n].tolist() != node_order(experiment, s).tolist()
        for s in range(5)
    ]
    assert all(differ)


def test_a_given_order_is_taken_and_other_seeds_are_drawn() -> None:
    given_order = np.array([3, 3, 0], np.int64)
    nodes = np.array([3, 2, 1, 0], np.int64)
    experiment = mixed(arrivals={5: given_order}, node_orders={5: nodes})
    assert arrival_order(experiment, 5).tolist() == [3, 3, 0]
    assert node_order(experiment, 5).tolist() == [3, 2, 1, 0]
    assert arrival_order(experiment, 6).tolist() == arrival_order(mixed(), 6).tolist()
    assert node_order(experiment, 6).tolist() == node_order(mixed(), 6).tolist()
