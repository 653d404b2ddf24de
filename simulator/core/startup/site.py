"""A node with what it keeps and what it transfers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bayplan.simulator.core.startup.cache import Cache
from bayplan.simulator.core.startup.link import SHARED, Guest, Key, Link, Transfer
from bayplan.simulator.core.startup.types import Startup, Wants


class Added(NamedTuple):
    """How much a job looked for, how much of it was there, and what comes for it."""

    looked_for: int
    found: int
    transfers: list[Transfer]


class Site:
    """One node: ``cache`` and ``link`` go together.

    What finds no room in the cache is transferred all the same, for the pods of one job, and not
    kept.
    """

    def __init__(
        self,
        given: Startup,
        *,
        images: Iterable[tuple[str, int]] = (),
        cache: Cache | None = None,
        link: Link | None = None,
    ) -> None:
        self._given = given
        self.cache = cache or Cache(given.cache_mib)
        self.link = link or Link(given.node_mib_per_s, given.container_s)
        for name, mib in images:
            self.cache.add(name, mib)

    def copy(self) -> Site:
        """Return a site of its own."""
        return Site(self._given, cache=self.cache.copy(), link=self.link.copy())

    def add(self, job: int, wants: Wants, most: Callable[[str], float]) -> Added:
        """Let a job come; what it needs is kept for it, or comes.

        The link is settled before. ``most`` says how fast a model comes that is not there.
        """
        cache, given = self.cache, self._given
        names = [name for name in (wants.image, wants.model) if name]
        kept = [name for name in names if name in cache]
        for name in kept:
            cache.hold(name)  # before anything makes room for the others
        hits = sum((name, SHARED) not in self.link.transfers for name in kept)
        keys: dict[str, Key] = {name: (name, SHARED) for name in kept}
        transfers = []
        for name in names:
            if name in keys:
                continue
            mib = given.mib(name)
            if cache.add(name, mib):
                cache.hold(name)
                keys[name] = name, SHARED
            else:
                keys[name] = name, job
            transfers.append(self._transfer(keys[name], mib, most))
        model = wants.model
        local_s = given.mib(model) / given.local_mib_per_s if model else 0.0
        guest = Guest(job, keys.get(wants.image), keys.get(model), local_s)
        self.link.add(guest, transfers)
        return Added(len(names), hits, transfers)

    def _transfer(self, key: Key, mib: int, most: Callable[[str], float]) -> Transfer:
        name, given = key[0], self._given
        if name in given.models:
            return Transfer(key, mib, most(name), mib, begun=False)
        enough_mib = (1.0 - given.lazy_part) * mib
        return Transfer(key, mib, given.registry_mib_per_s, mib, enough_mib)

    def remove(self, job: int) -> list[Transfer]:
        """Let a job leave; return the transfers that end with it, which leave nothing behind."""
        guest = self.link.guests[job]
        ended = self.link.remove(job)
        for key in (guest.image, guest.model):
            if key is not None and key[1] == SHARED:
                self.cache.release(key[0])
        for each in ended:
            if each.key[1] == SHARED:
                self.cache.drop(each.key[0])
        return ended

    def images(self) -> tuple[tuple[str, int], ...]:
        """Return what is wholly there, by name, with its MiB."""
        coming = {name for name, job in self.link.transfers if job == SHARED}
        return tuple(each for each in self.cache.items() if each[0] not in coming)
