"""An extender that lets everything through and writes down what kube-scheduler says to it.

Verbs and types are those of ``k8s.io/kube-scheduler/extender/v1``: every node passes, scores go by
place, victims are those that were proposed, and a binding is made as asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from .client import Client, Object

VERBS = ("filter", "prioritize", "preempt", "bind")
MAX_SCORE = 10


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came, and what was answered."""

    verb: str
    headers: dict[str, str]
    request: Object
    reply: Any


@dataclass(slots=True)
class Recorder:
    """The calls so far, and how to answer them."""

    client: Client
    calls: list[Call] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def answer(self, verb: str, headers: dict[str, str], request: Object) -> Any:
        """Answer a call and keep it."""
        reply = ANSWERS[verb](self.client, request)
        with self._lock:
            self.calls.append(Call(verb, headers, request, reply))
        return reply


def _filter(client: Client, request: Object) -> Object:
    return {"Nodes": request["Nodes"], "NodeNames": request["NodeNames"], "FailedNodes": {},
            "FailedAndUnresolvableNodes": {}, "Error": ""}  # fmt: skip


def _prioritize(client: Client, request: Object) -> list[Object]:
    names = request["NodeNames"]
    if names is None:
        names = [node["metadata"]["name"] for node in request["Nodes"]["items"]]
    return [{"Host": name, "Score": i % (MAX_SCORE + 1)} for i, name in enumerate(sorted(names))]


def _preempt(client: Client, request: Object) -> Object:
    kept = request["NodeNameToMetaVictims"]
    if kept is None:
        kept = {
            node: {
                "Pods": [{"UID": pod["metadata"]["uid"]} for pod in victims["Pods"]],
                "NumPDBViolations": victims["NumPDBViolations"],
            }
            for node, victims in request["NodeNameToVictims"].items()
        }
    return {"NodeNameToMetaVictims": kept}


def _bind(client: Client, request: Object) -> Object:
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": request["PodName"], "uid": request["PodUID"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": request["Node"]},
    }
    place = f"api/v1/namespaces/{request['PodNamespace']}/pods/{request['PodName']}/binding"
    client.call("POST", place, binding)
    return {"Error": ""}


ANSWERS: dict[str, Callable[[Client, Object], Any]] = {
    "filter": _filter,
    "prioritize": _prioritize,
    "preempt": _preempt,
    "bind": _bind,
}


class Listening:
    """A recorder that listens on the loopback interface, in threads of its own."""

    def __init__(self, client: Client) -> None:
        self.recorder = recorder = Recorder(client)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # kube-scheduler keeps connections

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                verb = self.path.rpartition("/")[2]
                headers = {key: value for key, value in self.headers.items() if key != "Host"}
                data = json.dumps(recorder.answer(verb, headers, request)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def handle(self) -> None:
                with suppress(ConnectionError):  # a scheduler that ends resets its connections
                    super().handle()

            def log_message(self, format: str, *args: Any) -> None:
                pass  # the calls are what is kept

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Return the prefix of its addresses."""
        return f"http://127.0.0.1:{self._server.server_port}/scheduler"

    def extender(self, *, names: bool, **more: Any) -> Object:
        """Return an entry of ``extenders`` in KubeSchedulerConfiguration.

        Parameters
        ----------
        names
            ``nodeCacheCapable``: names of nodes are sent, not nodes.
        more
            Further keys.
        """
        return {
            "urlPrefix": self.address,
            **{f"{verb}Verb": verb for verb in VERBS},
            "weight": 1,
            "nodeCacheCapable": names,
            **more,
        }

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
