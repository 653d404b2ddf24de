"""Names of nodes, as calls bring them by thousands: kept as JSON, and looked up as they are there.

A call of 5,000 names is a quarter of a megabyte. To make a text of each, hash it and write it out
again takes longer than to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from bayplan.kernels.names import PADDING, fill_names, find_names, put_names, scan_names
from bayplan.scheduler.arrays import IntArray

_decode = msgspec.json.Decoder(list[str]).decode


class Text(NamedTuple):
    """Bytes, and the same memory as overlapping words: see ``kernels.names``."""

    bytes: NDArray[np.uint8]
    words: NDArray[np.uint64]


class NodeNames(Sequence[str]):
    """Names in an order, decoded only where somebody reads them.

    Parameters
    ----------
    json
        An array of strings.

    Raises
    ------
    ValueError
        It is none. The text says where, and has no values.
    """

    def __init__(self, json: bytes | memoryview) -> None:
        found = _scanned(json)
        if found is None:
            # Go writes no blanks, and names have no escapes: what has is written anew.
            texts = _decode(json)
            found = _scanned(msgspec.json.encode(texts)) or _one_by_one(texts)
        self.text, self.spans, self.hashes = found

    @classmethod
    def of(cls, names: Iterable[str]) -> NodeNames:
        """Return names, as they are if they are it already.

        Parameters
        ----------
        names
            The names.
        """
        return names if isinstance(names, NodeNames) else cls(msgspec.json.encode([*names]))

    def __len__(self) -> int:
        return len(self.spans)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self._texts[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NodeNames):
            return NotImplemented
        return self.text.bytes.tobytes() == other.text.bytes.tobytes()

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        return _decode(self.text.bytes[:-PADDING].data)

    def within(self, codes: IntArray, around: Around) -> bytes:
        """Return the names one behind the other, each between texts by its code.

        Parameters
        ----------
        codes
            A code for each name (len,), from 0.
        around
            The texts by code.
        """
        size = around.longest * len(self) + int(np.sum(self.spans[:, 1] - self.spans[:, 0]))
        out = _room(size)
        n = put_names(
            self.text.words, self.spans, codes, around.text.words, around.heads, around.tails,
            out.words,
        )  # fmt: skip
        return out.bytes[:n].tobytes()


class Around:
    """What stands before and behind names, by a code.

    Parameters
    ----------
    pairs
        By code what stands before and behind; nothing behind: such names are left out.
    """

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        ends = np.cumsum([0] + [len(part) for pair in pairs for part in pair])
        spans = np.column_stack([ends[:-1], ends[1:]]).astype(np.int64)
        self.heads = np.ascontiguousarray(spans[0::2])
        self.tails = np.ascontiguousarray(spans[1::2])
        self.longest = max(len(head) + len(tail) for head, tail in pairs)
        self.text = _text(b"".join(part for pair in pairs for part in pair))


class Index:
    """Finds names among known ones.

    Parameters
    ----------
    names
        The known ones.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = NodeNames.of(names)
        size = 2 << max(len(self._names), 1).bit_length()
        self._table = np.full(size, -1, np.int64)
        fill_names(self._names.hashes, self._table)

    def numbers(self, names: NodeNames) -> IntArray:
        """Return the number of each name among the known ones (len(names),); -1 if it is none.

        Parameters
        ----------
        names
            The names to find.
        """
        found = np.empty(len(names), np.int64)
        known = self._names
        find_names(
            names.text.words, names.spans, names.hashes,
            known.text.words, known.spans, known.hashes, self._table, found,
        )  # fmt: skip
        return found


_Scanned = tuple[Text, NDArray[np.int64], NDArray[np.uint64]]


def _scanned(json: bytes | memoryview) -> _Scanned | None:
    text = _text(json)
    most = text.bytes.size // 3  # a name, however short, has quotes and a comma
    spans, hashes = np.empty((most, 2), np.int64), np.empty(most, np.uint64)
    with np.errstate(over="ignore"):  # hashes wrap, which plain Python says where JIT is off
        n = scan_names(text.bytes, text.words, spans, hashes)
    return None if n < 0 else (text, spans[:n], hashes[:n])


def _one_by_one(names: Sequence[str]) -> _Scanned:
    """Scan names of which some are spelled with escapes: those have no hash."""
    written = [msgspec.json.encode(name)[1:-1] for name in names]
    alone = [_scanned(b'["%b"]' % each) for each in written]
    hashes = [0 if found is None else found[2].item(0) for found in alone]
    ends = np.cumsum([len(each) + 3 for each in written])  # quotes, and a comma or a bracket
    starts = ends - [len(each) + 1 for each in written]
    spans = np.column_stack([starts, ends - 1]).astype(np.int64)
    text = b'["' + b'","'.join(written) + b'"]'
    return _text(text), np.ascontiguousarray(spans), np.array(hashes, np.uint64)


def _text(data: bytes | memoryview) -> Text:
    text = _room(len(data))
    text.bytes[: len(data)] = np.frombuffer(data, np.uint8)
    text.bytes[len(data) :] = 0
    return text


def _room(size: int) -> Text:
    data = np.empty(size + PADDING, np.uint8)
    # One word more would end behind the memory.
    words = np.ndarray((data.size - 7,), np.uint64, data.data, strides=(1,))
    return Text(data, words)
