"""Which nodes, and which GPUs of a node, have room for a request.

Shapes and units, here and in the other kernel modules: ``rows`` (k,) are the node rows looked
at; node arrays are (n_nodes,), GPU arrays (n_gpus,) flat, with the GPUs of node ``row`` at
``gpu_start[row]`` to ``gpu_start[row] + gpu_count[row]``. CPU is in millicores, memory in MiB,
GPU compute in milli-GPU. A request is ``cpu``, ``memory``, ``count`` GPUs, and on each of them
``milli`` and/or ``mib`` (0: to be derived from the other).
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
NODE_LABELS = 4
GPU_MODEL = 5
GPU_COUNT = 6
GPU_ANONYMOUS = 7
CPU_CAPACITY = 12
MEMORY_CAPACITY = 13
RESOURCE_CAPACITY = 14
GPU_FREE = 15
CPU_FREE = 16
MEMORY_FREE = 17
RESOURCE_FREE = 18

WHOLE = 1000
TOO_MUCH = 1001


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
def needed_mib(milli: int, mib: int, gpu_memory_mib: int) -> int:
    """Return the MiB that a request takes; without ``mib``: ``floor(milli × memory / 1000)``.

    Rounded down, so that two halves fit a GPU with an odd number of MiB (an H100 has 81,559).
    """
    if mib > 0:
        return mib
    return milli * gpu_memory_mib // WHOLE


@kernel
def fitting_gpus(
    start: int,
    stop: int,
    milli: int,
    mib: int,
    gpu_free_milli: IntArray,
    gpu_free_mib: IntArray,
    out: BoolArray,
) -> None:
    """Fill ``out`` (stop - start,): whether each GPU has ``milli`` and ``mib`` free."""
    for gpu in range(start, stop):
        out[gpu - start] = gpu_free_milli[gpu] >= milli and gpu_free_mib[gpu] >= mib


@kernel
def refit(
    rows: IntArray,
    cpu: int,
    memory: int,
    count: int,
    milli: int,
    mib: int,
    allowed: BoolArray,
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
    model: IntArray,
    anonymous: BoolArray,
    gpu_start: IntArray,
    gpu_count: IntArray,
    gpu_memory_mib: IntArray,
    gpu_free_milli: IntArray,
    gpu_free_mib: IntArray,
    codes: CodeArray,
    scores: FloatArray,
    fitting: IntArray,
) -> int:
    """Write the first reason for which each of ``rows`` does not fit into ``codes`` (n_nodes,).

    ``FITS`` where it fits, ``DEAD`` without a node. ``allowed`` (n_models,): the GPU models that
    may be taken. ``labelled`` (n_nodes,): the rows with the required labels; empty when none
    are. ``wanted`` (n,) are columns of ``resources`` (n_nodes, n_resources), -1 for one that no
    node has; ``amounts`` (n,) what is asked of each. Rows that fit are gathered in ``fitting``,
    in the order of ``rows``, and their number is returned; the others get the score -inf in
    ``scores`` (n_nodes,).
    """
    n = 0
    for i in range(rows.size):
        row = rows[i]
        code = FITS
        short_of_gpus = False
        if not alive[row]:
            code = DEAD
        elif not schedulable[row]:
            code = CORDONED
        elif labelled.size > 0 and not labelled[row]:
            code = NODE_LABELS
        elif count > 0:
            each_milli = needed_milli(milli, mib, gpu_memory_mib[row])
            each_mib = needed_mib(milli, mib, gpu_memory_mib[row])
            if model[row] >= 0 and not allowed[model[row]]:
                code = GPU_MODEL
            elif gpu_count[row] < count or each_milli > WHOLE or each_mib > gpu_memory_mib[row]:
                code = GPU_COUNT
            elif anonymous[row] and each_milli < WHOLE:
                code = GPU_ANONYMOUS
            else:
                having = 0
                for gpu in range(gpu_start[row], gpu_start[row] + gpu_count[row]):
                    if gpu_free_milli[gpu] >= each_milli and gpu_free_mib[gpu] >= each_mib:
                        having += 1
                short_of_gpus = having < count
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
            elif short_of_gpus:
                code = GPU_FREE
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
