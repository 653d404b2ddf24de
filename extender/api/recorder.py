"""Events about pods and nodes, as kube-scheduler writes them: ``events.k8s.io/v1``, in series.

Field by field: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.
They are written in the background, after everything else; too many are dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from prometheus_client import CollectorRegistry, Counter

from bayplan.extender.api.budget import Priority
from bayplan.extender.api.client import Client
from bayplan.extender.api.errors import ApiError
from bayplan.extender.api.patches import MERGE_PATCH
from bayplan.extender.api.retry import CONFLICT
from bayplan.extender.api.series import REFRESH_S, About, Key, Occurrences, SeriesBook, Type

CONTROLLER = "bayplan.io/extender"
ACTION = "Scheduling"
MOST_NOTE, MOST_REASON, MOST_NAME = 1024, 128, 200
"""The API's limits, in bytes; of a name so much that a suffix fits."""

QUEUE = 1000
NOT_FOUND = 404
DEADLINE_S = 30.0

_log = logging.getLogger(__name__)


class _Due(NamedTuple):
    key: Key
    series: Occurrences
    first: bool


class Recorder:
    """Writes events; belongs to the running event loop.

    Parameters
    ----------
    client
        The API server.
    registry
        Where metrics go.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        client: Client,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._clock = clock
        self._book = SeriesBook()
        self._serial = 0
        self._queue: asyncio.Queue[_Due] = asyncio.Queue(QUEUE)
        self._instance = socket.gethostname()[:MOST_REASON]
        self._lost = Counter(
            "bayplan_api_events_lost",
            "Events that were not written, because there were too many or the API server refused",
            registry=registry,
        )
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._write()), loop.create_task(self._refresh())]

    def record(self, about: About, reason: str, note: str, type: Type = "Normal") -> None:
        """Write an event soon, or count it where the same one happened lately.

        Parameters
        ----------
        about
            What it is about.
        reason
            Such as ``FailedScheduling``.
        note
            For people; cut at 1,024 bytes.
        type
            Whether it is a warning.
        """
        key = Key(about, type, _cut(reason, MOST_REASON), _cut(note, MOST_NOTE))
        now_s = self._clock()
        self._serial += 1  # two in one microsecond are two events
        name = f"{about.name[:MOST_NAME]}.{int(now_s * 1e6):x}.{self._serial:x}"
        series, write = self._book.noted(key, name, now_s)
        if write:
            self._put(_Due(key, series, series.count == 1))

    async def flush(self) -> None:
        """Wait until all that was recorded is written or lost."""
        await self._queue.join()

    async def close(self) -> None:
        """Stop; what is not written is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _put(self, due: _Due) -> None:
        try:
            self._queue.put_nowait(due)
        except asyncio.QueueFull:
            self._lost.inc()

    async def _refresh(self) -> None:
        """Write now and then what was only counted."""
        while True:
            await asyncio.sleep(REFRESH_S)
            for key, series in self._book.due(self._clock()):
                self._put(_Due(key, series, False))

    async def _write(self) -> None:
        while True:
            due = await self._queue.get()
            try:
                await self._sent(due)
            except ApiError as error:
                self._lost.inc()
                _log.debug("an event was not written: %s", error)
            finally:
                self._queue.task_done()

    async def _sent(self, due: _Due) -> None:
        due.series.written = due.series.count  # with what happened while it waited
        namespace = quote(_namespace_of(due.key.about), safe="")
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        if not due.first:
            one = f"{path}/{quote(due.series.name, safe='')}"
            patch = {"series": _series(due.series)}
            try:
                await self._client.call(
                    "event", "PATCH", one, patch,
                    priority=Priority.EVENT, deadline_s=DEADLINE_S, content_type=MERGE_PATCH,
                )  # fmt: skip
                return
            except ApiError as error:
                if error.status != NOT_FOUND:  # events are kept for an hour
                    raise
        body = self._event(due)
        try:
            await self._client.call(
                "event", "POST", path, body, priority=Priority.EVENT, deadline_s=DEADLINE_S
            )
        except ApiError as error:
            if error.status != CONFLICT:  # the answer to an earlier try was lost
                raise

    def _event(self, due: _Due) -> dict[str, object]:
        about, event_type, reason, note = due.key
        regarding = {
            "apiVersion": about.version, "kind": about.kind, "name": about.name, "uid": about.uid,
        }  # fmt: skip
        if about.namespace:
            regarding["namespace"] = about.namespace
        event: dict[str, object] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": due.series.name, "namespace": _namespace_of(about)},
            "eventTime": _micro_time(due.series.last_s),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": ACTION,
            "reason": reason,
            "note": note,
            "type": event_type,
            "regarding": regarding,
        }
        if due.series.count > 1:
            event["series"] = _series(due.series)
        return event


def _namespace_of(about: About) -> str:
    """Return where events are: those of what has no namespace are in the default one."""
    return about.namespace or "default"


def _series(series: Occurrences) -> dict[str, object]:
    return {"count": series.count, "lastObservedTime": _micro_time(series.last_s)}


def _micro_time(time_s: float) -> str:
    """Return a time as the API's MicroTime: RFC 3339 with six digits."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cut(text: str, most: int) -> str:
    """Return a text of at most so many bytes, whole characters of it."""
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - 3].decode(errors="ignore") + "…"
