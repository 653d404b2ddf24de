"""Real servers on loopback, for tests: one on a thread, and one in a process of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bayplan.extender import logs, loop
from bayplan.extender.http.app import App
from bayplan.extender.http.server import Server
from extender_bodies import Recorder, app_of

HOST = "127.0.0.1"


@dataclass
class Running:
    """A server on a thread: ``call`` runs something on its event loop."""

    server: Server
    app: App
    verbs: Recorder
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    codes: list[int]

    def call(self, function: Any) -> None:
        self.loop.call_soon_threadsafe(function)

    def connect(self, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        if tls is None:
            return http.client.HTTPConnection(HOST, self.server.port, timeout=10)
        return http.client.HTTPSConnection(HOST, self.server.port, timeout=10, context=tls)

    def post(self, path: str, body: bytes, tls: ssl.SSLContext | None = None) -> tuple[int, Any]:
        connection = self.connect(tls)
        try:
            connection.request("POST", path, body)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            connection.close()


@contextmanager
def running(run: Callable[[Any], Any] = loop.run, **settings: Any) -> Iterator[Running]:
    """Serve on a thread, on the loop that ``run`` makes."""
    verbs = Recorder()
    app = app_of(verbs, port=0, **settings)
    server = Server(app)
    loops: queue.Queue[asyncio.AbstractEventLoop] = queue.Queue()
    codes: list[int] = []

    async def serve() -> None:
        loops.put(asyncio.get_running_loop())
        codes.append(await server.run())

    thread = threading.Thread(target=lambda: run(serve()), daemon=True)
    thread.start()
    its = loops.get()
    try:
        yield Running(server, app, verbs, its, thread, codes)
    finally:
        for _ in range(2):
            with suppress(RuntimeError):  # it has stopped
                its.call_soon_threadsafe(server.stop)
            thread.join(5)


def main() -> int:
    """Serve as the process does: bind takes ``bind_s``; print the port; return the exit code."""
    settings = json.loads(sys.argv[1])
    verbs = Recorder()
    verbs.bind_s = settings.pop("bind_s", 0.0)
    server = Server(app_of(verbs, port=0, **settings))
    logs.set_up()

    async def serve() -> int:
        with server.signals():
            print(server.port, flush=True)
            return await server.run()

    return loop.run(serve())


if __name__ == "__main__":
    sys.exit(main())
