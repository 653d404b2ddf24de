"""Which nodes have room for a request, and why the others have not.

Shapes and units, here and in the other kernel modules: ``rows`` (k,) are the node rows looked
at; node arrays are (n_nodes,); slot arrays (n_slots,) are flat, with the slots of node ``row`` at
``slot_start[row]`` to ``slot_start[row] + slot_count[row]``. A slot is a GPU or a MIG instance of
a layout, and of one of a few kinds (``slot_kind``). CPU is in millicores, memory in MiB, GPU
compute in milli-GPU.

A request is ``cpu``, ``memory`` and ``count`` slots; what it takes of a slot depends on the kind
and is looked up in the table ``needs`` (6, n_kinds), whose rows are: ``CODE``, why slots of the
kind never serve the request, or ``FITS``; ``MILLI`` (more than any slot has where they do not) and
``MIB``, what it takes; ``SHIFT``: ``slot_able >> SHIFT & NIBBLE`` is how many more of it find a
place on a slot; ``MOST``, how many of it one slot may hold for one pod; ``PLACE``, the row of the
table of MIG places.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolArray, CodeArray, FloatArray, IntArray, IntTable

# Why a row does not fit; the numbers are those of ``scheduler.types.Reason``.
DEAD = -1
FITS = 0
EXCLUDED = 1
CORDONED = 3
NODE_LABELS = 5
GPU_MODEL = 7
GPU_UUID = 8
GPU_COUNT = 9
GPU_UNHEALTHY = 14
CPU_CAPACITY = 17
MEMORY_CAPACITY = 18
RESOURCE_CAPACITY = 19
GPU_FREE = 22
GPU_MEMORY_FREE = 23
GPU_CLIENTS = 24
MIG_PLACE = 25
CPU_FREE = 26
MEMORY_FREE = 27
RESOURCE_FREE = 28

WHOLE = 1000
TOO_MUCH = 1001
CODE, MILLI, MIB, SHIFT, MOST, PLACE = range(6)
NIBBLE = 15
SEAT_SHIFT = 56
MAX_SLOTS = 448
"""Slots of one node: 64 GPUs with 7 instances each."""


@kernel
def needed_milli(milli: int, mib: int, gpu_memory_mib: int) -> int:
    """Return the milli-GPU that a device request takes on a GPU with that much memory.

    Without ``milli``: ``floor(1000 × mib / memory)``, at least 1, and more than a GPU has where
    the memory of the GPU is unknown (0). Rounded down, so that what adds up to the memory of a
    GPU does not take more than its compute.
    """
    if milli > 0 or mib == 0:
        return milli
    if gpu_memory_mib == 0:
        return TOO_MUCH
    return max(1, WHOLE * mib // gpu_memory_mib)


@kernel
def needed_mib(milli: int, mib: int, gpu_memory_mib: int, capacity_milli: int) -> int:
    """Return the MiB that a request takes; without ``mib``: ``floor(milli × memory / capacity)``.

    Rounded down, so that two halves fit a GPU with an odd number of MiB (an H100 has 81,559).
    """
    if mib > 0:
        return mib
    return milli * gpu_memory_mib // capacity_milli


@kernel
def refit(
    rows: IntArray,
    cpu: int,
    memory: int,
    count: int,
    needs: IntTable,
    plain_kind: BoolArray,
    labelled: BoolArray,
    wanted: IntArray,
    amounts: IntArray,
    alive: BoolArray,
    schedulable: BoolArray,
    cpu_milli: IntArray,
    cpu_free_milli: IntArray,
    memory_mib: IntArray,
    memory_free_mib: IntArray,
    resources: IntTable,
    resources_free: IntTable,
    row_kind: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    codes: CodeArray,
    scores: FloatArray,
    fitting: IntArray,
) -> int:
    """Write the first reason for which each of ``rows`` does not fit into ``codes`` (n_nodes,).

    ``FITS`` where it fits, ``DEAD`` without a node. ``plain_kind`` (n_kinds,): kinds of ungoverned
    GPUs; ``row_kind`` (n_nodes,): the kind of a node's slots, -1 where they differ.
    ``labelled`` (n_nodes,): the rows with the required labels; empty when none are. ``wanted``
    (n,) are columns of ``resources`` (n_nodes, n_resources), -1 for one that no node has;
    ``amounts`` (n,) what is asked of each. Rows that fit are gathered in ``fitting``, in the order
    of ``rows``, and their number is returned; the others get -inf in ``scores`` (n_nodes,).
    """
    n = 0
    for i in range(rows.size):
        row = rows[i]
        code = FITS
        short = FITS
        if not alive[row]:
            code = DEAD
        elif not schedulable[row]:
            code = CORDONED
        elif labelled.size > 0 and not labelled[row]:
            code = NODE_LABELS
        elif count > 0:
            usable = 0
            unhealthy = 0
            by_milli = 0
            by_mib = 0
            having = 0
            nearest = FITS
            out_of = MIG_PLACE
            start = slot_start[row]
            stop = start + slot_count[row]
            alike = row_kind[row]
            if alike >= 0 and plain_kind[alike]:
                # Ungoverned GPUs always have a seat: two arrays to look at instead of four, and
                # rows lie far apart in memory.
                nearest = needs[CODE, alike]
                if nearest == FITS:
                    usable = stop - start
                    for slot in range(start, stop):
                        if slot_free_milli[slot] >= needs[MILLI, alike]:
                            by_milli += 1
                            if slot_free_mib[slot] >= needs[MIB, alike]:
                                by_mib += 1
                having = by_mib
                stop = start
            for slot in range(start, stop):
                kind = slot_kind[slot]
                if needs[CODE, kind] == GPU_UNHEALTHY:
                    unhealthy += needs[MOST, kind]
                    continue
                if needs[CODE, kind] != FITS:
                    nearest = max(nearest, needs[CODE, kind])
                    continue
                most = needs[MOST, kind]
                usable += most
                if slot_free_milli[slot] < needs[MILLI, kind]:
                    continue
                if most > 1:
                    most = min(most, slot_free_milli[slot] // needs[MILLI, kind])
                by_milli += most
                if slot_free_mib[slot] < needs[MIB, kind]:
                    continue
                by_mib += most
                left = (slot_able[slot] >> needs[SHIFT, kind]) & NIBBLE
                having += min(left, most)
                if left < most and needs[SHIFT, kind] == SEAT_SHIFT:
                    out_of = GPU_CLIENTS
            if usable < count <= usable + unhealthy:
                code = GPU_UNHEALTHY
            elif usable < count:
                # What the kinds say counts only where there are slots enough.
                none = usable + unhealthy == 0
                another = nearest in (GPU_MODEL, GPU_UUID)
                lasting = none and (another or slot_count[row] >= count)
                code = nearest if lasting else GPU_COUNT
            elif by_milli < count:
                short = GPU_FREE
            elif by_mib < count:
                short = GPU_MEMORY_FREE
            elif having < count:
                short = out_of
        if code == FITS:
            lacks_capacity = False
            lacks_free = False
            for k in range(wanted.size):
                if wanted[k] < 0 or resources[row, wanted[k]] < amounts[k]:
                    lacks_capacity = True
                elif resources_free[row, wanted[k]] < amounts[k]:
                    lacks_free = True
            if cpu_milli[row] < cpu:
                code = CPU_CAPACITY
            elif memory_mib[row] < memory:
                code = MEMORY_CAPACITY
            elif lacks_capacity:
                code = RESOURCE_CAPACITY
            elif short != FITS:
                code = short
            elif cpu_free_milli[row] < cpu:
                code = CPU_FREE
            elif memory_free_mib[row] < memory:
                code = MEMORY_FREE
            elif lacks_free:
                code = RESOURCE_FREE
        codes[row] = code
        if code == FITS:
            fitting[n] = row
            n += 1
        else:
            scores[row] = -np.inf
    return n


@kernel
def count_codes(codes: CodeArray, nodes: BoolArray, out: IntArray) -> None:
    """Count the rows by code into ``out`` (n_codes,); rows outside ``nodes`` are ``EXCLUDED``.

    ``nodes`` (n_nodes,): the candidates; empty means all. Rows without a node do not count.
    """
    out[:] = 0
    for row in range(codes.size):
        code = codes[row]
        if code == DEAD:
            continue
        if nodes.size > 0 and not nodes[row]:
            code = EXCLUDED
        out[code] += 1
