"""What people, probes and Prometheus read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from bayplan.extender.http.replies import Reply, json_reply, refused
from bayplan.extender.verbs import Verbs

EXPLAIN, QUOTA = "/explain/", "/quota"


class Pages:
    """The read-only pages.

    Parameters
    ----------
    verbs
        What they show.
    registry
        The metrics.

    Attributes
    ----------
    stopping
        Is set once it has been told to stop.
    """

    def __init__(self, verbs: Verbs, registry: CollectorRegistry) -> None:
        self._verbs = verbs
        self._registry = registry
        self.stopping = asyncio.Event()
        self.by_path: dict[str, tuple[str, Callable[[], Awaitable[Reply]]]] = {
            "/healthz": ("healthz", self._healthz),
            "/readyz": ("readyz", self._readyz),
            "/metrics": ("metrics", self._metrics),
            "/state": ("state", self._state),
        }

    def find(self, path: str) -> tuple[str, Callable[[], Awaitable[Reply]]] | None:
        """Return the name of the page at a path and what makes it; None if there is none.

        Parameters
        ----------
        path
            Of the request.
        """
        page = self.by_path.get(path)
        if page is None and path.startswith(EXPLAIN):
            namespace, _, name = path.removeprefix(EXPLAIN).partition("/")
            if namespace and name:  # names of gangs may have more parts
                return "explain", lambda: self._explain(namespace, name)
        if page is None and (path == QUOTA or path.startswith(f"{QUOTA}/")):
            namespace = path[len(QUOTA) + 1 :]
            if "/" not in namespace:
                return "quota", lambda: self._quota(namespace)
        return page

    async def _healthz(self) -> Reply:
        return json_reply(200, {"ok": True})

    async def _readyz(self) -> Reply:
        reasons = ["it is stopping"] if self.stopping.is_set() else self._verbs.not_ready()
        return json_reply(503 if reasons else 200, {"ready": not reasons, "reasons": reasons})

    async def _metrics(self) -> Reply:
        return Reply(200, generate_latest(self._registry), CONTENT_TYPE_LATEST.encode())

    async def _state(self) -> Reply:
        return json_reply(200, self._verbs.state())

    async def _quota(self, namespace: str) -> Reply:
        return json_reply(200, self._verbs.quota(namespace))

    async def _explain(self, namespace: str, name: str) -> Reply:
        try:
            return json_reply(200, await self._verbs.explain(namespace, name))
        except KeyError:
            return refused(404, f"there is no pod or gang {namespace}/{name}, or it has ended")
