"""What a pod asks for in all: containers, sidecars, init containers, overhead, the pod itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.traces.kubernetes.quantity import NANO
from bayplan.traces.kubernetes.resources import BadField, wanted_by

Container = dict[str, Any]


def container(cpu: int, *, sidecar: bool = False) -> Container:
    made: Container = {"resources": {"requests": {"cpu": str(cpu)}}}
    return made | ({"restartPolicy": "Always"} if sidecar else {})


def cpus(spec: Container) -> int:
    return wanted_by(spec).get("cpu", 0) // NANO


def test_containers_add_up() -> None:
    assert cpus({"containers": [container(2), container(3)]}) == 5


def test_the_largest_init_container_counts_where_it_is_larger() -> None:
    assert cpus({"containers": [container(2)], "initContainers": [container(7), container(1)]}) == 7
    assert cpus({"containers": [container(8)], "initContainers": [container(7), container(1)]}) == 8


def test_a_sidecar_runs_beside_what_starts_after_it() -> None:
    first = {
        "containers": [container(2)],
        "initContainers": [container(3, sidecar=True), container(6)],
    }
    assert cpus(first) == 9
    last = {
        "containers": [container(2)],
        "initContainers": [container(6), container(3, sidecar=True)],
    }
    assert cpus(last) == 6


def test_overhead_is_added_and_a_request_of_the_pod_replaces_those_of_containers() -> None:
    spec = {"containers": [container(2)], "overhead": {"cpu": "1"}}
    assert cpus(spec) == 3
    assert cpus(spec | {"resources": {"requests": {"cpu": "10"}}}) == 11


def test_a_limit_stands_for_a_request_that_is_left_out() -> None:
    spec = {"containers": [{"resources": {"limits": {"cpu": "4", "nvidia.com/gpu": 1}}}]}
    assert wanted_by(spec) == {"cpu": 4 * NANO, "nvidia.com/gpu": NANO}
    both = {"containers": [{"resources": {"limits": {"cpu": "4"}, "requests": {"cpu": "1"}}}]}
    assert cpus(both) == 1


def test_a_bad_amount_is_named_with_its_place() -> None:
    for value, text in (("1x", "is no quantity"), ("-1", "is negative"), (None, "is no quantity")):
        spec = {"containers": [{}, {"resources": {"requests": {"memory": value}}}]}
        with pytest.raises(BadField, match=text) as error:
            wanted_by(spec)
        assert error.value.field == "spec.containers[1].resources.requests.memory"


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=5),
)
def test_the_need_is_the_most_that_ever_runs_at_once(
    containers: list[int], inits: list[tuple[int, bool]]
) -> None:
    moments, sidecars = [], 0
    for cpu, sidecar in inits:
        moments.append(sidecars + cpu)
        sidecars += cpu if sidecar else 0
    moments.append(sidecars + sum(containers))
    spec = {
        "containers": [container(cpu) for cpu in containers],
        "initContainers": [container(cpu, sidecar=sidecar) for cpu, sidecar in inits],
    }
    assert cpus(spec) == max(moments)
