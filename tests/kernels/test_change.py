from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import change
from strategies import Cluster, call


@dataclass(frozen=True)
class Change:
    """What a pod takes (``sign`` -1) or gives back: of its node, and of one slot or none."""

    cluster: Cluster
    row: int
    sign: int
    cpu: int
    memory: int
    tenant: naive.Tenant | None
    gpu_class: int


@st.composite
def changes(draw: st.DrawFn, sign: int | None = None) -> Change:
    """A change that may happen: units are there to be taken, or to be given back."""
    cluster = draw(strategies.clusters().filter(lambda c: c.nodes))
    row = draw(st.integers(0, len(cluster.nodes) - 1))
    sign = sign or draw(st.sampled_from([-1, 1]))
    amount = st.integers(0, 9)
    tenant = None
    # A client may come or go where there is a seat, or somebody.
    slots = cluster.nodes[row].slots
    open_to = [i for i, slot in enumerate(slots) if slot.left(naive.SEAT) and sign < 0]
    left_by = [i for i, slot in enumerate(slots) if slot.clients and sign > 0]
    of_mig = [i for i, slot in enumerate(slots) if slot.kind.units]
    if places := sorted({*open_to, *left_by, *of_mig}):
        index = draw(st.sampled_from(places))
        slot = slots[index]
        free = frozenset(range(slot.kind.units)) - slot.units
        units = sorted(free if sign < 0 else slot.units)
        some = draw(st.sets(st.sampled_from(units))) if units else set()
        tenant = naive.Tenant(index, draw(amount), draw(amount), frozenset(some))
    host = draw(st.integers(0, 4_000)), draw(st.integers(0, 1_024))
    tenant = draw(st.sampled_from([tenant, tenant, None]))
    n_classes = max(len(node.class_pods) for node in cluster.nodes)
    return Change(cluster, row, sign, *host, tenant, draw(st.integers(-1, n_classes - 1)))


def change_room(arrays: dict[str, Any], each: Change, sign: int) -> None:
    """Run the kernel."""
    taken = {"slot": -1, "milli": 0, "mib": 0, "units": 0}
    if (tenant := each.tenant) is not None:
        is_mig = each.cluster.nodes[each.row].slots[tenant.index].kind.units
        taken = {
            "slot": int(arrays["slot_start"][each.row]) + tenant.index,
            "milli": tenant.milli,
            "mib": tenant.mib,
            "units": strategies.bits(tenant.units) if is_mig else 1,
        }
    host = {"row": each.row, "cpu": each.cpu, "memory": each.memory, "gpu_class": each.gpu_class}
    call(change.change_room, arrays, host, taken, sign=sign)


def assert_same(arrays: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


@given(changes())
def test_a_change_touches_the_room_of_its_node_alone(each: Change) -> None:
    arrays = strategies.cluster_arguments(each.cluster)
    change_room(arrays, each, each.sign)
    nodes = list(each.cluster.nodes)
    nodes[each.row] = naive.change_room(
        nodes[each.row], each.sign, each.cpu, each.memory, each.tenant, each.gpu_class
    )
    after = replace(each.cluster, nodes=tuple(nodes))
    assert_same(arrays, strategies.cluster_arguments(after))


@given(changes(sign=-1))
def test_a_release_gives_back_what_was_allocated(each: Change) -> None:
    arrays = strategies.cluster_arguments(each.cluster)
    change_room(arrays, each, -1)
    change_room(arrays, each, 1)
    assert_same(arrays, strategies.cluster_arguments(each.cluster))


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 8), st.data())
def test_each_row_changed_since_is_gathered_once(
    history: list[int], size: int, data: st.DataObject
) -> None:
    now = len(history)
    since = data.draw(st.integers(max(0, now - size), now))
    ring, version, out = (np.zeros(n, np.int64) for n in (size, 5, 5))
    for number, row in enumerate(history, start=1):
        ring[number % size] = row
        version[row] = number
    n = change.changed_rows(ring, since, now, version, out)
    assert out[:n].tolist() == naive.changed_rows(history, since)
