"""Shares in Koordinator's words, written for koordlet.

Formats by hand, from Koordinator's ``apis/extension/device_share.go`` (0cbedd6) and the tests of
koordlet's hook ``gpu`` (39d7596).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.live.recompute import differences, snapshot
from extender_things import device, koordinator_node, node, pod

from .telling import annotation, owner_of, place, tell, used_by_koordinator

Object = dict[str, Any]
MIB = 80 * 1024
GIVEN = "scheduling.koordinator.sh/device-allocated"


def asking(**amounts: object) -> dict[str, str]:
    """Return ``koordinator.sh/gpu`` and the like: ``core`` is ``gpu-core``."""
    names = {"gpu": "gpu", "shared": "gpu.shared"}
    return {
        f"koordinator.sh/{names.get(key, 'gpu-' + key.replace('_', '-'))}": str(n)
        for key, n in amounts.items()
        if n
    }


def gpu(minor: int, core: int, mib: int, ratio: int) -> Object:
    has = {"koordinator.sh/gpu-core": str(core)} if core else {}
    has |= {"koordinator.sh/gpu-memory": f"{mib}Mi", "koordinator.sh/gpu-memory-ratio": str(ratio)}
    return {"minor": minor, "resources": has}


def test_what_is_written_is_what_koordinators_scheduler_writes() -> None:
    owner = owner_of([koordinator_node("k")], [device("k", 0, 1)], koordinator=True)
    thing = pod("p", asks=asking(core=50, memory_ratio=50))
    owner.changed("Pod", thing, 0.0)
    there = tell(owner, thing, "k")
    assert there["metadata"]["annotations"] == {
        GIVEN: '{"gpu":[{"minor":0,"resources":{"koordinator.sh/gpu-core":"50",'
        '"koordinator.sh/gpu-memory":"40960Mi","koordinator.sh/gpu-memory-ratio":"50"}}]}',
        "scheduling.koordinator.sh/gpu-minors": "0",
        "scheduling.koordinator.sh/bind-timestamp": "1700000000500000000",
    }
    assert owner.giver("default/p", "k") is None  # koordlet knows pods by name: no turns


@pytest.mark.parametrize(
    ("asks", "given"),
    [
        (asking(gpu=50), [gpu(3, 50, 40960, 50)]),
        (asking(gpu=200), [gpu(3, 100, 81920, 100), gpu(5, 100, 81920, 100)]),
        (asking(memory="8Gi"), [gpu(3, 0, 8192, 10)]),  # no limit of the compute
        (asking(memory_ratio=25), [gpu(3, 0, 20480, 25)]),
        (asking(core=30, memory="20Gi"), [gpu(3, 30, 20480, 25)]),
        (asking(shared=2, core=60, memory_ratio=100),
         [gpu(3, 30, 40960, 50), gpu(5, 30, 40960, 50)]),
    ],
)  # fmt: skip
def test_amounts_are_of_the_pod_and_each_gpu_has_its_part(
    asks: dict[str, str], given: list[Object]
) -> None:
    owner = owner_of([koordinator_node("k")], [device("k", 5, 3)], koordinator=True)
    thing = pod("p", asks=asks)
    owner.changed("Pod", thing, 0.0)
    assert json.loads(annotation(tell(owner, thing, "k"), GIVEN)) == {"gpu": given}


def test_only_nodes_with_a_device_take_such_pods_and_no_sick_gpu_is_given() -> None:
    nodes = [koordinator_node("k", 1), koordinator_node("without"), node("n")]
    owner = owner_of(nodes, [device("k", 0, 1, sick=[0])], koordinator=True)
    names = ["k", "without", "n"]
    first = place(owner, pod("p", asks=asking(gpu=100)), names)
    assert first is not None
    assert annotation(first, "scheduling.koordinator.sh/gpu-minors") == "1"
    answer = owner.filter(pod("q", asks=asking(gpu=100)), names, 0.0, holds=True)
    assert answer.passed == []
    assert (
        answer.unresolvable["without"]
        == answer.unresolvable["n"]
        == (
            "nothing on the node enforces the share: Koordinator's koordlet is not registered there"
        )
    )


def test_a_device_that_comes_changes_or_goes_changes_its_node() -> None:
    owner = owner_of([koordinator_node("k")], koordinator=True)
    thing = pod("p", asks=asking(gpu=50))
    assert not owner.filter(thing, ["k"], 0.0, holds=True).passed
    owner.changed("Device", device("k", 0, 1), 1.0)
    there = place(owner, thing, ["k"])
    assert there is not None
    owner.changed("Device", device("k", 1, 0, 7), 2.0)  # a third, and the pod is where it was
    (grants,) = owner.mirror.cluster.pods["default/p"].placement.grants
    assert [grant.slot.gpu for grant in grants] == [0]
    owner.changed("Device", device("k", 9, 7), 3.0)  # it has a GPU that nobody shows
    assert owner.mirror.crowded() == [("default/p", "the GPU that the pod was given is not on k")]
    owner.changed("Device", device("k", 7, 0), 4.0)
    assert owner.mirror.crowded() == []
    assert differences(snapshot(owner.mirror), 4.0) == []
    owner.changed("Device", {**device("k"), "spec": {"devices": [{"type": "gpu"}]}}, 5.0)
    (problem,) = owner.mirror.reader.problems["k"]
    assert str(problem) == "device k: spec.devices[0].minor: 'None' is no number of a GPU"
    owner.deleted("Device", device("k"), 6.0)
    assert "k" not in owner.mirror.reader.problems
    assert not owner.filter(pod("q", asks=asking(gpu=50)), ["k"], 6.0, holds=True).passed
    assert differences(snapshot(owner.mirror), 6.0) == []


def test_devices_that_are_listed_no_more_are_forgotten() -> None:
    owner = owner_of([koordinator_node("k")], [device("k", 0, 1)], koordinator=True)
    thing = pod("p", asks=asking(gpu=50))
    assert owner.filter(thing, ["k"], 0.0, holds=True).passed
    owner.replacing("Device")
    owner.replaced("Device", 1.0)
    assert not owner.filter(thing, ["k"], 1.0, holds=True).passed


def test_gpus_of_another_vendor_or_with_partitions_are_not_ours_to_choose() -> None:
    said = {"h": {"vendor": "huawei"}, "p": {"partition-policy": "Honor"}}
    devices = [device(name, 0, labels=labels) for name, labels in said.items()]
    owner = owner_of(
        [koordinator_node("h", 1), koordinator_node("p", 1)], devices, koordinator=True
    )
    assert not owner.filter(pod("q", asks=asking(gpu=50)), ["h", "p"], 0.0, holds=True).passed
    assert [str(each) for name in "hp" for each in owner.mirror.reader.problems[name]] == [
        "device h: metadata.labels: its GPUs are of huawei, whose device plugin is told otherwise",
        "device p: metadata.labels: node.koordinator.sh/gpu-partition-policy is Honor, and only"
        " Koordinator's scheduler keeps to it",
    ]


def test_nvidias_plugin_gives_no_gpus_where_koordlet_does() -> None:
    both = koordinator_node("k")
    both["status"]["allocatable"]["nvidia.com/gpu"] = "2"
    on = owner_of([both, node("n")], [device("k", 0, 1)], koordinator=True, hami=True)
    answer = on.filter(pod("p"), ["k", "n"], 0.0, holds=True)
    assert answer.passed == ["n"]
    why = "Koordinator's koordlet gives GPUs there, to pods that ask in its own words"
    assert answer.unresolvable == {"k": why}


ASKS = st.builds(
    lambda n, core, ratio: asking(shared=n, core=n * core, memory_ratio=n * ratio),
    st.integers(1, 3), st.integers(1, 9).map(lambda n: n * 10), st.integers(1, 9).map(
        lambda n: n * 10
    ),
)  # fmt: skip


@given(asks=st.lists(ASKS, max_size=12), gone=st.sets(st.integers(0, 11)))
def test_no_gpu_is_given_more_than_it_has_and_none_is_refused_that_has_room(
    asks: list[dict[str, str]], gone: set[int]
) -> None:
    """Against plain sums of what the annotations say; a restart knows no less than before it."""
    nodes = [koordinator_node("a", 2), koordinator_node("b", 3)]
    devices = [device("a", 4, 1), device("b", 0, 2, 5)]
    gpus = [("a", "1"), ("a", "4"), ("b", "0"), ("b", "2"), ("b", "5")]
    owner = owner_of(nodes, devices, koordinator=True)
    there: list[Object] = []
    for k, each in enumerate(asks):
        n = int(each["koordinator.sh/gpu.shared"])
        core = int(each["koordinator.sh/gpu-core"]) // n
        mib = MIB * (int(each["koordinator.sh/gpu-memory-ratio"]) // n) // 100
        used = used_by_koordinator(there)
        free = [
            name
            for name, minor in gpus
            for _, all_mib, percent in [used.get((name, minor), (0, 0, 0))]
            if all_mib + mib <= MIB and percent + core <= 100
        ]
        placed = place(owner, pod(f"p{k}", asks=each), ["a", "b"])
        assert (placed is not None) == any(free.count(name) >= n for name in "ab")
        there += [placed] if placed else []
        if k in gone and there:
            owner.deleted("Pod", there.pop(0), 0.0)
    for _, mib, percent in used_by_koordinator(there).values():
        assert (mib <= MIB, percent <= 100) == (True, True)
    assert differences(snapshot(owner.mirror), 0.0) == []
    again = owner_of(nodes, devices, there, koordinator=True)
    assert again.mirror.crowded() == []
    for uid, held in owner.mirror.cluster.pods.items():
        # Koordinator's words name GPUs, alike amounts of each: their order says nothing.
        found = again.mirror.cluster.pods[uid].placement.grants
        assert [{*each} for each in found] == [{*each} for each in held.placement.grants]
