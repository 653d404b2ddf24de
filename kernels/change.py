"""What a placement takes from a node's free room, and gives back; which rows have changed since."""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import CountTable, IntArray, IntTable


@kernel
def change_room(
    sign: int,
    row: int,
    cpu: int,
    memory: int,
    slot: int,
    milli: int,
    mib: int,
    units: int,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    idle_milli: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_used: IntArray,
    slot_able: IntArray,
    slot_table: IntArray,
    able_tables: IntTable,
    gpu_class: int,
    class_pods: CountTable,
) -> None:
    """Allocate (``sign`` -1) or release (+1) on a node, and on one of its slots, in place.

    ``slot`` is a flat number, -1 for none; ``units`` are MIG bits, or 1 seat. ``slot_used`` is the
    sum of the units, and ``slot_able`` what ``able_tables`` (n_tables, n_masks) says of it;
    ``slot_table`` is the slot's row there, -1 where nothing limits its clients. ``gpu_class`` is
    the column of ``class_pods`` (n_nodes, n_classes) in which the pod is counted, -1: in none.
    """
    if gpu_class >= 0:
        class_pods[row, gpu_class] -= sign
    cpu_free_milli[row] += sign * cpu
    memory_free_mib[row] += sign * memory
    if slot >= 0:
        idle_milli[row] += sign * milli
        slot_free_milli[slot] += sign * milli
        slot_free_mib[slot] += sign * mib
        slot_used[slot] -= sign * units
        if slot_table[slot] >= 0:
            slot_able[slot] = able_tables[slot_table[slot], slot_used[slot]]


@kernel
def changed_rows(log: IntArray, since: int, until: int, version: IntArray, out: IntArray) -> int:
    """Gather the rows touched by the changes ``since`` < number <= ``until``, each once.

    ``until`` is the newest change.
    ``log`` is a ring: change number c is the row at ``c % log.size``. A row's ``version`` is the
    number of its latest change, so an older entry of the same row is seen as such and left out.
    Returns how many rows were written to ``out``.
    """
    n = 0
    for number in range(since + 1, until + 1):
        row = log[number % log.size]
        if version[row] == number:
            out[n] = row
            n += 1
    return n
