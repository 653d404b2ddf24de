"""Names in JSON, thousands in a call, without making a text of each.

A text is its bytes and, over the same memory, the eight bytes from each place on as one word
(``words``), little end first, with ``PADDING`` bytes behind it. ``spans`` (n, 2) are where names
begin and end.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import ByteArray, IntArray, IntTable, KeyArray, WordArray

PADDING = 16
"""Bytes behind a text that may be read and written: a word begins at each of its bytes."""

_0, _1, _7, _8, _32, _56 = (np.uint64(n) for n in (0, 1, 7, 8, 32, 56))
_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x22 * 0x0101010101010101)
_BACKSLASHES = np.uint64(0x5C * 0x0101010101010101)
_SPACES = np.uint64(0x20 * 0x0101010101010101)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_OPENING, _CLOSING, _QUOTE, _COMMA = 0x5B, 0x5D, 0x22, 0x2C


@kernel
def scan_names(text: ByteArray, words: WordArray, spans: IntTable, hashes: KeyArray) -> int:
    """Find the names in a JSON array of strings without blanks; return how many there are.

    -1 if it is none, or a name has an escape or a byte that is not printable ASCII. ``spans`` and
    ``hashes`` (n,) are written, and have room for a third of ``text``.

    Notes
    -----
    Eight bytes at a time: a byte of ``x`` is less than n where the high bit of ``x - n & ~x`` is
    set, the lowest such bit is never set wrongly (Anderson: Bit Twiddling Hacks, "Determine if a
    word has a byte less than n").
    """
    size = text.size - PADDING
    if size < 2 or text[0] != _OPENING:
        return -1
    if text[1] == _CLOSING:
        return 0 if size == 2 else -1
    at, n = np.int64(1), 0
    while at < size and text[at] == _QUOTE:
        at += 1
        spans[n, 0] = at
        key = _0
        while True:
            if at >= size:
                return -1
            word = words[at]
            quotes, slashes = word ^ _QUOTES, word ^ _BACKSLASHES
            special = (quotes - _ONES) & ~quotes | (slashes - _ONES) & ~slashes
            special = (special | (word - _SPACES) & ~word | word) & _HIGH
            if special == _0:
                key = (key ^ word) * _GOLDEN
                key ^= key >> _32
                at += 8
                continue
            before = ((special & (~special + _1)) >> _7) - _1
            key = (key ^ (word & before)) * _GOLDEN
            at += np.int64(((before & _ONES) * _ONES) >> _56)
            break
        if text[at] != _QUOTE:
            return -1
        hashes[n] = key ^ (key >> _32)
        spans[n, 1] = at
        n += 1
        at += 1
        if text[at] == _CLOSING:
            return n if at == size - 1 else -1
        if text[at] != _COMMA:
            return -1
        at += 1
    return -1


@kernel
def fill_names(hashes: KeyArray, table: IntArray) -> None:
    """Enter names by hash into ``table``, which has -1 everywhere and 2^k places, more than names.

    Open addressing with linear probing.
    """
    mask = table.size - 1
    for number in range(hashes.size):
        place = np.int64(hashes[number] & np.uint64(mask))
        while table[place] >= 0:
            place = (place + 1) & mask
        table[place] = number


@kernel
def find_names(
    words: WordArray,
    spans: IntTable,
    hashes: KeyArray,
    known_words: WordArray,
    known_spans: IntTable,
    known_hashes: KeyArray,
    table: IntArray,
    found: IntArray,
) -> None:
    """Write to ``found`` (n,) the number of each name among the known ones, -1 if it is none."""
    mask = table.size - 1
    for n in range(found.size):
        found[n] = -1
        start = spans[n, 0]
        length = spans[n, 1] - start
        place = np.int64(hashes[n] & np.uint64(mask))
        while table[place] >= 0:
            number = table[place]
            place = (place + 1) & mask
            other = known_spans[number, 0]
            if known_hashes[number] != hashes[n] or known_spans[number, 1] - other != length:
                continue
            at = 0
            while at + 8 <= length and words[start + at] == known_words[other + at]:
                at += 8
            differs = words[start + at] ^ known_words[other + at]
            if at + 8 > length:
                differs &= (_1 << np.uint64(8 * (length - at))) - _1
            if differs == _0:
                found[n] = number
                break


@kernel
def put_names(
    words: WordArray,
    spans: IntTable,
    codes: IntArray,
    pieces: WordArray,
    heads: IntTable,
    tails: IntTable,
    out: WordArray,
) -> int:
    """Write names one behind the other, each between texts by its code; return the bytes written.

    Parameters
    ----------
    words, spans
        The names.
    codes
        Of each name (n,).
    pieces
        The texts around names.
    heads, tails
        By code, where in ``pieces`` what stands before and behind a name begins and ends. A code
        without a tail leaves its names out.
    out
        Where to.
    """
    at = 0
    for n in range(codes.size):
        code = codes[n]
        if tails[code, 0] == tails[code, 1]:
            continue
        for k in range(heads[code, 0], heads[code, 1], 8):
            out[at + k - heads[code, 0]] = pieces[k]
        at += heads[code, 1] - heads[code, 0]
        start, end = spans[n, 0], spans[n, 1]
        for k in range(start, end, 8):
            out[at + k - start] = words[k]
        at += end - start
        start, end = tails[code, 0], tails[code, 1]
        for k in range(start, end, 8):
            out[at + k - start] = pieces[k]
        at += end - start
    return at
