"""The same calls give the same decisions in every process, whatever its hash seed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import hashlib
import random

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.policies import make_policy, policy_names
from bayplan.scheduler.types import DeviceRequest, GpuShare, Node, Request, WholeGpus
from bayplan.scheduler.workload import typical_workload

draw = random.Random(5)
asks = [WholeGpus(1), WholeGpus(2), GpuShare(300), GpuShare(0, 5000), GpuShare(700, 2000)]
models = [(), ("A", "B")]
requests = [
    Request(
        f"p{i}",
        draw.choice([500, 1000, 3000]),
        devices=draw.choice([(), (DeviceRequest(draw.choice(asks), draw.choice(models)),)]),
        resources=draw.choice([(), (("nic", 1),), (("nic", 1), ("tpu", 1))]),
        node_labels=draw.choice([(), (), (("zone", "a"),)]),
    )
    for i in range(300)
]
nodes = [
    Node(
        f"n{i}", 32_000, 64_000, i % 5, "ABC"[i % 3] if i % 5 else "", 16_000,
        labels=(("zone", "ab"[i % 2]),), resources=(("nic", 4), ("tpu", 2)),
    )
    for i in range(40)
]
workload = typical_workload(requests)
digest = hashlib.sha256()
placed = 0
for name in policy_names():
    cluster = Cluster(nodes)
    engine = Engine(cluster, make_policy(name, workload), seed=11)
    for i, request in enumerate(requests):
        decision = engine.decide(request, float(i))
        digest.update(repr(decision).encode())
        if decision.placement is not None:
            cluster.apply(Bound(decision, float(i)))
            placed += 1
        if i % 3 == 2 and f"p{i - 2}" in cluster.pods:
            cluster.apply(Gone(f"p{i - 2}"))
    cluster.check()
print(placed, digest.hexdigest())
"""


def decisions(hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def reference() -> str:
    return decisions("0")


def test_the_reference_run_places_most_pods(reference: str) -> None:
    assert int(reference.split()[0]) > 1200


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_300_pods_are_decided_alike(hash_seed: str, reference: str) -> None:
    assert decisions(hash_seed) == reference
