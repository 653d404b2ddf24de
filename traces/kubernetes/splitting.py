"""Parsing a large List piece by piece, without what nobody reads of it.

A newline cannot stand inside a JSON string, so in a List as ``kubectl`` prints it the lines show
where one item ends and the next begins. Pieces of it need a fraction of the memory that the whole
takes, and with it of the time. Every piece is parsed, and so is what is around them: if any does
not parse the lines meant something else, and the whole is parsed at once.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import orjson

PIECE_BYTES = 1 << 20

_HEAD = re.compile(rb'\s*\{[^][{}]*"items": *\[\n( +)(?=\{)')
_UNREAD_OF_CONTAINERS = (
    "args", "command", "env", "envFrom", "lifecycle", "livenessProbe", "readinessProbe",
    "securityContext", "startupProbe", "volumeMounts",
)  # fmt: skip


def parsed(data: bytes, piece_bytes: int = PIECE_BYTES, *, images: bool = False) -> Any:
    """Return what JSON says; of a List, pods and nodes may lack fields that are never read.

    Parameters
    ----------
    data
        The JSON, UTF-8.
    piece_bytes
        The least size of a piece.
    images
        Whether somebody reads the images of nodes and containers.

    Raises
    ------
    ValueError
        It is no JSON.
    """
    head = _HEAD.match(data)
    if head is not None:
        with suppress(ValueError):
            return _in_pieces(data, head.end(), head[1], piece_bytes, images=images)
    return orjson.loads(data)


def _in_pieces(data: bytes, start: int, indent: bytes, piece_bytes: int, *, images: bool) -> Any:
    between = b"},\n" + indent + b"{"
    last = max(start, data.rfind(between))
    end = re.compile(rb"\n {0,%d}\]" % (len(indent) - 1)).search(data, last)
    if end is None:
        raise ValueError("the items do not end")
    around = orjson.loads(data[:start] + data[end.start() :])
    if around["items"] or b'"items"' in data[end.start() :]:
        raise ValueError("more items than these")
    view, items = memoryview(data), around["items"]
    unread = _UNREAD_OF_CONTAINERS if images else (*_UNREAD_OF_CONTAINERS, "image")
    while start < end.start():
        cut = data.find(between, start + piece_bytes, end.start())
        stop = end.start() if cut < 0 else cut + 1
        piece = orjson.loads(b"".join((b"[", view[start:stop], b"]")))
        for item in piece:
            _trim(item, unread, images=images)
        items += piece
        start = stop + 1
    return around


def _trim(item: Any, unread: tuple[str, ...], *, images: bool) -> None:
    """Drop what takes most of the room and is never read."""
    if not isinstance(item, dict):
        return
    metadata, part = item.get("metadata"), item.get("status")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    if item.get("kind") == "Node" and isinstance(part, dict) and not images:
        part.pop("images", None)
    spec = item.get("spec")
    if item.get("kind") == "Pod" and isinstance(spec, dict):
        for name in ("containers", "initContainers"):
            containers = spec.get(name)
            for container in containers if isinstance(containers, list) else ():
                if isinstance(container, dict):
                    for field in unread:
                        container.pop(field, None)
