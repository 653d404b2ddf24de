"""The units of the search for victims, their order, and the best rows; tables as in ``victims``.

What is called once a row or order, not at every step.
"""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolArray, IntArray, IntTable

GANG, CPU, MEMORY, PART_FROM, PART_TO = range(5)
USERS = 7


@kernel
def list_units(
    first: int,
    n: int,
    pods: IntTable,
    eligible: BoolArray,
    gang_whole: BoolArray,
    gang_slack: IntArray,
    unit_gang: IntArray,
    unit_pod: IntArray,
) -> int:
    """Write the units of a row whose ``n`` pods begin at ``first``; return how many there are.

    Whole gangs (``unit_gang``) come first, then single pods (``unit_pod``, from ``first``); the
    other one of the two is -1.
    """
    n_units = 0
    for j in range(n):
        gang = pods[first + j, GANG]
        if gang < 0 or pods[first + j, USERS] > 0:
            continue
        known = False
        local = 0
        for k in range(n):
            if pods[first + k, GANG] == gang and pods[first + k, USERS] == 0:
                local += 1
                known = known or k < j
        if not known and gang_whole[gang] and local > gang_slack[gang]:
            unit_gang[n_units] = gang
            unit_pod[n_units] = -1
            n_units += 1
    for j in range(n):
        gang = pods[first + j, GANG]
        if eligible[first + j] and (gang < 0 or gang_slack[gang] > 0):
            unit_gang[n_units] = -1
            unit_pod[n_units] = j
            n_units += 1
    return n_units


@kernel
def keep_best(top: IntTable, n_top: int, new: IntArray) -> int:
    """Sort ``new`` (4,) into the first ``n_top`` rows of ``top`` (size, 4), least first.

    Of a full table the last row gives way. Returns how many rows there are then.
    """
    at = min(n_top, top.shape[0] - 1)
    while at > 0:
        better = False
        for k in range(4):
            if new[k] != top[at - 1, k]:
                better = new[k] < top[at - 1, k]
                break
        if not better:
            break
        for k in range(4):
            top[at, k] = top[at - 1, k]
        at -= 1
    for k in range(4):
        top[at, k] = new[k]
    if n_top < top.shape[0]:
        n_top += 1
    return n_top


@kernel
def order_units(
    turn: int,
    first: int,
    n: int,
    start: int,
    n_units: int,
    n_whole: int,
    cpu: int,
    memory: int,
    unit_gang: IntArray,
    unit_pod: IntArray,
    pods: IntTable,
    parts: IntTable,
    eligible: BoolArray,
    rank: IntArray,
    lost: IntArray,
    gang_size: IntArray,
    gang_rank: IntArray,
    gang_lost: IntArray,
    crowd: IntArray,
    burden: IntArray,
    key: IntTable,
    order: IntArray,
) -> None:
    """Write into ``order`` the numbers of ``n_units`` units in one of three orders.

    ``turn`` 0: by rank and work lost. 1: by how much is to leave the slots of a unit, whole gangs
    (the first ``n_whole`` units) before pods. 2: the largest part of what is asked first, whole
    gangs before pods. ``unit_gang`` and ``unit_pod`` (n_units,) say what units are, -1 for none.
    ``crowd`` and ``burden`` (n_slots,) come as zeros and, like ``key`` (n_units, 3), are used up.
    """
    if turn == 1:
        for j in range(n):
            touched = pods[first + j, PART_TO] - pods[first + j, PART_FROM]
            for p in range(pods[first + j, PART_FROM], pods[first + j, PART_TO]):
                k = parts[p, 0] - start
                crowd[k] += 840 // touched if touched < 840 else 1
                burden[k] += lost[first + j] // touched
                if not eligible[first + j] and pods[first + j, USERS] == 0:
                    crowd[k] += 1 << 30
    for u in range(n_units):
        order[u] = u
        j = unit_pod[u]
        if turn == 0:
            key[u, 0] = rank[first + j] if j >= 0 else gang_rank[unit_gang[u]]
            key[u, 1] = lost[first + j] if j >= 0 else gang_lost[unit_gang[u]]
            key[u, 2] = 0
        elif j < 0:
            key[u, 0] = gang_size[unit_gang[u]]
            key[u, 1] = gang_lost[unit_gang[u]]
            key[u, 2] = 0
        elif turn == 1:
            n_parts = pods[first + j, PART_TO] - pods[first + j, PART_FROM]
            crowded = 0
            costly = 0
            nearest = 0
            for p in range(pods[first + j, PART_FROM], pods[first + j, PART_TO]):
                k = parts[p, 0] - start
                crowded += crowd[k]
                costly += burden[k]
                nearest = max(nearest, k)
            key[u, 0] = crowded // n_parts if n_parts > 0 else 1 << 29
            key[u, 1] = costly // n_parts if n_parts > 0 else 0
            key[u, 2] = nearest
        else:
            size = 0
            for p in range(pods[first + j, PART_FROM], pods[first + j, PART_TO]):
                size += parts[p, 1]
            size *= 1000
            size += 1000 * pods[first + j, CPU] // max(1, cpu)
            size += 1000 * pods[first + j, MEMORY] // max(1, memory)
            key[u, 0] = -size
            key[u, 1] = lost[first + j]
            key[u, 2] = 0
    for u in range(1, n_units):
        moving = order[u]
        # Whole gangs stay ahead of their members.
        floor = 0 if u < n_whole or turn == 0 else n_whole
        at = u
        while at > floor:
            before = order[at - 1]
            less = key[before, 0] < key[moving, 0]
            if key[before, 0] == key[moving, 0]:
                less = key[before, 1] < key[moving, 1]
                if key[before, 1] == key[moving, 1]:
                    less = key[before, 2] < key[moving, 2]
            if not less:
                break
            order[at] = before
            at -= 1
        order[at] = moving
