"""Requests on the event loop: connections are kept, and credentials asked for off the loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bayplan.extender.api import ApiError, Connection
from bayplan.extender.api import session as sessions
from bayplan.extender.api.session import Session

from . import stub_world as paths
from .api_support import connected, kubeconfig
from .stub_api import Fault, Stub, running, stub_with
from .test_connection import SECRET, calls, plugin

Story = Callable[[Session], Awaitable[None]]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running(stub_with(nodes=1, pods=1)) as served:
        yield served


def told(made: Connection, story: Story, limit: int = 8) -> None:
    """Run a story with a session."""

    async def run() -> None:
        session = Session(made, limit)
        try:
            await story(session)
        finally:
            await session.close()

    asyncio.run(run())


class Relay:
    """Passes bytes to a server, and counts the connections: a proxy of HTTP."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition("/")[2].partition(":")
        self._target = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.opened = 0
        self._threads = [threading.Thread(target=self._run)]
        self._threads[0].start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with self._listening:
            while True:
                try:
                    near, _ = self._listening.accept()
                except OSError:
                    return
                self.opened += 1
                thread = threading.Thread(target=self._passed, args=(near,))
                self._threads.append(thread)
                thread.start()

    def _passed(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far:
            back = threading.Thread(target=_copied, args=(far, near))
            back.start()
            _copied(near, far)
            back.join()


def _copied(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay(stub: Stub) -> Iterator[Relay]:
    made = Relay(stub.url)
    yield made
    made.close()


def test_connections_are_used_again(stub: Stub, relay: Relay, tmp_path: Path) -> None:
    made = Connection.from_kubeconfig(str(kubeconfig(tmp_path, relay.url, {})))

    async def story(session: Session) -> None:
        for _ in range(5):
            assert (await session.send("GET", "/version")).status == 200

    told(made, story)
    assert (len(stub.asked), relay.opened) == (5, 1)


def test_not_more_requests_are_sent_at_once_than_allowed(
    stub: Stub, relay: Relay, tmp_path: Path
) -> None:
    made = Connection.from_kubeconfig(str(kubeconfig(tmp_path, relay.url, {})))
    stub.fail(Fault(200, delay_s=0.05), "/version", times=6)

    async def story(session: Session) -> None:
        await asyncio.gather(*(session.send("GET", "/version") for _ in range(6)))

    told(made, story, limit=2)
    assert (len(stub.asked), relay.opened) == (6, 2)


def test_a_path_is_sent_as_it_is_given(stub: Stub, tmp_path: Path) -> None:
    path = "/api/v1/namespaces/default/pods/p%2F0%20x?fieldSelector=a%3Db"

    async def story(session: Session) -> None:
        with pytest.raises(ApiError, match="HTTP 404") as caught:
            await session.send("GET", path)
        assert caught.value.status == 404

    told(connected(stub, tmp_path), story)
    assert stub.asked[0].path == "/api/v1/namespaces/default/pods/p%2F0%20x"
    assert stub.asked[0].query == {"fieldSelector": "a=b"}
    assert stub.asked[0].headers["accept-encoding"] == "identity"


def test_an_answer_that_breaks_off_is_no_answer(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(cut=3), paths.NODES)

    async def story(session: Session) -> None:
        with pytest.raises(ApiError, match=r"GET /api/v1/nodes: no answer \(Client") as caught:
            await session.send("GET", f"{paths.NODES}?limit=7")
        assert caught.value.status == 0
        assert (await session.send("GET", "/version")).status == 200

    told(connected(stub, tmp_path), story)


def test_silence_is_no_answer(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(200, delay_s=2.0), "/version")

    async def story(session: Session) -> None:
        with pytest.raises(ApiError, match="GET /version: no answer"):
            await session.send("GET", "/version", timeout_s=0.05)

    told(connected(stub, tmp_path), story)


def test_who_gives_up_gives_up_the_turn_too(stub: Stub, tmp_path: Path) -> None:
    stub.fail(Fault(200, delay_s=2.0), "/version")

    async def story(session: Session) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.send("GET", "/version")
        async with asyncio.timeout(1.0):
            assert (await session.send("GET", "/version")).status == 200

    told(connected(stub, tmp_path), story, limit=1)


def test_a_plugin_is_not_asked_before_every_request(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.token = SECRET
    (tmp_path / "token").write_text(SECRET)
    user = plugin(tmp_path, expired=True)  # it would be asked each time
    made = Connection.from_kubeconfig(str(kubeconfig(tmp_path, stub.url, user)))
    monkeypatch.setattr(sessions, "CREDENTIALS_S", 3600.0)
    first = calls(tmp_path)

    async def story(session: Session) -> None:
        for _ in range(3):
            await session.send("GET", "/version")
        assert calls(tmp_path) == first + 1
        monkeypatch.setattr(sessions, "CREDENTIALS_S", 0.0)
        stub.token = "another"
        (tmp_path / "token").write_text("another")
        with pytest.raises(ApiError, match="HTTP 401"):
            await session.send("GET", "/version")  # read anew too short a time ago
        await session.send("GET", "/version")

    told(made, story)


def test_a_proxy_stands_between(stub: Stub, relay: Relay, tmp_path: Path) -> None:
    # Over a proxy the whole address is in the request line; the name leads nowhere by itself.
    cluster = {"proxy-url": relay.url}
    path = kubeconfig(tmp_path, "http://cluster.invalid:80", {}, **cluster)

    async def story(session: Session) -> None:
        assert (await session.send("GET", "/version")).status == 200

    told(Connection.from_kubeconfig(str(path)), story)
    assert relay.opened == 1


def test_what_cannot_be_sent_is_no_answer_and_stays_out_of_the_text(
    stub: Stub, tmp_path: Path
) -> None:
    token = f"{SECRET}\nX-More: 1"
    made = Connection.from_kubeconfig(str(kubeconfig(tmp_path, stub.url, {"token": token})))

    async def story(session: Session) -> None:
        with pytest.raises(ApiError) as caught:
            await session.send("GET", paths.PODS)
        assert caught.value.status == 0
        assert SECRET not in str(caught.value)

    told(made, story)


def test_after_its_end_a_session_has_no_answers(stub: Stub, tmp_path: Path) -> None:
    async def story(session: Session) -> None:
        await session.send("GET", paths.PODS)
        await session.close()
        with pytest.raises(ApiError, match="no answer"):
            await session.send("GET", paths.PODS)

    told(connected(stub, tmp_path), story)
