"""The extender as a process of its own beside a second kube-scheduler, on a real control plane."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..controlplane.plane import Plane
from ..controlplane.process import Server, free_ports

Object = dict[str, Any]

SCHEDULER = "bayplan"
"""The schedulerName of pods that our engine places."""

USER = "system:serviceaccount:bayplan:bayplan"
TIMEOUT_S = 30


@dataclass(slots=True)
class Extender:
    """A running extender and its kube-scheduler."""

    plane: Plane
    process: Server
    scheduler: Server
    address: str

    def page(self, path: str) -> Object:
        """Return what a page shows, as JSON."""
        return dict(json.loads(self.text(path)))

    def text(self, path: str) -> str:
        """Return what a page shows."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.address + path, timeout=10) as reply:
            return str(reply.read().decode())

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = self.text("/metrics").splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"{name} ", f"{name}{{"))
        )


@contextmanager
def extender(plane: Plane, name: str, config: Mapping[str, Mapping[str, object]] | None = None,
             profile: Mapping[str, object] | None = None, kubeconfig: Path | None = None,
             ) -> Iterator[Extender]:  # fmt: skip
    """Start an extender and its kube-scheduler, and end both.

    Parameters
    ----------
    plane
        The control plane.
    name
        Of the servers, their logs and files.
    config
        Tables of the extender's configuration, over those for tests.
    profile
        Keys of the scheduler's profile and configuration, over those of the base.
    kubeconfig
        Who the extender is; a user who may do all where it is left out.
    """
    (port,) = free_ports(1)
    tables: dict[str, dict[str, object]] = {
        "server": {"port": port, "http_timeout_s": float(TIMEOUT_S), "grace_s": 2},
        "api": {"kubeconfig": str(kubeconfig or plane.kubeconfig("admin")), "qps": 5000.0,
                "burst": 5000},
        "state": {"recompute_s": 0.0},
        "log": {"level": "info"},
    }  # fmt: skip
    for table, keys in (config or {}).items():
        tables.setdefault(table, {}).update(keys)
    file = plane.folder / f"{name}.toml"
    file.write_text(_toml(tables), encoding="utf-8")
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "bayplan", "extender", "serve", "--config", str(file)]
    process = Server(name, command, plane.folder / f"{name}.log", lambda: _is_ready(address))
    process.start()
    scheduler = None
    try:
        scheduler = plane.start_scheduler(f"{name}-scheduler", configuration(address, profile))
        yield Extender(plane, process, scheduler, address)
    finally:
        if scheduler is not None:
            scheduler.stop()
        process.stop()


def configuration(address: str, profile: Mapping[str, object] | None = None) -> Object:
    """Return the configuration of ``extender/deploy/base`` for an extender at an address."""
    return {
        "percentageOfNodesToScore": 100,
        "profiles": [
            {"schedulerName": SCHEDULER, "plugins": {"score": {"disabled": [{"name": "*"}]}}}
        ],
        "extenders": [
            {
                "urlPrefix": f"{address}/scheduler",
                "filterVerb": "filter",
                "prioritizeVerb": "prioritize",
                "bindVerb": "bind",
                "weight": 1,
                "httpTimeout": f"{TIMEOUT_S}s",
                "nodeCacheCapable": True,
            }
        ],
    } | dict(profile or {})


def _toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    lines = []
    for table, keys in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def _is_ready(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{address}/readyz", timeout=5) as reply:
        return bool(reply.status == 200)
