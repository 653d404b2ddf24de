"""Every right that the extender needs: the manifests and the checks are held to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bayplan.extender.config.keys import DRA, KOORDINATOR
from bayplan.extender.evicting.settings import GANGS
from bayplan.extender.service.owners import PATHS
from bayplan.extender.watch.kinds import DEVICE_KINDS, KINDS, OF_KOORDINATOR

EVICT, NUDGE = "gangs.rollback", "state.nudge"
HEALTH, REPARTITION = "health.quarantine", "repartition.on"
PREEMPTION = "preemption.evict"
LIFT, RECLAIM = "queues.lift", "queues.reclaim"
LEADER = "leader.on"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """Leave to do something with a kind of objects, in all namespaces.

    ``group`` is empty for the core API; ``part`` is a subresource. ``optional``: only where the
    API server has the kind. ``wanted_by`` is the key of the configuration that makes it necessary,
    empty where it always is. ``why`` says what stands still without it. With a ``namespace`` it is
    only of that one, and with ``only`` of the object of that name.
    """

    group: str
    resource: str
    verb: str
    part: str = ""
    optional: bool = False
    wanted_by: str = ""
    why: str = ""
    namespace: str = ""
    only: str = ""

    @property
    def name(self) -> str:
        """Return it as rules of RBAC name the resource, such as ``pods/binding``."""
        return f"{self.resource}/{self.part}" if self.part else self.resource


def rights() -> tuple[Right, ...]:
    """Return all rights, those that only some configurations need included."""
    return (*_reading(), *_WRITING)


def needed(values: Mapping[str, object]) -> tuple[Right, ...]:
    """Return the rights that a configuration needs.

    Parameters
    ----------
    values
        The values of the configuration's keys, by path.
    """
    on = {
        EVICT: "evict" in (values[EVICT], values[RECLAIM]) or values[PREEMPTION] == GANGS,
        NUDGE: bool(values[NUDGE]),
        HEALTH: bool(values[HEALTH]),
        REPARTITION: bool(values[REPARTITION]),
        DRA: bool(values[DRA]),
        KOORDINATOR: bool(values[KOORDINATOR]),
        LIFT: bool(values[LIFT]),
    }
    return tuple(right for right in rights() if on.get(right.wanted_by, True))


def of_leases(values: Mapping[str, object], namespace: str) -> tuple[Right, ...]:
    """Return the rights about Leases that a configuration needs, in their namespace.

    Parameters
    ----------
    values
        The values of the configuration's keys, by path.
    namespace
        Where the Leases are.
    """
    if not values[LEADER]:
        return ()
    ours, theirs = str(values["leader.lease"]), str(values["leader.scheduler"])
    rests, binds = "controllers rest", "no pod is bound"

    def right(verb: str, only: str, why: str) -> Right:
        return Right("coordination.k8s.io", "leases", verb, wanted_by=LEADER, why=why,
                     namespace=namespace, only=only)  # fmt: skip

    found = [right("create", "", rests), *(right(v, ours, rests) for v in ("get", "update"))]
    return (*found, right("get", theirs, binds)) if theirs else tuple(found)


def _reading() -> Iterator[Right]:
    for kind in KINDS:
        for verb in ("list", "watch"):
            why = f"it is not known what {kind.plural} there are"
            key = KOORDINATOR if kind is OF_KOORDINATOR else DRA if kind in DEVICE_KINDS else ""
            yield Right(
                kind.group, kind.plural, verb, optional=kind.optional, wanted_by=key, why=why
            )
    yield Right("", "pods", "get", why="a bind whose answer was lost is not cleared up")
    for version, plural in PATHS.values():
        group = version.partition("/")[0]
        why = "the size of gangs that it owns is not known"
        yield Right(group, plural, "get", optional=group != "batch", why=why)


_WRITING = (
    Right("", "pods", "create", "binding", why="no pod is bound"),
    Right("events.k8s.io", "events", "create", why="nobody is told why pods wait"),
    Right("events.k8s.io", "events", "patch", why="Events that repeat are not counted"),
    Right("", "pods", "create", "eviction", wanted_by=EVICT, why="who is to make room stays"),
    Right("", "nodes", "patch", wanted_by=REPARTITION, why="no node is repartitioned"),
    Right("", "pods", "patch", "status", wanted_by=NUDGE, why="pods wait for up to five minutes"),
    Right("", "nodes", "patch", "status", wanted_by=HEALTH, why="no GPU is quarantined"),
    Right("", "pods", "patch", wanted_by=LIFT, why="gated pods wait for ever"),
)
