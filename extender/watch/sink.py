"""Who takes what the watches see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bayplan.traces.kubernetes.objects import Object


class Sink(Protocol):
    """Takes objects by kind, one call after the other on the event loop.

    Kinds are the names in ``kinds.KINDS``. A list comes in parts, so that a large one is nowhere
    whole: ``replacing``, then ``page`` any number of times, then ``replaced``. What is in a page is
    there from that call on, whether it was known before or not; what was known before and is in
    no page since the last ``replacing`` is gone with ``replaced``. ``replacing`` may come again
    before ``replaced``, when the API server has forgotten the list that it was giving: it then
    starts once more. Between a ``replacing`` and its ``replaced`` nothing of that kind changes or
    is deleted in any other way.

    Calls must be short: a page has at most ``handing.SLICE`` things. An exception is logged and
    counted, and the next call comes all the same.
    """

    def replacing(self, kind: str) -> None:
        """Take note that a whole list of a kind begins.

        Parameters
        ----------
        kind
            The kind.
        """

    def page(self, kind: str, things: Sequence[Object]) -> None:
        """Take a part of the list.

        Parameters
        ----------
        kind
            The kind.
        things
            Objects of it; the callee may keep them.
        """

    def replaced(self, kind: str) -> None:
        """Forget what was in no page: the list is complete, and the kind is in step.

        Parameters
        ----------
        kind
            The kind.
        """

    def changed(self, kind: str, thing: Object) -> None:
        """Take an object that was added or modified.

        Parameters
        ----------
        kind
            The kind.
        thing
            As it is now.
        """

    def deleted(self, kind: str, thing: Object) -> None:
        """Forget an object; it may be one that was never seen.

        Parameters
        ----------
        kind
            The kind.
        thing
            As it was last.
        """
