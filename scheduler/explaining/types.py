"""What an explanation says, and the fixes that it offers. Data; ``text`` words it.

A fix was tried before it is given: with its ``events`` applied, the request (or the changed one
that it carries) finds a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from bayplan.scheduler.engine import WishReasons
from bayplan.scheduler.events import Event
from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.types import Placement, Reason, Request


class FixKind(IntEnum):
    """Ways out, in the order of how much they disturb."""

    WAIT = 0
    RELAX = 1
    REPARTITION = 2
    ADD = 3
    DEFRAGMENT = 4
    FREE_SLICE = 5
    EVICT = 6


@dataclass(frozen=True, slots=True)
class Effort:
    """How far the search for fixes goes: counts, never time, so that answers do not depend on it.

    Attributes
    ----------
    rows
        Nodes that are tried for each kind of fix, those that lack least first.
    moves
        The most pods that a defragmentation moves.
    tries
        Sets of pods, or cuts of GPUs, that are tried for each node.
    checks
        Nodes that are tried for each kind of wait.
    ends
        Expected ends that are looked at, the earliest first.
    add
        The most nodes that are added.
    gang_checks
        How often a gang is decided anew for each kind of fix.
    domains
        Domains in which victims for a gang are found and compared.
    without
        Kinds of fixes that are not looked for.
    """

    rows: int = 8
    moves: int = 3
    tries: int = 12
    checks: int = 64
    ends: int = 20_000
    add: int = 64
    gang_checks: int = 12
    domains: int = 4
    without: frozenset[FixKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a node has too little of.

    ``what`` is ``GPU``, ``milli``, ``GPU memory``, ``client``, ``MIG place``, ``CPU``, ``memory``
    or the name of another resource. ``free`` of the ``asked`` are there; ``gpu`` is the GPU that
    comes nearest for a share or an instance, -1 where the lack is the node's.
    """

    what: str
    asked: int
    free: int
    gpu: int = -1

    @property
    def missing(self) -> int:
        """How much more is needed."""
        return self.asked - self.free


@dataclass(frozen=True, slots=True)
class Miss:
    """The node that comes nearest: ``reason`` is what its check says, ``lacks`` what is missing.

    ``enough`` names what it has enough of among ``GPU``, ``CPU``, ``memory`` and other resources
    that are asked for. ``wish`` is the number of the way to satisfy the request (0: the first).
    ``n_gpus`` and ``model`` are the node's.
    """

    node: str
    wish: int
    reason: Reason
    lacks: tuple[Lack, ...]
    enough: tuple[str, ...]
    n_gpus: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """A pod that goes from one node to another (or to other GPUs of the same one)."""

    uid: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class SlicePlace:
    """Units ``start`` to ``end`` (exclusive) of a MIG GPU, and the pods that are on them."""

    node: str
    gpu: int
    start: int
    end: int
    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fix:
    """A way out that was tried and holds.

    Attributes
    ----------
    kind
        What kind it is.
    text
        What to do, in one line.
    node
        Where the pod goes then; empty for a gang.
    events
        The events that bring it about, in order. Time has to pass for those of ``WAIT``.
    uids
        The pods that end, move or are evicted.
    at_s
        When; of ``WAIT`` only.
    n_nodes
        How many nodes are added.
    moves, places
        Of ``DEFRAGMENT``, and of ``FREE_SLICE``.
    request, gang
        What is asked instead; of ``RELAX`` only.
    any_node
        Whether the nodes that were left out are candidates, too; of ``RELAX`` only.
    """

    kind: FixKind
    text: str
    node: str = ""
    events: tuple[Event, ...] = ()
    uids: tuple[str, ...] = ()
    at_s: float | None = None
    n_nodes: int = 0
    moves: tuple[Move, ...] = ()
    places: tuple[SlicePlace, ...] = ()
    request: Request | None = None
    gang: Gang | None = None
    any_node: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a pod is where it is, or nowhere.

    ``placement`` is where it fits now (or runs already, ``bound``). Otherwise ``wishes`` are the
    reasons by way to satisfy it, ``nearest`` the node that lacks least, and ``fixes`` the ways out,
    the gentlest first. ``limit`` says which queue keeps it back (empty: none); it may be set beside
    a placement: there is room, and the queue may not use it.
    """

    request: Request
    now_s: float
    placement: Placement | None = None
    bound: bool = False
    n_nodes: int = 0
    wishes: tuple[WishReasons, ...] = ()
    nearest: Miss | None = None
    limit: str = ""
    fixes: tuple[Fix, ...] = ()

    @property
    def text(self) -> str:
        """The explanation in plain English: at most 12 lines of at most 100 columns."""
        from bayplan.scheduler.explaining.text import text_of_pod

        return text_of_pod(self)


@dataclass(frozen=True, slots=True)
class GangExplanation:
    """Why a gang does not start.

    ``placed`` of ``size`` members find a place in ``domain`` (empty: the cluster); ``missing`` is
    how many more are needed. ``first_left`` is the first member without a place, and ``why_left``
    are the reasons for it alone. ``why`` is the plan's own word. ``bound``: all members that it
    needs have their nodes already.
    """

    gang: Gang
    now_s: float
    starts: bool = False
    nodes: tuple[str, ...] = ()
    size: int = 0
    placed: int = 0
    missing: int = 0
    domain: str = ""
    why: str = ""
    first_left: str = ""
    why_left: WishReasons | None = None
    limit: str = ""
    fixes: tuple[Fix, ...] = ()
    bound: bool = False

    @property
    def text(self) -> str:
        """The explanation in plain English: at most 12 lines of at most 100 columns."""
        from bayplan.scheduler.explaining.text import text_of_gang

        return text_of_gang(self)
