"""Nodes are repartitioned with the rights of the manifests: those of the base and the component."""

from __future__ import annotations

import pytest

from kustomizing import DEPLOY, render

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, pod
from ..extender.managing import managed, mig_manager, works
from ..extender.running import SCHEDULER, Setup, extender
from .conftest import apply, kubeconfig_of, place

pytestmark = pytest.mark.controlplane


def test_a_node_is_repartitioned_by_the_account_of_the_manifests(
    client: Client, plane: Plane, applied: list[Object]
) -> None:
    made = render(DEPLOY / "repartition")
    for thing in made:
        apply(client, thing)
    keys = {"on": True, "wait_s": 0.0, "settle_s": 1.0}
    setup = Setup({"repartition": keys}, kubeconfig=kubeconfig_of(plane, "bayplan"))
    try:
        with extender(plane, "repartition-rights", setup), mig_manager(client, works):
            add_nodes(client, managed("a", 1))
            asks = {"nvidia.com/mig-1g.10gb": "1"}
            placed = run(client, pod("small", scheduler=SCHEDULER, resources=asks))
            assert node_of(placed["small"]) == "a"
            wait_for("its event", lambda: events(client, "a", "BayplanRepartitioned"))
    finally:
        for thing in made:
            client.call("DELETE", place(thing))
