"""How nodes of a cluster file go away by themselves and come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NOTICE_S = 120.0
"""Where a group does not say: Amazon EC2's two minutes. Google's Compute Engine gives 30 s."""


@dataclass(frozen=True, slots=True)
class Outages:
    """How a node goes away: it fails where ``mtbf_h`` is set, is taken back where ``return_h`` is.

    ``mtbf_h`` are mean hours until it fails (Weibull of ``mtbf_shape``), ``mttr_h`` until it is
    repaired; ``reclaim_per_h`` is how often it is taken back in an hour that it is there, after
    ``notice_s`` seconds, and ``return_h`` are mean hours until it is given again.
    """

    mtbf_h: float | None = None
    mttr_h: float | None = None
    mtbf_shape: float = 1.0
    reclaim_per_h: float | None = None
    return_h: float | None = None
    notice_s: float = NOTICE_S


def outages_of(table: Mapping[str, Any]) -> Outages | None:
    """Return how the nodes of a ``[[nodes]]`` table go away; None: they do not.

    Parameters
    ----------
    table
        The table, which has no problems.
    """
    given = {name: float(table[name]) for name in Outages.__dataclass_fields__ if name in table}
    return Outages(**given) if given else None


def outage_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the keys of a table beside each other.

    Parameters
    ----------
    table
        The table, whose values are each right.
    """
    if "mtbf_h" in table and "mttr_h" not in table:
        yield "mtbf_h is given without mttr_h; say how long a repair takes"
    for key in ("mttr_h", "mtbf_shape"):
        if key in table and "mtbf_h" not in table:
            yield f"{key} is given without mtbf_h; say how often nodes fail, or remove it"
    for key in ("reclaim_per_h", "return_h"):
        if table.get("spot") and key not in table:
            yield f"spot is true without {key}; add it"
    for key in ("reclaim_per_h", "return_h", "notice_s"):
        if key in table and not table.get("spot"):
            yield f"{key} is given without spot; write spot = true, or remove it"
