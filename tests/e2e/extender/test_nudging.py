"""Room that kube-scheduler cannot see become free: pods that wait for it are woken, or not."""

from __future__ import annotations

from functools import partial
from time import sleep

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, clear, events
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of
from .asking import gang, ours
from .checks import check
from .running import Setup, extender

pytestmark = pytest.mark.controlplane

HOLD_S = 8.0


@pytest.mark.parametrize("nudge", [True, False])
def test_a_pod_and_a_gang_start_when_a_hold_is_over_that_nobody_else_knows_of(
    client: Client, plane: Plane, nudge: bool
) -> None:
    """A gang of which one member is nobody's to place keeps room until its plan's time is over.

    kube-scheduler looks again after five minutes where it is not told.
    """
    setup = Setup({"gangs": {"hold_s": HOLD_S}, "state": {"nudge": nudge}}, timeout_s=4.0)
    add_nodes(client, plain("a"))
    with extender(plane, f"nudging-{nudge}".lower(), setup) as running:
        came, stays = gang("half", 2, 7)
        came["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = "1"
        stays["spec"]["schedulerName"] = "nobody"
        client.create_all([stays, came])
        wait_for("a plan", lambda: running.page("/state")["held"] == 2)
        late = [*gang("late", 3, 2), ours("alone", 2)]
        names = [each["metadata"]["name"] for each in late]
        client.create_all(late)
        for name in names:
            wait_for("its event", partial(events, client, name, "FailedScheduling"))
        client.delete("Pod", came["metadata"]["name"])
        wait_for("the end of the plan", lambda: not running.page("/state")["gangs"])
        if nudge:
            wait_for("all", lambda: all(node_of(client.get("Pod", name)) for name in names))
            check(client, running, names)
        else:
            sleep(HOLD_S)
            assert not any(node_of(client.get("Pod", name)) for name in names)
        clear(client)
