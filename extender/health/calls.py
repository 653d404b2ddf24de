"""What is asked of the API server about nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bayplan.extender.api import About, ApiError, Client, Recorder, annotate_node


class WriteFailed(Exception):
    """A node could not be annotated; the text says why."""


class NodeCalls(Protocol):
    """Calls about nodes."""

    async def annotate(
        self, node: str, annotations: Mapping[str, str | None], version: str
    ) -> None:
        """Change annotations of a node that has a resource version, or raise ``WriteFailed``."""

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
        """Change annotations of a node that has a resource version, or raise ``WriteFailed``."""
        try:
            await annotate_node(self._client, node, annotations, version=version)
        except ApiError as error:
            raise WriteFailed(str(error)) from None

    def tell(self, node: str, uid: str, reason: str, note: str, *, warning: bool) -> None:
        """Let an Event about a node be written, when there is time for it."""
        about = About("", node, uid, "Node")
        self._recorder.record(about, reason, note, type="Warning" if warning else "Normal")
