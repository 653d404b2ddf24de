"""Parts of GPUs, in each way that a device plugin has for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

import pytest

from bayplan.scheduler.hardware import product_named

from ..controlplane import nodes
from ..controlplane.client import Client, wait_for
from ..controlplane.cluster import add_nodes, events, gpus_used, run
from ..controlplane.pods import node_of, phase
from .asking import gpushare_of, hami_of, ours
from .auditing import audited
from .checks import check
from .running import Extender, Setup

pytestmark = pytest.mark.controlplane

SETUP = Setup(config={"devices": {"hami": True, "gpushare": True}})
PHASE = "hami.io/bind-phase"


@contextmanager
def device_plugin(client: Client) -> Iterator[None]:
    """Play HAMi's device plugins: a bound pod that is to be given devices has them at once."""
    ended = Event()

    def work() -> None:
        while not ended.wait(0.02):
            for each in client.list("Pod", "default"):
                metadata = each["metadata"]
                if metadata.get("annotations", {}).get(PHASE) == "allocating" and node_of(each):
                    change = {"metadata": {"annotations": {PHASE: "success"}}}
                    client.patch("Pod", metadata["name"], change)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
        assert said in told[0]["message"]
    assert phase(client.get("Pod", way)) == "Pending"
    check(client, shared, [way])
