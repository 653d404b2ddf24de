"""How long a pod is expected to run, as its annotation ``bayplan.io/run-time`` says."""

from __future__ import annotations

import re

from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object
from bayplan.traces.kubernetes.resources import BadField

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PARTS = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_PLAIN = re.compile(r"\d{1,12}", re.ASCII)

MOST_S = 10**9
"""Thirty years."""


def run_time_s(annotations: Object) -> float | None:
    """Return the seconds that a pod is expected to run; None: nobody says.

    Written as Go writes durations, in whole days, hours, minutes and seconds (``1h30m``), or as
    a number of seconds.

    Parameters
    ----------
    annotations
        The pod's.

    Raises
    ------
    BadField
        It is no time above 0.
    """
    if keys.RUN_TIME not in annotations:
        return None
    text = str(annotations[keys.RUN_TIME]).strip()
    if _PLAIN.fullmatch(text):
        found = int(text)
    else:
        match = _PARTS.fullmatch(text)
        parts = match.groups() if match else ()
        found = sum(
            int(part[:12]) * unit
            for part, unit in zip(parts, _SECONDS.values(), strict=False)
            if part
        )
    if not 0 < found <= MOST_S:
        raise BadField(keys.RUN_TIME, f"{text[:40]} is no time to run; write 90m, 1h30m or 5400")
    return float(found)
