"""A real gRPC server on a thread, for tests: the service of an extender over a made-up cluster."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.live.settings import Live
from bayplan.extender.remote import Client
from bayplan.extender.rpc.server import RpcServer
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from extender_things import listed

Object = dict[str, Any]


class NoApi:
    """An API server that nobody is to ask, but to write Events."""

    def tell(self, *what: Any, warning: bool) -> None: ...

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody is to call {name}")


@dataclass
class Serving:
    """A server: ``call`` runs something on its event loop, ``clock`` is its time."""

    server: RpcServer
    service: Service
    registry: CollectorRegistry
    loop: asyncio.AbstractEventLoop
    now_s: list[float]

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def call(self, function: Callable[[], Any]) -> Any:
        async def called() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(10)

    def client(self, **more: Any) -> Client:
        # The first call of a kind may compile kernels.
        return Client(self.target, **({"timeout_s": 120.0} | more))

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self.target, options=[("grpc.enable_http_proxy", 0)])

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def serving(
    *nodes: Object,
    pods: tuple[Object, ...] = (),
    warm: bool = True,
    placement: str = "best-fit",
    **settings: Any,
) -> Iterator[Serving]:
    """Serve a cluster until the end; ``settings`` are those of the server."""
    found: list[Serving] = []
    started, over = threading.Event(), []

    async def main() -> None:
        now_s = [1000.0]
        registry = CollectorRegistry()
        live = Live(placement=placement)
        service = Service(Settings(live), NoApi(), lambda: now_s[0], Numbers(registry))
        listed(service, "Node", nodes)
        listed(service, "Pod", pods)
        service.warm = warm
        server = RpcServer(service, RpcSettings(port=0, tick_s=0.02, **settings), registry)
        await server.start()
        stop = asyncio.Event()
        over.append(stop)
        found.append(Serving(server, service, registry, asyncio.get_running_loop(), now_s))
        started.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: loop.run(main()), daemon=True)
    thread.start()
    assert started.wait(20), "the server did not start"
    try:
        yield found[0]
    finally:
        found[0].loop.call_soon_threadsafe(over[0].set)
        thread.join(20)
        assert not thread.is_alive()


def eventually(holds: Callable[[], Any], limit_s: float = 10.0) -> Any:
    """Return what a function returns once that is true; fail where it never is."""
    until_s = time.monotonic() + limit_s
    while not (found := holds()):
        assert time.monotonic() < until_s, "it never came"
        time.sleep(0.01)
    return found
