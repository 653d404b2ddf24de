from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import naive_names as naive
from bayplan.kernels import names as kernels
from bayplan.kernels.names import PADDING
from strategies import MORE, ints

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashes wrap, JIT or not

PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'))
NODES = st.from_regex(r"n[a-c]{0,20}-[0-3]{0,3}", fullmatch=True)
names = st.lists(NODES | PLAIN, max_size=12)
scraps = st.lists(
    st.sampled_from(['"', "[", "]", ",", "\\", " ", "a", "b" * 9, "\x1f", "\x7f", "é", "[]", '","'])
).map(lambda parts: "".join(parts).encode())
arrays = names.map(lambda each: json.dumps(each, separators=(",", ":")).encode())


class Scanned:
    """A text as the arrays that kernels take, and what was found in it."""

    def __init__(self, text: bytes) -> None:
        self.bytes = np.full(len(text) + PADDING, 0x22, np.uint8)  # what is behind does not count
        self.bytes[: len(text)] = np.frombuffer(text, np.uint8)
        self.words = words_of(self.bytes)
        most = self.bytes.size // 3
        spans, hashes = np.full((most, 2), -7), np.zeros(most, np.uint64)
        self.n = kernels.scan_names(self.bytes, self.words, spans, hashes)
        self.spans, self.hashes = spans[: max(self.n, 0)], hashes[: max(self.n, 0)]


def words_of(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ndarray((data.size - 7,), np.uint64, data.data, strides=(1,))


def written(each: list[str]) -> bytes:
    return json.dumps(each, separators=(",", ":")).encode()


@MORE
@given(
    arrays
    | scraps
    | st.builds(lambda a, b, n: a[:n] + b + a[n:], arrays, scraps, st.integers(0, 90))
)
@example(b"")
@example(b"[")
@example(b'["')
@example(b'["a"]]')
@example(b'["a",')
@example(b'["a\\]')
@example(b'["a\\,"b"]')
def test_names_are_found_where_the_oracle_finds_them_and_nothing_else_is_taken(text: bytes) -> None:
    scanned, spans = Scanned(text), naive.scan_names(text)
    assert scanned.n == (-1 if spans is None else len(spans))
    assert [tuple(pair) for pair in scanned.spans.tolist()] == (spans or [])


@MORE
@given(names)
def test_what_is_found_is_what_json_reads(each: list[str]) -> None:
    text = written(each)
    found = [text[start:end].decode() for start, end in Scanned(text).spans.tolist()]
    assert found == json.loads(text)


@MORE
@given(st.lists(NODES | PLAIN, max_size=30, unique=True), st.lists(NODES | PLAIN, max_size=9))
def test_names_are_looked_up_among_known_ones(known: list[str], others: list[str]) -> None:
    asked = [*others, *known[::2], *others[:3]]
    table = np.full(2 << len(known).bit_length(), -1, np.int64)
    there, here = Scanned(written(known)), Scanned(written(asked))
    kernels.fill_names(there.hashes, table)
    naive.fill_names([int(key) for key in there.hashes], table.tolist())
    found = np.full(len(asked), -7)
    kernels.find_names(
        here.words, here.spans, here.hashes, there.words, there.spans, there.hashes, table, found
    )
    expected = naive.find_names([a.encode() for a in asked], [k.encode() for k in known])
    assert found.tolist() == expected


def test_names_with_one_hash_are_told_apart() -> None:
    """All hashes are made the same: the bytes decide, to the last one and not beyond."""
    known = ["n" * k for k in range(20)] + ["n" * k + "m" for k in range(20)]
    there = Scanned(written(known))
    there.hashes[:] = 5
    table = np.full(128, -1, np.int64)
    kernels.fill_names(there.hashes, table)
    asked = Scanned(written([*reversed(known), "nm" * 4, "m" * 17]))
    asked.hashes[:] = 5
    found = np.zeros(asked.n, np.int64)
    kernels.find_names(
        asked.words, asked.spans, asked.hashes, there.words, there.spans, there.hashes, table, found
    )
    assert found.tolist() == [*range(39, -1, -1), -1, -1]


@MORE
@given(st.data())
def test_names_are_written_between_texts(data: st.DataObject) -> None:
    each = data.draw(names)
    some = st.binary(max_size=20)
    around = data.draw(st.lists(st.tuples(some, some), min_size=1, max_size=4))
    codes = data.draw(
        st.lists(st.integers(0, len(around) - 1), min_size=len(each), max_size=len(each))
    )
    scanned, pieces = Scanned(written(each)), Scanned(b"".join(a + b for a, b in around))
    ends = np.cumsum([0] + [len(part) for pair in around for part in pair])
    spans = np.column_stack([ends[:-1], ends[1:]])
    expected = naive.put_names([e.encode() for e in each], codes, around)
    out = np.zeros(len(expected) + PADDING, np.uint8)
    n = kernels.put_names(
        scanned.words, scanned.spans, ints(codes), pieces.words,
        np.ascontiguousarray(spans[0::2]), np.ascontiguousarray(spans[1::2]), words_of(out),
    )  # fmt: skip
    assert out[:n].tobytes() == expected
