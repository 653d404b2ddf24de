"""An API server on loopback that lists, watches, binds and patches, and fails as it is told.

No authorization, no validation: it does what a client of ours can tell from a real one, and what
is hard to have from a real one, such as broken streams and expired tokens, when it is asked to.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from .stub_world import BUDGETS, CLASSES, NODES, PODS, Thing, World

EVENTS = "/apis/events.k8s.io/v1"
LEASES = "/apis/coordination.k8s.io/v1"


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request instead of, or beside, its answer.

    An answer with ``status``; or the real one after ``delay_s``, broken off after ``cut`` bytes,
    or with ``line`` put into the watch and the stream ended, or with the watch in pieces of
    ``trickle`` bytes.
    """

    status: int = 0
    retry_after: str = ""
    message: str = "told to fail"
    reason: str = "InternalError"
    delay_s: float = 0.0
    cut: int | None = None
    line: bytes = b""
    trickle: int = 0


@dataclass(slots=True)
class _Armed:
    method: str
    path: str
    needs: dict[str, str]
    fault: Fault
    times: int


@dataclass(slots=True)
class Stub:
    """The server; use ``running``."""

    world: World = field(default_factory=World)
    token: str = ""
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    stopping: bool = False
    epoch: int = 0
    watched: set[str] = field(default_factory=set)
    """Paths of which a watch was opened."""
    _armed: list[_Armed] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def fail(
        self,
        fault: Fault,
        path: str = "",
        needs: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        times: int = 1,
    ) -> None:
        """Let the next requests fail that begin with a path and have query parameters."""
        with self._guard:
            self._armed.append(_Armed(method, path, dict(needs or {}), fault, times))

    def cut_streams(self) -> None:
        """Break all watches that are open."""
        self.epoch += 1

    def of(self, method: str, part: str = "", **needs: str) -> list[Asked]:
        """Return the requests so far with a part in their paths, and query parameters."""
        return [
            each
            for each in list(self.asked)
            if each.method == method and part in each.path and needs.items() <= each.query.items()
        ]

    def fault_of(self, asked: Asked) -> Fault | None:
        """Return what is to happen to a request, and use it up."""
        with self._guard:
            self.asked.append(asked)
            for armed in self._armed:
                if (
                    armed.times
                    and armed.method == asked.method
                    and asked.path.startswith(armed.path)
                    and armed.needs.items() <= asked.query.items()
                ):
                    armed.times -= 1
                    return armed.fault
        return None


@contextmanager
def running(stub: Stub, tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """Serve on a free port of loopback."""
    handler = type("Handler", (_Handler,), {"stub": stub})
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    stub.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.stopping = True
        server.shutdown()
        server.server_close()


def stub_with(nodes: int = 0, pods: int = 0) -> Stub:
    """Return a server with the kinds that every cluster has, and a few objects."""
    stub = Stub()
    stub.world.serve(NODES, PODS, CLASSES, BUDGETS)
    for index in range(nodes):
        stub.world.put(NODES, node(f"n{index}"))
    for index in range(pods):
        stub.world.put(PODS, pod(f"p{index}"))
    return stub


def node(name: str, **labels: str) -> Thing:
    """Return a small node."""
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels},
        "spec": {},
        "status": {"allocatable": {"cpu": "4"}},
    }


