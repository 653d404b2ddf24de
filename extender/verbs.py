"""What the HTTP layer asks: the verbs of the extender, and the pages for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bayplan.traces.kubernetes.objects import Object


class FilterAnswer(NamedTuple):
    """What filter says.

    ``passed`` are nodes in the order of the input, ``failed`` why others do not fit now (preempting
    pods may help), ``unresolvable`` why others never will.
    """

    passed: list[str]
    failed: dict[str, str]
    unresolvable: dict[str, str]
    error: str = ""


class Verbs(Protocol):
    """Answers kube-scheduler's calls. All methods run on the event loop that owns the cluster."""

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        """Return which nodes can take a pod.

        Parameters
        ----------
        pod
            The pod.
        names
            The nodes to look at.
        holds
            Whether a node may be held for the pod; never in a dry run, which sends full nodes.
        """

    def prioritize(self, pod: Object, names: Sequence[str]) -> list[tuple[str, int]]:
        """Return a score from 0 to 10 for each node.

        Parameters
        ----------
        pod
            The pod.
        names
            The nodes to score.
        """

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        """Bind a pod to a node; return why that failed, empty if it did not.

        Parameters
        ----------
        namespace, name, uid
            The pod.
        node
            Where it goes.
        """

    async def explain(self, namespace: str, name: str) -> Object:
        """Return why a pod is where it is, or why it waits.

        Parameters
        ----------
        namespace, name
            The pod.

        Raises
        ------
        KeyError
            There is no such pod.
        """

    def state(self) -> Object:
        """Return the extender's view of the cluster."""

    def not_ready(self) -> list[str]:
        """Return why calls cannot be answered yet; empty when they can."""
