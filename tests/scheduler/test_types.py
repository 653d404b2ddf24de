"""What crosses the engine's doors."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from bayplan.kernels import fit
from bayplan.scheduler import events, types
from bayplan.scheduler.constraints import types as constraints
from bayplan.scheduler.types import FIRST_SHORTAGE, Reason, Request, TopologyLevel

DATA = [
    kind
    for module in (types, events, constraints)
    for kind in vars(module).values()
    if isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields"))
]


def test_the_kernels_and_the_types_number_the_reasons_alike() -> None:
    numbers = {name: getattr(fit, name) for name in Reason.__members__ if hasattr(fit, name)}
    assert numbers == {name: Reason[name].value for name in numbers}
    by_the_engine = {"CLAIM_NODE", "TOPOLOGY", "MIXED_DEVICES", "ISLAND_FREE"}
    # Why slots of a kind never serve a request; what the kernels see is the number.
    by_kind = {"GPU_ANONYMOUS", "ISOLATION", "PROFILE", "MIG_SPAN"}
    by_constraints = {"TAINT", "NODE_AFFINITY", "SPREAD_LABEL", "POD_AFFINITY"}
    by_constraints |= {"TOPOLOGY_SPREAD", "POD_ANTI_AFFINITY"}
    others = by_the_engine | by_kind | by_constraints
    assert Reason.__members__.keys() - numbers.keys() == others


def test_reasons_are_numbered_in_their_order_from_zero() -> None:
    assert [reason.value for reason in Reason] == list(range(len(Reason)))
    assert len(Reason) < 128, "codes are 8 bits"
    order = [
        Reason.EXCLUDED,  # who is asked
        Reason.CORDONED,  # whether the node takes anybody
        Reason.TAINT,
        Reason.NODE_LABELS,
        Reason.NODE_AFFINITY,
        Reason.GPU_MODEL,  # whether it has what is asked for
        Reason.CPU_CAPACITY,  # whether enough of it
        Reason.SPREAD_LABEL,  # whether it lies where the pod may go
        Reason.POD_AFFINITY,
        Reason.GPU_FREE,  # whether enough is left
        Reason.CPU_FREE,
        Reason.TOPOLOGY_SPREAD,  # who is there already
        Reason.POD_ANTI_AFFINITY,
        Reason.ISLAND_FREE,
    ]
    assert order == sorted(order)
    # What all slots of a node say of a request is the greatest: the nearest to serving it.
    kinds = [Reason.GPU_MODEL, Reason.GPU_UUID, Reason.GPU_COUNT, Reason.GPU_ANONYMOUS]
    kinds += [Reason.ISOLATION, Reason.PROFILE, Reason.MIG_SPAN, Reason.GPU_UNHEALTHY]
    assert kinds == list(Reason)[7:15]


def test_reasons_say_in_one_line_of_their_own_what_is_wrong() -> None:
    texts = [reason.text for reason in Reason]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert text == text.strip()
        assert "\n" not in text
        assert 0 < len(text) <= 72
        assert not text.endswith(".")
        # They stand behind a number of nodes.
        assert text[0].islower() or text.split()[0].isupper()


def test_lasting_reasons_come_before_shortages() -> None:
    assert [reason.name for reason in Reason if reason >= FIRST_SHORTAGE] == [
        "GPU_FREE",
        "GPU_MEMORY_FREE",
        "GPU_CLIENTS",
        "MIG_PLACE",
        "CPU_FREE",
        "MEMORY_FREE",
        "RESOURCE_FREE",
        "TOPOLOGY_SPREAD",
        "POD_ANTI_AFFINITY",
        "ISLAND_FREE",
    ]


def test_near_levels_of_topology_are_small() -> None:
    assert TopologyLevel.GPU_ISLAND < TopologyLevel.NODE < TopologyLevel.RACK < TopologyLevel.ZONE


@pytest.mark.parametrize("kind", DATA, ids=lambda kind: kind.__name__)
def test_data_is_slotted_and_cannot_be_changed(kind: Any) -> None:
    names = getattr(kind, "_fields", ()) or [field.name for field in fields(kind)]
    empty: Any = kind._make(names) if issubclass(kind, tuple) else object.__new__(kind)
    assert not hasattr(empty, "__dict__")
    with pytest.raises(AttributeError):
        setattr(empty, names[0], None)


def test_equal_requests_are_equal_keys() -> None:
    assert {Request("p", 1): 1}[Request("p", 1)] == 1
    assert Request("p", 1) != Request("p", 2)
