"""In which order the domains of a frame are tried for a gang."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.gangs.frame import Frame
from bayplan.scheduler.gangs.topology import NOWHERE

if TYPE_CHECKING:
    from bayplan.scheduler.engine import Engine


def in_order(
    engine: Engine, frame: Frame, room: IntArray, whole: BoolArray, least: BoolArray
) -> Iterator[int]:
    """Yield the numbers of the domains to try, best first.

    ``room`` (n_domains,) is how many members each holds, ``whole`` which may hold the whole gang,
    ``least`` which what it needs to start. Of the former the one with the least room comes first
    (best fit, so that large domains stay whole), of the rest the one with the most (so that the
    gang grows far); by name among equals. A frame without domains has one, number 0.
    """
    if not frame.domains.size or frame.fixed != NOWHERE:
        only = max(frame.fixed, 0)
        if only < least.size and least[only]:
            yield only
        return
    present = np.zeros(room.size, np.bool_)
    present[frame.domains[frame.rows]] = True
    yield from _sorted(engine, frame, np.flatnonzero(whole & least & present), room)
    yield from _sorted(engine, frame, np.flatnonzero(~whole & least & present), -room)


def nearest(engine: Engine, frame: Frame, room: IntArray) -> int:
    """Return the domain in which most of a gang fits, by name among equals; -1 for none."""
    if not frame.domains.size or frame.fixed != NOWHERE:
        return max(frame.fixed, 0)
    there = np.unique(frame.domains[frame.rows])
    return next(_sorted(engine, frame, there, -room), NOWHERE)


def _sorted(engine: Engine, frame: Frame, numbers: IntArray, key: IntArray) -> Iterator[int]:
    """Yield domains by key and name; names are compared only where they are needed."""
    level = frame.level
    assert level is not None
    keys = key[numbers]
    for value in np.unique(keys).tolist():
        equal = numbers[keys == value].tolist()
        yield from sorted(equal, key=lambda k: engine.domains.name(level, k))
