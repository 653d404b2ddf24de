"""What makes queues unusable, each with one line that names the queue, the resource and a fix."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues.types import ROOT, Queue
from bayplan.scheduler.types import MAX_AMOUNT

LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6
"""Weights are compared as ratios of floats: these stay exact enough."""


def check_queue(queue: Queue) -> None:
    """Raise ``InputError`` for what is wrong with a queue by itself."""
    if not isinstance(queue.name, str) or queue.name == ROOT:
        raise InputError("a queue has no name", fix="name it")
    amounts = {
        "guaranteed": queue.guaranteed,
        "limit": queue.limit,
        "lending_limit": queue.lending_limit,
    }
    for what, by_resource in amounts.items():
        for resource, amount in by_resource.items():
            _check_amount(f"queue {queue.name}: {what} of {resource}", amount)
    weight = queue.weight
    if weight != 0 and not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise InputError(
            f"queue {queue.name}: weight {weight} is neither 0 nor from 1e-6 to 1e6",
            fix="give 1 for an equal part",
        )


def _check_amount(what: str, amount: object) -> None:
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise InputError(
            f"{what} is {amount!r}, not a whole number",
            fix="give milli-GPU (1000 a GPU), millicores or MiB",
        )
    if not 0 <= amount <= MAX_AMOUNT:
        raise InputError(
            f"{what} is {amount}, not from 0 to {MAX_AMOUNT}", fix="leave it out for none"
        )


def check_sums(queue: Queue, resource: str, amount: int, below: int, models: int) -> None:
    """Raise ``InputError`` for a guarantee that is less than what it must cover."""
    if amount < below:
        raise InputError(
            f"queue {queue.name}: guaranteed {amount} {resource}, but the queues in it are"
            f" guaranteed {below} together",
            fix=f"raise it to {below}, or lower theirs",
        )
    if amount < models:
        raise InputError(
            f"queue {queue.name}: guaranteed {amount} {resource}, but {models} by GPU model",
            fix=f"raise it to {models}, or lower those of the models",
        )


def check_limits(
    names: Sequence[str],
    resource: str,
    limits: Sequence[int | None],
    guaranteed: Sequence[int],
    *,
    is_least: bool,
) -> None:
    """Raise ``InputError`` for a limit below the guarantee, or a lending limit above it."""
    for name, limit, amount in zip(names, limits, guaranteed, strict=True):
        if limit is None or limit == amount or (limit > amount) is is_least:
            continue
        what = "limit" if is_least else "lending limit"
        how = "below" if is_least else "above"
        raise InputError(
            f"queue {name}: {what} of {limit} {resource} is {how} its guarantee of {amount}",
            fix=f"{'raise' if is_least else 'lower'} it to {amount}, or change the guarantee",
        )
