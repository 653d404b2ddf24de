"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds_of(text: str) -> float | None:
    """Return a time (RFC 3339) in seconds since 1970; None for what is none.

    Parameters
    ----------
    text
        The time; without a zone it is UTC.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
