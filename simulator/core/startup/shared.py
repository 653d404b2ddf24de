"""Caches of models beside the nodes: filled by the first load from the object store."""

from __future__ import annotations

from bayplan.simulator.core.startup.types import NOBODY, RACK

Place = tuple[str, str]
"""A rack (empty for the whole cluster), and a model."""


class SharedModels:
    """Which models are in a cache that nodes share, and which nodes load one into it now.

    A cache keeps all that was ever loaded. Until a first load has ended all loads are from the
    object store.
    """

    def __init__(self, model_cache: str, racks: dict[str, str]) -> None:
        self._is_on = model_cache != NOBODY
        self._rack = racks if model_cache == RACK else {}
        self._there: set[Place] = set()
        self._loading: dict[Place, set[str]] = {}

    def has(self, node: str, model: str) -> bool:
        """Whether a node finds a model in its cache."""
        return self._place(node, model) in self._there

    def loading(self, node: str, model: str) -> list[str]:
        """Return the nodes that load a model into the cache of a node, sorted."""
        return sorted(self._loading.get(self._place(node, model), ()))

    def begin(self, node: str, model: str) -> None:
        """Note that a node loads a model from the object store."""
        if self._is_on:
            self._loading.setdefault(self._place(node, model), set()).add(node)

    def end(self, node: str, model: str, *, is_done: bool) -> None:
        """Note that a load has ended, or was given up."""
        place = self._place(node, model)
        if is_done and self._is_on:
            self._there.add(place)
            self._loading.pop(place, None)
        elif nodes := self._loading.get(place):
            nodes.discard(node)

    def _place(self, node: str, model: str) -> Place:
        return self._rack.get(node, ""), model
