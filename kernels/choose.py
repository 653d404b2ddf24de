"""Which GPUs of a node a request takes: indices on the node, ascending in the stated order.

``start`` is the node's first GPU in the flat arrays, ``n_gpus`` how many it has; ``count`` GPUs
with ``milli`` and ``mib`` free are wanted. Each returns how many were found and written to
``out`` (at least ``count`` long); fewer than ``count`` means that the request does not fit.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import IntArray, Key
from bayplan.kernels.hashing import mix

_NONE = -1


@kernel
def choose_first(
    start: int,
    n_gpus: int,
    count: int,
    milli: int,
    mib: int,
    gpu_free_milli: IntArray,
    gpu_free_mib: IntArray,
    out: IntArray,
) -> int:
    """Take the lowest indices that fit."""
    found = 0
    for i in range(n_gpus):
        if found == count:
            break
        if gpu_free_milli[start + i] >= milli and gpu_free_mib[start + i] >= mib:
            out[found] = i
            found += 1
    return found


@kernel
def choose_best_fit(
    start: int,
    n_gpus: int,
    count: int,
    milli: int,
    mib: int,
    gpu_free_milli: IntArray,
    gpu_free_mib: IntArray,
    out: IntArray,
) -> int:
    """Take the GPUs with the least free milli that fit; the lowest index among equals."""
    found = 0
    last_free = _NONE
    last = _NONE
    while found < count:
        best = _NONE
        for i in range(n_gpus):
            free = gpu_free_milli[start + i]
            if free < milli or gpu_free_mib[start + i] < mib:
                continue
            # In order of (free, index): what comes after the one taken last, and is least.
            if free < last_free or (free == last_free and i <= last):
                continue
            if best == _NONE or free < gpu_free_milli[start + best]:
                best = i
        if best == _NONE:
            break
        out[found] = best
        found += 1
        last = best
        last_free = gpu_free_milli[start + best]
    return found


@kernel
def choose_worst_fit(
    start: int,
    n_gpus: int,
    count: int,
    milli: int,
    mib: int,
    gpu_free_milli: IntArray,
    gpu_free_mib: IntArray,
    out: IntArray,
) -> int:
    """Take the GPUs with the most free milli that fit; the lowest index among equals."""
    found = 0
    while found < count:
        best = _NONE
        for i in range(n_gpus):
            free = gpu_free_milli[start + i]
            if free < milli or gpu_free_mib[start + i] < mib:
                continue
            taken = False
            for k in range(found):
                if out[k] == i:
                    taken = True
            if not taken and (best == _NONE or free > gpu_free_milli[start + best]):
                best = i
        if best == _NONE:
            break
        out[found] = best
        found += 1
    return found


@kernel
def choose_hashed(
    start: int,
    n_gpus: int,
    count: int,
    milli: int,
    mib: int,
    key: Key,
    gpu_free_milli: IntArray,
    gpu_free_mib: IntArray,
    out: IntArray,
) -> int:
    """Take the GPUs that fit with the least hash of (key, index): uniform over those that fit."""
    found = 0
    while found < count:
        best = _NONE
        for i in range(n_gpus):
            if gpu_free_milli[start + i] < milli or gpu_free_mib[start + i] < mib:
                continue
            taken = False
            for k in range(found):
                if out[k] == i:
                    taken = True
            if not taken and (best == _NONE or mix(key, np.uint64(i)) < mix(key, np.uint64(best))):
                best = i
        if best == _NONE:
            break
        out[found] = best
        found += 1
    return found
