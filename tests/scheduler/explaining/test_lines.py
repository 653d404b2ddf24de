"""The short answer to the letter, and within its bounds whatever is in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.explaining import explain_pod
from bayplan.scheduler.explaining.brief import (
    Advice,
    Brief,
    Count,
    Kind,
    Search,
    State,
    as_data,
    plain,
)
from bayplan.scheduler.explaining.briefing import brief_of_gang, brief_of_pod
from bayplan.scheduler.explaining.lines import lines_of, text_of
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import Request

from .support import engine_of, node, pods, run, share, state_of, whole, worlds


def bounded(lines: list[str]) -> None:
    assert 1 <= len(lines) <= 12
    assert all(len(line) <= 80 for line in lines)
    assert len("\n".join(lines).encode()) <= 1024
    assert all(line.isprintable() and line.strip() for line in lines)


def gang_of(name: str, members: list[Request]) -> Gang:
    return Gang(name, (Role("", tuple(members)),))


def test_a_pod_that_waits() -> None:
    engine = engine_of(node("n0", 4), node("n1", 2))
    run(engine, whole("a", preemptible=False, cpu_milli=1_000), "n0", 500.0)
    run(engine, whole("b", preemptible=False), "n0", 100.0)
    run(engine, whole("c"), "n0")
    run(engine, whole("d", 2), "n1", 40.0)
    brief = brief_of_pod(engine, whole("p", 3, cpu_milli=4_000, priority=1), 20.0)
    assert lines_of(brief) == [
        "Pod p waits: it asks for 3 GPUs, 4 CPU.",
        "2 nodes: 1 × too few GPUs, or each too small; 1 × too few GPUs with enough free",
        "Nearest: n0: 1 of 3 GPUs free; 2 more GPUs needed; enough CPU",
        "What would help, the gentlest first:",
        "  1. wait 8 min: 2 pods end (b and a), then it fits n0",
        "  2. add 1 node like n0: 4 GPUs of A, 10 CPU, 9.77 GiB",
    ]
    assert [advice.kind for advice in brief.advice] == ["wait", "add"]


def test_a_pod_for_which_nothing_helps() -> None:
    brief = brief_of_pod(engine_of(node("n0", 2)), whole("p", 3), 0.0)
    assert lines_of(brief) == [
        "Pod p waits: it asks for 3 GPUs.",
        "1 node: too few GPUs, or each too small",
        "Nearest: n0: it has 2 GPUs of A, too few or too small",
        "No change was found that would help.",
    ]


def test_nodes_that_are_left_out_are_no_way_out() -> None:
    engine = engine_of(node("n0", 2), node("n1", 1))
    only = np.array([False, True])
    brief = brief_of_pod(engine, whole("p", 2), 0.0, nodes=only)
    assert lines_of(brief)[1] == (
        "2 nodes: 1 × not among the candidates; 1 × too few GPUs, or each too small"
    )
    assert "relax" not in {advice.kind for advice in brief.advice}
    assert explain_pod(engine, whole("p", 2), 0.0, nodes=only).fixes[0].any_node


def test_a_pod_that_would_fit() -> None:
    brief = brief_of_pod(engine_of(node("n0", 2)), whole("p", 2), 0.0)
    assert lines_of(brief) == ["Pod p waits, and would fit now: on n0, GPUs 0, 1."]


def test_a_pod_that_is_where_the_policy_would_have_it_or_not() -> None:
    engine = engine_of(node("n0", 4), node("n1", 2), node("n2", 1, schedulable=False))
    run(engine, whole("p"), "n1")
    before = state_of(engine.cluster)
    first = brief_of_pod(engine, whole("p"), 0.0, policy="best-fit")
    assert lines_of(first) == [
        "Pod p is on n1, GPU 0.",
        "2 nodes would take it now; by best-fit this is the first of them",
    ]
    run(engine, whole("q"), "n0")
    run(engine, share("r", 500), "n0")
    run(engine, whole("s", 1), "n0")
    assert lines_of(brief_of_pod(engine, whole("p"), 0.0, policy="best-fit"))[1] == (
        "2 nodes would take it now; by best-fit n0 is the first of them, this is number 2"
    )
    big = replace_devices(whole("p"), 3)
    assert (
        lines_of(brief_of_pod(engine, big, 0.0))[1] == "If it came only now it would not go to n1"
    )
    assert state_of(engine.cluster)["nodes"] == before["nodes"]
    assert "p" in engine.cluster.pods


def replace_devices(request: Request, count: int) -> Request:
    return request._replace(devices=whole("x", count).devices)


def test_a_gang_that_waits() -> None:
    engine = engine_of(node("n0", 4), node("n1", 4))
    run(engine, whole("a", 2), "n0")
    members = [whole(f"g-{k}", 4, cpu_milli=1_000) for k in range(4)]
    brief = brief_of_gang(engine, gang_of("team/g", members), 0.0, least=4)
    assert lines_of(brief) == [
        "Gang team/g waits: 1 of 4 members find a place, 4 must start together.",
        "Each member asks for 4 GPUs, 1 CPU.",
        "The first without a place is g-1; by itself it fits 1 node, which siblings take.",
        "What would help, the gentlest first:",
        "  1. add 3 nodes like n0: 4 GPUs of A, 10 CPU, 9.77 GiB",
    ]
    run(engine, whole("b"), "n1")
    assert lines_of(brief_of_gang(engine, gang_of("team/g", members), 0.0, least=4))[2:4] == [
        "The first without a place is g-0; by itself it fits no node.",
        "2 nodes: too few GPUs with enough free",
    ]


def test_a_gang_that_would_fit_and_one_that_is_there() -> None:
    engine = engine_of(node("n0", 4), node("n1", 4))
    members = [whole(f"g-{k}", 4) for k in range(2)]
    fits = brief_of_gang(engine, gang_of("g", members), 0.0, least=2)
    assert lines_of(fits) == [
        "Gang g waits, and would fit now: 2 of 2 members on 2 nodes: n0 and n1."
    ]
    for member in members:
        run(engine, member)
    there = brief_of_gang(engine, gang_of("g", members), 0.0, least=2)
    assert lines_of(there) == [
        "Gang g has started: 2 of 2 members are bound on 2 nodes: n0 and n1."
    ]


def test_hopeless_gangs_are_not_tried_on_more_nodes_than_may_be_added() -> None:
    engine = engine_of(node("n0", 4))
    members = [whole(f"g-{k}", 4) for k in range(70)]
    brief = brief_of_gang(engine, gang_of("g", members), 0.0, least=70)
    assert lines_of(brief)[-1] == "No change was found that would help."


def test_what_is_not_known_yet_is_said() -> None:
    brief = Brief(Kind.POD, "p", State.WAITS, why="one thing", search=Search.UNDER_WAY)
    assert lines_of(brief) == [
        "Pod p waits.", "One thing", "What would help is still being looked for.",
    ]  # fmt: skip


def test_long_names_lose_their_middle() -> None:
    brief = Brief(Kind.POD, f"team/{'x' * 200}end", State.KEPT, nodes=("y" * 90,))
    assert lines_of(brief) == [
        f"Pod team/{'x' * 14}…{'x' * 16}end is about to start: room is kept for",
        f"  it on {'y' * 19}…{'y' * 19}.",
    ]


def test_a_reason_in_words_is_not_cut_where_it_says_what_to_do() -> None:
    why = "asks for a share in the words of a project, " * 5 + "set devices.hami = true"
    lines = lines_of(Brief(Kind.POD, "p", State.WAITS, why=why))
    assert len(lines) == 5
    assert " ".join(" ".join(lines[1:]).split()) == f"A{why[1:]}"


def test_advice_that_does_not_fit_is_counted() -> None:
    advice = tuple(Advice("add", f"change {n} " + "word " * 20) for n in range(9))
    brief = Brief(Kind.POD, "p", State.WAITS, "much", search=Search.DONE, advice=advice)
    lines = lines_of(brief)
    assert [line[:11] for line in lines[2:-1:2]] == [f"  {n}. change" for n in (1, 2, 3, 4)]
    assert (len(lines), lines[-1]) == (11, "  and 5 more")
    fewer = replace(brief, why="also this", advice=advice[:5])
    assert (len(lines_of(fewer)), lines_of(fewer)[-1]) == (12, "  and 1 more")
    all_of_them = replace(brief, advice=advice[:4], notes=("n",) * 2)
    assert (len(lines_of(all_of_them)), lines_of(all_of_them)[-1][:8]) == (12, "     wor")


texts = st.text(max_size=300)
few = st.lists(texts, max_size=8).map(tuple)
briefs = st.builds(
    Brief,
    kind=st.sampled_from(Kind),
    name=texts,
    state=st.sampled_from(State),
    asks=texts,
    nodes=few,
    gpus=st.lists(st.integers(0, 10**9), max_size=70).map(tuple),
    size=st.integers(0, 10**9),
    placed=st.integers(0, 10**9),
    least=st.integers(0, 10**9),
    why=texts,
    reasons=st.lists(st.builds(Count, texts, st.integers(1, 10**6)), max_size=9).map(tuple),
    nearest=texts,
    left=texts,
    left_fits=st.integers(0, 3),
    notes=few,
    search=st.sampled_from(Search),
    advice=st.lists(st.builds(Advice, texts, texts), max_size=9).map(tuple),
)


@given(briefs)
def test_any_answer_is_within_its_bounds(brief: Brief) -> None:
    bounded(lines_of(brief))
    assert text_of(brief).split("\n") == lines_of(brief) == as_data(brief)["lines"]


NAMES = st.text("abcdefghij0123456789-.", min_size=1, max_size=253)


@given(worlds(), st.data(), NAMES, st.booleans())
def test_real_answers_are_within_their_bounds(
    engine: object, data: st.DataObject, name: str, alone: bool
) -> None:
    from bayplan.scheduler.engine import Engine

    assert isinstance(engine, Engine)
    before = state_of(engine.cluster)
    if alone:
        request = data.draw(pods(f"team/{name}"))
        brief = brief_of_pod(engine, request, 0.0)
        placed = engine.decide(request, 0.0).placement
        assert brief.nodes == (() if placed is None else (placed.node,))
    else:
        members = [data.draw(pods(f"team/{name}-{k}")) for k in range(3)]
        brief = brief_of_gang(engine, gang_of(f"team/{name}", members), 0.0, least=3)
        assert (brief.state is State.FITS) == bool(
            engine.decide_gang(gang_of(f"team/{name}", members), 0.0).decisions
        )
    bounded(lines_of(brief))
    assert state_of(engine.cluster) == before


BASE = Brief(
    Kind.POD, "p", State.WAITS, why="3 of 4 pods", reasons=(Count("a", 1), Count("b", 2)),
    search=Search.DONE, advice=(Advice("add", "add 3"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"why": "12 of 1,400.5 pods"}, True),
        ({"reasons": (Count("b", 9), Count("a", 7))}, True),
        ({"advice": (Advice("add", "add 9"),), "nearest": "n2: 3 more"}, True),
        ({"why": "3 of 4 nodes"}, False),
        ({"reasons": (Count("a", 1),)}, False),
        ({"advice": (Advice("evict", "add 3"),)}, False),
        ({"search": Search.UNDER_WAY}, False),
        ({"state": State.FITS}, False),
    ],
)
def test_numbers_are_no_substance(changes: dict[str, object], same: bool) -> None:
    assert (replace(BASE, **changes).substance == BASE.substance) is same  # type: ignore[arg-type]


def test_a_text_without_its_numbers() -> None:
    assert plain("gang g-7: 1,400 of 2 on n3") == "gang g-#: # of # on n#"
