"""Replies, byte for byte as Go reads them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bayplan.extender.wire.decoding import read_args
from bayplan.extender.wire.encoding import (
    binding_reply,
    filter_error,
    filter_reply,
    preemption_reply,
    priorities_reply,
)
from extender_bodies import NAMES, WHOLE, answer, encoded, node, scores


def test_names_go_back_as_names() -> None:
    found = answer(["n1"], {"n2": "full"}, {"n3": "wrong model"})
    assert filter_reply(found, read_args(encoded(NAMES))) == (
        b'{"Nodes":null,"NodeNames":["n1"],"FailedNodes":{"n2":"full"},'
        b'"FailedAndUnresolvableNodes":{"n3":"wrong model"},"Error":""}'
    )


def test_whole_nodes_go_back_as_they_came() -> None:
    reply = filter_reply(answer(["n3", "n1"], {}, {}), read_args(encoded(WHOLE)))
    items = encoded(node("n3")) + b"," + encoded(node("n1"))
    assert reply == (
        b'{"Nodes":{"items":[' + items + b'],"metadata":{}},"NodeNames":null,"FailedNodes":{},'
        b'"FailedAndUnresolvableNodes":{},"Error":""}'
    )


def test_no_node_is_an_empty_list_in_the_form_that_was_sent() -> None:
    nothing = answer([], {}, {})
    assert json.loads(filter_reply(nothing, read_args(encoded(NAMES))))["NodeNames"] == []
    whole = json.loads(filter_reply(nothing, read_args(encoded(WHOLE))))
    assert (whole["Nodes"]["items"], whole["NodeNames"]) == ([], None)


def test_no_text_has_a_percent_sign_which_go_would_take_for_a_format() -> None:
    found = answer(["n1"], {"n2": "'50%' is no quantity"}, {"n3": "150 %; at most 100"})
    reply = json.loads(filter_reply(found, read_args(encoded(NAMES))))
    assert reply["FailedNodes"] == {"n2": "'50 percent' is no quantity"}
    assert reply["FailedAndUnresolvableNodes"] == {"n3": "150 percent; at most 100"}
    assert json.loads(filter_error("at 5 %"))["Error"] == "at 5 percent"
    assert json.loads(binding_reply("at 5%"))["Error"] == "at 5 percent"


def test_an_error_leaves_no_nodes() -> None:
    found = replace(answer(["n1"], {}, {}), error="not ready")
    assert (
        filter_reply(found, read_args(encoded(NAMES)))
        == filter_error("not ready")
        == (
            b'{"Nodes":null,"NodeNames":null,"FailedNodes":{},"FailedAndUnresolvableNodes":{},'
            b'"Error":"not ready"}'
        )
    )


def test_priorities_are_a_bare_array_of_whole_numbers() -> None:
    assert priorities_reply(scores([("n1", 10), ("n2", 0)])) == (
        b'[{"Host":"n1","Score":10},{"Host":"n2","Score":0}]'
    )
    assert priorities_reply(scores([])) == b"[]"


@pytest.mark.parametrize("score", [-1, 11, 50])
def test_a_score_outside_is_never_sent(score: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 10"):
        priorities_reply(scores([("n1", 3), ("n2", score)]))


def test_names_are_escaped() -> None:
    assert json.loads(priorities_reply(scores([('a"\\\n', 1)]))) == [{"Host": 'a"\\\n', "Score": 1}]


def test_bindings() -> None:
    assert binding_reply("") == b'{"Error":""}'
    assert binding_reply("waiting 1/4") == b'{"Error":"waiting 1/4"}'


def test_victims_go_back_by_uid() -> None:
    assert preemption_reply({"n1": (("u-9",), 1)}) == (
        b'{"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"u-9"}],"NumPDBViolations":1}}}'
    )
