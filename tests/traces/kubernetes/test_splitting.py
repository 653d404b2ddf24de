"""A List in pieces says what it says as a whole, but for what nobody reads."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.traces.kubernetes.splitting import parsed

texts = st.text(st.sampled_from('ab{}[],:"\\\n \u00e9'), max_size=8) | st.just("},\n    {")
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts | st.sampled_from(("metadata", "items")), values, max_size=4)


@given(
    items=st.lists(objects | values, max_size=6),
    before=st.dictionaries(texts, values, max_size=2),
    after=st.dictionaries(texts | st.just("items"), values, max_size=2),
    indent=st.sampled_from((None, 1, 2, 4)),
    size=st.integers(1, 200),
)
def test_pieces_say_what_the_whole_says(
    items: list[Any], before: dict[str, Any], after: dict[str, Any], indent: int | None, size: int
) -> None:
    data = json.dumps({**before, "items": items, **after}, indent=indent).encode()
    assert parsed(data, size) == orjson.loads(data)


def test_what_is_never_read_is_dropped() -> None:
    container = {"name": "main", "image": "x", "env": [{"name": "A"}], "resources": {"a": 1}}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p", "managedFields": [1]},
        "spec": {"containers": [container], "nodeName": "n"},
    }
    node = {"kind": "Node", "metadata": {"name": "n"}, "status": {"images": [1], "capacity": {}}}
    data = json.dumps({"kind": "List", "items": [node, pod]}, indent=4).encode()
    less = parsed(data)["items"]
    assert less[0] == {"kind": "Node", "metadata": {"name": "n"}, "status": {"capacity": {}}}
    assert less[1] == {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main", "resources": {"a": 1}}], "nodeName": "n"},
    }


def test_images_stay_for_who_reads_them() -> None:
    pod = {"kind": "Pod", "spec": {"containers": [{"image": "x", "env": []}]}}
    node = {"kind": "Node", "status": {"images": [{"names": ["x"]}]}}
    data = json.dumps({"kind": "List", "items": [node, pod]}, indent=4).encode()
    less = parsed(data, images=True)["items"]
    assert less == [node, {"kind": "Pod", "spec": {"containers": [{"image": "x"}]}}]


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [\n {"a": 1},\n {"a": 2}\n]',
        '{"items": [\n {"a": 1},\n {"a": }\n]}',
        '{"items": [\n {"a": 1}\n {"a": 2}\n]}',
        '{"items": [\n {"a": 1},\n {"a": 2}',
    ],
)
def test_what_is_broken_is_no_json(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        parsed(text.encode(), 1)
