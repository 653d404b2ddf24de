"""All watches together: started in order, stopped at once, and whether they are in step."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from bayplan.extender.api.connection import Connection
from bayplan.extender.watch.handing import Handing
from bayplan.extender.watch.kinds import KINDS, Kind
from bayplan.extender.watch.sink import Sink
from bayplan.extender.watch.stream import Reader
from bayplan.extender.watch.telling import Counters

STOP_S = 1.0
"""So long ``stop`` waits for the threads. They are daemons: one that hangs holds nothing up."""

STALE_S = 300.0
"""Without a sign of life for so long a kind is not in step any more: two silent watches."""


class Watches:
    """Follows kinds of objects and tells a sink; belongs to one event loop.

    Parameters
    ----------
    connection
        The API server.
    sink
        Who is told.
    registry
        Where metrics go.
    kinds
        What is followed.
    """

    def __init__(
        self,
        connection: Connection,
        sink: Sink,
        registry: CollectorRegistry,
        kinds: Sequence[Kind] = KINDS,
    ) -> None:
        self._connection = connection
        self._sink = sink
        self._kinds = tuple(kinds)
        self.counters = Counters(registry, [kind.name for kind in kinds])
        self._readers: dict[str, Reader] = {}
        self._handing: Handing | None = None
        self._steps = threading.Condition()
        self._stopping = False
        self._in_step = asyncio.Event()

    def start(self) -> None:
        """Begin, on the running event loop."""
        loop = asyncio.get_running_loop()
        self._handing = Handing(self._sink, self.counters, loop, self._synced)
        for kind in self._kinds:
            self._readers[kind.name] = Reader(
                kind, self._connection, self._handing, self.counters, self._turn_of(kind)
            )
        for reader in self._readers.values():
            reader.thread.start()

    async def stop(self) -> None:
        """End all, within about a second; the sink hears nothing more."""
        with self._steps:
            self._stopping = True
            self._steps.notify_all()
        if self._handing is not None:
            self._handing.close()
        for reader in self._readers.values():
            reader.stop()
        await asyncio.to_thread(self._join)
        self.counters.close()

    async def synced(self) -> None:
        """Wait until every kind was in step once."""
        await self._in_step.wait()

    def not_ready(self) -> list[str]:
        """Return why what is known may be incomplete or old, a text for each kind."""
        found = []
        for kind in self._kinds:
            name = kind.name
            problem = self._readers[name].problem if name in self._readers else ""
            if not self.counters.synced[name]:
                found.append(f"{name}: not listed yet" + (f"; {problem}" if problem else ""))
            elif not self.counters.absent[name] and self.counters.stale_s(name) > STALE_S:
                silent = f"{name}: no word for {self.counters.stale_s(name):.0f} s"
                found.append(silent + (f"; {problem}" if problem else ""))
        return found

    def _turn_of(self, kind: Kind) -> Callable[[], bool]:
        followed = {each.name for each in self._kinds}
        before = [name for name in kind.after if name in followed]

        def wait() -> bool:
            with self._steps:
                self._steps.wait_for(
                    lambda: self._stopping or all(self.counters.synced[name] for name in before)
                )
                return not self._stopping

        return wait

    def _synced(self, name: str, absent: bool) -> None:
        with self._steps:
            self.counters.synced[name], self.counters.absent[name] = True, absent
            self._steps.notify_all()
        if all(self.counters.synced.values()):
            self._in_step.set()

    def _join(self) -> None:
        end = time.monotonic() + STOP_S
        for reader in self._readers.values():
            reader.thread.join(max(0.0, end - time.monotonic()))
