"""What the service asks of the API server; the client of it is ``extender.api``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bayplan.traces.kubernetes.objects import Object


@dataclass(frozen=True, slots=True)
class PodName:
    """A pod; the API's ``uid`` tells it from others of its name."""

    namespace: str
    name: str
    uid: str = ""

    @property
    def key(self) -> str:
        """How the engine knows it."""
        return f"{self.namespace}/{self.name}"


def pod_of(key: str, uid: str) -> PodName:
    """Return a pod by namespace/name, and its uid."""
    namespace, _, name = key.partition("/")
    return PodName(namespace, name, uid)


class Sure(Enum):
    """Whether a write that failed has happened all the same."""

    NO = "no"
    MAYBE = "maybe"


class CallFailed(Exception):
    """A call to the API server failed, after all that was worth trying again.

    Parameters
    ----------
    why
        In one line.
    happened
        Whether what was asked for may have been done.
    status
        What the API server answered (HTTP); 0: nothing.
    """

    def __init__(self, why: str, happened: Sure = Sure.NO, status: int = 0) -> None:
        super().__init__(why)
        self.happened, self.status = happened, status


class Calls(Protocol):
    """Calls to the API server; each raises ``CallFailed``."""

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None:
        """Bind a pod to a node and annotate it, in one write; one that is there is no failure."""

    async def touch(self, pod: PodName, key: str, value: str) -> None:
        """Set an annotation of a pod."""

    async def evict(self, pod: PodName) -> None:
        """Evict a pod that still has its uid; its disruption budgets are respected."""

    async def read(self, path: str) -> Object | None:
        """Return the object at a path of the API; None: there is none."""

    def tell(self, pod: PodName, reason: str, note: str, *, warning: bool) -> None:
        """Let an Event about a pod be written, when there is time for it."""
