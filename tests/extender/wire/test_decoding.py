"""Bodies of calls, literally as facts about Go's encoder have them, and in other cases."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bayplan.extender.names import NodeNames
from bayplan.extender.objects import decode
from bayplan.extender.wire.decoding import (
    Malformed,
    read_args,
    read_binding,
    read_preemption,
)
from extender_bodies import (
    BINDING,
    META_PREEMPTION,
    NAMES,
    POD,
    PREEMPTION,
    WHOLE,
    encoded,
    node,
)

LITERAL = b'{"Pod":{"metadata":{"name":"p","uid":"u"}},"Nodes":null,"NodeNames":["n1","n2"]}'


def swapped(thing: Any) -> Any:
    """Return a body whose own keys are in the other case; those of Kubernetes objects stay."""
    return {key.swapcase(): value for key, value in thing.items()}


def test_names_of_nodes_as_a_scheduler_sends_them_to_a_node_cache_capable_extender() -> None:
    asked = read_args(LITERAL)
    assert asked.pod == {"metadata": {"name": "p", "uid": "u"}}
    assert (asked.names, asked.nodes) == (NodeNames.of(["n1", "n2"]), None)


def test_whole_nodes_are_kept_byte_for_byte() -> None:
    asked = read_args(encoded(WHOLE))
    assert asked.names == NodeNames.of(["n1", "n2", "n3"])
    assert asked.nodes is not None
    assert bytes(asked.nodes["n2"]) == encoded(node("n2"))


def test_the_pod_is_restricted_to_what_is_read() -> None:
    assert read_args(encoded(NAMES)).pod == decode("Pod", encoded(POD))


@pytest.mark.parametrize("body", [NAMES, WHOLE])
@pytest.mark.parametrize("case", [str.lower, str.upper, str.swapcase])
def test_keys_are_taken_in_any_case(body: dict[str, Any], case: Any) -> None:
    other = {case(key): value for key, value in body.items()}
    assert read_args(encoded(other)) == read_args(encoded(body))


def test_a_mixed_case_is_taken_too() -> None:
    mixed = b'{"Pod":{},"nodes":null,"NODENAMES":["n1"]}'
    assert read_args(mixed) == ({}, NodeNames.of(["n1"]), None)
    inner = b'{"pod":{},"nodes":{"ITEMS":[{"metadata":{"name":"n1"}}]}}'
    assert read_args(inner).names == NodeNames.of(["n1"])


def test_nodes_are_kept_byte_for_byte_in_another_case_too() -> None:
    odd = b'{"metadata": {"name" :"n1"}, "spec":{"x": 1.0, "big": 123456789012345678901234567890}}'
    asked = read_args(b'{"pod":{},"nodes":{"items":[' + odd + b"]}}")
    assert asked.nodes is not None
    assert bytes(asked.nodes["n1"]) == odd


def test_of_keys_that_differ_by_case_the_last_counts_as_in_go() -> None:
    assert read_args(b'{"pod":{},"nodenames":["a"],"NodeNAMES":["b"]}').names == NodeNames.of(["b"])


PIECES = [
    b'{', b'}', b'[', b']', b'"', b",", b'"Pod":{}', b'"Pod":{"x":1', b'"Nodes":null', b'"x":',
    b'"Nodes":{"items":[{"metadata":{"name":"n3"}}]}', b'"NodeNames":["n1"]', b'"NodeNames":null',
    b'"NodeNames":["n2","n\\u0031"]', b'"NodeNames": ["n1"]', b'"nodenames":["n4"]', b'["\xff"]',
]  # fmt: skip
"""What bodies are put together of, right and wrong; some make whole ones by themselves."""


@given(st.lists(st.sampled_from(PIECES), max_size=9).map(b"".join))
@example(b'{"Pod":{"x":1,"NodeNames":["n1"]}')
@example(b'{"Pod":{"x":1,"NodeNames":["n1"]},"Nodes":null,"NodeNames":["n2"]}')
@example(b'{"Pod":{},"Nodes":null,"NodeNames":["n1"]]')
@example(b'{"Pod":{},"NodeNames":["n1"],"NodeNames":["n2"]}')
@example(b'{"Pod":{},"NodeNames":["n1"],"x":["n2"]}')
@example(b'{"Pod":{},"Nodes":null,"NodeNames":["n1"],"nodenames":["n2"]}')
@example(b'{"Pod":{},"Nodes":null,"NodeNames":["n1" , "n\\u0032"]}')
def test_where_the_names_stand_makes_no_difference(body: bytes) -> None:
    # With a blank behind it, a body does not end with its names and is decoded whole.
    assert outcome(body) == outcome(body + b" ")


def outcome(body: bytes) -> Any:
    """Return what a body asks, or that it is malformed."""
    try:
        return read_args(body)
    except Malformed:
        return "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b'{"Pod":{},"Nodes":null,"NodeNames":null}',
        b'{"Pod":{}}',
        b'{"Pod":{},"Nodes":{"items":null},"NodeNames":null}',
        b'{"Pod":{},"Nodes":{},"NodeNames":null}',
        b'{"Pod":{},"Nodes":null,"NodeNames":[]}',
    ],
)
def test_without_nodes_there_are_no_candidates(body: bytes) -> None:
    assert read_args(body).names == NodeNames.of([])


def test_names_count_where_whole_nodes_come_too() -> None:
    assert read_args(encoded(WHOLE | {"NodeNames": ["n3"]})) == (
        decode("Pod", encoded(POD)), NodeNames.of(["n3"]), None,
    )  # fmt: skip


def test_unknown_keys_are_passed_over() -> None:
    assert read_args(encoded(NAMES | {"Version": 2})) == read_args(encoded(NAMES))
    assert read_args(encoded(swapped(NAMES) | {"Version": 2})) == read_args(encoded(NAMES))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"null", "Expected `object`, got `null`"),
        (b'{"Pod":null,"Nodes":null,"NodeNames":[]}', r"\$\.Pod"),
        (b"{}", r"\$\.Pod"),
        (b'{"Pod":{},"Nodes":null,"NodeNames":[1]}', r"\$\.NodeNames\[0\]"),
        (b'{"pod":{},"nodenames":"n1"}', r"\$\.NodeNames"),
        (b'{"Pod":{"spec":{"priority":"a"}},"Nodes":null,"NodeNames":[]}', r"Pod\.spec\.priority"),
        (b'{"Pod":{},"Nodes":{"items":[{}]},"NodeNames":null}', "metadata.*node 0"),
        (b'{"Pod":{},"Nodes":{"items":[null]},"NodeNames":null}', "object.*node 0"),
        (LITERAL + b"{}", "trailing"),
        (LITERAL[:-1], "truncated"),
        (LITERAL.replace(b"n1", b"\xff"), "utf-8"),
        (b'{"pod":{},"nodes":[1]}', "Expected `object`, got `array`"),
        (b'{"Pod":{},"Nodes":null,"NodeNames":null,"x":' + b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_malformed_says_where(body: bytes, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        read_args(body)


def test_whole_nodes_with_broken_text_are_not_sent_on() -> None:
    body = encoded(WHOLE).replace("é".encode(), b"\xff")
    with pytest.raises(Malformed, match="utf-8"):
        read_args(body)


def test_no_value_of_a_body_stands_in_an_error() -> None:
    body = b'{"Pod":{"spec":{"priority":"hunter2"}},"Nodes":null,"NodeNames":[]}'
    with pytest.raises(Malformed) as error:
        read_args(body)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_bindings(case: Any) -> None:
    asked = read_binding(encoded({case(key): value for key, value in BINDING.items()}))
    assert (asked.pod_namespace, asked.pod_name) == ("team", "p")
    assert (asked.pod_uid, asked.node) == ("u-1", "n1")


def test_a_binding_without_a_node_is_malformed() -> None:
    with pytest.raises(Malformed, match=r"\$\.Node"):
        read_binding(encoded({key: BINDING[key] for key in BINDING if key != "Node"}))


@pytest.mark.parametrize("body", [PREEMPTION, META_PREEMPTION])
def test_victims_are_read_whole_and_by_uid(body: dict[str, Any]) -> None:
    asked = read_preemption(encoded(body))
    assert asked.pod == decode("Pod", encoded(POD))
    assert asked.victims == {"n1": (("u-9",), 1)}


def test_keys_inside_victims_are_taken_in_any_case() -> None:
    body = (
        b'{"pod":{},"nodenametovictims":null,'
        b'"nodenametometavictims":{"N1":{"pods":[{"uid":"u-9"}],"numpdbviolations":2}}}'
    )
    assert read_preemption(body).victims == {"N1": (("u-9",), 2)}


def test_there_may_be_no_victims_from_kubernetes_1_38_on() -> None:
    for pods in (b"[]", b"null"):
        body = (
            b'{"Pod":{},"NodeNameToVictims":null,"NodeNameToMetaVictims":'
            b'{"n1":{"Pods":' + pods + b',"NumPDBViolations":0}}}'
        )
        assert read_preemption(body).victims == {"n1": ((), 0)}


def test_malformed_is_the_only_error_of_reading() -> None:
    assert not issubclass(Malformed, msgspec.MsgspecError)
    for read in (read_binding, read_preemption):
        with pytest.raises(Malformed):
            read(b"[]")
