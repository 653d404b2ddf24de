"""Splits fitted to a workload, against every split of tiny clusters."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.types import Product
from bayplan.scheduler.partition import WHOLE, Instance, Split, fit_split, fitted
from bayplan.scheduler.partition._geometry import full_layouts

from .support import A30, ALL, H100, RTX, T4, is_legal, places


def histograms(of: Product, names: int = 4) -> st.SearchStrategy[dict[str, int]]:
    keys = st.sampled_from([WHOLE, *(profile.name for profile in of.profiles)])
    return st.dictionaries(keys, st.integers(0, 20), max_size=names)


def supplied(split: Split) -> Counter[str]:
    supply = Counter({WHOLE: split.undivided})
    for layout, count in split.layouts:
        for instance in layout:
            supply[instance.profile_name] += count
    return supply


def unmet_share(
    of: Product, n_gpus: int, histogram: dict[str, int], have: Counter[str]
) -> Fraction:
    milli = {p.name: Fraction(1000 * p.size, of.units) for p in of.profiles}
    milli[WHOLE] = Fraction(1000)
    total = sum(milli[name] * count for name, count in histogram.items())
    scale = n_gpus * 1000 / total
    short = {name: count * scale - have[name] for name, count in histogram.items()}
    unmet = sum(milli[name] * missing for name, missing in short.items() if missing > 0)
    return Fraction(unmet) / (n_gpus * 1000)


def every_layout(of: Product) -> set[tuple[str, ...]]:
    """The multisets of all legal layouts, full or not."""
    found: set[tuple[str, ...]] = set()
    frontier: list[tuple[Instance, ...]] = [()]
    seen = set(frontier)
    while frontier:
        layout = frontier.pop()
        found.add(tuple(sorted(i.profile_name for i in layout)))
        for instance, _ in places(of):
            bigger = tuple(sorted((*layout, instance)))
            if instance not in layout and is_legal(of, bigger) and bigger not in seen:
                seen.add(bigger)
                frontier.append(bigger)
    return found


A30_LAYOUTS = sorted({(WHOLE,), *every_layout(A30)})
A30_FULL = sorted(
    {(WHOLE,), *(tuple(sorted(i.profile_name for i in x)) for x in full_layouts(A30))}
)


@given(st.integers(1, 3), histograms(A30))
def test_a_tiny_cluster_is_split_in_the_best_way(n_gpus: int, histogram: dict[str, int]) -> None:
    split = fit_split(A30, n_gpus, histogram)
    assert split.undivided + sum(count for _, count in split.layouts) == n_gpus
    if not any(histogram.values()):
        assert split == Split(n_gpus)
        return
    best = min(
        unmet_share(A30, n_gpus, histogram, Counter(name for layout in each for name in layout))
        for each in combinations_with_replacement(A30_LAYOUTS, n_gpus)
    )
    ours = unmet_share(A30, n_gpus, histogram, supplied(split))
    assert ours == best
    assert split.served_share == pytest.approx(float(1 - ours))
    assert float(1 - best) <= split.most_share + 1e-9


@lru_cache
def every_supply(n_gpus: int) -> NDArray[np.int64]:
    """Instances per name, a row per split of so many A30 into full layouts."""
    names = [WHOLE, *(p.name for p in A30.profiles)]
    counts = np.array([[layout.count(name) for name in names] for layout in A30_FULL])
    splits = list(combinations_with_replacement(range(len(A30_FULL)), n_gpus))
    rows: NDArray[np.int64] = counts[np.array(splits)].sum(axis=1)
    return rows


@given(st.integers(1, 8), histograms(A30, 6))
def test_rounding_serves_what_is_promised(n_gpus: int, histogram: dict[str, int]) -> None:
    histogram = {name: count for name, count in histogram.items() if count} or {WHOLE: 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted, "EXACT_SPLITS", 0)
        split = fit_split(A30, n_gpus, histogram)
    names = [WHOLE, *(p.name for p in A30.profiles)]
    milli = np.array([1000, *(1000 * p.size // A30.units for p in A30.profiles)])
    counts = np.array([histogram.get(name, 0) for name in names])
    wanted = counts * n_gpus * 1000 / (counts @ milli)
    best = float((np.minimum(every_supply(n_gpus), wanted) @ milli).max()) / (n_gpus * 1000)
    assert split.served_share <= best + 1e-9
    assert split.served_share >= best * 0.632 - 1e-9
    assert split.served_share >= best - len(histogram) / n_gpus - 1e-9
    # Not promised, but met on these examples: watched, lest it get worse.
    assert (best - split.served_share) * n_gpus <= 0.25


@given(st.sampled_from(ALL), st.integers(1, 40), st.data())
def test_many_greedy_steps_at_once_are_as_good_as_single_ones(
    of: Product, n_gpus: int, data: st.DataObject
) -> None:
    histogram = data.draw(histograms(of, 5))
    histogram = {name: count for name, count in sorted(histogram.items()) if count} or {WHOLE: 1}
    problem = fitted._problem(of, n_gpus, histogram)
    single = [0] * len(problem.columns)
    for _ in range(n_gpus):
        more = [[k + (i == j) for i, k in enumerate(single)] for j in range(len(single))]
        single = max(more, key=lambda taken: problem.served(problem.supply(taken)))
    assert fitted._filled(problem, [0] * len(single)) == single


@given(st.sampled_from(ALL), st.integers(1, 500), st.data())
def test_no_split_serves_much_more(of: Product, n_gpus: int, data: st.DataObject) -> None:
    histogram = data.draw(histograms(of, 7))
    split = fit_split(of, n_gpus, histogram)
    asked = sum(count > 0 for count in histogram.values())
    assert split.served_share <= split.most_share + 1e-9
    assert split.served_share * n_gpus >= split.most_share * n_gpus - asked - 1e-9
    assert split.undivided + sum(count for _, count in split.layouts) == n_gpus
    for layout, count in split.layouts:
        assert count > 0
        assert layout in full_layouts(of)


@given(histograms(H100, 7), st.randoms(use_true_random=False))
def test_the_order_of_the_histogram_does_not_matter(
    histogram: dict[str, int], random: object
) -> None:
    items = list(histogram.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert fit_split(H100, 17, dict(items)) == fit_split(H100, 17, histogram)


def test_full_layouts_are_the_multisets_that_take_nothing_more() -> None:
    for of in (A30, H100):
        multisets = {tuple(sorted(i.profile_name for i in x)) for x in full_layouts(of)}
        assert len(multisets) == len(full_layouts(of))
        assert multisets <= every_layout(of)
        for layout in full_layouts(of):
            assert is_legal(of, layout)
            for instance, _ in places(of):
                assert instance in layout or not is_legal(of, [*layout, instance])


def test_whole_gpus_and_halves_in_proportion() -> None:
    split = fit_split(A30, 10, {WHOLE: 3, "2g.12gb": 4})
    assert split == Split(
        6, (((Instance(0, "2g.12gb"), Instance(2, "2g.12gb")), 4),), 1.0, 1.0, 0.0
    )


def test_a_gpu_without_mig_stays_whole_and_names_are_checked() -> None:
    assert fit_split(T4, 4, {WHOLE: 2}) == Split(4)
    assert fit_split(H100, 4, {}) == Split(4)
    with pytest.raises(InputError, match=r"no MIG profile '1g.10g'; did you mean '1g.10gb'"):
        fit_split(H100, 4, {"1g.10g": 1})
    with pytest.raises(InputError, match="-1 GPUs"):
        fit_split(H100, -1, {})
    with pytest.raises(InputError, match="the count of whole is -2"):
        fit_split(H100, 1, {WHOLE: -2})


def test_five_thousand_gpus_of_many_profiles_end_in_a_good_split() -> None:
    histogram = {p.name: 1 + 7 * k for k, p in enumerate(RTX.profiles)}
    split = fit_split(RTX, 5_000, {**histogram, WHOLE: 11})
    assert split.served_share >= split.most_share - 0.002
