"""Without the key that asks for it nobody is evicted by us."""

from __future__ import annotations

from time import sleep

import pytest

from ..controlplane.client import Client
from ..controlplane.cluster import add_nodes, run
from ..controlplane.nodes import plain
from .asking import ours
from .checks import check
from .running import SCHEDULER, Extender, Setup
from .test_evicting import KEYS, evicted, have_classes, urgent

pytestmark = pytest.mark.controlplane

WITHOUT_PREEMPTION = {
    "schedulerName": SCHEDULER,
    "plugins": {
        "score": {"disabled": [{"name": "*"}]},
        "postFilter": {"disabled": [{"name": "*"}]},
    },
}
"""kube-scheduler's own, which asks us for each pod by itself, is not what is tried here."""
SETUP = Setup({"preemption": KEYS}, {"profiles": [WITHOUT_PREEMPTION]}, timeout_s=10.0)


def test_with_the_key_off_nobody_is_evicted(client: Client, shared: Extender) -> None:
    have_classes(client)
    add_nodes(client, plain("a"), plain("b"))
    run(client, ours("low-0", 8), ours("low-1", 8))
    client.create_all(urgent("g", 2, 8))
    sleep(10)
    assert evicted(shared) == 0
    assert "making_room" not in shared.page("/state")
    check(client, shared, ["low-0", "low-1", "g-0", "g-1"])
