"""Parts of GPUs, in each way that a device plugin has for them."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from bayplan.scheduler.hardware import product_named

from ..controlplane import nodes
from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, gpus_used, run
from ..controlplane.pods import node_of, phase
from .asking import Object, gpushare_of, hami_of, ours
from .auditing import audited
from .checks import check
from .plugins import device_plugin
from .running import Extender, Setup

pytestmark = pytest.mark.controlplane

SETUP = Setup(config={"devices": {"hami": True, "gpushare": True}})


def test_instances_of_both_strategies(client: Client, shared: Extender) -> None:
    mixed = nodes.mig_mixed("mixed", {"1g.10gb": 14, "3g.40gb": 8}, gpus=8, whole=2)
    add_nodes(client, mixed, nodes.mig_single("single", "1g.10gb", 7, gpus=1))
    small, large = {"nvidia.com/mig-1g.10gb": "1"}, {"nvidia.com/mig-3g.40gb": "2"}
    pods = [ours(f"small-{k}", resources=small) for k in range(14)]
    pods += [ours(f"large-{k}", resources=large) for k in range(4)]
    pods += [ours(f"one-{k}", 1) for k in range(9)]
    placed = run(client, *pods)
    assert {node_of(placed[f"small-{k}"]) for k in range(14)} == {"mixed"}
    assert gpus_used(placed) == {"mixed": 2, "single": 7}
    client.create(ours("more", resources=small))
    wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
    check(client, shared, [*placed, "more"])


def test_slices_of_time_under_both_names(client: Client, shared: Extender) -> None:
    named = nodes.time_sliced("named", 4, gpus=2, renamed=True)
    add_nodes(client, nodes.time_sliced("plain", 4, gpus=2), named)
    shares = {"nvidia.com/gpu.shared": "1"}
    pods = [ours(f"share-{k}", resources=shares) for k in range(8)]
    pods += [ours(f"gpu-{k}", 1) for k in range(8)]
    placed = run(client, *pods)
    assert gpus_used(placed) == {"plain": 8, "named": 0}
    assert gpus_used(placed, "nvidia.com/gpu.shared") == {"plain": 0, "named": 8}
    client.create(ours("more", 1))
    wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
    check(client, shared, [*placed, "more"])


def test_hami_gives_the_gpus_that_were_chosen(client: Client, shared: Extender) -> None:
    add_nodes(client, nodes.hami("a", gpus=2), nodes.hami("b", gpus=2))
    with device_plugin(client), audited(shared.plane) as audit:
        # Each GPU of 81,559 MiB has room for four of them by memory and for three by compute.
        share = {"nvidia.com/gpumem": "20000", "nvidia.com/gpucores": "33"}
        placed = run(client, *(ours(f"share-{k}", 1, resources=share) for k in range(12)))
        used = hami_of(placed.values())
        assert Counter(used.values()) == {(3, 60000, 99): 4}
        client.create(ours("more", 1, resources=share))
        wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
        client.delete("Pod", "share-3")
        wait_for("its room", lambda: node_of(client.get("Pod", "more")), 30.0)
        check(client, shared, [*set(placed) - {"share-3"}, "more"], audit)


def test_hami_gives_whole_gpus_that_were_chosen_beside_shares(
    client: Client, shared: Extender
) -> None:
    add_nodes(client, nodes.hami("a", gpus=4))
    with device_plugin(client), audited(shared.plane) as audit:
        share = {"nvidia.com/gpumem": "20000"}
        pods = [ours("pair", 2), ours("one", 1), ours("share", 1, resources=share)]
        placed = run(client, *pods)
        amounts = sorted(hami_of(placed.values()).values())
        assert [each[1:] for each in amounts[1:]] == [(81559, 100)] * 3
        assert amounts[0][:2] == (1, 20000)
        client.create(ours("more", 1))
        wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
        client.delete("Pod", "share")
        wait_for("its room", lambda: node_of(client.get("Pod", "more")), 30.0)
        check(client, shared, ["pair", "one", "more"], audit)


def test_hami_gives_only_gpus_that_the_pods_allow(client: Client, shared: Extender) -> None:
    add_nodes(client, nodes.hami("a", gpus=2), nodes.hami("b", gpus=2))
    named = {f"{node}{k}": nodes.uuid(node, k) for node in "ab" for k in range(2)}
    share = {"nvidia.com/gpumem": "20000"}  # four of them on a GPU

    def wishing(name: str, key: str, *gpus: str) -> Object:
        said = {f"nvidia.com/{key}-gpuuuid": ",".join(named[gpu] for gpu in gpus)}
        return ours(name, 1, resources=share, annotations=said)

    with device_plugin(client), audited(shared.plane) as audit:
        # One after the other: who may go elsewhere, too, would take their room.
        placed = run(client, *(wishing(f"only-{k}", "use", "b1") for k in range(4)))
        placed |= run(client, *(wishing(f"never-{k}", "nouse", "a0", "a1") for k in range(4)))
        placed |= run(client, *(wishing(f"either-{k}", "use", "a0", "b1") for k in range(3)))
        used = {name: set(hami_of([each])) for name, each in placed.items()}
        assert all(used[f"only-{k}"] == {named["b1"]} for k in range(4))
        assert all(used[f"never-{k}"] == {named["b0"]} for k in range(4))
        assert all(used[f"either-{k}"] == {named["a0"]} for k in range(3))
        # There is room, but not where the pods may be; and nobody enforces it for whole GPUs.
        client.create(wishing("more", "nouse", "a0", "a1"))
        said = {"nvidia.com/use-gpuuuid": named["a1"]}
        client.create(ours("whole", 1, annotations=said))
        wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
        told = wait_for("its event", lambda: events(client, "whole", "FailedScheduling"))
        assert "use-gpuuuid: nothing on the nodes enforces it" in told[0]["message"]
        client.delete("Pod", "only-2")
        wait_for("its room", lambda: node_of(client.get("Pod", "more")), 30.0)
        assert set(hami_of([client.get("Pod", "more")])) == {named["b1"]}
        check(client, shared, [*set(placed) - {"only-2"}, "more", "whole"], audit)


def test_pods_go_where_the_gpus_are_as_they_wish(client: Client, shared: Extender) -> None:
    a100 = "NVIDIA-A100-SXM4-40GB"
    add_nodes(client, nodes.plain("small", product=a100), nodes.plain("large"))

    def wishing(name: str, **said: str) -> Object:
        annotations = {f"bayplan.io/gpu-{key}": value for key, value in said.items()}
        return ours(name, 1, annotations=annotations)

    pods = [wishing(f"a100-{k}", models=a100) for k in range(4)]
    pods += [wishing(f"h100-{k}", models="H100, B200") for k in range(4)]
    pods += [wishing(f"memory-{k}", memory="60Gi") for k in range(4)]
    placed = run(client, *pods)
    at = {name: node_of(each) for name, each in placed.items()}
    assert {at[f"a100-{k}"] for k in range(4)} == {"small"}
    assert {at[f"{what}-{k}"] for what in ("h100", "memory") for k in range(4)} == {"large"}
    refused = {
        "typo": (wishing("typo", model="H100"), "did you mean bayplan.io/gpu-models?"),
        "none": (wishing("none", models="B200"), "no GPU of an allowed model"),
        "bytes": (wishing("bytes", memory="60"), "60 is no memory of a GPU; write 40Gi"),
    }
    for name, (thing, said) in refused.items():
        client.create(thing)
        told = wait_for("its event", partial(events, client, name, "FailedScheduling"))
        assert said in told[0]["message"]
    check(client, shared, [*placed, *refused])


def test_gpushare_packs_memory_by_gpu(client: Client, shared: Extender) -> None:
    add_nodes(client, nodes.gpushare("a", gpus=2), nodes.gpushare("b", gpus=1))
    size = product_named(nodes.H100).memory_mib // 1024
    half = str(size // 2 + 1)  # two of them do not fit on one GPU
    asks = {"aliyun.com/gpu-mem": half}
    placed = run(client, *(ours(f"half-{k}", resources=asks) for k in range(3)))
    assert set(gpushare_of(placed.values())) == {("a", 0), ("a", 1), ("b", 0)}
    client.create(ours("more", resources=asks))
    wait_for("its event", lambda: events(client, "more", "FailedScheduling"))
    check(client, shared, [*placed, "more"])


REFUSED = {
    "hami": (
        ours("hami", 1, resources={"nvidia.com/gpumem": "1000"}),
        "HAMi's device plugin is not registered there",
    ),
    "kai": (
        ours("kai", annotations={"gpu-fraction": "0.5"}),
        "nothing on the nodes enforces it, KAI's binder would",
    ),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_nothing_enforces_is_refused_by_name(
    client: Client, shared: Extender, way: str
) -> None:
    thing, said = REFUSED[way]
    add_nodes(client, nodes.plain("a"), nodes.plain("b"))
    client.create(thing)
    for reason in ("FailedScheduling", "BayplanPending"):  # kube-scheduler's, and our own
        told = wait_for(reason, partial(events, client, way, reason))
        assert said in " ".join(told[0]["message"].split())  # ours is folded
    assert phase(client.get("Pod", way)) == "Pending"
    check(client, shared, [way])
