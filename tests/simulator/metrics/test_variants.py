from __future__ import annotations

import math

from bayplan.simulator.metrics import Mark, Variant, complete, figure_of, lacking, marks, metric

from .support import variant

BEST, CLOSE, NONE = Mark.BEST, Mark.CLOSE, Mark.NONE


def of(*values: float, key: str = "jct_mean_s", first: int = 0) -> Variant:
    return variant("", "", {first + seed: {key: value} for seed, value in enumerate(values)})


def marked(*variants: Variant, key: str = "jct_mean_s") -> list[Mark]:
    return marks(variants, metric(key))


def test_the_best_is_least_or_most_as_the_metric_says() -> None:
    assert marked(of(3.0), of(1.0), of(2.0)) == [NONE, BEST, NONE]
    pair = [of(60.0, key="effective_pct"), of(70.0, key="effective_pct")]
    assert marked(*pair, key="effective_pct") == [NONE, BEST]


def test_ties_are_best_together_and_where_all_tie_none_is() -> None:
    assert marked(of(1.0), of(0.1 + 0.9), of(2.0)) == [BEST, BEST, NONE]
    assert marked(of(0.3), of(0.1 + 0.2)) == [NONE, NONE]
    assert marked(of(1.0)) == [NONE]


def test_where_neither_way_is_better_or_nothing_is_known_none_is_best() -> None:
    busy = [of(1.0, key="busy_pct"), of(2.0, key="busy_pct")]
    assert marked(*busy, key="busy_pct") == [NONE, NONE]
    assert marked(of(math.nan), of(math.nan)) == [NONE, NONE]
    assert marked(of(math.nan), of(1.0), of(2.0)) == [NONE, BEST, NONE]


def test_the_same_seeds_are_compared_pair_by_pair() -> None:
    # The workloads differ far more than the variants; the second is always worse by about 1.
    best = of(10.0, 500.0, 2000.0)
    assert marked(best, of(11.0, 501.1, 2000.9)) == [BEST, NONE]
    assert marked(best, of(5.0, 520.0, 2001.0)) == [BEST, CLOSE]


def test_with_other_seeds_intervals_that_overlap_leave_it_open() -> None:
    best = of(10.0, 12.0, 11.0)
    assert marked(best, of(11.0, 13.0, 12.0, first=7)) == [BEST, CLOSE]
    assert marked(best, of(111.0, 113.0, 112.0, first=7)) == [BEST, NONE]


def finishing(*runs: tuple[float, float], key: str = "jct_mean_s") -> Variant:
    """A variant by how many jobs each seed finished, and what they had."""
    return variant(
        "", "", {seed: {"finished": n, key: value} for seed, (n, value) in enumerate(runs)}
    )


def test_who_finished_fewer_jobs_is_best_only_where_that_is_of_no_advantage() -> None:
    few, slow, fast = (
        finishing((9.0, 1.0), (10.0, 1.0)),
        finishing((10.0, 5.0), (10.0, 5.0)),
        finishing((10.0, 3.0), (10.0, 3.0)),
    )
    assert complete([few, slow, fast]) == [False, True, True]
    assert lacking([few, slow, fast]) == [0.5, 0.0, 0.0]
    assert marked(few, slow, fast) == [NONE, NONE, BEST]
    assert marked(few, slow) == [NONE, NONE]  # nobody to compare with
    shares = [
        finishing((n, share), key="effective_pct") for n, share in ((9.0, 70.0), (10.0, 60.0))
    ]
    assert marked(*shares, key="effective_pct") == [BEST, NONE]
    held = [finishing((n, h), key="allocated_gpu_h") for n, h in ((9.0, 1.0), (10.0, 2.0))]
    assert marked(*held, key="allocated_gpu_h") == [NONE, NONE]


def test_as_many_on_average_are_not_the_same_jobs() -> None:
    pair = [finishing((9.0, 1.0), (10.0, 1.0)), finishing((10.0, 5.0), (9.0, 5.0))]
    assert complete(pair) == [True, False]
    assert lacking(pair) == [0.5, 0.5]


def test_what_a_stopped_comparison_lacks_is_of_the_seeds_that_were_run() -> None:
    done = [finishing((10.0, 1.0), (4.0, 1.0)), finishing((10.0, 2.0))]
    assert complete(done) == [True, True]
    assert lacking(done) == [0.0, 0.0]
    assert complete([]) == []


def test_one_seed_never_leaves_anything_open() -> None:
    assert marked(of(1.0), of(1.0001)) == [BEST, NONE]


def test_a_figure_is_of_all_seeds() -> None:
    figure = figure_of(of(1.0, 2.0, 6.0), "jct_mean_s")
    assert (figure.mean, figure.n) == (3.0, 3)
