"""Names in JSON, found and written one character at a time: the oracle of ``kernels.names``."""

from __future__ import annotations

from collections.abc import Sequence

Span = tuple[int, int]


def is_plain(character: int) -> bool:
    """Whether a byte may stand in a name as it is."""
    return 0x20 <= character < 0x80 and chr(character) not in '"\\'


def scan_names(text: bytes) -> list[Span] | None:
    """Return where names begin and end in an array without blanks; None if it is no such."""
    if not text.startswith(b"["):
        return None
    if text == b"[]":
        return []
    spans, at = [], 1
    while True:
        if text[at : at + 1] != b'"':
            return None
        start = end = at + 1
        while end < len(text) and is_plain(text[end]):
            end += 1
        if text[end : end + 1] != b'"':
            return None
        spans.append((start, end))
        at = end + 2
        if text[end + 1 :] == b"]":
            return spans
        if text[end + 1 : end + 2] != b",":
            return None


def fill_names(keys: Sequence[int], table: Sequence[int]) -> None:
    """Check that every name is found from the place of its key on, before any that is free."""
    for number, key in enumerate(keys):
        place = key % len(table)
        while table[place] != number:
            assert table[place] >= 0, "a free place on the way to a name"
            place = (place + 1) % len(table)


def find_names(names: Sequence[bytes], known: Sequence[bytes]) -> list[int]:
    """Return the number of each name among the known ones, -1 if it is none."""
    return [known.index(name) if name in known else -1 for name in names]


def put_names(
    names: Sequence[bytes], codes: Sequence[int], around: Sequence[tuple[bytes, bytes]]
) -> bytes:
    """Return names one behind the other, each between texts by its code."""
    pieces = [(*around[code], name) for name, code in zip(names, codes, strict=True)]
    return b"".join(head + name + tail for head, tail, name in pieces if tail)
