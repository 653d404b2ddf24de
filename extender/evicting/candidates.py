"""The gangs that find no room, as far as evicting others may help them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.units import waiting_pods
from bayplan.scheduler.gangs.types import Gang
from bayplan.traces.kubernetes.gangs import Group
from bayplan.traces.kubernetes.objects import dict_of

SCHEDULER = "schedulerName"


@dataclass(frozen=True, slots=True)
class Short:
    """A gang that is complete, has no plan and may evict others.

    Attributes
    ----------
    gang
        As the engine takes it, with the priority that counts in each member.
    first
        A member that waits.
    priority
        The lowest of its members, or that of its PodGroup where that is lower.
    """

    gang: Gang
    first: Seen
    priority: int

    @property
    def name(self) -> str:
        """Return namespace/name."""
        return self.gang.name


def waiting_gangs(owner: Owner) -> dict[str, Seen]:
    """Return a member that waits of each gang that has some, by name.

    All pods are looked at: where nodes are full, kube-scheduler shows us none of these.

    Parameters
    ----------
    owner
        The state.
    """
    found: dict[str, Seen] = {}
    for seen in waiting_pods(owner.mirror)[0]:
        if seen.group and not seen.facts.gates:
            found.setdefault(seen.group, seen)
    return found


def short_of_room(
    owner: Owner, gangs: Iterable[str], schedulers: frozenset[str], now_s: float
) -> list[Short]:
    """Return which gangs find no room, the most important first, then by name.

    Parameters
    ----------
    owner
        The state.
    gangs
        Those that wait.
    schedulers
        Whose pods are helped, by ``schedulerName``.
    now_s
        The time.
    """
    found = [short_of(owner, name, schedulers, now_s) for name in gangs]
    return sorted(filter(None, found), key=lambda short: (-short.priority, short.name))


def short_of(
    owner: Owner, name: str, schedulers: frozenset[str], now_s: float, *, limits: bool = True
) -> Short | None:
    """Return a gang if it is one that finds no room, else None.

    Parameters
    ----------
    owner, schedulers, now_s
        As of ``short_of_room``.
    name
        The gang.
    limits
        Whether one that its queue keeps out is left out.
    """
    group = _not_started(owner, name)
    if group is None or name in owner.plans.plans or not handled(owner, name, schedulers):
        return None
    waiting = [seen for seen in _members(owner, name) if not seen.node]
    here = [seen for seen in waiting if not seen.facts.gates and not seen.leaving]
    if not here or any(map(owner.objection, here)):
        return None
    if limits and owner.refused(here[0], group):
        return None
    if owner.plans.incomplete(here[0], group, owner.plans.least(group), now_s) is not None:
        return None
    gang = owner.plans.gang(name)
    if gang is None:
        return None
    priority = min(r.priority for role in gang.roles for r in role.members)
    priority = min([priority, *_stated(owner, name)])
    return Short(_of_priority(gang, priority), here[0], priority)


def handled(owner: Owner, name: str, schedulers: frozenset[str]) -> bool:
    """Whether a gang is one that others are evicted for, if need be, as it is written.

    Where kube-scheduler looks for more than the engine sees (volumes, host ports, claims of
    devices) nobody can promise that evicting helps.

    Parameters
    ----------
    owner, name, schedulers
        As of ``short_of``.
    """
    waiting = [seen for seen in _members(owner, name) if not seen.node]
    return bool(waiting) and not any(
        seen.facts.meek
        or seen.claims
        or seen.facts.template.unmodelled
        or seen.facts.member.spec.get(SCHEDULER) not in schedulers
        for seen in waiting
    )


def _not_started(owner: Owner, name: str) -> Group | None:
    group = owner.plans.group(name) if name in owner.mirror.groups else None
    return None if group is None or owner.plans.has_started(group) else group


def _members(owner: Owner, name: str) -> list[Seen]:
    return [owner.mirror.pods[uid] for uid in owner.mirror.groups.get(name, ())]


def _stated(owner: Owner, name: str) -> Iterator[int]:
    """Yield the priority that PodGroups of a gang state (``scheduling.k8s.io``: spec.priority)."""
    for things in owner.plans.pod_groups.values():
        for key in (name, name.rpartition("/")[0]):
            said = dict_of((things.get(key) or {}).get("spec")).get("priority")
            if isinstance(said, int) and not isinstance(said, bool):
                yield said


def _of_priority(gang: Gang, priority: int) -> Gang:
    roles = tuple(
        replace(role, members=tuple(r._replace(priority=priority) for r in role.members))
        for role in gang.roles
    )
    return replace(gang, roles=roles)
