"""A server on a real socket: its limits, and how it stops."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bayplan.extender import loop
from bayplan.extender.http.server import Server
from bayplan.scheduler.errors import InputError
from extender_bodies import BINDING, NAMES, WHOLE, Recorder, app_of, encoded
from extender_serving import HOST, running

FILTER, BIND = "/scheduler/filter", "/scheduler/bind"
TESTS = Path(__file__).parents[2]


def wait_for(verbs: Recorder, n: int) -> None:
    deadline = time.monotonic() + 10
    while len(verbs.asked) < n:
        assert time.monotonic() < deadline, "nobody asked"
        time.sleep(0.005)


def takes_connections(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=10).close()
    except OSError:
        return False
    return True


def head(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


def test_calls_follow_each_other_on_one_connection() -> None:
    with running() as served:
        connection = served.connect()
        for body in (NAMES, WHOLE, NAMES):
            connection.request("POST", FILTER, encoded(body))
            reply = connection.getresponse()
            assert reply.status == 200
            assert json.loads(reply.read())["Error"] == ""
        connection.close()
        assert [what[3] for what in served.verbs.asked] == [True, False, True]


@pytest.mark.parametrize("run", [loop.run, asyncio.run])
def test_replies_do_not_wait_for_acknowledgements(run: Any) -> None:
    with running(run) as served:
        connection = served.connect()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        (accepted,) = served.server._uvicorn.server_state.connections
        sock = accepted.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connection.close()


def test_a_port_on_all_addresses_takes_both_families() -> None:
    with running(host="::") as served:
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, served.server.port), timeout=10).close()


def test_a_body_of_megabytes_in_chunks_comes_whole() -> None:
    names = [f"node-{i:06}" for i in range(100_000)]
    body = encoded(NAMES | {"NodeNames": names})
    parts = [body[i : i + 50_000] for i in range(0, len(body), 50_000)]
    with running() as served:
        connection = served.connect()
        connection.request("POST", FILTER, iter(parts), encode_chunked=True)
        assert json.loads(connection.getresponse().read())["NodeNames"] == names
        connection.close()


def test_chunks_over_the_limit_are_refused_and_the_connection_is_closed() -> None:
    with (
        running(max_body_bytes=100_000) as served,
        socket.create_connection((HOST, served.server.port), timeout=10) as client,
    ):
        client.sendall(b"POST /scheduler/filter HTTP/1.1\r\nHost: x\r\n")
        client.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            client.sendall(b"9c40\r\n" + b" " * 40_000 + b"\r\n")
        reply = http.client.HTTPResponse(client)
        reply.begin()
        assert (reply.status, reply.getheader("connection")) == (413, "close")
        assert "100000 bytes" in json.loads(reply.read())["Error"]
        assert served.verbs.asked == []


def test_a_length_over_the_limit_is_refused_before_the_body_is_sent() -> None:
    with (
        running(max_body_bytes=1000) as served,
        socket.create_connection((HOST, served.server.port), timeout=10) as client,
    ):
        client.sendall(head(FILTER, 1001))
        reply = http.client.HTTPResponse(client)
        reply.begin()
        assert reply.status == 413


def test_a_client_that_leaves_amid_its_body_asks_nothing() -> None:
    with running() as served:
        with socket.create_connection((HOST, served.server.port), timeout=10) as client:
            client.sendall(head(BIND, 99) + b"{")
        assert served.post(FILTER, encoded(NAMES))[0] == 200
        assert [what[0] for what in served.verbs.asked] == ["filter"]


def test_a_call_that_is_being_answered_is_finished_after_stop() -> None:
    with running() as served:
        served.verbs.bind_s = 0.5
        connection = served.connect()
        connection.request("POST", BIND, encoded(BINDING))
        wait_for(served.verbs, 1)
        served.call(served.server.stop)
        assert connection.getresponse().read() == b'{"Error":""}'
        connection.close()
        served.thread.join(10)
    assert served.codes == [0]
    assert served.verbs.bound == [("u-1", "n1")]


def test_after_stop_no_connection_is_taken() -> None:
    with running() as served:
        served.verbs.bind_s = 1.0
        connection = served.connect()
        connection.request("POST", BIND, encoded(BINDING))
        wait_for(served.verbs, 1)
        served.call(served.server.stop)
        deadline = time.monotonic() + 10
        while takes_connections(served.server.port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert connection.getresponse().status == 200
        connection.close()


def test_while_it_drains_it_answers_and_says_that_it_is_not_ready() -> None:
    with running(drain_s=60.0) as served:
        served.call(served.server.stop)
        deadline = time.monotonic() + 10
        status = 200
        while status == 200:
            assert time.monotonic() < deadline
            connection = served.connect()
            connection.request("GET", "/readyz")
            reply = connection.getresponse()
            status, said = reply.status, json.loads(reply.read())
            connection.close()
        assert (status, said["reasons"]) == (503, ["it is stopping"])
        assert served.post(FILTER, encoded(NAMES))[0] == 200


def test_a_call_that_outlasts_the_grace_is_cut_off() -> None:
    with running(grace_s=0) as served:
        served.verbs.bind_s = 4.0
        connection = served.connect()
        connection.request("POST", BIND, encoded(BINDING))
        wait_for(served.verbs, 1)
        served.call(served.server.stop)
        served.thread.join(3)
        assert served.codes == [0]
        connection.close()
    assert served.verbs.bound == []


def test_a_port_that_is_taken_is_one_line() -> None:
    with running() as served:
        app = app_of(Recorder(), port=served.server.port)
        with pytest.raises(InputError, match=r"cannot listen on 127\.0\.0\.1 port \d+ \(Address"):
            Server(app)


@contextmanager
def process(**settings: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a server in a process of its own."""
    paths = os.pathsep.join([str(TESTS), *sys.path])
    served = subprocess.Popen(
        [sys.executable, str(TESTS / "extender_serving.py"), json.dumps(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    try:
        yield served
    finally:
        served.kill()
        served.communicate()


def connected(served: subprocess.Popen[str]) -> http.client.HTTPConnection:
    assert served.stdout is not None
    return http.client.HTTPConnection(HOST, int(served.stdout.readline()), timeout=20)


def test_sigterm_finishes_what_is_being_answered_and_exits_with_0() -> None:
    with process(bind_s=1.0) as served:
        connection = connected(served)
        connection.request("POST", BIND, encoded(BINDING))
        time.sleep(0.3)
        served.send_signal(signal.SIGTERM)
        assert connection.getresponse().read() == b'{"Error":""}'
        assert served.wait(10) == 0
        assert served.stderr is not None
        lines = [json.loads(line) for line in served.stderr]
    assert [line["message"] for line in lines] == ["listening", "stopping", "stopped"]


def test_a_call_that_is_cut_off_is_a_line_in_the_log_and_an_answer() -> None:
    with process(bind_s=60.0, grace_s=0) as served:
        connection = connected(served)
        connection.request("POST", BIND, encoded(BINDING))
        time.sleep(0.3)
        served.send_signal(signal.SIGTERM)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (503, b'{"Error":"the extender is stopping"}')
        assert served.wait(10) == 0
        assert served.stderr is not None
        lines = [json.loads(line) for line in served.stderr]
    cut = [line for line in lines if line.get("verb") == "bind"]
    assert [line["message"] for line in cut] == ["cut short: its time is over"]
    assert [line for line in lines if "traceback" in line] == []


def test_a_second_signal_stops_at_once_with_1() -> None:
    with process(bind_s=4.0, grace_s=60) as served:
        connection = connected(served)
        connection.request("POST", BIND, encoded(BINDING))
        time.sleep(0.3)
        served.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        served.send_signal(signal.SIGTERM)
        assert served.wait(10) == 1
        connection.close()


def test_sighup_stops_nothing_and_sigint_does() -> None:
    with process() as served:
        connection = connected(served)
        served.send_signal(signal.SIGHUP)
        for _ in range(3):
            connection.request("POST", BIND, encoded(BINDING))
            assert connection.getresponse().read() == b'{"Error":""}'
        connection.close()
        served.send_signal(signal.SIGINT)
        assert served.wait(10) == 0
