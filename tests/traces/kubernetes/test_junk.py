"""Whatever stands in a dump, reading it gives a dump or one line, never a traceback."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.traces.kubernetes import cluster_of, read_dump

from .support import gpu_pod, listed, node, pod

AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
            ]
        }
    },
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": {"topologyKey": "x", "labelSelector": {}}}
        ]
    },
}
REGISTER = '[{"id":"GPU-0","count":2,"devmem":1000,"devcore":100,"type":"NVIDIA-A","health":true}]'
WHOLE = listed(
    node(
        "n1", 2,
        labels={"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.replicas": "2"},
        spec={"taints": [{"key": "a", "effect": "NoSchedule"}], "unschedulable": True},
        conditions=[{"type": "Ready", "status": "True"}],
    ),
    node("n2", annotations={"hami.io/node-nvidia-register": REGISTER}),
    node("n3", room={"aliyun.com/gpu-mem": "8", "aliyun.com/gpu-count": "1"}),
    gpu_pod("a", 1, at="n1", status={"startTime": "2026-01-01T00:00:00Z"}),
    pod("b", "n2", requests={"nvidia.com/gpu": 1, "nvidia.com/gpumem": 10},
        annotations={"hami.io/vgpu-devices-allocated": "GPU-0,NVIDIA,10,0:;"}),
    pod("c", spec={
        "affinity": AFFINITY, "tolerations": [{"operator": "Exists"}], "priority": 3,
        "nodeSelector": {"a": "b"}, "overhead": {"cpu": "1"}, "initContainers": [{}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "x"}],
        "schedulingGates": [{"name": "x"}],
    }),
    pod("d", annotations={"gpu-fraction": "0.5", "pod-group-name": "g"}),
    pod("e", annotations={"pod-group-name": "g"}, spec={"schedulingGroup": {"podGroupName": "h"}}),
    {"kind": "PodGroup", "metadata": {"name": "h", "namespace": "default"},
     "spec": {"minMember": 2, "minTaskMember": {"x": 1}}},
    {"kind": "PodDisruptionBudget", "metadata": {"name": "p", "namespace": "default"},
     "spec": {"selector": {"matchLabels": {"a": "b"}}}, "status": {"disruptionsAllowed": 1}},
    {"kind": "PriorityClass", "metadata": {"name": "p"}, "value": 1},
)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [p for key in value for p in paths(value[key], (*path, key))]
    elif isinstance(value, list):
        found += [p for index, each in enumerate(value) for p in paths(each, (*path, index))]
    return found


PLACES = paths(WHOLE)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([[], {}, [[]], [None], {"": None}, "-1", "1e40", "9" * 30, "\x00", "\ud800"]),
)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
@example([])
def test_junk_never_crashes_the_reader(
    tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    whole = copy.deepcopy(WHOLE)
    for path, junk in changes:
        place: Any = whole
        try:
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = copy.deepcopy(junk)
        except (TypeError, IndexError, KeyError):
            continue
    file = tmp_path / "dump.json"
    file.write_text(json.dumps(whole))
    try:
        dump = read_dump([file])
    except InputError:
        return
    cluster, problems = cluster_of(dump)
    cluster.check()
    for problem in (*dump.problems, *problems):
        assert problem.name
        assert problem.text


@pytest.mark.parametrize("kind", ["Pod", "Node"])
def test_objects_without_any_field_are_told(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "dump.json"
    file.write_text(json.dumps(listed(node(), {"kind": kind})))
    assert len(read_dump([file]).problems) == 1
