"""TLS on a real socket: who is let in, and certificates that change while the server runs."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from prometheus_client import CollectorRegistry

from bayplan.extender.http.metrics import TlsMetrics
from bayplan.extender.http.settings import TlsSettings
from bayplan.extender.http.tls import Certificates
from bayplan.scheduler.errors import InputError
from extender_bodies import BINDING, encoded
from extender_serving import HOST, Running, running

BIND = "/scheduler/bind"
NEVER_S = 3600.0


def write(folder: Path, issued: trustme.LeafCert) -> TlsSettings:
    """Write a certificate and its key, each by a rename, as a kubelet does."""
    settings = TlsSettings(folder / "tls.crt", folder / "tls.key", poll_s=NEVER_S)
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    put(settings.certificate, chain)
    put(settings.key, issued.private_key_pem.bytes())
    return settings


def put(path: Path, data: bytes) -> None:
    path.with_suffix(".new").write_bytes(data)
    os.replace(path.with_suffix(".new"), path)


def client(ca: trustme.CA, own: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if own is not None:
        own.configure_cert(context)
    return context


def serial(served: Running, ca: trustme.CA) -> int:
    """Return the serial number of the certificate that a new connection is shown."""
    connection = served.connect(client(ca))
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    shown = connection.sock.getpeercert(binary_form=True)
    assert shown is not None
    connection.close()
    return x509.load_der_x509_certificate(shown).serial_number


def serial_of(issued: trustme.LeafCert) -> int:
    return x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()).serial_number


def reloads(served: Running, result: str) -> Any:
    name = "bayplan_extender_certificate_reloads_total"
    return served.app.registry.get_sample_value(name, {"result": result})


def settled(served: Running, result: str, n: int) -> None:
    """Let the server read its files again, and wait until it has."""
    served.call(served.server.reload)
    for _ in range(1000):
        if reloads(served, result) == n:
            return
        served.thread.join(0.01)
    raise AssertionError(f"no reload {result}")


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


def test_a_client_that_trusts_the_authority_is_answered(tmp_path: Path, ca: trustme.CA) -> None:
    with running(tls=write(tmp_path, ca.issue_cert(HOST))) as served:
        assert served.post(BIND, encoded(BINDING), client(ca)) == (200, {"Error": ""})


def test_a_client_that_does_not_trust_it_is_not(tmp_path: Path, ca: trustme.CA) -> None:
    with running(tls=write(tmp_path, ca.issue_cert(HOST))) as served:
        with pytest.raises(ssl.SSLCertVerificationError):
            served.post(BIND, encoded(BINDING), client(trustme.CA()))
        assert served.verbs.asked == []


def test_tls_before_1_2_is_refused(tmp_path: Path, ca: trustme.CA) -> None:
    registry = CollectorRegistry()
    certificates = Certificates(write(tmp_path, ca.issue_cert(HOST)), TlsMetrics(registry))
    assert certificates.context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(
    tmp_path: Path, ca: trustme.CA, version: ssl.TLSVersion
) -> None:
    clients = trustme.CA()
    put(tmp_path / "ca.crt", clients.cert_pem.bytes())
    tls = write(tmp_path, ca.issue_cert(HOST))
    tls = TlsSettings(tls.certificate, tls.key, tmp_path / "ca.crt")
    with running(tls=tls) as served:
        for own in (None, trustme.CA().issue_cert("kube-scheduler")):
            context = client(ca, own)
            context.maximum_version = version
            with pytest.raises(OSError):  # noqa: PT011 - an alert or a reset, by timing
                served.post(BIND, encoded(BINDING), context)
        assert served.verbs.asked == []
        known = client(ca, clients.issue_cert("kube-scheduler"))
        known.maximum_version = version
        assert served.post(BIND, encoded(BINDING), known)[0] == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_is_told_what_is_wrong_with_its_certificate_and_so_are_we(
    tmp_path: Path, ca: trustme.CA, version: ssl.TLSVersion, caplog: pytest.LogCaptureFixture
) -> None:
    clients, now = trustme.CA(), datetime.now(UTC)
    put(tmp_path / "ca.crt", clients.cert_pem.bytes())
    tls = write(tmp_path, ca.issue_cert(HOST))
    tls = TlsSettings(tls.certificate, tls.key, tmp_path / "ca.crt")
    expired = clients.issue_cert(
        "kube-scheduler", not_before=now - timedelta(2), not_after=now - timedelta(1)
    )
    unknown = trustme.CA().issue_cert("kube-scheduler")
    shown = (
        (expired, "ALERT_CERTIFICATE_EXPIRED", "certificate has expired"),
        (expired, "ALERT_CERTIFICATE_EXPIRED", "certificate has expired"),
        (unknown, "ALERT_UNKNOWN_CA", "unable to get local issuer certificate"),
        (None, "CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE", "none was shown"),
    )  # fmt: skip
    with running(tls=tls) as served:
        for own, alert, _ in shown:
            context = client(ca, own)
            context.maximum_version = version
            with pytest.raises(ssl.SSLError, match=alert):
                served.post(BIND, encoded(BINDING), context)
        name = "bayplan_extender_client_certificates_refused_total"
        counts = [served.app.registry.get_sample_value(name, {"why": why}) for *_, why in shown]
        assert counts == [2, 2, 1, 1]
        assert served.verbs.asked == []
    whys = [
        each.__dict__["why"]
        for each in caplog.records
        if each.message == "a client's certificate was refused"
    ]
    assert whys == [why for *_, why in shown[1:]]  # the same is told once a minute


def test_new_connections_see_a_new_certificate_and_old_ones_go_on(
    tmp_path: Path, ca: trustme.CA
) -> None:
    first, second = ca.issue_cert(HOST), ca.issue_cert(HOST)
    with running(tls=write(tmp_path, first)) as served:
        assert serial(served, ca) == serial_of(first)
        old = served.connect(client(ca))
        old.request("GET", "/healthz")
        old.getresponse().read()
        write(tmp_path, second)
        settled(served, "ok", 1)
        assert serial(served, ca) == serial_of(second)
        old.request("GET", "/healthz")
        assert old.getresponse().status == 200
        old.close()


def test_a_change_of_the_files_is_seen_without_being_told(tmp_path: Path, ca: trustme.CA) -> None:
    first, second = ca.issue_cert(HOST), ca.issue_cert(HOST)
    tls = write(tmp_path, first)
    with running(tls=TlsSettings(tls.certificate, tls.key, poll_s=0.01)) as served:
        assert serial(served, ca) == serial_of(first)
        write(tmp_path, second)
        for _ in range(500):
            if serial(served, ca) == serial_of(second):
                break
        assert serial(served, ca) == serial_of(second)


def test_files_that_stay_are_read_once(tmp_path: Path, ca: trustme.CA) -> None:
    registry = CollectorRegistry()
    tls = write(tmp_path, ca.issue_cert(HOST))
    certificates = Certificates(tls, TlsMetrics(registry))
    certificates.reload_changed()
    name, labels = "bayplan_extender_certificate_reloads_total", {"result": "ok"}
    assert registry.get_sample_value(name, labels) == 0
    put(tls.key, tls.key.read_bytes())
    certificates.reload_changed()
    certificates.reload_changed()
    assert registry.get_sample_value(name, labels) == 1


@pytest.mark.parametrize("broken", ["certificate", "key", "half", "gone"])
def test_a_broken_new_file_keeps_the_old_certificate(
    tmp_path: Path, ca: trustme.CA, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = ca.issue_cert(HOST), ca.issue_cert(HOST)
    tls = write(tmp_path, first)
    with running(tls=tls) as served:
        if broken == "half":  # a new certificate beside the old key
            put(tls.certificate, second.cert_chain_pems[0].bytes())
        elif broken == "gone":
            tls.key.unlink()
        else:
            put(getattr(tls, broken), b"-----BEGIN nothing-----\n")
        settled(served, "failed", 1)
        assert serial(served, ca) == serial_of(first)
        assert "the old ones stay" in caplog.text
        assert "PRIVATE KEY" not in caplog.text
        write(tmp_path, second)
        settled(served, "ok", 1)
        assert serial(served, ca) == serial_of(second)


def test_an_authority_of_clients_that_is_replaced_is_trusted_no_longer(
    tmp_path: Path, ca: trustme.CA
) -> None:
    before, after = trustme.CA(), trustme.CA()
    put(tmp_path / "ca.crt", before.cert_pem.bytes())
    tls = write(tmp_path, ca.issue_cert(HOST))
    tls = TlsSettings(tls.certificate, tls.key, tmp_path / "ca.crt", poll_s=NEVER_S)
    old = client(ca, before.issue_cert("kube-scheduler"))
    new = client(ca, after.issue_cert("kube-scheduler"))
    with running(tls=tls) as served:
        assert served.post(BIND, encoded(BINDING), old)[0] == 200
        put(tmp_path / "ca.crt", after.cert_pem.bytes())
        settled(served, "ok", 1)
        with pytest.raises(OSError):  # noqa: PT011 - an alert or a reset, by timing
            served.post(BIND, encoded(BINDING), old)
        assert served.post(BIND, encoded(BINDING), new)[0] == 200


def test_metrics_say_when_the_certificate_ends(tmp_path: Path, ca: trustme.CA) -> None:
    issued = ca.issue_cert(HOST)
    registry = CollectorRegistry()
    Certificates(write(tmp_path, issued), TlsMetrics(registry))
    ends = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()).not_valid_after_utc
    name = "bayplan_extender_certificate_expiry_seconds"
    assert registry.get_sample_value(name) == ends.timestamp()


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_a_server_does_not_start_on_broken_files(
    tmp_path: Path, ca: trustme.CA, broken: str
) -> None:
    tls = write(tmp_path, ca.issue_cert(HOST))
    put(getattr(tls, broken), b"nothing")
    with pytest.raises(InputError, match=r"tls\.crt.*tls\.key.*cannot be used"):
        Certificates(tls, TlsMetrics(CollectorRegistry()))
