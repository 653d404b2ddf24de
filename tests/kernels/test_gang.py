from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_gang as naive
from bayplan.kernels import gang
from naive_gang import PlainNode, PlainShape, PlainSlot

KINDS = 3
SHIFTS = (56, 0, 4)
NUMBERS = st.lists(st.integers(0, 5), max_size=8)


def slots(kind: st.SearchStrategy[int]) -> st.SearchStrategy[PlainSlot]:
    milli, mib = st.sampled_from((0, 300, 500, 999, 1_000)), st.sampled_from((0, 10, 80))
    return st.builds(PlainSlot, kind, milli, mib, st.sampled_from((0, 1, 2, 7, 15)))


@st.composite
def nodes(draw: st.DrawFn) -> PlainNode:
    plain = draw(st.booleans())
    kind = st.just(0) if plain else st.integers(1, KINDS - 1)
    return PlainNode(
        draw(st.sampled_from((-1, 0, 1_000, 4_001))),
        draw(st.sampled_from((0, 64, 1_024))),
        (draw(st.integers(0, 4)), draw(st.integers(0, 4))),
        tuple(draw(st.lists(slots(kind), min_size=int(plain), max_size=4))),
        plain,
        draw(st.integers(0, 4)) > 0,
    )


@st.composite
def shapes(draw: st.DrawFn) -> PlainShape:
    amounts = draw(st.dictionaries(st.integers(0, 1), st.integers(1, 3), max_size=2))
    need = st.tuples(st.sampled_from((100, 500, 1_000)), st.sampled_from((0, 10, 40)))
    return PlainShape(
        draw(st.sampled_from((0, 500, 1_000))),
        draw(st.sampled_from((0, 64))),
        draw(st.integers(0, 3)),
        tuple(sorted(amounts.items())),
        tuple(draw(st.lists(need, min_size=KINDS, max_size=KINDS))),
    )


class Arrays(NamedTuple):
    """What kernels take of plain nodes, in their order."""

    cpu: Any
    memory: Any
    resources: Any
    row_kind: Any
    start: Any
    slots: Any
    kind: Any
    milli: Any
    mib: Any
    able: Any


def ints(values: Any) -> Any:
    return np.array(list(values), np.int64)


def arrays(given_nodes: list[PlainNode]) -> Arrays:
    flat = [slot for node in given_nodes for slot in node.slots]
    counts = ints(len(node.slots) for node in given_nodes)
    return Arrays(
        ints(node.cpu_free for node in given_nodes),
        ints(node.memory_free for node in given_nodes),
        ints(n for node in given_nodes for n in node.resources_free).reshape(-1, 2),
        ints(0 if node.plain else -1 for node in given_nodes),
        ints(np.cumsum(counts) - counts),
        counts,
        ints(slot.kind for slot in flat),
        ints(slot.free_milli for slot in flat),
        ints(slot.free_mib for slot in flat),
        ints(slot.left << SHIFTS[slot.kind] for slot in flat),
    )


def table(shape: PlainShape) -> Any:
    out = np.zeros((6, KINDS), np.int64)
    out[1:3] = ints(shape.needs).T
    out[3] = SHIFTS
    out[4] = 1
    return out


@given(st.lists(nodes(), max_size=5), shapes(), st.integers(0, 5), st.data())
def test_nodes_hold_as_many_members_as_can_be_added_one_by_one(
    given_nodes: list[PlainNode], shape: PlainShape, most: int, data: st.DataObject
) -> None:
    wanted = [data.draw(st.booleans()) for _ in given_nodes]
    out = np.full(len(given_nodes), -7, np.int64)
    state = arrays(given_nodes)
    # Rows that fit one have no less than nothing free.
    fitting = [node.fits and node.cpu_free >= 0 for node in given_nodes]
    given_nodes = [n._replace(fits=fit) for n, fit in zip(given_nodes, fitting, strict=True)]
    total = gang.hold_members(
        np.array([0 if fit else 20 for fit in fitting], np.int8),
        np.array(wanted, np.bool_),
        shape.cpu,
        shape.memory,
        shape.count,
        table(shape),
        np.arange(KINDS) == 0,
        ints(column for column, _ in shape.amounts),
        ints(amount for _, amount in shape.amounts),
        most,
        *state,
        out,
    )
    assert out.tolist() == naive.hold_members(given_nodes, wanted, shape, most)
    assert total == out.sum()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 3)), max_size=9))
def test_what_rows_hold_is_added_up_by_domain(rows: list[tuple[int, int]]) -> None:
    out = np.full(4, -7, np.int64)
    gang.sum_by_domain(ints(n for n, _ in rows), ints(d for _, d in rows), out)
    held, domains = [n for n, _ in rows], [d for _, d in rows]
    assert out.tolist() == naive.sum_by_domain(held, domains, 4)


@given(NUMBERS, st.integers(0, 12), st.booleans(), st.data())
def test_members_are_dealt_out_in_the_order_of_rows(
    held: list[int], n: int, limited: bool, data: st.DataObject
) -> None:
    rows = data.draw(st.permutations(range(len(held))))
    rows = rows[: data.draw(st.integers(0, len(held)))]
    domains = [data.draw(st.integers(-1, 2)) for _ in held] if limited else None
    quota = [data.draw(st.integers(-1, 4)) for _ in range(3)]
    out, left = np.full(len(rows), -7, np.int64), ints(quota)
    dealt = gang.deal_members(ints(rows), ints(held), n, ints(domains or ()), left, out)
    if limited and not held:
        return  # no rows: nothing tells that there is a limit
    expected = naive.deal_members(rows, held, n, domains, quota)
    assert (out.tolist(), left.tolist()) == expected
    assert dealt == sum(expected[0])


@given(st.lists(nodes(), min_size=1, max_size=4), shapes(), st.data())
def test_the_lowest_slots_with_room_are_taken(
    given_nodes: list[PlainNode], shape: PlainShape, data: st.DataObject
) -> None:
    state = arrays(given_nodes)
    rows = list(range(len(given_nodes)))
    times = [data.draw(st.integers(0, 3)) for _ in rows]
    out = np.zeros(100, np.int64)
    n = gang.take_slots(ints(rows), ints(times), shape.count, table(shape), *state[4:], out)
    assert out[:n].tolist() == naive.take_slots(rows, times, given_nodes, shape)
