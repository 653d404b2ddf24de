"""Kube-scheduler's calls, and the write of a Binding, as spans of their pods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from opentelemetry.trace import Span, SpanKind

from bayplan.extender.api import Client, Recorder
from bayplan.extender.live.asking import BEST
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.calls import PodName
from bayplan.extender.service.reasons import summary
from bayplan.extender.tracing.spans import CANDIDATES, DRY, NODE, PASSED, REFUSED, Spans, fail
from bayplan.extender.verbs import FilterAnswer, Scores, Verbs, Victims
from bayplan.traces.kubernetes.objects import Object, metadata_of

WRITE = "create Binding"
"""The name of the span of the write."""


class Traced:
    """Answers kube-scheduler as others do, with a span for each call. See ``verbs.Verbs``.

    Parameters
    ----------
    verbs
        Who answers.
    spans
        Makes the spans.
    gang_of
        Returns the gang of a pod by namespace/name; empty: none.
    """

    def __init__(self, verbs: Verbs, spans: Spans, gang_of: Callable[[str], str]) -> None:
        self._verbs, self._spans, self._gang_of = verbs, spans, gang_of

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        """Say which nodes may take a pod."""
        named = _pod_of(pod)
        with self._spans.about("filter", named, self._gang_of(named.key)) as span:
            answer = self._verbs.filter(pod, names, holds=holds)
            if span.is_recording():
                _tell_filter(span, answer, len(names), dry=not holds)
        return answer

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        """Return scores of nodes."""
        named = _pod_of(pod)
        with self._spans.about("prioritize", named, self._gang_of(named.key)) as span:
            scores = self._verbs.prioritize(pod, names)
            if span.is_recording():
                span.set_attribute(CANDIDATES, len(names))
                best = np.flatnonzero(scores.points == BEST).tolist()
                _tell_node(span, [scores.names[number] for number in best])
        return scores

    def preempt(self, pod: Object, victims: Victims) -> Victims:
        """Say whom to evict for a pod."""
        named = _pod_of(pod)
        with self._spans.about("preempt", named, self._gang_of(named.key)) as span:
            found = self._verbs.preempt(pod, victims)
            span.set_attributes({CANDIDATES: len(victims), PASSED: len(found)})
            _tell_node(span, list(found))
        return found

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        """Bind a pod to a node."""
        pod = PodName(namespace, name, uid)
        with self._spans.about("bind", pod, self._gang_of(pod.key)) as span:
            span.set_attribute(NODE, node)
            why = await self._verbs.bind(namespace, name, uid, node)
            if why:
                span.set_attribute(REFUSED, why)
                fail(span, why)
        return why

    async def explain(self, namespace: str, name: str) -> Object:
        """Say why a pod is where it is, or nowhere."""
        return await self._verbs.explain(namespace, name)

    def state(self) -> Object:
        """Return what is known of the cluster, in short."""
        return self._verbs.state()

    def quota(self, namespace: str) -> Object:
        """Return what is free for the pods of a namespace."""
        return self._verbs.quota(namespace)

    def not_ready(self) -> list[str]:
        """Return what is missing before calls can be answered."""
        return self._verbs.not_ready()


class TracedCalls(ApiCalls):
    """Calls to the API server, with a span for the write of a Binding.

    Parameters
    ----------
    client, recorder
        See ``ApiCalls``.
    spans
        Makes the spans.
    binding, acting
        See ``ApiCalls``.
    """

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        spans: Spans,
        *,
        binding: Client | None = None,
        acting: Client | None = None,
    ) -> None:
        super().__init__(client, recorder, binding=binding, acting=acting)
        self._spans = spans

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None:
        """Bind a pod to a node and annotate it; the call to bind is the span's parent."""
        with self._spans.about(WRITE, pod, kind=SpanKind.CLIENT) as span:
            span.set_attribute(NODE, node)
            await super().bind(pod, node, annotations)


def _tell_filter(span: Span, answer: FilterAnswer, n_names: int, *, dry: bool) -> None:
    span.set_attribute(CANDIDATES, n_names)
    if dry:
        span.set_attribute(DRY, True)
    if answer.error:
        fail(span, answer.error)
        return
    span.set_attribute(PASSED, int(answer.fits.sum()))
    if answer.somewhere:
        _tell_node(span, answer.passed)
    else:  # no error: the pod waits
        span.set_attribute(REFUSED, summary(answer))


def _tell_node(span: Span, nodes: Sequence[str]) -> None:
    """Say which node is chosen, where it is one."""
    if len(nodes) == 1:
        span.set_attribute(NODE, nodes[0])


def _pod_of(thing: Object) -> PodName:
    metadata = metadata_of(thing)
    name, namespace, uid = (str(metadata.get(key) or "") for key in ("name", "namespace", "uid"))
    return PodName(namespace or "default", name, uid)
