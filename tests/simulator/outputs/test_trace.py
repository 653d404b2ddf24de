"""The trace-event file, against the format's rules and against the stints."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from bayplan.scheduler.sharing import Mig, Mps
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.outputs.trace import trace_of
from bayplan.traces.jobs import JobTable
from trace_events import complete, problems

from ..core.support import job, node, run, speeds, table  # noqa: TID252

MANY = 10**6


def written(outcome: Outcome, jobs: JobTable, most: int = MANY) -> bytes:
    return b"".join(trace_of(outcome, jobs, most).pieces())


def scene(*jobs: dict[str, Any], **more: Any) -> tuple[Outcome, JobTable]:
    nodes = more.pop("nodes", [node("n0", 2, Mps()), node("n1", 2)])
    more = {"stints": MANY, "sample_s": 1.0, "speeds": speeds()} | more
    return run(nodes, jobs, **more), table(jobs)


def busy() -> tuple[Outcome, JobTable]:
    """Shares that come and go beside each other, whole GPUs, and a gang."""
    shares = [
        job(f"s{i}", 3.0 + i % 4, gpu_milli=250 + 50 * (i % 3), arrival_s=0.37 * i, user="eve")
        for i in range(40)
    ]
    whole = [job(f"w{i}", 5.0, gpu_count=2, arrival_s=2.0 * i, queue="q") for i in range(6)]
    gang = [job("a", 4.0, gang="g", arrival_s=1.0), job("b", 4.0, gang="g", arrival_s=1.0)]
    return scene(*shares, *whole, *gang)


def test_a_trace_keeps_the_rules_of_the_format_and_has_every_stint() -> None:
    outcome, jobs = busy()
    text = written(outcome, jobs)
    assert problems(text) == []
    assert outcome.stints is not None
    events = complete(text)
    assert len(events) == outcome.stints.row.size > 50
    held_us = sum(event["dur"] * event["args"]["milli"] for event in events)
    assert held_us / 1e9 == pytest.approx(outcome.totals.allocated_gpu_s, abs=1e-3)
    assert {event["name"] for event in events} == {
        gang or name for name, gang in zip(jobs.name, jobs.gang, strict=True)
    }
    assert {event["args"].get("user") for event in events} == {None, "eve"}
    assert json.loads(text)["otherData"] == {"schema": "bayplan.trace/1", "cut_s": None}


def test_tenants_of_one_gpu_are_on_lanes_of_their_own() -> None:
    halves = [job(f"h{i}", 10.0, gpu_milli=500, arrival_s=i) for i in range(2)]
    text = written(*scene(*halves, nodes=[node("n0", 1, Mps())]))
    names = [
        event["args"]["name"]
        for event in json.loads(text)["traceEvents"]
        if event["name"] == "thread_name"
    ]
    assert names == ["GPU 0", "GPU 0, lane 2"]
    assert problems(text) == []


def test_an_instance_is_a_track_and_an_unnamed_gpu_too() -> None:
    outcome, jobs = scene(
        job("a", 5.0, mig_profile="3g.40gb"),
        job("b", 5.0),
        nodes=[node("m", 1, Mig()), node("x", 1, anonymous_gpus=True, gpu_model="H100-80GB")],
    )
    text = written(outcome, jobs)
    assert problems(text) == []
    labels = {
        event["args"]["name"]
        for event in json.loads(text)["traceEvents"]
        if event["name"] in ("thread_name", "process_name")
    }
    assert labels >= {"cluster", "m", "x", "any GPU"}
    assert any(label.startswith("GPU 0, 3g.40gb at ") for label in labels)


def test_counters_are_the_series() -> None:
    outcome, jobs = scene(job("a", 4.0), job("b", 4.0), nodes=[node()])
    events = json.loads(written(outcome, jobs))["traceEvents"]
    counted = {
        name: [(e["ts"], *e["args"].values()) for e in events if e["name"] == name]
        for name in ("waiting", "running", "GPUs allocated")
    }
    n = outcome.series.time_s.size
    assert n > 4
    assert [value for _, value in counted["waiting"]] == outcome.series.waiting.tolist()
    assert [value for _, value in counted["running"]] == outcome.series.running.tolist()
    assert [value for _, value in counted["GPUs allocated"]][2:] == [100.0] * (n - 2)
    # A sample stands for the time since the one before it.
    assert [at for at, _ in counted["waiting"]][1:3] == [0, 1_000_000]


@pytest.mark.parametrize("most", [1, 2, 7, 40, 75, 101])
def test_there_are_never_more_events_than_allowed(most: int) -> None:
    outcome, jobs = busy()
    trace = trace_of(outcome, jobs, most)
    text = b"".join(trace.pieces())
    assert problems(text) == []
    assert len(json.loads(text)["traceEvents"]) <= max(most, 2)
    assert outcome.stints is not None
    kept = complete(text)
    assert len(kept) == trace.n_stints
    assert not math.isnan(trace.cut_s)
    starts = outcome.stints.start_s[: trace.n_stints]
    assert [event["ts"] for event in kept] == [round(at * 1e6) for at in starts]
    assert json.loads(text)["otherData"]["cut_s"] == outcome.stints.start_s[trace.n_stints]


def test_without_stints_there_are_counters() -> None:
    outcome, jobs = scene(job("a", 4.0), stints=None)
    text = written(outcome, jobs)
    assert problems(text) == []
    assert complete(text) == []
    assert len(json.loads(text)["traceEvents"]) > 6


def test_a_run_without_jobs_is_a_trace() -> None:
    outcome, jobs = scene(nodes=[node()])
    assert problems(written(outcome, jobs)) == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"ph": "X", "dur": 5}, "ts is no number"),
        ({"ph": "X", "ts": 1.5, "dur": 5}, "ts is no number"),
        ({"ph": "X", "ts": 1}, "dur is no number"),
        ({"ph": "B", "ts": 1}, "phase 'B'"),
        ({"ph": "C", "ts": 1, "args": {"x": "1"}}, "a counter without numbers"),
        ({"ph": "M", "args": {}}, "metadata 'a'"),
        ({"ph": "X", "ts": 1, "dur": 5, "tid": None}, "tid is no number"),
        ({"ph": "X", "ts": 1, "dur": 5, "tid": 9}, "thread (1, 9) has 0 of thread_name"),
        ({"ph": "X", "ts": 1, "dur": 5, "pid": 9}, "process 9 has 0 of process_name"),
        ({"ph": "X", "ts": 8, "dur": 5}, "'a' overlaps another on track (1, 1)"),
    ],
)
def test_the_rules_see_what_breaks_them(event: dict[str, Any], said: str) -> None:
    def named(what: str, **args: object) -> dict[str, Any]:
        return {"name": what, "ph": "M", "pid": 1, "tid": 1, "args": args}

    whole = [
        named("process_name", name="p"), named("process_sort_index", sort_index=1),
        named("thread_name", name="t"), named("thread_sort_index", sort_index=1),
        {"name": "b", "ph": "X", "pid": 1, "tid": 1, "ts": 0, "dur": 10},
        {"name": "in it", "ph": "X", "pid": 1, "tid": 1, "ts": 2, "dur": 3},
    ]  # fmt: skip
    assert problems(json.dumps({"traceEvents": whole})) == []
    found = problems(
        json.dumps({"traceEvents": [*whole, {"name": "a", "pid": 1, "tid": 1} | event]})
    )
    assert any(said in line for line in found)
