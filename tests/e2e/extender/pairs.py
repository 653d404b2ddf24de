"""Two extenders, each with a kube-scheduler and a host name of its own, as two Pods have them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache

import pytest

from ..controlplane.client import Object, wait_for
from ..controlplane.plane import Plane
from .running import Extender, Setup, extender

SPACE, THEIRS, OURS = "kube-system", "bayplan-pair", "bayplan-pair-controllers"
"""Where the Leases are, that of the kube-schedulers, and that of the extenders."""

ELECTION = {"leaseDuration": "5s", "renewDeadline": "4s", "retryPeriod": "500ms"}
"""Of the kube-schedulers: a takeover takes a third of the usual time."""
TIMING = {"lease_s": 5, "renew_s": 3.0, "retry_s": 0.4}
"""Of the extenders."""

LEASES = f"apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases"


@dataclass(slots=True)
class Pair:
    """The two of them."""

    plane: Plane
    pods: tuple[Extender, ...]
    starter: ThreadPoolExecutor

    def leader(self, *, apart_from: Extender | None = None) -> Extender:
        """Wait until one of them binds and acts, and return it."""

        def found() -> Extender | None:
            for each in self.pods:
                if each is not apart_from and each.process.alive():
                    page = each.page("/state")["leading"]
                    if page["binds"] and page["leads"]:
                        return each
            return None

        return wait_for("a leader", found, 120.0) or self.pods[0]

    def other(self, pod: Extender) -> Extender:
        """Return the one beside whom another is."""
        return next(each for each in self.pods if each is not pod)

    def start(self, pod: Extender) -> Future[None]:
        """Start both programs of a pod anew, beside what goes on."""

        def both() -> None:
            pod.process.start()
            pod.scheduler.start()

        return self.starter.submit(both)

    def lease(self, name: str) -> Object:
        """Return what a Lease says."""
        return dict(self.plane.client.call("GET", f"{LEASES}/{name}")["spec"])


def kill(pod: Extender) -> None:
    """Kill a kube-scheduler and its extender at the same moment, as when a machine goes off."""
    for server in (pod.scheduler, pod.process):
        os.kill(server.pid, signal.SIGKILL)
    for server in (pod.scheduler, pod.process):
        server.kill()


@contextmanager
def paired(
    plane: Plane,
    config: Mapping[str, Mapping[str, object]],
    serves: tuple[str, ...] = Setup().serves,
) -> Iterator[Pair]:
    """Start two with a configuration, and end them."""
    leader = {
        "on": True, "namespace": SPACE, "lease": OURS, "scheduler": THEIRS, **TIMING,
    }  # fmt: skip
    election = {
        "leaderElect": True, "resourceNamespace": SPACE, "resourceName": THEIRS, **ELECTION,
    }  # fmt: skip
    account = {"kubeconfig": str(plane.kubeconfig("admin")), "qps": 5000, "burst": 5000}
    scheduler = {"leaderElection": election, "clientConnection": account}
    with ExitStack() as ends:
        # Its thread lives as long as they do: what a thread has started ends with it.
        starter = ends.enter_context(ThreadPoolExecutor(1))
        pods = []
        for host in ("pod-a", "pod-b"):
            before = (*_namespace(), "sh", "-c", 'hostname "$0" && exec "$@"', host)
            tables = {**config, "leader": leader}
            setup = Setup(tables, scheduler, timeout_s=8.0, serves=serves, before=before)
            pods.append(ends.enter_context(extender(plane, f"pair-{host}", setup)))
        yield Pair(plane, tuple(pods), starter)
    for name in (OURS, THEIRS):
        plane.client.call("DELETE", f"{LEASES}/{name}")


@cache
def _namespace() -> tuple[str, ...]:
    """Return a command that runs another one where it may have a host name of its own."""
    for flags in (("--uts",), ("--user", "--map-root-user", "--uts")):
        command = ("unshare", *flags, "--")
        if not shutil.which("unshare"):
            break
        if not subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
            return command
    pytest.skip("no program may have a host name of its own here (unshare --uts)")
