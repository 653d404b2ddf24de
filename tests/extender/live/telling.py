"""Pods that are bound by an owner, and what components of nodes are told of their GPUs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bayplan.extender.live.owner import Owner, Ready
from bayplan.extender.live.settings import Live
from bayplan.extender.live.writing import chosen
from extender_things import bound, listed

Object = dict[str, Any]
Used = dict[tuple[str, str], tuple[int, int, int]]
"""By node and GPU: how many have it, their MiB, and their percent of compute."""


def owner_of(
    nodes: Iterable[Object], devices: Iterable[Object] = (), pods: Iterable[Object] = (), **on: Any
) -> Owner:
    """Return an owner that has seen these objects, with some ``devices.*`` on."""
    owner = Owner(Live(**on))
    if on.get("koordinator"):
        listed(owner, "Device", devices, 0.0)
    listed(owner, "Node", nodes, 0.0)
    listed(owner, "Pod", pods, 0.0)
    return owner


def tell(owner: Owner, thing: Object, at: str) -> Object:
    """Bind a pod to a node; return it as it is then, with what was written."""
    uid = f"default/{thing['metadata']['name']}"
    ready = owner.reserve(uid, at, 0.0)
    assert isinstance(ready, Ready), ready
    placement = ready.decision.placement
    assert placement is not None
    seen, facts = owner.mirror.pods[uid], owner.mirror.reader.nodes[at]
    told = chosen(seen, placement, facts.gpus, 1_700_000_000.5, giver=owner.giver(uid, at))
    metadata = thing["metadata"]
    metadata = {**metadata, "annotations": {**metadata["annotations"], **told}}
    there = bound({**thing, "metadata": metadata}, at)
    owner.changed("Pod", there, 0.0)
    return there


def place(owner: Owner, thing: Object, names: list[str]) -> Object | None:
    """Let a pod come and be bound where it may; None: nowhere."""
    owner.changed("Pod", thing, 0.0)
    fit = owner.filter(thing, names, 0.0, holds=True).passed
    if not fit:
        owner.deleted("Pod", thing, 0.0)
        return None
    scores = dict(owner.prioritize(thing, fit, 0.0))
    return tell(owner, thing, max(sorted(scores), key=lambda name: scores[name]))


def annotation(thing: Object, key: str) -> str:
    """Return what an annotation of a pod says."""
    return str(thing["metadata"]["annotations"].get(key, ""))


def used_by_volcano(pods: Iterable[Object]) -> Used:
    """Return what pods have, as Volcano's device plugin would read it (``DecodePodDevices``)."""
    used: Used = {}
    for each in pods:
        for container in annotation(each, "volcano.sh/vgpu-ids-new").split(";"):
            devices = [device.split(",") for device in container.split(":") if device]
            assert len({uuid for uuid, *_ in devices}) == len(devices), container
            for uuid, vendor, mib, cores in devices:
                assert vendor == "NVIDIA"
                _add(used, (each["spec"]["nodeName"], uuid), int(mib), int(cores))
    return used


def used_by_koordinator(pods: Iterable[Object]) -> Used:
    """Return what pods have, as koordlet would read it (``GetDeviceAllocations``)."""
    used: Used = {}
    for each in pods:
        given = json.loads(annotation(each, "scheduling.koordinator.sh/device-allocated"))["gpu"]
        minors = [str(gpu["minor"]) for gpu in given]
        assert len(set(minors)) == len(minors)
        assert annotation(each, "scheduling.koordinator.sh/gpu-minors") == ",".join(minors)
        for gpu in given:
            has = gpu["resources"]
            assert has["koordinator.sh/gpu-memory"].endswith("Mi")
            mib = int(has["koordinator.sh/gpu-memory"][:-2])
            core = int(has.get("koordinator.sh/gpu-core", "0"))
            _add(used, (each["spec"]["nodeName"], str(gpu["minor"])), mib, core)
    return used


def _add(used: Used, gpu: tuple[str, str], mib: int, percent: int) -> None:
    n, all_mib, all_percent = used.get(gpu, (0, 0, 0))
    used[gpu] = n + 1, all_mib + mib, all_percent + percent
