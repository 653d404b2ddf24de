"""Both servers are told to stop: neither waits for the other, and a second time ends all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.http.server import FORCED, Server
from bayplan.extender.remote.methods import SERVICE
from bayplan.extender.rpc.server import RpcServer
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from bayplan.extender.stopping import run
from extender_bodies import BINDING, Recorder, app_of, encoded
from extender_things import listed, node
from rpc_serving import NoApi, eventually

LONG_S = 60


class Held(Recorder):
    """Verbs whose bind takes until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        self._ask("bind")
        await self.go.wait()
        return ""


@dataclass
class Both:
    """Both servers on a thread: ``call`` runs something on their loop."""

    server: Server
    rpc: RpcServer
    verbs: Held
    loop: asyncio.AbstractEventLoop
    codes: list[int] = field(default_factory=list)

    def call(self, function: Any) -> None:
        self.loop.call_soon_threadsafe(function)

    def bind(self) -> HTTPConnection:
        """Make a call that is not answered before it is let go."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=LONG_S)
        connection.request("POST", "/scheduler/bind", encoded(BINDING))
        eventually(lambda: self.verbs.asked)
        return connection


@contextmanager
def both(**settings: Any) -> Iterator[tuple[Both, threading.Thread]]:
    """Serve; at the end whatever serves still is stopped."""
    made: list[Both] = []
    ready = threading.Event()

    async def main() -> None:
        service = Service(
            Settings(), NoApi(), lambda: 0.0, Numbers(registry := CollectorRegistry())
        )
        listed(service, "Node", [node("a")])
        listed(service, "Pod", [])
        service.warm = True
        rpc = RpcServer(service, RpcSettings(port=0, grace_s=settings["grace_s"]), registry)
        server = Server(app_of(verbs := Held(), port=0, **settings))
        made.append(Both(server, rpc, verbs, asyncio.get_running_loop()))
        ready.set()
        made[0].codes.append(await run(server, rpc))

    thread = threading.Thread(target=lambda: loop.run(main()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield made[0], thread
    finally:
        for _ in range(2):
            if thread.is_alive():
                made[0].call(made[0].server.stop)
                thread.join(1)


def channel_to(at: Both) -> grpc.Channel:
    options = [("grpc.enable_http_proxy", 0)]
    return grpc.insecure_channel(f"127.0.0.1:{at.rpc.port}", options=options)


def says(channel: grpc.Channel) -> Any:
    stub: Any = HealthStub(channel)
    return stub.Check(HealthCheckRequest(service=SERVICE), timeout=20).status


def takes_calls(at: Both) -> bool:
    with channel_to(at) as channel:
        try:
            says(channel)
        except grpc.RpcError:
            return False
        return True


def test_grpc_takes_no_new_calls_while_http_finishes_its_own() -> None:
    with both(grace_s=LONG_S) as (at, thread):
        eventually(lambda: takes_calls(at))
        connection = at.bind()
        at.call(at.server.stop)
        eventually(lambda: not takes_calls(at))
        assert at.codes == []
        at.call(at.verbs.go.set)
        assert connection.getresponse().read() == b'{"Error":""}'
        connection.close()
        thread.join(20)
        assert at.codes == [0]


def test_while_it_drains_calls_of_grpc_are_answered_and_health_says_no() -> None:
    with both(grace_s=LONG_S, drain_s=float(LONG_S)) as (at, _), channel_to(at) as channel:
        eventually(lambda: says(channel) == HealthCheckResponse.SERVING)
        at.call(at.server.stop)
        eventually(lambda: says(channel) == HealthCheckResponse.NOT_SERVING)
        assert at.codes == []


def test_a_second_time_ends_calls_of_grpc_too() -> None:
    with both(grace_s=LONG_S) as (at, thread), channel_to(at) as channel:
        stub: Any = HealthStub(channel)
        watch = stub.Watch(HealthCheckRequest(service=SERVICE))  # has no end
        next(watch)
        at.call(at.server.stop)
        eventually(lambda: not takes_calls(at))
        assert at.codes == []
        at.call(at.server.stop)
        thread.join(20)
        assert at.codes == [FORCED]
        with pytest.raises(grpc.RpcError):
            list(watch)
