"""A split of a cluster's GPUs into undivided ones and MIG layouts, fitted to a workload."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.types import Product
from bayplan.scheduler.partition._geometry import full_layouts, geometry_of
from bayplan.scheduler.partition._simplex import maximise
from bayplan.scheduler.partition.types import Layout
from bayplan.scheduler.types import GPU_MILLI

WHOLE = "whole"
"""The histogram's name for a whole, undivided GPU."""

EXACT_SPLITS = 2_000
"""So many splits are all tried (some ten milliseconds): one GPU to a handful."""

MAX_EXCHANGES = 32
"""Single GPUs that are given another layout after rounding: enough for a rest of a few GPUs."""


@dataclass(frozen=True, slots=True)
class Split:
    """How many GPUs stay undivided, and how many take which layout (sorted, counts positive).

    ``served_share`` is the share (0 to 1) of the scaled demand's milli that is served,
    ``most_share`` what no split can exceed. ``surplus_milli`` is what is supplied and not asked.
    """

    undivided: int
    layouts: tuple[tuple[Layout, int], ...] = ()
    served_share: float = 1.0
    most_share: float = 1.0
    surplus_milli: float = 0.0


@dataclass(frozen=True, slots=True)
class _Column:
    """A layout (None: undivided), its count per demanded name, and all that it supplies."""

    layout: Layout | None
    counts: tuple[int, ...]
    milli: int


@dataclass(frozen=True, slots=True)
class _Problem:
    """Demand in integers: a target is the scaled count of a name times ``scale``."""

    n_gpus: int
    weights: tuple[int, ...]
    targets: tuple[int, ...]
    scale: int
    columns: tuple[_Column, ...]

    @property
    def demand(self) -> int:
        """All demand, milli times ``scale``."""
        return sum(w * t for w, t in zip(self.weights, self.targets, strict=True))

    def supply(self, taken: Sequence[int]) -> list[int]:
        """Return the instances per name that so many GPUs per column supply."""
        return [
            sum(k * column.counts[p] for k, column in zip(taken, self.columns, strict=True))
            for p in range(len(self.weights))
        ]

    def served(self, supply: Sequence[int]) -> int:
        """Return the demand that a supply serves, milli times ``scale``."""
        each = zip(self.weights, self.targets, supply, strict=True)
        return sum(w * min(t, self.scale * s) for w, t, s in each)

    def loss(self, supply: Sequence[int], milli: int) -> tuple[int, int]:
        """Return unmet demand, then surplus; ``milli`` is all that is supplied."""
        served = self.served(supply)
        return self.demand - served, self.scale * milli - served

    def loss_of(self, taken: Sequence[int]) -> tuple[int, int]:
        """Return unmet demand, then surplus, of so many GPUs per column."""
        milli = sum(k * column.milli for k, column in zip(taken, self.columns, strict=True))
        return self.loss(self.supply(taken), milli)


def fit_split(product: Product, n_gpus: int, histogram: Mapping[str, int]) -> Split:
    """Return the split that serves most of a histogram scaled up to the cluster.

    The histogram is scaled so that its milli (an instance counts size / units of 1000, a whole GPU
    1000) equal the GPUs'. The split leaves least of it unmet, and among such splits gives little
    surplus. Layouts are full ones, and the order of the histogram does not matter.

    Parameters
    ----------
    product
        What every GPU is.
    n_gpus
        How many there are.
    histogram
        Counts by profile name, or ``whole``; without any positive count all stay undivided.

    Raises
    ------
    InputError
        A negative number, or a profile that the product has not.

    Notes
    -----
    Up to ``EXACT_SPLITS`` splits are all tried. Above, the exact optimum over fractions of GPUs (a
    linear program) is rounded down, and the rest, at most as many GPUs as names are asked for
    (P), is given out greedily. A second split is greedy from the start. The better one is mended
    by single exchanges. So the served milli are at least the greater of the optimum - 1000·P
    and (1 - 1/e) = 63 % of the optimum (Nemhauser, Wolsey and Fisher 1978: what is served is
    monotone and submodular in the layouts taken). There, surplus only breaks ties between
    exchanges, without a promise.
    """
    _check(product, n_gpus, histogram)
    names = sorted(name for name, count in histogram.items() if count)
    if not names or not n_gpus:
        return Split(n_gpus)
    problem = _problem(product, n_gpus, {name: histogram[name] for name in names})
    floor, most = _relaxed(problem)
    taken = _solved(problem, floor)
    unmet, surplus = problem.loss_of(taken)
    chosen = zip(problem.columns, taken, strict=True)
    layouts = [(column.layout, k) for column, k in chosen if k]
    return Split(
        sum(k for layout, k in layouts if layout is None),
        tuple(sorted((layout, k) for layout, k in layouts if layout is not None)),
        (problem.demand - unmet) / problem.demand,
        most,
        surplus / problem.scale,
    )


