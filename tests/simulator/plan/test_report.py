"""A plan as JSON and as tables."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from bayplan.scheduler.types import Grant, Placement, Reason, Slot
from bayplan.simulator.plan.report import SCHEMA, as_json, n_gpus
from bayplan.simulator.plan.results import Plan, Waiting
from bayplan.simulator.plan.table import ROWS, as_tables, plain_lines
from bayplan.traces.kubernetes import Problem

from .support import cluster_with, gang, planned, pods, run, whole

PROBLEM = Problem("pod", "default/bad", "spec.containers[0].resources.requests.cpu", "'1x' is none")
SETTINGS = {"policy": "first-fit", "order": "fifo", "preempt": "priority"}


@pytest.fixture(scope="module")
def plan() -> Plan:
    cluster = cluster_with(2, 1)
    run(cluster, whole("low", 2, priority=-5))
    units = [
        *pods(whole("high", 2, priority=9), whole("late", 8)),
        gang("g", whole("g0", gang="g"), whole("g1", gang="g")),
    ]
    return planned(cluster, units, "priority")


def parsed(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(as_json(plan, [PROBLEM], SETTINGS))
    return found


def test_the_shape_of_the_json(plan: Plan) -> None:
    report = parsed(plan)
    assert report["schema"] == SCHEMA == "bayplan.plan/1"
    assert {key: report[key] for key in SETTINGS} == SETTINGS
    assert report["cluster"] == {
        "nodes": 2, "closed_nodes": 0, "gpus": 3, "gpu_parts": 0, "bound": 1,
        "free_milli": 1000, "free_milli_after": 1000,
    }  # fmt: skip
    assert report["placed"] == [
        {"pod": "high", "node": "n0", "gpus": [0, 1],
         "devices": [{"chosen": 0, "slots": [
             {"gpu": 0, "milli": 1000, "memory_mib": 8000},
             {"gpu": 1, "milli": 1000, "memory_mib": 8000},
         ]}],
         "gang": "", "priority": 9, "queue": "", "evicts": ["low"], "not_looked_at": []},
    ]  # fmt: skip
    assert report["evicted"] == [
        {"pod": "low", "node": "n0", "priority": -5, "queue": "", "by": "high",
         "cause": "room", "over_budget": []}
    ]  # fmt: skip
    assert [each["pod"] for each in report["waiting"]] == ["late", "g0", "g1"]
    late = report["waiting"][0]
    assert late["why"] == "no room, and nobody to evict"
    assert late["reasons"] == [{"reason": "GPU_COUNT", "text": Reason.GPU_COUNT.text, "nodes": 2}]
    assert report["problems"] == [
        {"kind": "pod", "name": "default/bad", "field": PROBLEM.field, "problem": "'1x' is none"}
    ]


def test_an_entry_is_a_line_and_the_bytes_are_the_same(plan: Plan) -> None:
    text = as_json(plan, [PROBLEM], SETTINGS)
    assert text == as_json(plan, [PROBLEM], SETTINGS)
    assert text.endswith("\n")
    assert sum(line.startswith('{"pod"') for line in text.splitlines()) == 5


def test_an_empty_plan_has_all_lists() -> None:
    report = json.loads(as_json(planned(cluster_with(), ()), [], SETTINGS))
    assert [report[key] for key in ("placed", "evicted", "waiting", "problems")] == [[]] * 4


def printed(plan: Plan, problems: list[Problem], *, everything: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80)
    for part in as_tables(plan, problems, everything=everything):
        console.print(part)
    return out.getvalue()


def test_tables_say_all_of_it_in_80_columns(plan: Plan) -> None:
    text = printed(plan, [PROBLEM])
    for word in ("placed", "evicted", "waiting", "problems", "high", "low", "late", "default/bad"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_field_of_a_problem_is_not_broken() -> None:
    field = "spec.containers[0].resources.requests.cpu"
    problem = Problem("pod", "default/bad", field, "'many' is no quantity")
    text = printed(planned(cluster_with(1), pods()), [problem])
    assert f"{field}: 'many'" in " ".join(text.split())


def test_long_names_are_folded_and_markup_is_no_markup() -> None:
    name = "a-team-with-a-long-name/" + "[red]" + "x" * 150
    units = pods(whole(name), whole(f"{name}-2", 9))
    text = printed(planned(cluster_with(1), units), [PROBLEM] * 2)
    assert max(map(len, text.splitlines())) <= 80
    assert "[red]" in text.replace("\n", "").replace(" ", "")


def test_long_tables_are_cut_unless_all_is_asked_for() -> None:
    plan = planned(cluster_with(64), pods(*[whole(f"p{i}") for i in range(ROWS + 5)]))
    assert "… and 5 more; --all shows them" in printed(plan, [])
    assert f"p{ROWS + 4}" not in printed(plan, [])
    assert f"p{ROWS + 4}" in printed(plan, [], everything=True)


def test_waiting_pods_are_gathered_by_why_they_wait() -> None:
    text = printed(planned(cluster_with(1), pods(*[whole(f"p{i}", 2) for i in range(7)])), [])
    (row,) = [line for line in text.splitlines() if "p0 (2 GPUs)" in line]
    assert row.split()[0] == "7"


def test_explanations_are_printed_once_a_kind() -> None:
    plan = planned(cluster_with(1), pods(whole("a", 2), whole("b", 2)))
    told = tuple(
        Waiting(w.request, w.why, "", w.reasons, True, f"Pod {w.request.uid} waits\nfor room")
        for w in plan.waiting
    )
    text = printed(replace(plan, waiting=told), [])
    assert text.count("for room") == 1
    assert "Pod a waits\n  for room" in text


def test_long_lines_of_explanations_are_wrapped_under_their_indent() -> None:
    lines = plain_lines("head\nNodes: " + "word " * 30 + "\n  1. fix " + "thing " * 30)
    wrapped = lines.plain.splitlines()
    assert max(map(len, wrapped)) <= 80
    assert wrapped[1].startswith("  Nodes: word")
    assert wrapped[2].startswith("    word")
    assert wrapped[4].startswith("    1. fix thing")
    assert wrapped[5].startswith("       thing")


def test_an_instance_has_a_place(plan: Plan) -> None:
    grant = Grant(Slot(2, 4, 2, "2g.20gb"), 285, 20_000)
    placement = Placement("n0", ((grant,),), (1,))
    told = replace(plan, placed=(replace(plan.placed[0], placement=placement),))
    (device,) = parsed(told)["placed"][0]["devices"]
    assert device == {
        "chosen": 1,
        "slots": [
            {"gpu": 2, "milli": 285, "memory_mib": 20_000, "profile": "2g.20gb",
             "start": 4, "size": 2},
        ],
    }  # fmt: skip


def test_gpus_are_counted_over_all_devices() -> None:
    assert n_gpus(whole("a", 3)) == 3
