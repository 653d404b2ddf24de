"""Runs side by side: the mean of each metric over the seeds, and which variant is best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean

from bayplan.simulator.metrics.catalogue import Metric
from bayplan.simulator.metrics.intervals import Interval, interval
from bayplan.simulator.metrics.summary import Summary

_TIE = 1e-12
"""Means that differ by less than this share of themselves are one: it is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One way to run a workload, run once a seed.

    ``group`` is what several variants have in common, such as a sharing mode; ``name`` is what
    tells them apart in it, such as a placement policy. Either may be empty.
    """

    group: str
    name: str
    by_seed: Mapping[int, Summary]


class Mark(Enum):
    """How a variant's mean stands to the best."""

    NONE = ""
    BEST = "*"
    CLOSE = "~"


def figure_of(variant: Variant, key: str) -> Interval:
    """Return the mean over the seeds of a metric and its interval.

    Parameters
    ----------
    variant
        The variant.
    key
        The metric's key.
    """
    return interval(_values(variant, key).values())


def marks(variants: Sequence[Variant], metric: Metric) -> list[Mark]:
    """Return which variants are best by their mean, and which the seeds cannot tell from it.

    Ties are best together; where all tie, or neither way is better, none is. Another is close
    when the interval of its differences from the best one, seed by seed, holds 0: with the same
    seeds the workloads are the same, and their spread says nothing about the variants. Where the
    seeds are not the same it is close when the two intervals overlap.

    Who finished fewer jobs than the most complete variant is not marked by metrics that are better
    for it, such as waits: jobs that never ran do not wait.

    Parameters
    ----------
    variants
        What is compared.
    metric
        By which.
    """
    figures = [figure_of(variant, metric.key) for variant in variants]
    if metric.helped_by_fewer_jobs:
        figures = [
            figure if whole else Interval(math.nan, math.nan, 0)
            for figure, whole in zip(figures, complete(variants), strict=True)
        ]
    known = [figure.mean for figure in figures if not math.isnan(figure.mean)]
    if not known or not metric.better:
        return [Mark.NONE] * len(variants)
    top = min(known) if metric.better == "less" else max(known)
    if all(math.isclose(mean, top, rel_tol=_TIE) for mean in known):
        return [Mark.NONE] * len(variants)
    best = next(i for i, figure in enumerate(figures) if figure.mean == top)
    return [
        Mark.BEST
        if math.isclose(figure.mean, top, rel_tol=_TIE)
        else Mark.CLOSE
        if figure.n and close(variants[best], variant, metric.key)
        else Mark.NONE
        for variant, figure in zip(variants, figures, strict=True)
    ]


def lacking(variants: Sequence[Variant]) -> list[float]:
    """Return how many jobs a run each variant finished less than the most that any did.

    Parameters
    ----------
    variants
        What is compared; runs of the same seed have the same jobs.
    """
    done = [_values(variant, "finished") for variant in variants]
    most: dict[int, float] = {}
    for by_seed in done:
        for seed, jobs in by_seed.items():
            most[seed] = max(jobs, most.get(seed, 0.0))
    return [
        fmean(most[seed] - jobs for seed, jobs in by_seed.items()) if by_seed else 0.0
        for by_seed in done
    ]


def complete(variants: Sequence[Variant]) -> list[bool]:
    """Return which variants finished as many jobs as the most complete one, seed by seed.

    Parameters
    ----------
    variants
        What is compared.
    """
    lack = lacking(variants)
    fullest = _values(variants[lack.index(min(lack))], "finished") if lack else {}
    return [
        all(fullest.get(seed, jobs) == jobs for seed, jobs in _values(variant, "finished").items())
        for variant in variants
    ]


def close(best: Variant, other: Variant, key: str) -> bool:
    """Return whether the seeds leave open which of two is better; never with one seed.

    Parameters
    ----------
    best, other
        The two.
    key
        The metric's key.
    """
    ours, theirs = _values(best, key), _values(other, key)
    if ours.keys() == theirs.keys():
        apart = interval(theirs[seed] - value for seed, value in ours.items())
        return apart.low <= 0.0 <= apart.high
    a, b = interval(ours.values()), interval(theirs.values())
    return a.low <= b.high and b.low <= a.high


def _values(variant: Variant, key: str) -> dict[int, float]:
    """Return the metric by seed, where it says anything."""
    return {
        seed: value
        for seed, summary in variant.by_seed.items()
        if not math.isnan(value := summary[key])
    }
