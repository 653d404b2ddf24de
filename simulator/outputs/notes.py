"""What a reader of a comparison must know beside its figures, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bayplan.simulator.metrics import (
    Interval,
    Mark,
    Metric,
    Variant,
    complete,
    figure_of,
    lacking,
)
from bayplan.simulator.outputs.numbers import number

NAMED = 3
"""Variants or jobs that are named before the rest is counted."""

_ENDS = (
    ("rejected", "rejected"),
    ("failed", "failed"),
    ("cancelled", "withdrawn"),
    ("unfinished", "not over"),
)
_LOST = ("rejected", "failed", "unfinished")


def more_than(named: int) -> str:
    """Return how many are not named, as the end of a list; empty if none.

    Parameters
    ----------
    named
        How many there are.
    """
    return f" and {named - NAMED:,} more" if named > NAMED else ""


def about_marks(seen: set[Mark]) -> Iterator[str]:
    """Yield what the marks in a table mean."""
    if Mark.BEST in seen:
        yield "* best mean; ↓ less is better, ↑ more is"
    if Mark.CLOSE in seen:
        yield "~ may be chance: the 95 % interval of its difference from the best holds 0"


def about_seeds(variants: Sequence[Variant], figures: Sequence[Interval]) -> Iterator[str]:
    """Yield what the number of seeds leaves open.

    Parameters
    ----------
    variants
        What is compared.
    figures
        The figures that are shown.
    """
    most = max((len(variant.by_seed) for variant in variants), default=0)
    if most == 1:
        yield "1 seed says nothing about chance: run more with --seeds"
    elif most == 2:
        yield "two seeds say little: run more with --seeds"
    elif any(figure.half > abs(figure.mean) for figure in figures):
        yield f"some intervals are wider than their means: {most} seeds say little about those"


def about_jobs(variants: Sequence[Variant], metrics: Sequence[Metric]) -> Iterator[str]:
    """Yield which jobs did not come to their end, and what is not marked for it.

    Parameters
    ----------
    variants
        What is compared.
    metrics
        Those that are shown.
    """
    for key in _LOST:
        yield from _in_every_run(variants, key)
    whole = complete(variants)
    if all(whole) or not any(metric.helped_by_fewer_jobs for metric in metrics):
        return
    fewer = lacking(variants)
    yield (
        "not the same jobs finished: times are of those that did, and who finished fewer than the"
        " most complete has no * or ~ where fewer jobs help"
    )
    short = sorted((i for i in range(len(variants)) if not whole[i]), key=lambda i: (-fewer[i], i))
    for i in short[:NAMED]:
        yield f"  {_name(variants[i])}: {number(fewer[i])} fewer a run{_why(variants[i])}"
    if len(short) > NAMED:
        yield f" {more_than(len(short))}"


def _in_every_run(variants: Sequence[Variant], key: str) -> Iterator[str]:
    runs = [summary for variant in variants for summary in variant.by_seed.values()]
    counts = [run[key] for run in runs]
    if not all(count > 0 for count in counts):
        return
    jobs = max(run["jobs"] for run in runs)
    found = " to ".join(dict.fromkeys(f"{count:,.0f}" for count in (min(counts), max(counts))))
    yield f"{found} of {jobs:,.0f} jobs {key} in every run"


def _name(variant: Variant) -> str:
    return ", ".join(part for part in (variant.group, variant.name) if part) or "(none)"


def _why(variant: Variant) -> str:
    """Return how jobs of a variant ended that did not finish, on average."""
    means = [(said, figure_of(variant, key).mean) for key, said in _ENDS]
    known = [f"{said} {number(mean)}" for said, mean in means if mean > 0]
    return f" ({', '.join(known)})" if known else ""
