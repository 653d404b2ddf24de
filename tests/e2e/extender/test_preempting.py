"""Pods that others are evicted for, by a real kube-scheduler that asks us whom."""

from __future__ import annotations

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, gpus_used, pods_by_name, run
from ..controlplane.nodes import plain
from ..controlplane.pods import node_of
from .asking import Object, gang, ours
from .auditing import audited
from .checks import check
from .running import Extender

pytestmark = pytest.mark.controlplane

URGENT = "urgent"


@pytest.fixture(autouse=True)
def _classes(client: Client) -> None:
    """Have a priority that is above others."""
    if URGENT not in {each["metadata"]["name"] for each in client.list("PriorityClass")}:
        kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
        client.create({**kind, "value": 1000, "metadata": {"name": URGENT}})


def urgent(name: str, gpus: int) -> Object:
    return ours(name, gpus, priorityClassName=URGENT)


def budget(app: str) -> Object:
    """Return a disruption budget that lets no pod go."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app, "namespace": "default"},
        "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"app": app}}},
    }


def _is_counted(budget: Object) -> bool:
    return bool(budget.get("status", {}).get("currentHealthy"))


def test_the_fewest_leave_and_nobody_whom_a_budget_keeps(client: Client, shared: Extender) -> None:
    add_nodes(client, plain("a"), plain("b"))
    client.create(budget("kept"))
    kept = [ours(f"kept-{k}", 4, labels={"app": "kept"}) for k in range(2)]
    placed = run(client, *kept)
    (first,) = {node_of(each) for each in placed.values()}
    placed |= run(client, *(ours(f"free-{k}", 2) for k in range(4)))
    wait_for("the budget", lambda: _is_counted(client.get("PodDisruptionBudget", "kept")))
    before = shared.metric("bayplan_preemption_victims_total")
    with audited(shared.plane) as audit:
        client.create(urgent("urgent", 4))
        at = wait_for("its node", lambda: node_of(client.get("Pod", "urgent")))
        assert at != first
        left = sorted(set(placed) - set(pods_by_name(client)))
        assert len(left) == 2, left
        assert all(name.startswith("free-") for name in left)
        # Who has not left yet is named again where kube-scheduler asks in between.
        assert shared.metric("bayplan_preemption_victims_total") >= before + 2
        check(client, shared, [*set(placed) - set(left), "urgent"], audit)


def test_a_gang_that_runs_is_not_torn_where_another_pod_would_do(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, plain("a"), plain("b"), plain("c"))
    placed = run(client, *gang("g", 2, 8), ours("alone", 8))
    client.create(urgent("urgent", 8))
    at = wait_for("its node", lambda: node_of(client.get("Pod", "urgent")))
    assert at == node_of(placed["alone"])
    assert gpus_used(pods_by_name(client)) == dict.fromkeys("abc", 8)
    check(client, shared, ["g-0", "g-1", "urgent"])
