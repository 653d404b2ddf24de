"""Whether a request that failed is sent again, and when. Knows no clock."""

from __future__ import annotations

from bayplan.extender.api.errors import ApiError

FIRST_S, MOST_S = 0.1, 5.0
CONFLICT = 409
TRANSIENT = frozenset({0, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed; 0 is no answer."""


def wait_before_retry(
    error: ApiError,
    attempt: int,
    left_s: float,
    jitter: float,
    *,
    again: frozenset[int] = TRANSIENT,
) -> float | None:
    """Return the seconds to wait before the next try; None: there is to be none.

    Parameters
    ----------
    error
        How the last one failed.
    attempt
        How many there were.
    left_s
        Until the deadline, which the wait must not reach.
    jitter
        From 0 to 1: how much of the half of the wait that is left to chance is taken.
    again
        Statuses after which it may succeed: a conflict too, where the request states no version
        that it rests on.
    """
    if error.status not in again:
        return None
    wait_s = min(MOST_S, FIRST_S * 2.0 ** min(attempt - 1, 16)) * (0.5 + 0.5 * jitter)
    wait_s = max(error.retry_after_s, wait_s)
    return wait_s if wait_s < left_s else None