def pod(name: str, node_name: str = "", phase: str = "Pending") -> Thing:
    """Return a small pod of the default namespace."""
    spec = {"containers": [{"name": "main", "image": "i"}]}
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:metadata": {}}}],
        },
        "spec": spec | ({"nodeName": node_name} if node_name else {}),
        "status": {"phase": phase},
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up, and are hung up on."""


class _Handler(BaseHTTPRequestHandler):
    stub: Stub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answered()

    do_POST = do_PUT = do_PATCH = do_GET

    def _answered(self) -> None:
        parts = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {key.lower(): value for key, value in self.headers.items()},
            json.loads(data) if data else None,
        )
        fault = self.stub.fault_of(asked) or Fault()
        time.sleep(fault.delay_s)
        with suppress(OSError):
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            if self.stub.token and (scheme.lower(), token) != ("bearer", self.stub.token):
                self._status(401, "Unauthorized", "Unauthorized")
            elif fault.status:
                self._status(fault.status, fault.reason, fault.message, fault.retry_after)
            elif asked.query.get("watch"):
                self._watch(asked, fault)
            else:
                self._json(*_reply(self.stub.world, asked), fault)

    def _status(self, code: int, reason: str, message: str, retry_after: str = "") -> None:
        body = {"kind": "Status", "code": code, "reason": reason, "message": message}
        self._json(code, json.dumps(body).encode(), Fault(), retry_after)

    def _json(self, code: int, data: bytes, fault: Fault, retry_after: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(data[: fault.cut])
        if fault.cut is not None:
            self._hang_up()

    def _watch(self, asked: Asked, fault: Fault) -> None:
        stub, since = self.stub, int(asked.query["resourceVersion"])
        if since < stub.world.compacted:
            self._status(410, "Expired", "too old resource version")
            return
        if asked.path not in stub.world.things:
            self._status(404, "NotFound", "the server could not find the requested resource")
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = time.monotonic() + float(asked.query.get("timeoutSeconds", "300"))
        epoch, sent = stub.epoch, 0
        stub.watched.add(asked.path)
        selecting = "fieldSelector" in asked.query
        if fault.line:
            self._chunk(fault.line)
            end = 0.0
        for lines in stub.world.lines(asked.path, since, selecting=selecting):
            if stub.stopping or time.monotonic() >= end:
                self.wfile.write(b"0\r\n\r\n")
                return
            if stub.epoch != epoch:
                self._hang_up()
                return
            if lines and fault.cut is not None and sent + len(lines) > fault.cut:
                self._chunk(lines[: fault.cut - sent])
                self._hang_up()
                return
            if lines:
                step = fault.trickle or len(lines)
                for start in range(0, len(lines), step):
                    self._chunk(lines[start : start + step])
                sent += len(lines)

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _reply(world: World, asked: Asked) -> tuple[int, bytes]:
    """Return the status and body of everything but watches."""
    if asked.method == "GET" and asked.path in world.things:
        limit, token = int(asked.query.get("limit", "0")), asked.query.get("continue", "")
        selecting = "fieldSelector" in asked.query
        data = world.page(asked.path, limit, token, selecting=selecting)
        return (200, data) if data is not None else _refused(410, "Expired", "token too old")
    if asked.path == "/version":
        return _ok({"major": "1", "minor": "37+", "gitVersion": "v1.37.0"})
    names = [p.rpartition("/")[2] for p in world.things if p.rpartition("/")[0] == asked.path]
    if names:
        return _ok({"kind": "APIResourceList", "resources": [{"name": name} for name in names]})
    parts = asked.path.strip("/").split("/")
    if asked.path.startswith(EVENTS):
        return _event(world, asked, parts)
    if asked.path.startswith(LEASES):
        return _lease(world, asked, parts)
    if parts[:2] == ["api", "v1"] and len(parts) >= 6 and parts[4] == "pods":
        return _object(world, asked, PODS, parts[5], parts[3])
    if parts[:3] == ["api", "v1", "nodes"] and len(parts) in (4, 5):
        return _object(world, asked, NODES, parts[3], "")
    return _refused(404, "NotFound", "the server could not find the requested resource")


def _object(world: World, asked: Asked, path: str, name: str, space: str) -> tuple[int, bytes]:
    thing = world.get(path, name, space)
    if thing is None:
        return _refused(404, "NotFound", f'"{name}" not found')
    if asked.method == "GET":
        return _ok(thing)
    wanted = asked.body["metadata"]
    if (
        asked.method == "PATCH"
        and wanted.get("uid", thing["metadata"]["uid"]) != (thing["metadata"]["uid"])
    ):
        return _refused(422, "Invalid", "metadata.uid: field is immutable")
    for key in ("uid", "resourceVersion"):
        if key in wanted and wanted[key] != thing["metadata"][key]:
            return _refused(409, "Conflict", f"Precondition failed: {key} in precondition")
    if asked.method == "POST":
        if at := thing["spec"].get("nodeName"):
            return _refused(409, "Conflict", f'pod {name} is already assigned to node "{at}"')
        thing["spec"]["nodeName"] = asked.body["target"]["name"]
    annotations = thing["metadata"].get("annotations", {}) | wanted.get("annotations", {})
    thing["metadata"]["annotations"] = {k: v for k, v in annotations.items() if v is not None}
    world.put(path, thing)
    return _ok({"kind": "Status", "status": "Success"}, 201 if asked.method == "POST" else 200)


def _event(world: World, asked: Asked, parts: list[str]) -> tuple[int, bytes]:
    space = parts[4]
    name = asked.body["metadata"]["name"] if asked.method == "POST" else parts[6]
    known = world.get(EVENTS, name, space)
    if asked.method == "POST":
        if known:
            return _refused(409, "AlreadyExists", f'events "{name}" already exists')
        world.put(EVENTS, asked.body)
        return _ok(asked.body, 201)
    if known is None:
        return _refused(404, "NotFound", f'events "{name}" not found')
    world.put(EVENTS, known | asked.body)
    return _ok(known)


def _lease(world: World, asked: Asked, parts: list[str]) -> tuple[int, bytes]:
    space, name = parts[4], parts[6] if len(parts) > 6 else asked.body["metadata"]["name"]
    known = world.get(LEASES, name, space)
    if asked.method == "POST":
        if known:
            return _refused(409, "AlreadyExists", f'leases "{name}" already exists')
        asked.body["metadata"]["uid"] = f"uid-{name}"
    elif known is None:
        return _refused(404, "NotFound", f'leases "{name}" not found')
    elif asked.method == "GET":
        return _ok(known)
    elif asked.body["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
        return _refused(409, "Conflict", "the object has been modified")
    else:
        asked.body["metadata"]["uid"] = known["metadata"]["uid"]
    world.put(LEASES, asked.body)
    there = world.get(LEASES, name, space)
    assert there is not None
    return _ok(there, 201 if asked.method == "POST" else 200)


def _ok(thing: Thing, code: int = 200) -> tuple[int, bytes]:
    return code, json.dumps(thing).encode()


def _refused(code: int, reason: str, message: str) -> tuple[int, bytes]:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return code, json.dumps(body).encode()
