"""How many members of a gang nodes and topology domains hold, and dealing members out to nodes.

Shapes and units are those of ``fit``. Numbers of domains are (n_nodes,), -1 for a node in none.
"""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolArray, CodeArray, IntArray, IntTable
from bayplan.kernels.fit import FITS, MIB, MILLI, NIBBLE, SHIFT


@kernel
def hold_members(
    codes: CodeArray,
    nodes: BoolArray,
    cpu: int,
    memory: int,
    count: int,
    needs: IntTable,
    plain_kind: BoolArray,
    wanted: IntArray,
    amounts: IntArray,
    most: int,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    resources_free: IntTable,
    row_kind: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: IntArray,
) -> int:
    """Count how many members of a shape each node holds into ``out`` (n_nodes,), up to ``most``.

    Nodes that are not candidates (``nodes``), or that hold none by ``codes``, get 0. Exact for
    whole GPUs and for pods without any; an upper bound for others: several of a pod may have to
    be on different GPUs, and MIG instances of one profile stand in each other's way. Returns
    the sum.
    """
    total = 0
    for row in range(codes.size):
        if codes[row] != FITS or not nodes[row]:
            out[row] = 0
            continue
        held = most
        if cpu > 0:
            held = min(held, cpu_free_milli[row] // cpu)
        if memory > 0:
            held = min(held, memory_free_mib[row] // memory)
        for k in range(wanted.size):
            held = min(held, resources_free[row, wanted[k]] // amounts[k])
        if count > 0:
            having = 0
            start = slot_start[row]
            stop = start + slot_count[row]
            alike = row_kind[row]
            plain = alike >= 0 and plain_kind[alike]
            for slot in range(start, stop):
                kind = alike if plain else slot_kind[slot]
                milli = needs[MILLI, kind]
                mib = needs[MIB, kind]
                if slot_free_milli[slot] < milli or slot_free_mib[slot] < mib:
                    continue
                times = most * count
                if milli > 0:
                    times = min(times, slot_free_milli[slot] // milli)
                if mib > 0:
                    times = min(times, slot_free_mib[slot] // mib)
                if not plain:
                    left = (slot_able[slot] >> needs[SHIFT, kind]) & NIBBLE
                    # The nibble says 15 also for more.
                    if left < NIBBLE:
                        times = min(times, left)
                having += times
            held = min(held, having // count)
        out[row] = held
        total += held
    return total


@kernel
def sum_by_domain(held: IntArray, domains: IntArray, out: IntArray) -> None:
    """Add ``held`` (n_nodes,) up by domain into ``out`` (n_domains,), which is set anew."""
    out[:] = 0
    for row in range(held.size):
        if domains[row] >= 0:
            out[domains[row]] += held[row]


@kernel
def deal_members(
    rows: IntArray, held: IntArray, n: int, domains: IntArray, quota: IntArray, out: IntArray
) -> int:
    """Deal ``n`` members out to ``rows`` (k,) in their order, to each as many as it holds.

    ``out`` (k,) gets the numbers. With ``domains`` (n_nodes,; empty: no limit) a domain takes at
    most its ``quota`` (n_domains,), which is lowered by what is dealt; a node in none takes none.
    Returns how many were dealt.
    """
    dealt = 0
    for i in range(rows.size):
        row = rows[i]
        take = min(held[row], n - dealt)
        if domains.size > 0:
            domain = domains[row]
            if domain < 0:
                take = 0
            else:
                take = max(0, min(take, quota[domain]))
                quota[domain] -= take
        out[i] = take
        dealt += take
    return dealt


@kernel
def take_slots(
    rows: IntArray,
    times: IntArray,
    count: int,
    needs: IntTable,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    out: IntArray,
) -> int:
    """Write the slots of ``times[i]`` members on ``rows[i]`` into ``out``, one after the other.

    The lowest indices on the node that hold one of ``count`` each; for whole GPUs, of which a slot
    holds one. Returns how many slots were written.
    """
    n = 0
    for i in range(rows.size):
        start = slot_start[rows[i]]
        wanted = times[i] * count
        for slot in range(start, start + slot_count[rows[i]]):
            if wanted == 0:
                break
            kind = slot_kind[slot]
            if slot_free_milli[slot] < needs[MILLI, kind]:
                continue
            if slot_free_mib[slot] < needs[MIB, kind]:
                continue
            if (slot_able[slot] >> needs[SHIFT, kind]) & NIBBLE == 0:
                continue
            out[n] = slot - start
            n += 1
            wanted -= 1
    return n
