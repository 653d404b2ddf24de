"""Shares in the words of Volcano's vGPUs and of Koordinator, whose schedulers do not run here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from ..controlplane import nodes
from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, events, run
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of
from .asking import VOLCANO_DEVICES, hami_of, koordinator_of, ours
from .auditing import audited
from .checks import check
from .kinds import DEVICES, defined
from .plugins import VOLCANO, device_plugin
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

MIB = 81559
"""Of each GPU."""


@pytest.fixture(scope="module")
def running(plane: Plane) -> Iterator[Extender]:
    setup = Setup({"devices": {"volcano": True, "koordinator": True}})
    with defined(plane.client, DEVICES), extender(plane, "plugins", setup) as started:
        yield started


@pytest.fixture(autouse=True)
def _no_devices(client: Client, running: Extender) -> Iterator[None]:
    yield
    client.delete_all("Device")


def vgpu(**amounts: int) -> dict[str, str]:
    return {f"volcano.sh/vgpu-{key}": str(n) for key, n in amounts.items()}


def waits(client: Client, *names: str) -> None:
    """Wait until kube-scheduler says that there is no node for pods."""
    for name in names:
        wait_for("its event", partial(events, client, name, "FailedScheduling"))


def test_volcano_gives_the_gpus_that_were_chosen_also_after_a_restart(
    client: Client, running: Extender
) -> None:
    add_nodes(client, nodes.volcano("a", gpus=2), nodes.volcano("b", gpus=2))
    share = vgpu(number=1, memory=20000, cores=33)  # three of them on a GPU
    with device_plugin(client, VOLCANO), audited(running.plane) as audit:
        placed = run(client, *(ours(f"share-{k}", resources=share) for k in range(6)))
        running.restart()
        placed |= run(client, *(ours(f"share-{k}", resources=share) for k in range(6, 12)))
        used = hami_of(placed.values(), VOLCANO_DEVICES)
        assert Counter(used.values()) == {(3, 60000, 99): 4}
        said = client.get("Pod", "share-0")["metadata"]["annotations"]
        assert said["volcano.sh/vgpu-node"] == node_of(placed["share-0"])
        assert said["volcano.sh/vgpu-time"] == said["volcano.sh/bind-time"]
        wait_for("all given", lambda: all(map(_has_its_devices, client.list("Pod", "default"))))
        client.create(ours("more", resources=share))
        waits(client, "more")
        client.delete("Pod", "share-3")
        wait_for("its room", lambda: node_of(client.get("Pod", "more")), 30.0)
        check(client, running, [*set(placed) - {"share-3"}, "more"], audit)


def _has_its_devices(pod: Object) -> bool:
    said = pod["metadata"]["annotations"]
    return said["volcano.sh/bind-phase"] == "success" and not said["volcano.sh/devices-to-allocate"]


def test_volcanos_other_words_are_kept_to(client: Client, running: Extender) -> None:
    add_nodes(client, nodes.volcano("a", gpus=3), nodes.plain("n"))
    names = [nodes.uuid("a", k) for k in range(3)]
    use, never = "volcano.sh/vgpu-use-gpuuuid", "volcano.sh/vgpu-nouse-gpuuuid"
    pods = {
        "named": ours("named", resources=vgpu(number=1, memory=9000), annotations={use: names[1]}),
        "other": ours("other", resources=vgpu(number=1) | {"volcano.sh/vgpu-memory-percentage":
                      "50"}, annotations={never: f"{names[1]}, {names[2]}"}),
        "whole": ours("whole", resources=vgpu(number=1)),
    }  # fmt: skip
    with device_plugin(client, VOLCANO), audited(running.plane) as audit:
        placed: dict[str, Object] = {}
        for pod in pods.values():
            placed |= run(client, pod)
        used = hami_of(placed.values(), VOLCANO_DEVICES)
        assert used == {
            names[0]: (1, MIB // 2, 0), names[1]: (1, 9000, 0), names[2]: (1, MIB, 100),
        }  # fmt: skip
        # There is room, but neither where the pod may be nor for a whole GPU.
        client.create(ours("more", resources=vgpu(number=1)))
        said = {use: names[2]}
        client.create(ours("full", resources=vgpu(number=1, memory=1), annotations=said))
        waits(client, "more", "full")
        check(client, running, [*pods, "more", "full"], audit)


def koordinators(client: Client, **gpus: int) -> None:
    """Make nodes of Koordinator and their Devices, as koordlet does."""
    client.create_all(nodes.device(name, gpus=n) for name, n in gpus.items())
    add_nodes(client, *(nodes.koordinator(name, gpus=n) for name, n in gpus.items()))


def test_koordlet_is_told_the_gpus_that_were_chosen_also_after_a_restart(
    client: Client, running: Extender
) -> None:
    koordinators(client, a=2, b=2)
    half = {"koordinator.sh/gpu": "50"}
    with audited(running.plane) as audit:
        placed = run(client, *(ours(f"half-{k}", resources=half) for k in range(4)))
        running.restart()
        placed |= run(client, *(ours(f"half-{k}", resources=half) for k in range(4, 8)))
        used = koordinator_of(placed.values())
        assert used == {
            (name, minor): (2, 2 * (MIB // 2), 100) for name in "ab" for minor in (1, 2)
        }
        said = placed["half-0"]["metadata"]["annotations"]
        (gpu,) = json.loads(said["scheduling.koordinator.sh/device-allocated"])["gpu"]
        assert gpu["resources"]["koordinator.sh/gpu-memory-ratio"] == "50"
        assert said["scheduling.koordinator.sh/gpu-minors"] == str(gpu["minor"])
        client.create(ours("more", resources=half))
        waits(client, "more")
        client.delete("Pod", "half-3")
        wait_for("its room", lambda: node_of(client.get("Pod", "more")), 30.0)
        check(client, running, [*set(placed) - {"half-3"}, "more"], audit)


def test_koordinators_other_words_are_kept_to_and_sick_gpus_take_nobody(
    client: Client, running: Extender
) -> None:
    koordinators(client, a=2)
    two = {"koordinator.sh/gpu.shared": "2", "koordinator.sh/gpu-core": "40",
           "koordinator.sh/gpu-memory-ratio": "60"}  # fmt: skip
    memory = {"koordinator.sh/gpu-core": "10", "koordinator.sh/gpu-memory": "8Gi"}
    with audited(running.plane) as audit:
        placed = run(client, ours("two", resources=two))
        placed |= run(client, ours("some", resources=memory))
        used = koordinator_of(placed.values())
        part = MIB * 30 // 100
        assert sorted(used.values()) == [(1, part, 20), (2, part + 8192, 30)]
        sick = nodes.device("a", gpus=2)
        for gpu in sick["spec"]["devices"]:
            gpu["health"] = gpu["minor"] != 1
        client.patch("Device", "a", {"spec": sick["spec"]})
        event = 'bayplan_watch_events_total{kind="Device",type="MODIFIED"} 1.0'
        wait_for("its sickness", lambda: event in running.text("/metrics"))
        placed |= run(client, *(ours(f"well-{k}", resources=memory) for k in range(3)))
        at = {name: koordinator_of([each]) for name, each in placed.items()}
        assert {key for k in range(3) for key in at[f"well-{k}"]} == {("a", 2)}
        client.create(ours("whole", resources={"koordinator.sh/gpu": "100"}))
        waits(client, "whole")
        check(client, running, [*placed, "whole"], audit)
