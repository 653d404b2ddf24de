"""Credentials and TLS: as kubectl has them, renewed in time, and never in a log."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.api import ApiError, Client, Connection, annotate_pod, bind, connection
from bayplan.extender.api.answers import Reply
from bayplan.extender.api.session import Session
from bayplan.extender.watch import Watches

from . import stub_world as paths
from .api_support import Mirror, connected, kubeconfig, until
from .stub_api import Fault, Stub, node, running, stub_with

SECRET = "planted-t0ken"
CERTIFICATE = Path(__file__).parent / "loopback.pem"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running(stub_with(nodes=1, pods=1)) as served:
        served.token = SECRET
        yield served


Send = Callable[[Connection, str], Reply]


def send_in_thread(made: Connection, path: str) -> Reply:
    """Get a path as what waits for an answer does."""
    return made.send("GET", path)


def send_on_loop(made: Connection, path: str) -> Reply:
    """Get a path as what runs on an event loop does."""

    async def story() -> Reply:
        session = Session(made, 1)
        try:
            return await session.send("GET", path)
        finally:
            await session.close()

    return asyncio.run(story())


@pytest.fixture(params=[send_in_thread, send_on_loop])
def send(request: pytest.FixtureRequest) -> Send:
    found: Send = request.param
    return found


def plugin(folder: Path, expired: bool) -> dict[str, Any]:
    """Return the user of an exec plugin that counts its calls and gives what a file says."""
    script = folder / "plugin.py"
    until_when = datetime.now(UTC) + timedelta(hours=-1 if expired else 1)
    script.write_text(
        "import json, pathlib\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        "calls = folder / 'calls'\n"
        "calls.write_text((calls.read_text() if calls.exists() else '') + '.')\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1',"
        " 'kind': 'ExecCredential', 'status': {'token': (folder / 'token').read_text(),"
        f" 'expirationTimestamp': '{until_when:%Y-%m-%dT%H:%M:%SZ}'}}}}))\n",
        encoding="utf-8",
    )
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": sys.executable, "args": [str(script)]}}


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text())


def test_a_token_is_sent(stub: Stub, tmp_path: Path, send: Send) -> None:
    send(connected(stub, tmp_path), "/version")
    assert stub.asked[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_plugin_whose_token_has_expired_is_asked_again(
    stub: Stub, tmp_path: Path, send: Send
) -> None:
    (tmp_path / "token").write_text(SECRET)
    made = Connection.from_kubeconfig(
        str(kubeconfig(tmp_path, stub.url, plugin(tmp_path, expired=True)))
    )
    first = calls(tmp_path)
    send(made, "/version")
    assert calls(tmp_path) > first


def test_credentials_that_are_refused_are_read_anew_once(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    monkeypatch.setattr(connection, "RENEW_S", 0.0)
    (tmp_path / "token").write_text("old")
    made = Connection.from_kubeconfig(
        str(kubeconfig(tmp_path, stub.url, plugin(tmp_path, expired=False)))
    )
    with pytest.raises(ApiError, match="401"):
        send(made, "/version")
    (tmp_path / "token").write_text(SECRET)
    assert send(made, "/version").status == 200
    # At the start, after each of the two refusals, and not for the answer that was well.
    assert calls(tmp_path) == 3


def test_a_refused_token_is_not_read_anew_again_and_again(
    stub: Stub, tmp_path: Path, send: Send
) -> None:
    (tmp_path / "token").write_text("wrong")
    made = Connection.from_kubeconfig(
        str(kubeconfig(tmp_path, stub.url, plugin(tmp_path, expired=False)))
    )
    for _ in range(5):
        with pytest.raises(ApiError, match="401"):
            send(made, "/version")
    assert calls(tmp_path) == 1


def test_the_token_of_a_pod_is_read_again_when_it_was_replaced(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    from kubernetes.config import incluster_config

    monkeypatch.setattr(connection, "RENEW_S", 0.0)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(CERTIFICATE))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    (tmp_path / "token").write_text("old\n")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    inner = Stub(token=SECRET)
    with running(inner, tls):
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", inner.url.rpartition(":")[2])
        made = Connection.in_cluster()
        with pytest.raises(ApiError, match="401"):
            send(made, "/version")
        (tmp_path / "token").write_text(f"{SECRET}\n")
        assert send(made, "/version").status == 200


def test_outside_of_a_cluster_there_is_no_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ApiError, match="no connection to Kubernetes: ConfigException"):
        Connection.in_cluster()


def test_tls_is_verified_and_a_watch_over_it_can_be_stopped(tmp_path: Path, send: Send) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    with running(stub_with(nodes=2), tls) as stub:
        unknown = Connection.from_kubeconfig(str(kubeconfig(tmp_path, stub.url, {})))
        with pytest.raises(ApiError, match="no answer"):
            send(unknown, "/version")
        trusting = kubeconfig(tmp_path, stub.url, {}, **{"certificate-authority": str(CERTIFICATE)})
        made = Connection.from_kubeconfig(str(trusting))

        async def story() -> float:
            mirror = Mirror()
            watches = Watches(made, mirror, CollectorRegistry())
            watches.start()
            await watches.synced()
            stub.world.put(paths.NODES, node("late"))
            await until(lambda: len(mirror.names("Node")) == 3)
            started = time.monotonic()
            await watches.stop()
            return time.monotonic() - started

        assert asyncio.run(story()) < 0.9, "its reads were ended, not waited for"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "ParserError"),
        ("", "Invalid"),
        ('{"current-context": "x", "contexts": [], "clusters": [], "users": []}', "name x"),
    ],
)
def test_a_broken_kubeconfig_is_told_in_a_line(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(ApiError, match=problem):
        Connection.from_kubeconfig(str(tmp_path / "kubeconfig"))


def test_a_server_that_is_not_there_is_told(tmp_path: Path, send: Send) -> None:
    made = Connection.from_kubeconfig(str(kubeconfig(tmp_path, "http://127.0.0.1:1", {})))
    with pytest.raises(ApiError, match="GET /version: no answer"):
        send(made, "/version?x=1")


def test_the_token_is_in_no_log_and_no_error_whatever_fails(
    stub: Stub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errors: list[str] = []
    # A server that gives the credential back in its errors.
    echo = Fault(400, message=f"bad header Bearer {SECRET}", reason=SECRET)
    stub.fail(echo, "/api/v1/namespaces", method="POST")
    stub.fail(echo, "/api/v1/namespaces", method="PATCH")
    stub.fail(Fault(500, message=f"saw {SECRET}"), paths.NODES, times=2)
    stub.fail(Fault(410, message=f"saw {SECRET}"), paths.PODS, {"watch": "true"})
    stub.fail(Fault(cut=0), paths.CLASSES)

    async def story() -> None:
        registry = CollectorRegistry()
        made = connected(stub, tmp_path)
        client = Client(made, registry)
        for call in (
            bind(client, "default", "p0", "uid-p0", "n0"),
            annotate_pod(client, "default", "p0", {"a": SECRET + "-body"}),
        ):
            with pytest.raises(ApiError) as caught:
                await call
            errors.append(repr(caught.value) + caught.value.reason)
        watches = Watches(made, Mirror(), registry)
        watches.start()
        await until(lambda: any("500" in text for text in watches.not_ready()))
        errors.extend(watches.not_ready())
        await watches.synced()
        await until(lambda: bool(stub.of("GET", paths.PODS, watch="true")[1:]))
        await watches.stop()
        await client.close()

    asyncio.run(story())
    assert "HTTP 400" in errors[0]
    assert "watch of Node" in caplog.text
    for text in [*errors, caplog.text]:
        assert SECRET not in text


@pytest.mark.parametrize("broken", ["user", "yaml"])
def test_the_token_of_a_broken_file_is_in_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    caplog.set_level(logging.DEBUG)
    path = kubeconfig(tmp_path, "http://127.0.0.1:1", {"token": SECRET})
    config = json.loads(path.read_text())
    if broken == "user":
        config["users"] = [{"name": "me", "token": SECRET}]  # a level too high
        path.write_text(json.dumps(config))
    else:
        path.write_text(f"users: [token: {SECRET}, : :\n")
    with pytest.raises(ApiError) as caught:
        Connection.from_kubeconfig(str(path))
    assert SECRET not in str(caught.value) + caplog.text
