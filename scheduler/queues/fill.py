"""Water-filling: an amount dealt out so that the least served has as much as possible."""

from __future__ import annotations

from collections.abc import Sequence


def water_fill(amount: float, weights: Sequence[float], caps: Sequence[float]) -> list[float]:
    """Return weighted max-min fair parts of an amount.

    Part i is ``min(caps[i], level × weights[i])`` with one level for all, so that the parts add
    up to ``min(amount, sum of caps)``. Those of weight 0 get, in equal parts, what the others
    leave (Bertsekas and Gallager, Data Networks, 6.5.2).
    """
    some = [i for i, weight in enumerate(weights) if weight > 0]
    parts = [0.0] * len(caps)
    left = _fill(amount, some, weights, caps, parts)
    if len(some) < len(caps):
        none = [i for i, weight in enumerate(weights) if not weight > 0]
        _fill(left, none, [1.0] * len(caps), caps, parts)
    return parts


def _fill(
    amount: float,
    who: Sequence[int],
    weights: Sequence[float],
    caps: Sequence[float],
    parts: list[float],
) -> float:
    order = sorted(who, key=lambda i: caps[i] / weights[i])
    # Sums from the far end: subtracting weights one by one would add up rounding errors.
    behind = [0.0] * (len(order) + 1)
    for k in range(len(order) - 1, -1, -1):
        behind[k] = behind[k + 1] + weights[order[k]]
    left = amount
    for k, i in enumerate(order):
        parts[i] = max(0.0, min(float(caps[i]), left * (weights[i] / behind[k])))
        left -= parts[i]
    return max(0.0, left)


def whole_fill(amount: int, weights: Sequence[float], caps: Sequence[int]) -> list[int]:
    """Return whole parts near ``water_fill``'s that add up to ``min(amount, sum of caps)``.

    Fractions are cut off; what that leaves goes to the largest fractions, the first of equals
    first, one each.
    """
    exact = water_fill(float(amount), weights, [float(cap) for cap in caps])
    parts = [min(cap, int(part)) for part, cap in zip(exact, caps, strict=True)]
    left = min(amount, sum(caps)) - sum(parts)
    order = sorted(range(len(caps)), key=lambda i: parts[i] - exact[i])
    while left > 0:
        for i in order:
            if left > 0 and parts[i] < caps[i]:
                parts[i] += 1
                left -= 1
    while left < 0:  # rounding may have gone up at amounts beyond 2^53
        for i in reversed(order):
            if left < 0 and parts[i] > 0:
                parts[i] -= 1
                left += 1
    return parts
