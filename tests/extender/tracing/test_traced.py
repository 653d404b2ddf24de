"""The spans of a pod's calls: which, of which trace, with which attributes and status."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry

from bayplan.extender.api import ApiError
from bayplan.extender.api.answers import Reply
from bayplan.extender.service.calls import PodName
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from bayplan.extender.tracing.sdk import Provider
from bayplan.extender.tracing.starting import calls_of, verbs_of
from bayplan.extender.verbs import FilterAnswer, Scores, Verbs, Victims
from extender_things import gang_pod, listed, node, pod, pod_group

Object = dict[str, Any]

UID = "6f1c2a52-a3b0-4d0f-9f0e-6d1b7c8a9e10"
POD = {"k8s.pod.name": "p", "k8s.namespace.name": "default", "k8s.pod.uid": UID}


class Client:
    """A client of an API server that takes each write, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def call(self, *asked: Any, **more: Any) -> Reply:
        if self.error is not None:
            raise self.error
        return Reply(201, b"{}")


class Traces:
    """An extender with spans, and those that have ended."""

    def __init__(
        self, *pods: Object, nodes: Sequence[Object], client: Client | None = None
    ) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = Provider(SimpleSpanProcessor(self.exporter))
        calls = calls_of(client or Client(), None, self.provider)  # type: ignore[arg-type]
        calls.tell = lambda *_, **__: None  # type: ignore[method-assign]
        service = Service(Settings(), calls, lambda: 1000.0, Numbers(CollectorRegistry()))
        listed(service, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 1)])
        listed(service, "Node", nodes)
        listed(service, "Pod", pods)
        self.verbs = verbs_of(service, service.owner, self.provider)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def told(self) -> list[tuple[str, Mapping[str, object]]]:
        return [(each.name, dict(each.attributes or {})) for each in self.spans]


def traces_of(spans: Sequence[ReadableSpan]) -> set[int]:
    return {each.context.trace_id for each in spans if each.context is not None}


def test_a_pods_calls_are_one_trace_whose_id_is_its_uid() -> None:
    async def main() -> None:
        thing = pod("p", 8, uid=UID)
        names = ["a", "b", "c"]
        traces = Traces(thing, nodes=[node("a"), node("b"), node("c", 2)])
        answer = traces.verbs.filter(thing, names, holds=True)
        traces.verbs.prioritize(thing, answer.passed)
        assert await traces.verbs.bind("default", "p", UID, "a") == ""
        assert traces.told == [
            ("filter", POD | {"bayplan.candidates": 3, "bayplan.passed": 2}),
            ("prioritize", POD | {"bayplan.candidates": 2, "k8s.node.name": "a"}),
            ("create Binding", POD | {"k8s.node.name": "a"}),
            ("bind", POD | {"k8s.node.name": "a"}),
        ]
        assert traces_of(traces.spans) == {UUID(UID).int}
        *_, write, bind = traces.spans
        assert write.parent == bind.context
        assert [each.parent for each in traces.spans if each is not write] == [None] * 3
        assert len({each.context.span_id for each in traces.spans if each.context}) == 4
        client, server = SpanKind.CLIENT, SpanKind.SERVER
        assert [each.kind for each in traces.spans] == [server, server, client, server]
        assert {each.status.status_code for each in traces.spans} == {StatusCode.UNSET}

        # After a restart nothing is known of these, and it is the same trace.
        again = Traces(thing, nodes=[node("a")])
        again.verbs.filter(thing, ["a"], holds=True)
        assert again.told == [
            ("filter", POD | {"bayplan.candidates": 1, "bayplan.passed": 1, "k8s.node.name": "a"})
        ]
        assert traces_of(again.spans) == {UUID(UID).int}

    asyncio.run(main())


def test_pods_that_are_served_in_turns_keep_their_traces() -> None:
    async def main() -> None:
        things = [pod(name, 1, uid=f"{k}{UID[1:]}") for k, name in enumerate("pq")]
        traces = Traces(*things, nodes=[node("a")])
        for thing in things:
            traces.verbs.filter(thing, ["a"], holds=True)
        uids = [thing["metadata"]["uid"] for thing in things]
        binds = [traces.verbs.bind("default", n, u, "a") for n, u in zip("pq", uids, strict=True)]
        assert await asyncio.gather(*binds) == ["", ""]
        found = {
            (str((each.attributes or {})["k8s.pod.uid"]), each.context.trace_id)
            for each in traces.spans
            if each.context is not None
        }
        assert len(traces.spans) == 6
        assert found == {(uid, UUID(uid).int) for uid in uids}

    asyncio.run(main())


