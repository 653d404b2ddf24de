"""What the chart configures runs: kube-scheduler calls the extender in its Pod by TLS, both ways.

The plain defaults are the base, which test_rights.py runs.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest
import yaml

from charting import Helm

from ..controlplane import commands
from ..controlplane.client import Client, Object
from ..controlplane.cluster import add_nodes, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, pod
from ..controlplane.process import Server, free_ports
from .conftest import kubeconfig_of, named

pytestmark = pytest.mark.controlplane

FILES = {"tls.crt": ".pem", "tls.key": ".key"}
HOST = "bayplan.bayplan.svc"


@dataclass(frozen=True, slots=True)
class Running:
    """An extender and its kube-scheduler, by the files of a ConfigMap of the chart."""

    port: int
    config: Path
    scheduler_config: Path
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def running(helm: Helm, plane: Plane, applied: list[Object]) -> Iterator[Running]:
    account = kubeconfig_of(plane, "bayplan")
    port, scheduler_port = free_ports(2)
    values = {
        "tls": {"enabled": True},
        "config": {
            "server": {"host": commands.LOOPBACK, "port": port},
            "api": {"kubeconfig": str(account)},
        },
    }
    data = named(helm.template(values), "ConfigMap", "bayplan-config")["data"]
    made = plane.certificates
    made.issue("charted", HOST)
    files = [plane.folder / f"charted-{name}" for name in ("extender.toml", "scheduler.yaml")]
    for file in files:
        text = data[file.name.removeprefix("charted-")]
        for name, suffix in FILES.items():
            text = text.replace(f"/etc/bayplan-tls/{name}", str(made.folder / f"charted{suffix}"))
        file.write_text(text.replace("/etc/bayplan-tls/ca.crt", str(made.ca)), encoding="utf-8")
    told = yaml.safe_load(files[1].read_text(encoding="utf-8"))
    told["clientConnection"]["kubeconfig"] = str(account)
    files[1].write_text(yaml.safe_dump(told), encoding="utf-8")
    trust = ssl.create_default_context(cafile=made.ca)
    trust.load_cert_chain(made.certificate("charted"), made.key("charted"))
    there = Running(port, files[0], files[1], trust)
    serve = [sys.executable, "-m", "bayplan", "extender", "serve", "--config", str(files[0])]
    extender = Server("charted", serve, plane.folder / "charted.log", lambda: is_ready(there))
    scheduler = commands.scheduler(
        plane.binaries["kube-scheduler"], made, account, scheduler_port, {}, files[1]
    )
    extender.start()
    try:
        healthy = f"https://{commands.LOOPBACK}:{scheduler_port}/readyz"
        started = plane.start("charted-scheduler", scheduler, healthy)
        yield there
        started.stop()
    finally:
        extender.stop()


def page(there: Running, path: str) -> tuple[int, str]:
    """Return status and text of a page, asked as Prometheus asks: by the Service's name."""
    asked = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection((commands.LOOPBACK, there.port), 10) as reached,
        there.trust.wrap_socket(reached, server_hostname=HOST) as secured,
    ):
        secured.sendall(asked.encode())
        with HTTPResponse(secured) as reply:
            reply.begin()
            return reply.status, reply.read().decode()


def is_ready(there: Running) -> bool:
    try:
        return page(there, "/readyz")[0] == 200
    except OSError:
        return False


def test_a_pod_is_placed(client: Client, running: Running) -> None:
    add_nodes(client, plain("a"))
    assert node_of(run(client, pod("one", 2, scheduler="bayplan"))["one"]) == "a"
    status, text = page(running, "/metrics")
    assert status == 200
    assert 'bayplan_bindings_total{result="bound"} 1.0' in text


def test_who_has_no_certificate_is_refused(running: Running, plane: Plane) -> None:
    nobody = ssl.create_default_context(cafile=plane.certificates.ca)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        page(Running(running.port, running.config, running.scheduler_config, nobody), "/state")


def test_the_first_command_of_the_notes_finds_nothing_wrong(
    client: Client, running: Running
) -> None:
    add_nodes(client, plain("a"))
    done = subprocess.run(
        [sys.executable, "-m", "bayplan", "extender", "check", "--config", running.config,
         "--scheduler-config", running.scheduler_config],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 errors, 0 warnings")
