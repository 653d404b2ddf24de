"""Wishes of a gang of which one alone, if it is given up, lets it start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from bayplan.scheduler.explaining.gang_case import GangCase, starts
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import plural
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.types import Topology, TopologyLevel


def relax_gang(case: GangCase) -> Iterator[Fix]:
    """Yield a fix for each wish: of a required level the next wider one that helps, or none."""
    done: set[int] = set()
    for wish, text, gang in islice(_relaxed(case.gang), case.effort.gang_checks):
        if wish in done:
            continue
        if starts(case.decide((), gang)):
            done.add(wish)
            yield Fix(FixKind.RELAX, text, gang=gang)


def _relaxed(gang: Gang) -> Iterator[tuple[int, str, Gang]]:
    """Yield (number of the wish, words, gang without it); a wider level before no level."""
    for i, wish in enumerate(gang.topology):
        if not wish.required:
            continue
        for level in TopologyLevel:
            if level > wish.level:
                wider = f"stay within one {word(level)} instead of one {word(wish.level)}"
                yield i, wider, _with(gang, i, replace(wish, level=level))
        text = f"prefer one {word(wish.level)} instead of requiring it"
        yield i, text, _with(gang, i, replace(wish, required=False))
    if gang.segment is not None:
        text = f"drop the segments of {gang.segment.size} in one {word(gang.segment.level)}"
        yield -1, text, replace(gang, segment=None)
    if gang.spread is not None:
        most = plural(gang.spread.max_members, "member")
        text = f"drop the limit of {most} in one {word(gang.spread.level)}"
        yield -2, text, replace(gang, spread=None)


def _with(gang: Gang, i: int, wish: Topology) -> Gang:
    return replace(gang, topology=(*gang.topology[:i], wish, *gang.topology[i + 1 :]))


def word(level: TopologyLevel) -> str:
    """Return the name of a level in words."""
    return {
        TopologyLevel.GPU_ISLAND: "GPU island",
        TopologyLevel.NVLINK_DOMAIN: "NVLink domain",
    }.get(level, level.name.lower())
