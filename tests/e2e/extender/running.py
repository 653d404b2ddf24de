"""The extender as a process of its own beside a second kube-scheduler, on a real control plane."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..controlplane.certificates import Certificates
from ..controlplane.plane import Plane
from ..controlplane.process import Server, free_ports
from .between import Heard, listening

Object = dict[str, Any]

SCHEDULER = "bayplan"
"""The schedulerName of pods that our engine places."""

CALLER = "extender-caller"
"""The certificate that kube-scheduler shows the extender; it has another one for the API server."""

TIMEOUT_S = 30.0
NOT_COUNTED = (
    "nvidia.com/gpumem",
    "nvidia.com/gpumem-percentage",
    "nvidia.com/gpucores",
    "volcano.sh/vgpu-memory-percentage",
    "koordinator.sh/gpu.shared",
)
"""Resources that no node need show to kube-scheduler."""


@dataclass(slots=True)
class Extender:
    """A running extender and its kube-scheduler; ``heard``: what a proxy between them noted."""

    plane: Plane
    process: Server
    scheduler: Server
    address: str
    heard: Heard | None = None
    trust: ssl.SSLContext | None = None

    def page(self, path: str) -> Object:
        """Return what a page shows, as JSON."""
        return dict(json.loads(self.text(path)))

    def text(self, path: str) -> str:
        """Return what a page shows."""
        with _opener(self.trust).open(self.address + path, timeout=10) as reply:
            return str(reply.read().decode())

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = self.text("/metrics").splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"{name} ", f"{name}{{"))
        )

    def restart(self) -> None:
        """Kill the extender as a crash does, and start it again."""
        self.process.kill()
        self.process.start()


@dataclass(frozen=True, slots=True)
class Setup:
    """How an extender of a test differs from the default install.

    Attributes
    ----------
    config
        Tables of the extender's configuration, over those for tests.
    scheduler
        Keys of kube-scheduler's configuration, over those of the base.
    timeout_s
        httpTimeout of kube-scheduler.
    weight
        Of the extender's scores beside those of plugins.
    kubeconfig
        Who the extender is; a user who may do all where it is left out.
    heard
        Whether a proxy notes what is said.
    tls
        Whether both sides have certificates: ``server`` and ``CALLER``.
    serves
        Arguments of Python by which an extender is run.
    before
        A command that runs each of the two.
    """

    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    scheduler: Mapping[str, object] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S
    weight: int = 1
    kubeconfig: Path | None = None
    heard: bool = False
    tls: bool = False
    serves: tuple[str, ...] = ("-m", "bayplan", "extender", "serve")
    before: tuple[str, ...] = ()


@contextmanager
def extender(plane: Plane, name: str, setup: Setup | None = None) -> Iterator[Extender]:
    """Start an extender and its kube-scheduler, and end both.

    Parameters
    ----------
    plane
        The control plane.
    name
        Of the servers, their logs and files.
    setup
        How they differ from the default install.
    """
    setup = setup or Setup()
    (port,) = free_ports(1)
    made = plane.certificates
    if setup.tls:
        made.issue("server", "127.0.0.1")
        made.issue(CALLER)
    file = plane.folder / f"{name}.toml"
    file.write_text(_toml(_tables(plane, setup, port)), encoding="utf-8")
    address = f"{'https' if setup.tls else 'http'}://127.0.0.1:{port}"
    trust = _client(made) if setup.tls else None
    command = [*setup.before, sys.executable, *setup.serves, "--config", str(file)]
    process = Server(name, command, plane.folder / f"{name}.log", lambda: _is_ready(address, trust))
    with ExitStack() as ends:
        ends.callback(process.stop)
        process.start()
        called, heard = address, None
        if setup.heard:
            called, heard = ends.enter_context(listening(address))
        config = configuration(called, setup.timeout_s, made if setup.tls else None)
        config["extenders"][0]["weight"] = setup.weight
        config |= setup.scheduler
        scheduler = plane.start_scheduler(f"{name}-scheduler", config, setup.before)
        ends.callback(scheduler.stop)
        yield Extender(plane, process, scheduler, address, heard, trust)


def configuration(
    address: str, timeout_s: float = TIMEOUT_S, certificates: Certificates | None = None
) -> Object:
    """Return the configuration of ``extender/deploy/base`` for an extender at an address."""
    extender: Object = {
        "urlPrefix": f"{address}/scheduler",
        "filterVerb": "filter",
        "prioritizeVerb": "prioritize",
        "preemptVerb": "preempt",
        "bindVerb": "bind",
        "weight": 1,
        "httpTimeout": f"{timeout_s}s",
        "nodeCacheCapable": True,
    }
    if certificates is not None:
        extender["enableHTTPS"] = True
        extender["tlsConfig"] = {
            "caFile": str(certificates.ca),
            "certFile": str(certificates.certificate(CALLER)),
            "keyFile": str(certificates.key(CALLER)),
        }
    fits = {"name": "NodeResourcesFit", "args": {"ignoredResources": list(NOT_COUNTED)}}
    return {
        "percentageOfNodesToScore": 100,
        "podMaxBackoffSeconds": 2,  # a test does not wait ten seconds
        "profiles": [
            {
                "schedulerName": SCHEDULER,
                "plugins": {"score": {"disabled": [{"name": "*"}]}},
                "pluginConfig": [fits],
            }
        ],
        "extenders": [extender],
    }


def _tables(plane: Plane, setup: Setup, port: int) -> dict[str, dict[str, object]]:
    kubeconfig = str(setup.kubeconfig or plane.kubeconfig("admin"))
    tables: dict[str, dict[str, object]] = {
        "server": {"port": port, "http_timeout_s": setup.timeout_s, "grace_s": 2},
        "api": {"kubeconfig": kubeconfig, "qps": 5000.0, "burst": 5000},
        "state": {"recompute_s": 0.5},
        "log": {"level": "info"},
    }
    if setup.tls:
        made = plane.certificates
        tables["tls"] = {
            "certificate": str(made.certificate("server")),
            "key": str(made.key("server")),
            "client_ca": str(made.ca),
        }
    for table, keys in setup.config.items():
        tables.setdefault(table, {}).update(keys)
    return tables


def _toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    lines = []
    for table, keys in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def _client(made: Certificates) -> ssl.SSLContext:
    """Return what calls a server whose certificate may have expired."""
    trust = ssl.create_default_context(cafile=str(made.ca))
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    trust.load_cert_chain(made.certificate("admin"), made.key("admin"))
    return trust


def _opener(trust: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if trust is not None:
        handlers.append(urllib.request.HTTPSHandler(context=trust))
    return urllib.request.build_opener(*handlers)


def _is_ready(address: str, trust: ssl.SSLContext | None) -> bool:
    with _opener(trust).open(f"{address}/readyz", timeout=5) as reply:
        return bool(reply.status == 200)
