"""What kube-scheduler asks of an extender, and what it is told: the door between wire and state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bayplan.traces.kubernetes.objects import Object


class FilterAnswer(NamedTuple):
    """Which nodes may take a pod, and why the others may not.

    Attributes
    ----------
    passed
        Names, in the order in which they were given.
    failed
        Why a node cannot take it now: preemption may help (``FailedNodes``).
    unresolvable
        Why a node can never take it (``FailedAndUnresolvableNodes``).
    error
        What is wrong with the call as a whole; empty: nothing.
    """

    passed: list[str]
    failed: dict[str, str]
    unresolvable: dict[str, str]
    error: str = ""


class Verbs(Protocol):
    """The verbs of an extender and its pages, apart from any wire."""

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        """Say which nodes may take a pod; ``holds``: the call may keep room for it."""

    def prioritize(self, pod: Object, names: Sequence[str]) -> list[tuple[str, int]]:
        """Return a score from 0 to 10 for each node, and keep room on the best one."""

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        """Bind a pod to a node; return what went wrong, empty when nothing did."""

    async def explain(self, namespace: str, name: str) -> Object:
        """Say why a pod is where it is, or nowhere; ``KeyError``: there is none."""

    def state(self) -> Object:
        """Return what is known of the cluster, in short."""

    def not_ready(self) -> list[str]:
        """Return what is missing before calls can be answered; empty: nothing."""
