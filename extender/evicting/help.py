"""One gang that others leave for: who has to, who was told to, since when. Data, no decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bayplan.extender.evicting.keeping import Kept
from bayplan.extender.evicting.searching import Found
from bayplan.extender.live.mirror import Mirror


@dataclass(frozen=True, slots=True)
class Victim:
    """A pod that is to leave: that very one, from that node."""

    uid: str
    api_uid: str
    node: str
    gang: str = ""
    priority: int = 0
    guarded: bool = False


Unit = tuple[Victim, ...]
"""Victims that leave together: a gang that would be left with too few, or one pod."""


@dataclass(slots=True)
class Help:
    """What is under way for a gang.

    Attributes
    ----------
    name, priority
        The gang.
    found
        Who was to leave, and where the gang went then.
    kept
        Its room.
    units
        Who is still to be told.
    begun, unit
        Who is still to be told of the unit that leaves now, and all of it.
    told
        Whom the API server evicts, and others that were leaving by themselves.
    until_s
        When it is given up without a step forward.
    again_s
        When the next eviction is tried, after one that was refused since ``refused_s``; ``why``.
    over
        Why nobody else is to leave; only ``begun`` is brought to its end then.
    n_evicted
        How many the API server has evicted.
    whole_s
        Since when all have left.
    """

    name: str
    priority: int
    found: Found
    kept: Kept
    units: list[Unit]
    told: dict[str, Victim]
    until_s: float
    begun: Unit = ()
    unit: Unit = ()
    refused_s: float | None = None
    why: str = ""
    again_s: float = 0.0
    over: str = ""
    n_evicted: int = 0
    whole_s: float | None = None

    @property
    def in_part(self) -> bool:
        """Whether some of a unit were told, and others are still to be: a gang is in part."""
        return 0 < len(self.begun) < len(self.unit)

    @property
    def left(self) -> list[str]:
        """The uids of those who are still to be told."""
        return [victim.uid for unit in (self.begun, *self.units) for victim in unit]


def victim_of(mirror: Mirror, uid: str) -> Victim:
    """Return a pod of the cluster as a victim.

    Parameters
    ----------
    mirror, uid
        The cluster, and the pod.
    """
    seen, pod = mirror.pods[uid], mirror.cluster.pods[uid]
    guarded = bool(pod.request.disruption_budgets)
    return Victim(uid, seen.api_uid, seen.node, seen.group, pod.request.priority, guarded)


def is_there(mirror: Mirror, victim: Victim) -> bool:
    """Whether a pod is still there, be it that it is leaving.

    Parameters
    ----------
    mirror, victim
        The cluster, and the pod.
    """
    seen = mirror.pods.get(victim.uid)
    return seen is not None and seen.api_uid == victim.api_uid


def units_of(mirror: Mirror, victims: Iterable[Victim]) -> list[Unit]:
    """Return who leaves together, those first who may be refused: else others leave in vain.

    Parameters
    ----------
    mirror
        The cluster.
    victims
        All who are to leave.
    """
    gangs: dict[str, list[Victim]] = {}
    units: list[Unit] = []
    for victim in sorted(victims, key=lambda each: each.uid):
        gangs.setdefault(victim.gang, []).append(victim)
    for gang, leaving in gangs.items():
        if gang and not staying(mirror, gang, [victim.uid for victim in leaving]):
            units.append(tuple(leaving))
        else:
            units += [(victim,) for victim in leaving]
    return sorted(
        units, key=lambda unit: (not any(v.guarded for v in unit), -len(unit), unit[0].uid)
    )


def staying(mirror: Mirror, gang: str, without: Iterable[str]) -> int:
    """Return how many members of a gang run on, beside some who leave.

    Parameters
    ----------
    mirror, gang
        The cluster, and the gang.
    without
        Uids of those who leave.
    """
    gone = set(without)
    return sum(
        mirror.is_bound(uid) and not mirror.pods[uid].leaving
        for uid in mirror.groups.get(gang, ())
        if uid not in gone
    )
