"""The calls of the service, by the client of the API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bayplan.extender.api import About, ApiError, Client, Recorder, annotate_pod, bind
from bayplan.extender.api.budget import Priority
from bayplan.extender.api.patches import lift_gate
from bayplan.extender.api.retry import TRANSIENT
from bayplan.extender.service.calls import CallFailed, PodName, Sure
from bayplan.traces.kubernetes.objects import Object

NOT_FOUND = 404
AGAIN = TRANSIENT - {429}
"""Statuses after which an eviction is sent again: a budget that refuses does so for longer."""

_decoder = msgspec.json.Decoder(dict[str, Any])


class ApiCalls:
    """See ``extender.service.calls.Calls``.

    Parameters
    ----------
    client
        The API server.
    recorder
        Writes Events.
    binding, acting
        Who sends bindings, and what is done unasked, where that has its time; None: the client.
    """

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        *,
        binding: Client | None = None,
        acting: Client | None = None,
    ) -> None:
        self._client, self._recorder = client, recorder
        self._binding, self._acting = binding or client, acting or client

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None:
        """Bind a pod to a node and annotate it, in one write; one that is there is no failure."""
        try:
            await bind(self._binding, pod.namespace, pod.name, pod.uid, node, annotations)
        except ApiError as error:
            raise _failed(error) from None

    async def touch(self, pod: PodName, key: str, value: str) -> None:
        """Set an annotation of a pod."""
        try:
            await annotate_pod(self._client, pod.namespace, pod.name, {key: value}, uid=pod.uid)
        except ApiError as error:
            raise _failed(error) from None

    async def lift(self, pod: PodName, gate: str) -> None:
        """Take a scheduling gate from a pod whose only one it is."""
        try:
            await lift_gate(self._acting, pod.namespace, pod.name, gate, uid=pod.uid)
        except ApiError as error:
            raise _failed(error) from None

    async def evict(self, pod: PodName) -> None:
        """Evict a pod that still has its uid; its disruption budgets are respected."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction"
        try:
            await self._acting.call(
                "evict", "POST", path, body, priority=Priority.BIND, again=AGAIN
            )
        except ApiError as error:
            raise _failed(error) from None

    async def read(self, path: str) -> Object | None:
        """Return the object at a path of the API; None: there is none."""
        try:
            reply = await self._client.call("read", "GET", path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise _failed(error) from None
        try:
            thing: Object = _decoder.decode(reply.data)
        except msgspec.DecodeError:  # some proxy's page
            raise CallFailed(f"GET {path}: no object", Sure.NO) from None
        return thing

    def tell(self, pod: PodName, reason: str, note: str, *, warning: bool) -> None:
        """Let an Event about a pod be written, when there is time for it."""
        about = About(pod.namespace, pod.name, pod.uid)
        self._recorder.record(about, reason, note, type="Warning" if warning else "Normal")


def _failed(error: ApiError) -> CallFailed:
    return CallFailed(str(error), Sure.NO if error.status else Sure.MAYBE, error.status)
