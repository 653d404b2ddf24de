"""What bench/throughput.py places is what it says, and fits."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.controlplane.nodes import GPU, GPU_SHARED
from throughput_load import least_of, nodes_of, pods_of, scheduler_config


def asked(pods: list[dict[str, Any]], resource: str) -> list[int]:
    found = [pod["spec"]["containers"][0]["resources"]["limits"].get(resource) for pod in pods]
    return [int(amount) for amount in found if amount]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_in_ten_pods_share_one_in_ten_is_in_a_gang_and_all_fit(seed: int) -> None:
    pods, nodes = pods_of(5_000, seed), nodes_of(1_000)
    assert len(pods) == len({pod["metadata"]["name"] for pod in pods}) == 5_000
    assert len(asked(pods, GPU_SHARED)) == 1_500
    least = least_of(pods)
    assert sum(least.values()) == 500
    assert set(least.values()) <= {4, 5, 6, 7, 8}
    assert set(asked(pods, GPU)) == {1, 2, 4, 8}
    for resource in (GPU, GPU_SHARED):
        room = sum(int(node["status"]["allocatable"].get(resource, 0)) for node in nodes)
        assert sum(asked(pods, resource)) <= 0.9 * room


def test_members_of_a_gang_come_one_after_the_other_and_the_seed_says_all() -> None:
    pods = pods_of(1_000, 7)
    assert pods == pods_of(1_000, 7)
    assert pods != pods_of(1_000, 8)
    names = [pod["metadata"]["name"].partition("-")[0] for pod in pods]
    assert names == sorted(names)


def test_both_turns_have_one_profile_that_packs() -> None:
    (profile,) = scheduler_config("us", 100)["profiles"]
    assert profile["schedulerName"] == "us"
    (fit,) = profile["pluginConfig"]
    assert fit["args"]["scoringStrategy"]["type"] == "MostAllocated"
