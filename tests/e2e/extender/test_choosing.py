"""The node that a pod gets is the one that the engine chose."""

from __future__ import annotations

import random

import pytest

from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes
from ..controlplane.nodes import plain
from ..controlplane.pods import node_of
from .asking import ours
from .auditing import audited
from .checks import check
from .running import Extender, Setup

pytestmark = pytest.mark.controlplane

SETUP = Setup(heard=True)
N_NODES, N_PODS = 150, 1000
LEAST = 0.99


def test_of_a_thousand_pods_nearly_all_are_where_the_engine_wanted_them(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, *(plain(f"n{k:03}") for k in range(N_NODES)))
    draw = random.Random(6)
    sizes = [draw.choice((0, 1, 1, 1, 1, 2)) for _ in range(N_PODS)]
    assert sum(sizes) < 8 * N_NODES
    with audited(shared.plane) as audit:
        names = [f"p{k:04}" for k in range(N_PODS)]
        client.create_all(ours(name, size) for name, size in zip(names, sizes, strict=True))
        wait_for("all bound", lambda: audit.n_bound >= N_PODS, 180.0)
        placed = check(client, shared, names, audit)
    assert audit.n_bound == N_PODS
    heard = shared.heard
    assert heard is not None
    at = {placed[name]["metadata"]["uid"]: node_of(placed[name]) for name in names}
    followed = sum(heard.choices.get(uid) == node for uid, node in at.items())
    print(f"{followed} of {N_PODS} pods as chosen; calls: {heard.n_calls}")
    assert followed >= LEAST * N_PODS
    assert heard.bindings == at
