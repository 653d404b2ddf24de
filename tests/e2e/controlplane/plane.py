"""A control plane on the loopback interface: etcd, API server, controllers, scheduler, and KWOK."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import certificates, commands
from .certificates import Certificates
from .client import Client, wait_for
from .commands import LOOPBACK, QPS
from .process import Server, free_ports

STAGES = Path(__file__).parent / "stages.yaml"
USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
}
"""From a file name to the user and group that the certificate is for."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a control plane differs from the defaults of its version."""

    gates: Mapping[str, bool] = field(default_factory=dict)
    """Feature gates, of all components of Kubernetes."""
    apis: Mapping[str, bool] = field(default_factory=dict)
    """API versions to serve, such as ``scheduling.k8s.io/v1beta1``."""
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the default scheduler's KubeSchedulerConfiguration."""


@dataclass(slots=True)
class Plane:
    """A running control plane. Its servers are ended in the reverse of the order of their start."""

    binaries: Mapping[str, Path]
    folder: Path
    """Where logs, certificates and data are."""
    settings: Settings
    server: str
    """The address of the API server."""
    certificates: Certificates
    client: Client
    """Of a user who may do everything."""
    servers: dict[str, Server] = field(default_factory=dict)
    _ends: ExitStack = field(default_factory=ExitStack)

    def start_scheduler(
        self, name: str, config: Mapping[str, Any], before: Sequence[str] = ()
    ) -> Server:
        """Start a kube-scheduler, besides those that run.

        Parameters
        ----------
        name
            Of the server, its log and its files.
        config
            Keys of KubeSchedulerConfiguration: ``profiles``, ``extenders`` and so on.
        before
            A command that runs the one that is given to it.
        """
        whole = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {
                "kubeconfig": str(self.kubeconfig("scheduler")),
                "qps": QPS,
                "burst": QPS,
            },
            "leaderElection": {"leaderElect": False},
            **config,
        }
        path = self.folder / f"{name}.config"
        path.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        (port,) = free_ports(1)
        command = commands.scheduler(
            self.binaries["kube-scheduler"],
            self.certificates, self.kubeconfig("scheduler"), port, dict(self.settings.gates), path,
        )  # fmt: skip
        return self.start(name, [*before, *command], f"https://{LOOPBACK}:{port}/readyz")

    def start(self, name: str, command: Sequence[str], address: str) -> Server:
        """Start a server that is ready when an address says so, until it or the plane is ended."""
        log = self.folder / f"{name}.log"
        server = Server(name, list(command), log, lambda: self._answers(address))
        self.servers[name] = server
        self._ends.callback(server.stop)
        server.start()
        return server

    def user(self, name: str, user: str, group: str = "") -> Path:
        """Give a user a certificate, and return the kubeconfig of it."""
        self.certificates.issue(name, user=user, group=group)
        return self.kubeconfig(name)

    def kubeconfig(self, name: str) -> Path:
        """Return the kubeconfig of a user that has a certificate."""
        return self.certificates.kubeconfig(name, self.server)

    def stop(self) -> None:
        """End all servers, the last started first."""
        self._ends.close()

    def _answers(self, address: str) -> bool:
        trust = ssl.create_default_context(cafile=str(self.certificates.ca))
        trust.load_cert_chain(
            self.certificates.certificate("admin"), self.certificates.key("admin")
        )
        if not address.startswith(self.server):
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # its own certificate
        openers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)]
        with urllib.request.build_opener(*openers).open(address, timeout=5) as reply:
            return bool(reply.status == 200)


@contextmanager
def running(
    binaries: Mapping[str, Path], folder: Path, settings: Settings | None = None
) -> Iterator[Plane]:
    """Start a control plane in a folder, and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = certificates.make(folder / "certificates")
    made.issue("apiserver", LOOPBACK, "localhost")
    made.issue("service-accounts")
    for name, (user, group) in USERS.items():
        made.issue(name, user=user, group=group)
    (port,) = free_ports(1)
    server = f"https://{LOOPBACK}:{port}"
    client = Client(made.kubeconfig("admin", server))
    plane = Plane(binaries, folder, settings or Settings(), server, made, client)
    try:
        _start(plane, port)
        yield plane
    finally:
        plane.stop()
        client.close()


def _start(plane: Plane, port: int) -> None:
    binaries, made = plane.binaries, plane.certificates
    gates, apis = dict(plane.settings.gates), dict(plane.settings.apis)
    etcd, peers, manager, kwok = free_ports(4)
    plane.start(
        "etcd",
        commands.etcd(binaries["etcd"], plane.folder / "etcd", etcd, peers),
        f"http://{LOOPBACK}:{etcd}/readyz",
    )
    plane.start(
        "kube-apiserver",
        commands.apiserver(binaries["kube-apiserver"], made, port, etcd, gates, apis),
        f"{plane.server}/readyz",
    )
    plane.start(
        "kube-controller-manager",
        commands.controller_manager(
            binaries["kube-controller-manager"],
            made, plane.kubeconfig("controller-manager"), manager, gates,
        ),
        f"https://{LOOPBACK}:{manager}/healthz",
    )  # fmt: skip
    plane.start_scheduler("kube-scheduler", plane.settings.scheduler)
    plane.start(
        "kwok",
        commands.kwok(binaries["kwok"], plane.kubeconfig("admin"), STAGES, kwok),
        f"http://{LOOPBACK}:{kwok}/healthz",
    )
    wait_for(
        "the service account that pods of the default namespace have",
        lambda: plane.client.list("ServiceAccount", "default"),
    )
