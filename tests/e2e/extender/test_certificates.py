"""Both sides have certificates, which are renewed while calls go on, or expire."""

from __future__ import annotations

import datetime
import socket
import ssl
from time import sleep

import pytest
from cryptography import x509

from ..controlplane.certificates import Certificates
from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.nodes import plain
from ..controlplane.pods import node_of
from .asking import ours
from .checks import check
from .running import CALLER, Extender, Setup

pytestmark = pytest.mark.controlplane

SETUP = Setup(tls=True)


def test_a_renewed_certificate_is_taken_while_pods_are_placed(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"))
    run(client, ours("before", 1))
    old = serial(shared)
    shared.plane.certificates.issue("server", "127.0.0.1")
    wait_for("the new certificate", lambda: serial(shared) != old, 20.0)
    run(client, ours("after", 1))
    check(client, shared, ["before", "after"])


def test_who_has_no_certificate_is_not_answered(client: Client, shared: Extender) -> None:
    trust = ssl.create_default_context(cafile=str(shared.plane.certificates.ca))
    host, port = _place(shared)
    assert _answer(trust, host, port) == b""
    assert shared.trust is not None
    assert _answer(shared.trust, host, port) == b"HTTP/1.1 200 OK"


def test_pods_wait_while_the_certificate_has_expired_and_go_on_with_a_new_one(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"))
    made = shared.plane.certificates
    expire(made, "server", "127.0.0.1")
    shared.restart()  # a connection that is open stays so, whatever happens to a certificate
    client.create(ours("waits", 1))
    told = wait_for("its event", lambda: events(client, "waits", "FailedScheduling"))
    assert "expired" in told[0]["message"]
    sleep(3)  # kube-scheduler has tried again, in vain
    assert not node_of(client.get("Pod", "waits"))
    made.issue("server", "127.0.0.1")
    wait_for("its node", lambda: node_of(client.get("Pod", "waits")), 30.0)
    check(client, shared, ["waits"])


def test_pods_wait_while_the_certificate_of_kube_scheduler_has_expired(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"))
    made, pid = shared.plane.certificates, shared.process.pid
    expire(made, CALLER)
    shared.scheduler.stop()  # a connection that is open stays so
    shared.scheduler.start()
    client.create(ours("waits", 1))
    told = wait_for("its event", lambda: events(client, "waits", "FailedScheduling"))
    assert "tls: expired certificate" in told[0]["message"]
    assert "certificate has expired" in shared.process.log.read_text()
    assert shared.metric("bayplan_extender_client_certificates_refused_total") >= 1
    sleep(3)  # kube-scheduler has tried again, in vain
    assert not node_of(client.get("Pod", "waits"))
    made.issue(CALLER)
    wait_for("its node", lambda: node_of(client.get("Pod", "waits")), 30.0)
    assert shared.process.pid == pid
    check(client, shared, ["waits"])


def expire(made: Certificates, name: str, *identities: str) -> None:
    """Replace a certificate by one that ended yesterday."""
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made.issue(name, *identities, not_before=now - 2 * day, not_after=now - day)


def serial(extender: Extender) -> int:
    """Return the number of the certificate that a new connection is shown."""
    assert extender.trust is not None
    host, port = _place(extender)
    with (
        socket.create_connection((host, port), timeout=5) as plain_socket,
        extender.trust.wrap_socket(plain_socket, server_hostname=host) as asking,
    ):
        shown = asking.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def _answer(trust: ssl.SSLContext, host: str, port: int) -> bytes:
    """Return how the extender begins its answer; empty where it ends the connection."""
    with (
        socket.create_connection((host, port), timeout=5) as plain_socket,
        trust.wrap_socket(plain_socket, server_hostname=host) as asking,
    ):
        try:
            asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return asking.recv(4096).partition(b"\r\n")[0]
        except (ssl.SSLError, ConnectionError):  # TLS 1.3 tells so after the handshake
            return b""


def _place(extender: Extender) -> tuple[str, int]:
    host, _, port = extender.address.rpartition("//")[2].partition(":")
    return host, int(port)
