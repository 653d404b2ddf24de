"""What a gang asks for, and the plan that answers it. Data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.types import Decision, Request, Topology, TopologyLevel


@dataclass(frozen=True, slots=True)
class Role:
    """Members of a gang that play one part, such as its workers; their requests may differ.

    ``members`` are in the order in which they are placed, so that the first ones are those of a
    gang that did not grow. ``min_members`` of them must start together; None: all.
    """

    name: str
    members: tuple[Request, ...]
    min_members: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Groups of ``size`` consecutive members, each group within one domain of ``level``."""

    size: int
    level: TopologyLevel


@dataclass(frozen=True, slots=True)
class Spread:
    """At most ``max_members`` of the gang in one domain of ``level``."""

    level: TopologyLevel
    max_members: int = 1


@dataclass(frozen=True, slots=True)
class Gang:
    """Pods that start together or not at all.

    ``topology`` are wishes for the gang as a whole, in any order: a required one must hold, a
    preferred one is given up when it cannot be had.
    """

    name: str
    roles: tuple[Role, ...]
    topology: tuple[Topology, ...] = ()
    segment: Segment | None = None
    spread: Spread | None = None


@dataclass(frozen=True, slots=True)
class GangPlan:
    """Where the members of a gang go, or why not.

    ``decisions`` are those of the members that are placed now, in the order of roles and members;
    empty when the gang does not start (or grow). ``bound`` are the uids of members that are in
    the cluster already and stay where they are. ``rests_on`` are the (node, version) pairs of
    all nodes that are used. ``domains`` names for each topology level that a wish names the
    domain that holds the whole gang, where one does. Without decisions: ``missing`` is how many
    members more than could be placed the gang needs in the domain that came nearest,
    ``first_left`` the uid of the first member that found no place there, and ``why`` says so in
    words.
    """

    gang: Gang
    now_s: float
    decisions: tuple[Decision, ...] = ()
    bound: tuple[str, ...] = ()
    rests_on: tuple[tuple[str, int], ...] = ()
    domains: tuple[tuple[TopologyLevel, str], ...] = ()
    missing: int = 0
    first_left: str = ""
    why: str = ""
