"""What is asked of the API server about nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bayplan.extender.api import About, ApiError, Client, Recorder, annotate_node
from bayplan.extender.api.retry import CONFLICT


class WriteFailed(Exception):
    """A node could not be annotated; the text says why."""


class Outdated(Exception):
    """A node has changed since it was seen: nothing was written."""


class NodeCalls(Protocol):
    """Calls about nodes."""

    async def annotate(
        self, node: str, annotations: Mapping[str, str | None], version: str
    ) -> None:
        """Change annotations of a node that has a resource version.

        Raises
        ------
        Outdated
            It has another one by now.
        WriteFailed
            It could not be done.
        """

    def tell(self, node: str, uid: str, reason: str, note: str, *, warning: bool) -> None:
        """Let an Event about a node be written, when there is time for it."""


class ApiMarks:
    """See ``NodeCalls``.

    Parameters
    ----------
    client
        The API server.
    recorder
        Writes Events.
    """

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self._client, self._recorder = client, recorder

    async def annotate(
        self, node: str, annotations: Mapping[str, str | None], version: str
    ) -> None:
        """Change annotations of a node that has a resource version. See ``NodeCalls``."""
        try:
            await annotate_node(self._client, node, annotations, version=version)
        except ApiError as error:
            if error.status == CONFLICT:
                raise Outdated from None
            raise WriteFailed(str(error)) from None

    def tell(self, node: str, uid: str, reason: str, note: str, *, warning: bool) -> None:
        """Let an Event about a node be written, when there is time for it."""
        about = About("", node, uid, "Node")
        self._recorder.record(about, reason, note, type="Warning" if warning else "Normal")
