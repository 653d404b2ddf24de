"""What is read from a dump. Data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bayplan.scheduler.gangs.types import Gang
from bayplan.scheduler.types import Node, Request


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something of an object that cannot be used: ``name`` is namespace/name.

    ``field`` says where in it, as a path (``spec.containers[0].resources.requests.cpu``).
    """

    kind: str
    name: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.field}: {self.text}"


@dataclass(frozen=True, slots=True)
class Hint:
    """What the dump says of the GPUs that a bound pod is on.

    ``gpus`` are indices on the node, by device; ``groups`` are names of shared GPUs (KAI's
    ``runai-gpu-group``), whose indices nobody states. Both empty: nothing is said.
    """

    gpus: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()


NO_HINT = Hint()


class BoundPod(NamedTuple):
    """A pod that holds room on a node; ``start_s`` is at most 0: the newest time is 0."""

    request: Request
    node: str
    start_s: float = 0.0
    hint: Hint = NO_HINT


@dataclass(frozen=True, slots=True)
class Dump:
    """A cluster at one moment.

    ``nodes``, ``bound`` and ``pending`` are in the order of the file. ``pending`` has all pods
    that wait, those of ``gangs`` too; ``waited_s`` says by uid for how long. ``gates`` are the
    scheduling gates of pods that are not yet to be placed, by uid, ``meek`` the uids of pods that
    evict nobody (``preemptionPolicy: Never``). ``budgets`` are the evictions
    that each disruption budget (namespace/name) allows now, ``gang_min`` the least members of
    every gang, ``problems`` what could not be used, by object. ``newest`` is the newest timestamp
    of the dump, from which times count; empty where it has none.
    """

    nodes: tuple[Node, ...] = ()
    bound: tuple[BoundPod, ...] = ()
    pending: tuple[Request, ...] = ()
    gangs: tuple[Gang, ...] = ()
    problems: tuple[Problem, ...] = ()
    budgets: Mapping[str, int] = field(default_factory=dict)
    gang_min: Mapping[str, int] = field(default_factory=dict)
    gates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    meek: frozenset[str] = frozenset()
    waited_s: Mapping[str, float] = field(default_factory=dict)
    newest: str = ""
