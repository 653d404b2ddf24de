"""A Pod of two leads with the rights of the manifests, and `bayplan extender check` knows them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kustomizing import DEPLOY, render

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, run
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, pod
from ..extender.running import SCHEDULER, Extender, Setup, extender
from .conftest import NAMESPACE, apply, kubeconfig_of, place

pytestmark = pytest.mark.controlplane

LEADER = {"on": True, "namespace": NAMESPACE, "lease_s": 4, "renew_s": 2.5, "retry_s": 0.4}
ELECTION = {"leaderElect": True, "resourceNamespace": NAMESPACE, "resourceName": "bayplan"}
ADDED = ("bayplan-controllers-lease",)


def checked(running: Extender) -> str:
    """Return what ``bayplan extender check`` says of rights to Leases."""
    file = running.plane.folder / f"{running.process.name}.toml"
    command = [sys.executable, "-m", "bayplan", "extender", "check", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stdout.splitlines() if "leases" in line)


def test_the_account_of_the_manifests_keeps_its_lease_and_binds(
    client: Client, plane: Plane, applied: list[Object]
) -> None:
    made = [x for x in render(DEPLOY / "ha") if x["metadata"]["name"] in ADDED]
    assert [each["kind"] for each in made] == ["Role", "RoleBinding"]
    account = kubeconfig_of(plane, "bayplan")
    scheduler = {"leaderElection": ELECTION, "clientConnection": {"kubeconfig": str(account)}}
    setup = Setup({"leader": LEADER}, scheduler, kubeconfig=account)
    with extender(plane, "leader-rights", setup) as running:
        add_nodes(client, plain("a"))
        client.create(pod("waits", 1, scheduler=SCHEDULER))
        # Without the Role nobody leads here: kube-scheduler's own Lease may be read by the base's.
        said = wait_for("what is missing", lambda: checked(running))
        assert said.startswith("error: may not get, update leases.coordination.k8s.io")
        assert running.page("/state")["leading"]["leads"] is False
        for thing in made:
            apply(client, thing)
        wait_for("its lead", lambda: running.page("/state")["leading"]["leads"])
        wait_for("its node", lambda: node_of(client.get("Pod", "waits")) == "a")
        assert node_of(run(client, pod("one", 1, scheduler=SCHEDULER))["one"]) == "a"
        assert checked(running) == ""
    for thing in made:
        client.call("DELETE", place(thing))
