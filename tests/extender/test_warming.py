"""Once warm, no call compiles a kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bayplan.kernels._jit import jit_is_off

TESTS = Path(__file__).parents[1]

CALLS = """
import json
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from bayplan.extender.warming import warm
from bayplan.kernels._jit import KERNELS
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import DeviceRequest, Request, Topology, TopologyLevel, WholeGpus
from extender_things import gang_pod, hami_node, listed, node, pod, pod_group

warm()


def compiled():
    return {f"{k.__module__}.{k.__name__}": len(k.signatures) for k, _ in KERNELS}


def ranked(thing, priority):
    return {**thing, "spec": {**thing["spec"], "priority": priority}}


before, told = compiled(), []
POD_GROUP = "PodGroup.scheduling.x-k8s.io"
labels = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.count": "1",
          "nvidia.com/mig.strategy": "mixed"}
mig = node("m", 0, amounts={"nvidia.com/mig-1g.10gb": "7"}, labels=labels)
share = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "60000"}
slice_ = {"nvidia.com/mig-1g.10gb": "3"}
budget = {
    "metadata": {"name": "b", "namespace": "default"},
    "spec": {"selector": {"matchLabels": {"app": "kept"}}}, "status": {"disruptionsAllowed": 0},
}
running = [
    pod("a-one", 4, at="a"), pod("a-two", 3, at="a", labels={"app": "kept"}),
    gang_pod("old-0", "old", 4, at="b"), gang_pod("old-1", "old", 4, at="b"),
    pod("h-one", asks=share, at="h"), pod("h-two", asks=share, at="h"),
    pod("m-one", asks=slice_, at="m"), pod("m-two", asks=slice_, at="m"),
]
waiting = [
    pod("whole", 6), pod("part", asks=share), pod("slice", asks=slice_),
    *(gang_pod(f"new-{k}", "new", 6) for k in range(2)),
]
nodes = [node("a"), node("b"), hami_node("h"), mig]
owner = Owner(Live(hami=True))
listed(owner, "Node", nodes, 0.0)
listed(owner, POD_GROUP, [pod_group("old", 2), pod_group("new", 2)], 0.0)
listed(owner, "PodDisruptionBudget", [budget], 0.0)
listed(owner, "Pod", [*running, *(ranked(each, 5) for each in waiting)], 0.0)
among = {each["metadata"]["name"]: ((), 0) for each in nodes}
for each in waiting:
    found = owner.preempt(ranked(each, 5), among, 0.0)
    told.append([each["metadata"]["name"], sorted(found)])
owner.changed("Node", node("c"), 0.0)
engine = Engine(owner.mirror.cluster.copy(), owner.engine.policy)  # as clients are answered
guards = Guards({}, {})
for name, gpus, wish in (
    ("plain", 2, ()), ("near", 2, (Topology(TopologyLevel.NODE),)), ("large", 6, ()),
):
    asks = (DeviceRequest(WholeGpus(gpus)),)
    members = [Request(f"{name}-{k}", devices=asks, gang=name, priority=9) for k in range(3)]
    gang = Gang(name, (Role("all", tuple(members)),), wish)
    told.append([name, [d.placement.node for d in engine.decide_gang(gang, 0.0).decisions]])
    found = engine.preempt_gang(gang, 0.0, guards)
    told[-1][1] += [*found.uids]
island = Request("i", devices=asks, topology=Topology(TopologyLevel.GPU_ISLAND, required=False))
told.append(["island", engine.decide(island, 0.0).placement.node])
told.append(["one", [each.node for each in engine.preempt(members[0], 0.0, guards).nodes]])
after = compiled()
print(json.dumps([told, sorted(name for name, n in after.items() if n != before.get(name, 0))]))
"""


@pytest.mark.skipif(jit_is_off(), reason="nothing is compiled")
def test_the_first_preemption_and_the_first_gang_compile_nothing() -> None:
    paths = os.pathsep.join([str(TESTS), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", CALLS], env=os.environ | {"PYTHONPATH": paths},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, new = json.loads(done.stdout)
    assert all(nodes for _, nodes in told), told
    assert new == []
