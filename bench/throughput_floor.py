"""An extender that decides nothing: what its calls alone cost, for ``throughput.py``.

The same server and the same client of the API as the real one, with nothing between them: filter
leaves the first node by name, bind writes the Binding. It watches nothing and knows of no gangs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.api import Client, Recorder
from bayplan.extender.config.reading import Values, read_config
from bayplan.extender.config.settings import http_settings
from bayplan.extender.connecting import connection_of
from bayplan.extender.http.app import App
from bayplan.extender.http.server import Server
from bayplan.extender.names import NodeNames
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.calls import CallFailed, PodName
from bayplan.extender.verbs import FilterAnswer, Scores, Victims
from bayplan.extender.warming import warm
from bayplan.traces.kubernetes.objects import Object


class First:
    """The verbs."""

    def __init__(self, calls: ApiCalls) -> None:
        self._calls = calls

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        """Leave the first node by name: kube-scheduler has found room there."""
        return FilterAnswer(NodeNames.of([min(names)]), np.zeros(1, np.int64))

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        """Nobody asks: there is one node."""
        return Scores(NodeNames.of(names), np.zeros(len(names), np.int64))

    def preempt(self, pod: Object, victims: Victims) -> Victims:
        """Let kube-scheduler's choice be."""
        return victims

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        """Write the Binding."""
        try:
            await self._calls.bind(PodName(namespace, name, uid), node, {})
        except CallFailed as failed:
            return str(failed)
        return ""

    async def explain(self, namespace: str, name: str) -> Object:
        """Say that nobody is known."""
        raise KeyError(name)

    def state(self) -> Object:
        """Say nothing."""
        return {}

    def quota(self, namespace: str) -> Object:
        """Say nothing."""
        return {}

    def not_ready(self) -> list[str]:
        """Be ready."""
        return []


async def serve(values: Values) -> int:
    """Serve until told to stop."""
    registry = CollectorRegistry()
    qps, burst = float(values["api.qps"]), int(values["api.burst"])
    client = Client(connection_of(values), registry, qps=qps, burst=burst)
    recorder = Recorder(client, registry)
    app = App(First(ApiCalls(client, recorder)), http_settings(values), registry)
    server = Server(app)
    await asyncio.to_thread(warm)
    loop.settle()
    with server.signals():
        try:
            return await server.run()
        finally:
            await recorder.close()
            await client.close()


if __name__ == "__main__":
    sys.exit(loop.run(serve(read_config(Path(sys.argv[-1])))))
