"""The GPUs that HAMi and Volcano write into node annotations, and those a pod was given.

Three forms are read: HAMi's JSON array, HAMi's fields (uuid, split, MiB, cores, type, NUMA node,
healthy, and since 2.5 index and mode) and Volcano's (uuid, split, MiB, type, healthy, mode); a
colon ends each device. A pod's devices are uuid, type, MiB and cores, by container.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.traces.kubernetes.objects import Object, objects_in
from bayplan.traces.kubernetes.resources import BadField

HAMI_REGISTER = "hami.io/node-nvidia-register"
VOLCANO_REGISTER = "volcano.sh/node-vgpu-register"
REGISTERS = (HAMI_REGISTER, VOLCANO_REGISTER)
GIVEN = ("hami.io/vgpu-devices-allocated", "volcano.sh/vgpu-ids-new")
"""Annotations of pods with the uuids of the GPUs that they were given."""

HAMI_CORE = "hami-core"
"""How the GPUs of a node are shared; ``mig``: by instances that are made for the pods."""

_VENDOR = "NVIDIA-"


@dataclass(frozen=True, slots=True)
class Registered:
    """A GPU in a register: ``split`` vGPUs of it at most, ``cores`` in percent."""

    uuid: str
    split: int
    memory_mib: int
    cores: int
    model: str
    healthy: bool


def registered(annotations: Object) -> tuple[Registered, ...]:
    """Return the GPUs of a node's register, in the order of their indices; empty without one.

    Parameters
    ----------
    annotations
        The node's.

    Raises
    ------
    BadField
        The register cannot be read.
    """
    for key in REGISTERS:
        text = annotations.get(key)
        if text:
            try:
                return _read(str(text).strip(), legacy_volcano=key == VOLCANO_REGISTER)
            except (ValueError, IndexError, TypeError, AttributeError):
                raise BadField(f"metadata.annotations.{key}", "cannot be read") from None
    return ()


def given(annotations: Object) -> tuple[str, ...]:
    """Return the uuids of the GPUs that a pod was given, in order; empty where nobody says.

    Parameters
    ----------
    annotations
        The pod's.
    """
    for key in GIVEN:
        text = annotations.get(key)
        if text:
            parts = [part for each in str(text).split(";") for part in each.split(":")]
            # An instance of MIG that Volcano makes is told behind the GPU's: GPU-0a1b[group-0].
            return tuple(
                fields[0].strip().partition("[")[0]
                for p in parts
                if len(fields := p.split(",")) > 1
            )
    return ()


def is_hami_core(register: str) -> bool:
    """Whether all GPUs of Volcano's register are shared by HAMi-core, as they are if none says so.

    Parameters
    ----------
    register
        The node's annotation.
    """
    rows = [row.split(",") for row in register.split(":") if "," in row]
    return bool(rows) and all(len(row) < 6 or row[5].strip() in ("", HAMI_CORE) for row in rows)


def indices(uuids: Sequence[str], gpus: Sequence[Registered]) -> tuple[int, ...]:
    """Return the indices of GPUs by uuid; -1 for one that the node has not.

    Parameters
    ----------
    uuids
        The wanted ones.
    gpus
        Those of the node.
    """
    known = {gpu.uuid: index for index, gpu in enumerate(gpus)}
    return tuple(known.get(uuid, -1) for uuid in uuids)


def _read(text: str, *, legacy_volcano: bool) -> tuple[Registered, ...]:
    if text.startswith("["):
        found = [
            (int(each.get("index", 0)), _of_json(each)) for each in objects_in(json.loads(text))
        ]
        return tuple(gpu for _, gpu in sorted(found, key=lambda pair: pair[0]))
    rows = [row.strip().split(",") for row in text.split(":") if "," in row]
    if not rows:
        raise ValueError(text)
    if legacy_volcano:
        return tuple(
            Registered(r[0], int(r[1]), int(r[2]), 100, _model(r[3]), r[4] == "true") for r in rows
        )
    ordered = sorted(rows, key=lambda r: int(r[7]) if len(r) > 7 else 0)
    return tuple(
        Registered(r[0], int(r[1]), int(r[2]), int(r[3]), _model(r[4]), r[6] == "true")
        for r in ordered
    )


def _of_json(each: Object) -> Registered:
    return Registered(
        str(each["id"]),
        int(each.get("count", 0)),
        int(each.get("devmem", 0)),
        int(each.get("devcore", 100)),
        _model(str(each.get("type", ""))),
        bool(each.get("health", False)),  # zero values are left out
    )


def _model(text: str) -> str:
    # The vendor stands before the driver's name, which often has it again.
    return text.removeprefix(_VENDOR)
