"""Nodes whose MIG layout follows what waits; a MIG manager is played, since no node has GPUs."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from time import sleep

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.pods import node_of, phase
from .asking import Object, ours
from .auditing import audited
from .checks import check
from .managing import CONFIG, STATE, fails, managed, mig_manager, works
from .running import Extender, Setup

pytestmark = pytest.mark.controlplane

LIMIT_S = 6.0
SETUP = Setup(
    config={
        "repartition": {
            "on": True, "wait_s": 0.0, "settle_s": 1.0, "limit_s": LIMIT_S, "cooldown_s": 600.0,
        }
    }
)  # fmt: skip
MARK, ENDED = "bayplan.io/repartition", "bayplan.io/repartitioned"
SMALL, LARGE = "nvidia.com/mig-1g.10gb", "nvidia.com/mig-3g.40gb"


def asking(name: str, resource: str) -> Object:
    """Return a pod that asks for one of a resource."""
    return ours(name, resources={resource: "1"})


def state_of(client: Client, name: str) -> tuple[str, bool, bool]:
    """Return the config of a node, whether it is cordoned, and whether it is marked as ours."""
    node = client.get("Node", name)
    metadata = node["metadata"]
    cordoned = bool(node["spec"].get("unschedulable"))
    return metadata["labels"][CONFIG], cordoned, MARK in metadata.get("annotations", {})


def dry_run(extender: Extender) -> str:
    """Return what ``bayplan extender repartition`` prints with the extender's configuration."""
    file = extender.plane.folder / f"{extender.process.name}.toml"
    command = [sys.executable, "-m", "bayplan", "extender", "repartition", "--config", str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_an_idle_node_gets_the_instances_that_pods_wait_for(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, managed("a", 2), managed("b", 1))
    pods = [asking(f"small-{k}", SMALL) for k in range(2)] + [asking("large", LARGE)]
    with mig_manager(client, works), audited(shared.plane) as audit:
        placed = run(client, *pods)
        # One GPU as 2 × 1g, 2g and 3g is all that it takes: the smaller node has it.
        assert {node_of(each) for each in placed.values()} == {"b"}
        wait_for("its end", lambda: state_of(client, "b") == ("all-balanced", False, False))
        assert state_of(client, "a") == ("all-disabled", False, False)
        assert ENDED in client.get("Node", "b")["metadata"]["annotations"]
        for reason in ("BayplanRepartitioning", "BayplanMigConfigSet", "BayplanRepartitioned"):
            (told,) = wait_for(reason, partial(events, client, "b", reason))
            assert told["involvedObject"]["kind"] == "Node"
        # Whole GPUs are still there for whom they suit, and the node that was changed rests.
        whole = run(client, ours("whole", 2))
        assert node_of(whole["whole"]) == "a"
        client.create(ours("more", 1))
        wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
        said = dry_run(shared)
        assert "pod default/whole uses its GPUs" in said
        assert max(map(len, said.splitlines())) <= 80
        check(client, shared, [*placed, "whole", "more"], audit)


def test_a_busy_node_and_one_that_somebody_has_cordoned_are_left_alone(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, managed("a", 1), managed("b", 1))
    client.patch("Node", "b", {"spec": {"unschedulable": True}})
    run(client, ours("busy", 1))
    with mig_manager(client, works):
        client.create(asking("small", SMALL))
        wait_for("its event", lambda: events(client, "small", "FailedScheduling"))
        sleep(8)  # longer than it takes to plan, and to cordon
        assert state_of(client, "a") == ("all-disabled", False, False)
        assert state_of(client, "b") == ("all-disabled", True, False)
        said = dry_run(shared)
        assert "or longer: 1\n" in said
        assert "pod default/busy uses its GPUs" in said
        assert "somebody has cordoned it" in said
        client.delete("Pod", "busy")
        wait_for("its node", lambda: node_of(client.get("Pod", "small")) == "a")
        check(client, shared, ["small"])


def test_a_failure_is_told_and_the_node_is_uncordoned_once_it_is_mended(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, managed("a", 1), managed("b", 1))
    failed = shared.metric("bayplan_repartition_steps_total")
    with mig_manager(client, fails):
        client.create(asking("small", SMALL))
        told = wait_for("its event", lambda: events(client, "a", "BayplanRepartitionFailed"))
    assert f"{STATE} is failed" in told[0]["message"]
    assert told[0]["type"] == "Warning"
    assert state_of(client, "a") == ("all-1g.10gb", True, True)
    assert 'bayplan_repartition_nodes{step="failed"} 1.0' in wait_for(
        "the metric", lambda: _with(shared, 'step="failed"} 1.0')
    )
    assert shared.metric("bayplan_repartition_steps_total") == failed + 3  # begun, applied, failed
    # No other node is tried as long as somebody has to look after this one.
    sleep(6)
    assert state_of(client, "b") == ("all-disabled", False, False)
    works(client, client.get("Node", "a"))
    wait_for("its end", lambda: state_of(client, "a") == ("all-1g.10gb", False, False))
    wait_for("its node", lambda: node_of(client.get("Pod", "small")) == "a")
    check(client, shared, ["small"])


def test_a_manager_that_does_not_answer_is_told_after_its_time(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, managed("a", 1))
    client.create(asking("small", SMALL))
    told = wait_for("its event", lambda: events(client, "a", "BayplanRepartitionFailed"))
    assert told[0]["message"] == f"{STATE} is not set after {LIMIT_S:.0f} s"
    assert state_of(client, "a") == ("all-1g.10gb", True, True)
    assert phase(client.get("Pod", "small")) == "Pending"
    # Who uncordons it takes it over.
    client.patch("Node", "a", {"spec": {"unschedulable": None}})
    wait_for("its end", lambda: state_of(client, "a") == ("all-1g.10gb", False, False))


def test_an_extender_that_is_killed_goes_on_where_it_was(client: Client, shared: Extender) -> None:
    add_nodes(client, managed("a", 1))
    client.create(asking("small", SMALL))
    wait_for("its cordon", lambda: state_of(client, "a")[1:] == (True, True))
    shared.restart()
    wait_for("its config", lambda: state_of(client, "a")[0] == "all-1g.10gb")
    shared.restart()
    with mig_manager(client, works):
        wait_for("its node", lambda: node_of(client.get("Pod", "small")) == "a")
        wait_for("its end", lambda: state_of(client, "a") == ("all-1g.10gb", False, False))
        check(client, shared, ["small"])


def _with(extender: Extender, said: str) -> str:
    text = extender.text("/metrics")
    return text if said in text else ""
