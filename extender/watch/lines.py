"""From the bytes of lists and watches to objects, without what nobody reads of them.

A list is ``{"metadata": {"resourceVersion", "continue"}, "items": [...]}``, a line of a watch
``{"type": ..., "object": ...}`` (https://kubernetes.io/docs/reference/using-api/api-concepts/).
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import msgspec

from bayplan.extender.objects import version_of
from bayplan.traces.kubernetes.objects import Object

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""An annotation with a copy of the whole object."""

BOOKMARK, ERROR, DELETED = "BOOKMARK", "ERROR", "DELETED"
CHANGES = frozenset({"ADDED", "MODIFIED", DELETED})


class Page(NamedTuple):
    """A part of a list; ``token`` is empty with the last one."""

    things: list[Object]
    version: str
    token: str


class Line(NamedTuple):
    """A line of a watch.

    ``thing`` is the object of a change and None with others, ``version`` the resource version that
    it brings, ``code`` the status of an error.
    """

    type: str
    thing: Object | None
    version: str
    code: int = 0


class Garbled(ValueError):
    """What came is no list and no line of a watch."""


class _ListMetadata(msgspec.Struct):
    version: str = msgspec.field(default="", name="resourceVersion")
    token: str | None = msgspec.field(default=None, name="continue")


class _RawList(msgspec.Struct):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Versioned(msgspec.Struct):
    version: str = msgspec.field(default="", name="resourceVersion")


class _Bookmark(msgspec.Struct):
    metadata: _Versioned


class _Status(msgspec.Struct):
    code: int = 0


class Decoder:
    """Decodes what comes of one kind.

    Parameters
    ----------
    schema
        What is kept of its objects, from ``bayplan.extender.objects``.
    kind
        Their ``kind``, which the items of a typed list do not say.
    """

    def __init__(self, schema: Any, kind: str) -> None:
        self._kind = kind
        self._list: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct(
                "List", [("metadata", _ListMetadata), ("items", list[schema] | None, None)]
            )
        )
        self._object: msgspec.json.Decoder[Any] = msgspec.json.Decoder(schema)
        self._raw_list = msgspec.json.Decoder(_RawList)
        self._event = msgspec.json.Decoder(_Event)
        self._bookmark = msgspec.json.Decoder(_Bookmark)
        self._status = msgspec.json.Decoder(_Status)

    def page(self, data: bytes | bytearray) -> Page:
        """Return a part of a list.

        Parameters
        ----------
        data
            The body of an answer.

        Raises
        ------
        Garbled
            It is no list.
        """
        try:
            found = self._list.decode(data)
            things = found.items or []
        except msgspec.DecodeError:
            found = self._raw(data)
            things = [self._thing(each) for each in found.items or ()]
        if not found.metadata.version:
            raise Garbled("a list without a resourceVersion")
        for thing in things:
            self._trim(thing)
        return Page(things, found.metadata.version, found.metadata.token or "")

    def line(self, data: bytes | bytearray) -> Line:
        """Return a line of a watch.

        Parameters
        ----------
        data
            Without its newline.

        Raises
        ------
        Garbled
            It is none.
        """
        try:
            event = self._event.decode(data)
            if event.type in CHANGES:
                thing = self._thing(event.object)
                self._trim(thing)
                return Line(event.type, thing, version_of(thing))
            if event.type == BOOKMARK:
                bookmark = self._bookmark.decode(event.object)
                return Line(BOOKMARK, None, bookmark.metadata.version)
            if event.type == ERROR:
                return Line(ERROR, None, "", self._status.decode(event.object).code)
        except msgspec.DecodeError as error:
            raise Garbled(f"no line of a watch: {error}") from None
        raise Garbled(f"no type of an event: {event.type[:20]!r}")

    def _raw(self, data: bytes | bytearray) -> _RawList:
        try:
            return self._raw_list.decode(data)
        except msgspec.DecodeError as error:
            raise Garbled(f"no list: {error}") from None

    def _thing(self, data: msgspec.Raw) -> Object:
        """Return an object; one with a field of another type than the API says is kept whole."""
        try:
            return cast(Object, self._object.decode(data))
        except msgspec.ValidationError:
            thing = msgspec.json.decode(data)
            if not isinstance(thing, dict):
                raise
            return thing

    def _trim(self, thing: Object) -> None:
        thing.setdefault("kind", self._kind)
        metadata = thing.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict):
            annotations.pop(APPLIED, None)