def _check(product: Product, n_gpus: int, histogram: Mapping[str, int]) -> None:
    if n_gpus < 0:
        raise InputError(f"{n_gpus} GPUs cannot be split", fix="give 0 or more")
    names = {WHOLE, *(profile.name for profile in product.profiles)}
    for name, count in sorted(histogram.items()):
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), n=1)
            raise InputError(
                f"{product.name} has no MIG profile {name!r}",
                fix=f"did you mean {near[0]!r}?" if near else f"use {', '.join(sorted(names))}",
            )
        if count < 0:
            raise InputError(f"the count of {name} is {count}", fix="give 0 or more")


def _problem(product: Product, n_gpus: int, histogram: Mapping[str, int]) -> _Problem:
    milli = {**geometry_of(product).milli, WHOLE: GPU_MILLI}
    weights = tuple(milli[name] for name in histogram)
    scale = sum(w * count for w, count in zip(weights, histogram.values(), strict=True))
    targets = tuple(count * n_gpus * GPU_MILLI for count in histogram.values())
    return _Problem(n_gpus, weights, targets, scale, _columns(product, list(histogram), milli))


def _columns(
    product: Product, names: Sequence[str], milli: Mapping[str, int]
) -> tuple[_Column, ...]:
    """Return the layouts that supply what no other does too; of equal ones the leanest."""
    best: dict[tuple[int, ...], _Column] = {}
    for layout in (None, *full_layouts(product)):
        held = Counter([WHOLE] if layout is None else [i.profile_name for i in layout])
        counts = tuple(held[name] for name in names)
        total = sum(milli[name] * count for name, count in held.items())
        if counts not in best or total < best[counts].milli:
            best[counts] = _Column(layout, counts, total)
    return tuple(
        column
        for counts, column in best.items()
        if not any(
            other != counts and all(a >= b for a, b in zip(other, counts, strict=True))
            for other in best
        )
    )


def _relaxed(problem: _Problem) -> tuple[list[int], float]:
    """Return the fractional optimum rounded down, and the share of the demand that it serves.

    Variables are the GPUs per column times ``scale``, then the served count per name. A vertex has
    at most P + 1 positive GPU counts: each name is served, or falls short of its target, or both.
    """
    n, p = len(problem.columns), len(problem.weights)
    rows = [[1] * n + [0] * p]
    for k in range(p):
        unit = [int(j == k) for j in range(p)]
        rows.append([-column.counts[k] for column in problem.columns] + unit)
        rows.append([0] * n + unit)
    limits = [problem.n_gpus * problem.scale]
    for target in problem.targets:
        limits += [0, target]
    x, most = maximise([0] * n + list(problem.weights), rows, limits)
    return [int(value / problem.scale) for value in x[:n]], float(most / problem.demand)


def _solved(problem: _Problem, floor: Sequence[int]) -> Sequence[int]:
    n, columns = problem.n_gpus, range(len(problem.columns))
    if comb(n + len(columns) - 1, n) <= EXACT_SPLITS:
        every = combinations_with_replacement(columns, n)
        return min(([split.count(j) for j in columns] for split in every), key=problem.loss_of)
    starts = [_filled(problem, floor), _filled(problem, [0] * len(columns))]
    return _exchanged(problem, min(starts, key=problem.loss_of))


def _filled(problem: _Problem, taken: Sequence[int]) -> list[int]:
    """Give the GPUs that are left, one after the other, the layout that serves most more.

    A layout stays the best one until it has supplied a whole target, because the gains of the
    others only fall: so many steps are taken at once.
    """
    filled = list(taken)
    left = problem.n_gpus - sum(filled)
    while left:
        supply = problem.supply(filled)
        served = [
            problem.served([s + c for s, c in zip(supply, column.counts, strict=True)])
            for column in problem.columns
        ]
        best = max(range(len(served)), key=lambda j: (served[j], -j))
        steps = [
            (t - problem.scale * s) // (problem.scale * c)
            for t, s, c in zip(problem.targets, supply, problem.columns[best].counts, strict=True)
            if c and t > problem.scale * s
        ]
        step = min(left, max(1, min(steps, default=left)))
        filled[best] += step
        left -= step
    return filled


def _exchanged(problem: _Problem, taken: Sequence[int]) -> list[int]:
    """Give single GPUs another layout while that helps, the best exchange first."""
    now = list(taken)
    for _ in range(MAX_EXCHANGES):
        supply = problem.supply(now)
        milli = sum(k * column.milli for k, column in zip(now, problem.columns, strict=True))
        best = (problem.loss(supply, milli), -1, -1)
        for i, old in enumerate(problem.columns):
            if not now[i]:
                continue
            rest = [s - c for s, c in zip(supply, old.counts, strict=True)]
            for j, new in enumerate(problem.columns):
                after = [r + c for r, c in zip(rest, new.counts, strict=True)]
                loss = problem.loss(after, milli - old.milli + new.milli)
                if loss < best[0]:
                    best = (loss, i, j)
        if best[1] < 0:
            break
        now[best[1]] -= 1
        now[best[2]] += 1
    return now