def test_a_pod_that_waits_says_why_and_is_no_error() -> None:
    thing = pod("p", 8, uid=UID)

    async def main() -> Traces:
        traces = Traces(thing, nodes=[node("a", 2)])
        traces.verbs.filter(thing, ["a"], holds=False)
        return traces

    traces = asyncio.run(main())
    ((name, told),) = traces.told
    why = str(told["bayplan.refused"])
    assert name == "filter"
    assert told == POD | {
        "bayplan.candidates": 1,
        "bayplan.passed": 0,
        "bayplan.dry_run": True,
        "bayplan.refused": why,
    }
    assert why.startswith("1 node: ")
    assert traces.spans[0].status.status_code is StatusCode.UNSET


def test_a_gang_is_named() -> None:
    thing = gang_pod("p", "g", uid=UID)

    async def main() -> Traces:
        traces = Traces(thing, nodes=[node("a")])
        traces.verbs.filter(thing, ["a"], holds=True)
        return traces

    ((_, told),) = asyncio.run(main()).told
    assert told["bayplan.gang"] == "default/g"


def test_a_write_that_fails_is_an_error_of_it_and_of_the_bind() -> None:
    async def main() -> None:
        thing = pod("p", 1, uid=UID)
        client = Client(ApiError("not allowed", 403))
        traces = Traces(thing, nodes=[node("a")], client=client)
        traces.verbs.filter(thing, ["a"], holds=True)
        why = await traces.verbs.bind("default", "p", UID, "a")
        assert why == "not allowed"
        _, write, bind = traces.spans
        assert (write.name, write.status.status_code) == ("create Binding", StatusCode.ERROR)
        assert write.status.description == "CallFailed: not allowed"
        assert bind.status.status_code is StatusCode.ERROR
        assert bind.status.description == why
        assert dict(bind.attributes or {}) == POD | {"k8s.node.name": "a", "bayplan.refused": why}
        assert write.events == bind.events == ()

    asyncio.run(main())


class Answers:
    """Verbs that answer as they are told."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        return FilterAnswer.failed_call("no such thing")

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        raise KeyError("broken")

    def preempt(self, pod: Object, victims: Victims) -> Victims:
        return {"b": (("u1", "u2"), 0)}

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        await self.waits.wait()
        return ""

    async def explain(self, namespace: str, name: str) -> Object:
        return {"pod": f"{namespace}/{name}"}

    def state(self) -> Object:
        return {"nodes": 3}

    def quota(self, namespace: str) -> Object:
        return {"of": namespace}

    def not_ready(self) -> list[str]:
        return ["a reason"]


def traced(verbs: Verbs) -> tuple[Verbs, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    service = Service(Settings(), Client(), lambda: 0.0, Numbers(CollectorRegistry()))  # type: ignore[arg-type]
    return verbs_of(verbs, service.owner, Provider(SimpleSpanProcessor(exporter))), exporter


def test_errors_and_calls_that_are_given_up_are_errors_of_their_spans() -> None:
    async def main() -> list[tuple[str, str | None]]:
        verbs, exporter = traced(Answers())
        thing = pod("p", uid=UID)
        assert verbs.filter(thing, ["a"], holds=True).error == "no such thing"
        with pytest.raises(KeyError, match="broken"):
            verbs.prioritize(thing, ["a"])
        task = asyncio.create_task(verbs.bind("default", "p", UID, "a"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        spans = exporter.get_finished_spans()
        assert {each.status.status_code for each in spans} == {StatusCode.ERROR}
        return [(each.name, each.status.description) for each in spans]

    assert asyncio.run(main()) == [
        ("filter", "no such thing"),
        ("prioritize", "KeyError: 'broken'"),
        ("bind", "the call was given up"),
    ]


def test_preempt_has_its_nodes_and_pages_have_no_spans() -> None:
    async def main() -> None:
        verbs, exporter = traced(Answers())
        thing = pod("p", uid=UID)
        found = verbs.preempt(thing, {"a": ((), 0), "b": ((), 0)})
        assert found == {"b": (("u1", "u2"), 0)}
        assert await verbs.explain("n", "p") == {"pod": "n/p"}
        assert (verbs.state(), verbs.quota("n")) == ({"nodes": 3}, {"of": "n"})
        assert verbs.not_ready() == ["a reason"]
        (span,) = exporter.get_finished_spans()
        assert span.name == "preempt"
        assert dict(span.attributes or {}) == POD | {
            "bayplan.candidates": 2,
            "bayplan.passed": 1,
            "k8s.node.name": "b",
        }

    asyncio.run(main())


def test_a_pod_without_a_uid_has_a_trace_by_its_name() -> None:
    exporter = InMemorySpanExporter()
    spans = Provider(SimpleSpanProcessor(exporter)).spans
    for name in ("p", "q", "p"):
        with spans.about("filter", PodName("default", name)):
            pass
    first, other, again = (each.context for each in exporter.get_finished_spans())
    assert first is not None
    assert other is not None
    assert again is not None
    assert first.trace_id == again.trace_id != other.trace_id
