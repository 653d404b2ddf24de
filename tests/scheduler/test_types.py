"""What crosses the engine's doors."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import pytest

from bayplan.kernels import fit
from bayplan.scheduler import events, types
from bayplan.scheduler.types import FIRST_SHORTAGE, Reason, Request, TopologyLevel

DATA = [
    kind
    for module in (types, events)
    for kind in vars(module).values()
    if isinstance(kind, type) and is_dataclass(kind)
]


def test_the_kernels_and_the_types_number_the_reasons_alike() -> None:
    numbers = {name: getattr(fit, name) for name in Reason.__members__ if hasattr(fit, name)}
    assert numbers == {name: Reason[name].value for name in numbers}
    decided_elsewhere = {"CLAIM_NODE", "ISOLATION", "PROFILE", "TOPOLOGY", "MIXED_DEVICES"}
    assert Reason.__members__.keys() - numbers.keys() == decided_elsewhere


def test_lasting_reasons_come_before_shortages() -> None:
    assert [reason.name for reason in Reason if reason >= FIRST_SHORTAGE] == [
        "GPU_FREE",
        "CPU_FREE",
        "MEMORY_FREE",
        "RESOURCE_FREE",
    ]


def test_near_levels_of_topology_are_small() -> None:
    assert TopologyLevel.GPU_ISLAND < TopologyLevel.NODE < TopologyLevel.RACK < TopologyLevel.ZONE


@pytest.mark.parametrize("kind", DATA, ids=lambda kind: kind.__name__)
def test_data_is_slotted_and_cannot_be_changed(kind: type) -> None:
    empty: Any = object.__new__(kind)
    assert not hasattr(empty, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(empty, fields(kind)[0].name, None)


def test_equal_requests_are_equal_keys() -> None:
    assert {Request("p", 1): 1}[Request("p", 1)] == 1
    assert Request("p", 1) != Request("p", 2)
