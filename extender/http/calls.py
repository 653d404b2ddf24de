"""Kube-scheduler's calls: from a body to a verb, and from its answer to a reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bayplan.extender.objects import uid_of
from bayplan.extender.verbs import Verbs
from bayplan.extender.wire.decoding import read_args, read_binding, read_preemption
from bayplan.extender.wire.encoding import (
    NO_PRIORITIES,
    binding_reply,
    filter_error,
    filter_reply,
    preemption_reply,
    priorities_reply,
)
from bayplan.traces.kubernetes.objects import Object, name_of

INCOMPLETE = "PodName, PodNamespace, PodUID and Node must all be given"


class Answer(NamedTuple):
    """A reply with status 200. ``error`` is what stands in it as one."""

    body: bytes
    error: str = ""


class Call(NamedTuple):
    """A verb: ``answer`` takes a body; ``failed`` makes the reply that carries an error."""

    answer: Callable[[bytes], Awaitable[Answer]]
    failed: Callable[[str], bytes]


def calls_of(verbs: Verbs) -> dict[str, Call]:
    """Return the calls that can be made, by verb.

    Parameters
    ----------
    verbs
        What answers them.
    """

    async def filter_(body: bytes) -> Answer:
        asked = read_args(body)
        with _naming(asked.pod):
            answer = verbs.filter(asked.pod, asked.names, holds=asked.nodes is None)
            return Answer(filter_reply(answer, asked), answer.error)

    async def prioritize(body: bytes) -> Answer:
        asked = read_args(body)
        with _naming(asked.pod):
            return Answer(priorities_reply(verbs.prioritize(asked.pod, asked.names)))

    async def preempt(body: bytes) -> Answer:
        asked = read_preemption(body)
        with _naming(asked.pod):
            return Answer(preemption_reply(verbs.preempt(asked.pod, asked.victims)))

    async def bind(body: bytes) -> Answer:
        asked = read_binding(body)
        if not (asked.pod_name and asked.pod_namespace and asked.pod_uid and asked.node):
            return Answer(binding_reply(INCOMPLETE), INCOMPLETE)
        error = await verbs.bind(asked.pod_namespace, asked.pod_name, asked.pod_uid, asked.node)
        return Answer(binding_reply(error), error)

    return {
        "filter": Call(filter_, filter_error),
        "prioritize": Call(prioritize, _no_priorities),
        "preempt": Call(preempt, _no_victims),
        "bind": Call(bind, binding_reply),
    }


def _no_priorities(text: str) -> bytes:
    # The reply is a bare array, which has no room for an error; kube-scheduler goes on without
    # our scores either way.
    return NO_PRIORITIES


def _no_victims(text: str) -> bytes:
    # There is no room for an error; and who cannot tell lets nobody be evicted.
    return preemption_reply({})


@contextmanager
def _naming(pod: Object) -> Iterator[None]:
    """Let an error that passes say which pod it is about, and nothing else of it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"pod {name_of(pod)}, uid {uid_of(pod)}")
        raise
