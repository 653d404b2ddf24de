"""The calls about Leases, by the client of the API server."""

from __future__ import annotations

from typing import Any

import msgspec

from bayplan.extender.api import About, ApiError, Client, Recorder
from bayplan.extender.api.budget import Priority
from bayplan.extender.leading.lease import VERSION, Record, path_of, read_lease, written_lease
from bayplan.extender.leading.runner import LEADS, LeaseFailed
from bayplan.traces.kubernetes.objects import Object

NOT_FOUND, CONFLICT = 404, 409

_decoder = msgspec.json.Decoder(dict[str, Any])


class ApiLeases:
    """See ``extender.leading.runner.LeaseCalls``.

    Parameters
    ----------
    client
        The API server, for Leases alone: they wait for nobody.
    recorder
        Writes Events.
    namespace
        Where the Leases are.
    """

    def __init__(self, client: Client, recorder: Recorder, namespace: str) -> None:
        self._client, self._recorder, self._namespace = client, recorder, namespace

    async def read(self, name: str, timeout_s: float) -> Record:
        """Return a Lease as it is now; one without a version is not there."""
        path = path_of(self._namespace, name)  # without a version: as etcd has it, no cache
        try:
            return read_lease(await self._call("read-lease", "GET", path, None, timeout_s))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return Record()
            raise LeaseFailed(str(error)) from None

    async def write(self, name: str, record: Record, timeout_s: float) -> Record:
        """Write a Lease on the version that was seen, or create it; return what is there."""
        body = written_lease(record, self._namespace, name)
        method, of = ("PUT", name) if record.version else ("POST", "")
        path = path_of(self._namespace, of)
        try:
            return read_lease(await self._call("write-lease", method, path, body, timeout_s))
        except ApiError as error:
            raise LeaseFailed(str(error), conflict=error.status == CONFLICT) from None

    def tell(self, name: str, uid: str, note: str) -> None:
        """Let an Event about a Lease be written, when there is time for it."""
        self._recorder.record(About(self._namespace, name, uid, "Lease", VERSION), LEADS, note)

    async def _call(
        self, operation: str, method: str, path: str, body: Object | None, timeout_s: float
    ) -> Object:
        reply = await self._client.call(
            operation, method, path, body, priority=Priority.BIND, deadline_s=timeout_s
        )
        try:
            thing: Object = _decoder.decode(reply.data)
        except msgspec.DecodeError:  # some proxy's page
            raise ApiError(f"{method} {path}: no object") from None
        return thing
