"""A proxy between kube-scheduler and the extender that writes down what each says."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]
MAX_SCORE = 10


@dataclass(slots=True)
class Heard:
    """What the extender said of each pod last: the node that it wants, if that was one.

    Attributes
    ----------
    choices
        By the pod's UID the only node with the highest score, or the only one of several that
        passed; empty where nothing was asked for but leave, with one node in the call.
    bindings
        By UID the node that kube-scheduler wanted at last.
    n_calls
        How many calls came, by verb.
    """

    choices: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    n_calls: dict[str, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def hear(self, verb: str, request: Object, reply: Any) -> None:
        """Note a call and its answer."""
        with self.lock:
            self.n_calls[verb] = self.n_calls.get(verb, 0) + 1
            if verb == "filter":
                asked, passed = request["NodeNames"], reply.get("NodeNames") or []
                only = passed[0] if len(passed) == 1 and len(asked) > 1 else ""
                self.choices[request["Pod"]["metadata"]["uid"]] = only
            elif verb == "prioritize":
                best = [each["Host"] for each in reply if each["Score"] == MAX_SCORE]
                self.choices[request["Pod"]["metadata"]["uid"]] = best[0] if len(best) == 1 else ""
            elif verb == "bind":
                self.bindings[request["PodUID"]] = request["Node"]


@contextmanager
def listening(address: str) -> Iterator[tuple[str, Heard]]:
    """Forward calls to an address; return where to call instead, and what is heard there."""
    heard, target = Heard(), urlsplit(address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet a reply

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = self.forward(data)
            if status == 200:
                heard.hear(self.path.rpartition("/")[2], json.loads(data), json.loads(answer))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def forward(self, data: bytes) -> tuple[int, bytes]:
            self.calls.request("POST", self.path, data, {"Content-Type": "application/json"})
            reply = self.calls.getresponse()
            return reply.status, reply.read()

        def handle(self) -> None:
            self.calls = http.client.HTTPConnection(str(target.hostname), target.port)
            with closing(self.calls), suppress(ConnectionError):  # a scheduler that ends resets
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
