"""What the HTTP layer asks: the verbs of the extender, and the pages for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import NamedTuple, Protocol

import numpy as np

from bayplan.extender.names import NodeNames
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.traces.kubernetes.objects import Object


class Why(NamedTuple):
    """Why a node cannot take a pod; ``lasting``: it never will, whoever is preempted."""

    text: str
    lasting: bool = False


@dataclass(frozen=True)
class FilterAnswer:
    """What filter says of each node.

    Attributes
    ----------
    names
        The nodes, in the order of the call.
    codes
        Of each node (len(names),): 0 where the pod may go, else the place of the reason in
        ``whys``, from 1.
    whys
        The reasons.
    error
        Why nothing can be said; then the rest means nothing.
    """

    names: NodeNames
    codes: IntArray
    whys: tuple[Why, ...] = ()
    error: str = ""

    @classmethod
    def failed_call(cls, error: str) -> FilterAnswer:
        """Return an answer to a call that cannot be answered.

        Parameters
        ----------
        error
            Why.
        """
        return cls(NodeNames.of(()), np.zeros(0, np.int64), (), error)

    @classmethod
    def nowhere(cls, names: NodeNames, why: str, *, lasting: bool = False) -> FilterAnswer:
        """Return that no node can take a pod.

        Parameters
        ----------
        names
            The nodes.
        why, lasting
            The reason.
        """
        return cls(names, np.ones(len(names), np.int64), (Why(why, lasting),))

    @cached_property
    def fits(self) -> BoolArray:
        """Whether the pod may go to each node (len(names),)."""
        found: BoolArray = self.codes == 0
        return found

    @cached_property
    def somewhere(self) -> bool:
        """Whether there is a node for the pod."""
        return bool(self.fits.any())

    @property
    def passed(self) -> list[str]:
        """The nodes that the pod may go to, in the order of the call."""
        return list(compress(self.names, self.fits.tolist()))

    @property
    def failed(self) -> dict[str, str]:
        """Why the pod may not go to others, by node, where preemption may help."""
        return self._out(lasting=False)

    @property
    def unresolvable(self) -> dict[str, str]:
        """Why the pod may not go to others, by node, where nothing helps."""
        return self._out(lasting=True)

    def counts(self) -> list[tuple[str, int]]:
        """Return how many nodes there are for each reason that occurs."""
        each = np.bincount(self.codes, minlength=len(self.whys) + 1)[1:].tolist()
        return [(why.text, n) for why, n in zip(self.whys, each, strict=True) if n]

    def _out(self, *, lasting: bool) -> dict[str, str]:
        pairs = zip(self.names, self.codes.tolist(), strict=True)
        known = {n: why.text for n, why in enumerate(self.whys, 1) if why.lasting is lasting}
        return {name: known[code] for name, code in pairs if code in known}


@dataclass(frozen=True)
class Scores:
    """The scores of nodes, from 0 to 10, as pairs.

    Attributes
    ----------
    names
        The nodes.
    points
        Their scores (len(names),).
    """

    names: NodeNames
    points: IntArray

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(zip(self.names, self.points.tolist(), strict=True))


Victims = Mapping[str, tuple[tuple[str, ...], int]]
"""By node the API's uids of pods, and how many disruption budgets evicting them violates."""


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

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        """Return a score from 0 to 10 for each node.

        Parameters
        ----------
        pod
            The pod.
        names
            The nodes to score.
        """

    def preempt(self, pod: Object, victims: Victims) -> Victims:
        """Return whom to evict for a pod; nodes that are left out are no candidates.

        Parameters
        ----------
        pod
            The pod.
        victims
            Whom kube-scheduler would evict, by node; maybe nobody.
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
        """Return why a pod or a gang is where it is, or why it waits.

        Parameters
        ----------
        namespace, name
            The pod, or the gang.

        Raises
        ------
        KeyError
            There is no such pod or gang.
        """

    def state(self) -> Object:
        """Return the extender's view of the cluster."""

    def quota(self, namespace: str) -> Object:
        """Return what is free for the pods of a namespace.

        Parameters
        ----------
        namespace
            The namespace; empty for all.
        """

    def not_ready(self) -> list[str]:
        """Return why calls cannot be answered yet; empty when they can."""
