"""The controller without I/O: what is to be written to which node, by what is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bayplan.extender.live.owner import Owner
from bayplan.extender.repartition.asking import Outlook, case_of, outlook, wants_of
from bayplan.extender.repartition.candidates import configs_of, hindrance, refusal
from bayplan.extender.repartition.machine import Around, Write, advance, begin
from bayplan.extender.repartition.mark import Mark, Step
from bayplan.extender.repartition.observing import SeenNode, Watched
from bayplan.extender.repartition.planning import Case, Planned
from bayplan.extender.repartition.settings import Repartition

MOST_NAMED = 3
"""Pods that a mark names of those that a node is changed for."""


@dataclass(frozen=True, slots=True)
class Due:
    """A write that is due to a node as it was seen."""

    node: SeenNode
    write: Write


class Controller:
    """Says what is to be done next; all of its memory is on the nodes, but for what saves work.

    Parameters
    ----------
    owner
        The live state.
    settings
        What it goes by.
    """

    def __init__(self, owner: Owner, settings: Repartition) -> None:
        self.owner, self.settings = owner, settings
        self.watched = Watched()
        self._begun: dict[str, str] = {}
        self._in_vain: object = None
        self._told: Outlook = Outlook()

    def due(self, now_s: float) -> Iterator[Due]:
        """Yield the next writes to nodes that are under way, by name: each as things are by then.

        Parameters
        ----------
        now_s
            The time.
        """
        for node, mark in self.watched.under_way():
            write = advance(node, mark, self._around(node, mark), now_s, self.settings)
            if write is not None:
                yield Due(node, write)

    def room(self) -> int:
        """Return how many nodes more may be under way now."""
        for name, version in list(self._begun.items()):
            node = self.watched.nodes.get(name)
            if node is None or node.version != version:
                del self._begun[name]  # if it was written it is seen to be under way
        names = {node.name for node, _ in self.watched.under_way()}
        return self.settings.max_nodes - len(names.union(self._begun))

    def not_begun(self, name: str) -> None:
        """Note that the first write to a node has failed for sure.

        Parameters
        ----------
        name
            The node.
        """
        self._begun.pop(name, None)

    def case(self, now_s: float) -> Case | None:
        """Return what a plan is to be made of; None: there is nothing to plan, or nothing new.

        Parameters
        ----------
        now_s
            The time.
        """
        if self.room() <= 0 or not self.watched.waiting or not self.watched.nodes:
            return None
        wants = wants_of(self.owner, self.watched, now_s, self.settings)
        if not wants:
            return None
        seen = self._told = outlook(self.owner, self.watched, wants, now_s, self.settings)
        if not seen.free or self._as_it_is(seen) == self._in_vain:
            return None
        return case_of(self.owner, self.watched, seen, now_s, self.settings)

    def started(self, planned: Sequence[Planned], now_s: float) -> Iterator[Due]:
        """Yield the first writes of a plan, each as long as the node is free by then.

        Parameters
        ----------
        planned
            The plan.
        now_s
            The time.
        """
        if not planned:
            self._in_vain = self._as_it_is(self._told)
        room = self.room()
        for each in planned:
            node = self.watched.nodes.get(each.node)
            if room <= 0 or node is None:
                continue
            if refusal(self.owner, self.watched, node, now_s, self.settings):
                continue  # somebody came in between
            if not self._waits(each.pods):
                continue
            room -= 1
            self._begun[node.name] = node.version
            yield Due(node, begin(node, each.config, each.pods[:MOST_NAMED], now_s))

    def steps(self) -> dict[Step, int]:
        """Return how many nodes are at each step."""
        counts = dict.fromkeys(Step, 0)
        for _, mark in self.watched.under_way():
            counts[mark.step] += 1
        return counts

    def _around(self, node: SeenNode, mark: Mark) -> Around:
        shown = configs_of(node, self.settings).get(mark.config)
        # Where the config is not known any more the MIG manager alone says when it is done.
        shows = shown is None or set(node.shown) == set(shown)
        return Around(hindrance(self.owner, self.watched, node.name), self._waits(mark.pods), shows)

    def _waits(self, pods: Sequence[str]) -> bool:
        return any(uid in self.watched.waiting for uid in pods)

    def _as_it_is(self, seen: Outlook) -> object:
        """Return what a plan depends on: as long as it is the same, another one is no better."""
        mirror = self.owner.mirror
        wants = tuple(each.uids for each in seen.wants)
        nodes = tuple((node.name, node.version) for node in seen.free)
        return wants, nodes, mirror.n_released, mirror.n_node_changes
