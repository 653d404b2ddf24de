from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bayplan.extender.names import Around, Index, NodeNames

texts = st.lists(st.text(max_size=20))
NO_NAMES = np.zeros(0, np.int64)


@given(texts)
@example(["é", 'say "x"', "back\\slash", "", "\x00", "node-1"])
def test_names_are_what_json_reads_however_it_is_written(each: list[str]) -> None:
    for text in (json.dumps(each), json.dumps(each, ensure_ascii=False, indent=1)):
        names = NodeNames(text.encode())
        assert [*names] == each
        assert (len(names), names) == (len(each), NodeNames.of(each))
        assert names[:2] == each[:2]


@given(st.lists(st.text(max_size=9), unique=True), texts)
def test_names_are_found_by_number(known: list[str], others: list[str]) -> None:
    asked = [*others, *known]
    found = Index(known).numbers(NodeNames.of(asked)).tolist()
    assert found == [known.index(name) if name in known else -1 for name in asked]


@given(texts, st.data())
def test_names_are_written_as_json_writes_them(each: list[str], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, 1), min_size=len(each), max_size=len(each)))
    around = Around([(b"", b""), (b'"', b'":1,')])
    written = NodeNames.of(each).within(np.array(codes, np.int64), around)
    pairs = [name for name, code in zip(each, codes, strict=True) if code]
    assert json.loads(b"[" + written.replace(b'":1,', b'",')[:-1] + b"]") == pairs


def test_names_are_as_they_are() -> None:
    names = NodeNames.of(["a"])
    assert NodeNames.of(names) is names
    assert names != ["a"]
    assert names.within(np.zeros(1, np.int64), Around([(b"", b"")])) == b""
    assert NodeNames.of([]).within(NO_NAMES, Around([(b"<", b">")])) == b""


@pytest.mark.parametrize("text", [b"{}", b"[1]", b'["a",null]', b'["a"', b'["\xff"]', b'["a\x01"]'])
def test_what_is_no_list_of_names_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"[Ee]xpected|truncated|utf-8|malformed"):
        NodeNames(text)
