"""Who leaves a node so that a request fits: a bounded search over what may be evicted.

The state of a row is what would be free if all that is undecided had left. Units (a pod, or all
of a gang) are decided one after the other: *keep* where the request still fits with the unit put
back, else *evict*; then the search goes back and tries the other way, as long as what is decided
is better than the best found so far. The first way down is the reprieve of kube-scheduler's
``SelectVictimsOnNode``; by itself it finds the least highest rank. Compared are, in this order:
evictions beyond what budgets allow, the highest rank, the number of pods, the work that is lost.

Tables, all int64. ``pods`` (n, 8), one row a running pod, those of a node row together
(``row_from``, ``row_n``): ``GANG`` (-1 none), ``CPU``, ``MEMORY``, ``PART_FROM`` and ``PART_TO``
(its slots, in ``parts``), ``LINK_FROM`` and ``LINK_TO`` (what else it is bound to, in ``links``),
``USERS``: 0 of a pod; an allocation that several pods share stands there as well, with their
number. ``parts`` (n, 4): flat slot, milli, MiB, units. ``links`` (n, 4): a kind, a number, an
amount, the pod's gang. Kinds are ``RESOURCE`` (column, amount), ``CLAIM`` (its place among the
row's pods), ``SOFT`` (a limit that may be exceeded, at a price: a disruption budget) and ``HARD``
(one that may not).
Other shapes and units as in ``fit``.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolArray, IntArray, IntTable
from bayplan.kernels.fit import CODE, FITS, MIB, MILLI, MOST, NIBBLE, SHIFT
from bayplan.kernels.victim_order import keep_best, list_units, order_units

GANG, CPU, MEMORY, PART_FROM, PART_TO, LINK_FROM, LINK_TO, USERS = range(8)
RESOURCE, CLAIM, SOFT, HARD = range(4)
VIOLATIONS, RANK, PODS, LOST = range(4)
NO_RANK = -(1 << 62)
NONE = -1

_INIT, _KEEP, _UNDO, _EVICT = range(4)
_FAR = 1 << 60


@kernel
def search_victims(
    rows: IntArray,
    keep: int,
    steps: int,
    orders: int,
    cpu: int,
    memory: int,
    count: int,
    needs: IntTable,
    wanted: IntArray,
    amounts: IntArray,
    row_from: IntArray,
    row_n: IntArray,
    pods: IntTable,
    parts: IntTable,
    links: IntTable,
    eligible: BoolArray,
    rank: IntArray,
    lost: IntArray,
    gang_whole: BoolArray,
    gang_slack: IntArray,
    gang_size: IntArray,
    gang_rank: IntArray,
    gang_lost: IntArray,
    gang_from: IntArray,
    gang_links: IntTable,
    limits: IntArray,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    resources_free: IntTable,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_kind: IntArray,
    slot_free_milli: IntArray,
    slot_free_mib: IntArray,
    slot_able: IntArray,
    slot_used: IntArray,
    slot_table: IntArray,
    able_tables: IntTable,
    values: IntTable,
    evict: BoolArray,
) -> None:
    """Search the best victims on each of ``rows``, for some ``steps`` a row and order.

    ``keep`` > 0: only so many rows matter, the best; others may be given up. ``orders`` (1 to 3)
    is in how many orders units are decided: by rank; by how much is to leave a slot; by size. The
    first way down is taken to its end, and one that leads nowhere for some more steps; a search
    that ends before its steps do is exhaustive. ``eligible``, ``rank`` and ``lost`` (n,) are of
    the pods; ``gang_whole`` (n_gangs,) says whether all members may be
    evicted, ``gang_slack`` how many the gang can lose and go on; ``gang_size``, ``gang_rank`` and
    ``gang_lost`` are what all of it counts; its limits are ``gang_links`` from ``gang_from[g]``
    to ``gang_from[g + 1]``. ``limits`` (n_limits,) is what may be taken of each. Written are
    ``values`` (k, 4), ``PODS`` -1 where nothing was found, and ``evict`` (n,): the victims, on
    the row itself.
    """
    most = 1
    widest = 1
    for i in range(rows.size):
        most = max(most, row_n[rows[i]])
        widest = max(widest, slot_count[rows[i]])
    unit_gang = np.empty(2 * most, np.int64)  # of a whole gang, else NONE
    unit_pod = np.empty(2 * most, np.int64)  # of a single pod, else NONE
    key = np.empty((2 * most, 3), np.int64)
    order = np.empty(2 * most, np.int64)
    decided = np.empty(2 * most + 1, np.int64)
    partial = np.empty((2 * most + 1, 4), np.int64)
    best_out = np.empty(2 * most, np.bool_)
    cover = np.empty(most, np.int64)
    users = np.empty(most, np.int64)
    whole_out = np.zeros(gang_slack.size, np.bool_)
    slack = gang_slack.copy()
    limit = limits.copy()
    milli = np.empty(widest, np.int64)
    mib = np.empty(widest, np.int64)
    used = np.empty(widest, np.int64)
    crowd = np.empty(widest, np.int64)
    burden = np.empty(widest, np.int64)
    other = np.empty(max(1, resources_free.shape[1]), np.int64)
    best = np.empty(4, np.int64)
    top = np.empty((max(1, keep), 4), np.int64)
    n_top = min(keep, 0)  # a plain 0 would compile a callee once more, for that number
    for i in range(rows.size):
        row = rows[i]
        first = row_from[row]
        n = row_n[row]
        start = slot_start[row]
        n_slots = slot_count[row]
        values[i, PODS] = NONE
        for j in range(n):
            evict[first + j] = False
        # --- the units: pods by themselves, and whole gangs before their members ---------------
        n_units = list_units(first, n, pods, eligible, gang_whole, gang_slack, unit_gang, unit_pod)
        n_whole = 0
        while n_whole < n_units and unit_gang[n_whole] >= 0:
            n_whole += 1
        found = False
        best[PODS] = NONE
        if keep > 0 and n_top == keep:
            for k in range(4):
                best[k] = top[keep - 1, k]
        for turn in range(orders):
            # --- what is free ------------------------------------------------------------------
            cpu_left = cpu_free_milli[row]
            memory_left = memory_free_mib[row]
            for k in range(resources_free.shape[1]):
                other[k] = resources_free[row, k]
            for k in range(n_slots):
                milli[k] = slot_free_milli[start + k]
                mib[k] = slot_free_mib[start + k]
                used[k] = slot_used[start + k]
                crowd[k] = 0
                burden[k] = 0
            for j in range(n):
                cover[j] = 0
                users[j] = pods[first + j, USERS]
            # --- in which order they are decided: what is decided first is kept most often -----
            order_units(
                turn, row_from[row], n, start, n_units, n_whole, cpu, memory, unit_gang, unit_pod,
                pods, parts, eligible, rank, lost, gang_size, gang_rank, gang_lost,
                crowd, burden, key, order,
            )  # fmt: skip
            # --- down and up again -------------------------------------------------------------
            depth = 0
            phase = _INIT
            taken = 0
            beaten = False
            partial[0, VIOLATIONS] = 0
            partial[0, RANK] = NO_RANK
            partial[0, PODS] = 0
            partial[0, LOST] = 0
            while True:
                if depth < n_units and phase != _EVICT:
                    # Put the unit back (keep), or take it away (at the start, and to undo that).
                    sign = -1 if phase == _KEEP else 1
                    unit = order[depth]
                    gang = unit_gang[unit]
                    j = unit_pod[unit] if gang < 0 else 0
                    last = j + 1 if gang < 0 else n
                    while j < last:
                        pod = first + j
                        if gang >= 0 and (pods[pod, GANG] != gang or pods[pod, USERS] > 0):
                            j += 1
                            continue
                        if sign < 0:
                            cover[j] -= 1
                        if cover[j] == 0:
                            cpu_left += sign * pods[pod, CPU]
                            memory_left += sign * pods[pod, MEMORY]
                            for p in range(pods[pod, PART_FROM], pods[pod, PART_TO]):
                                k = parts[p, 0] - start
                                milli[k] += sign * parts[p, 1]
                                mib[k] += sign * parts[p, 2]
                                used[k] -= sign * parts[p, 3]
                            for q in range(pods[pod, LINK_FROM], pods[pod, LINK_TO]):
                                if links[q, 0] == RESOURCE:
                                    other[links[q, 1]] += sign * links[q, 2]
                                elif links[q, 0] == CLAIM:
                                    # Shared room is free when the last user is gone.
                                    shared = links[q, 1]
                                    if sign > 0:
                                        users[shared] -= 1
                                    if users[shared] == 0:
                                        claim = first + shared
                                        for p in range(
                                            pods[claim, PART_FROM], pods[claim, PART_TO]
                                        ):
                                            k = parts[p, 0] - start
                                            milli[k] += sign * parts[p, 1]
                                            mib[k] += sign * parts[p, 2]
                                            used[k] -= sign * parts[p, 3]
                                    if sign < 0:
                                        users[shared] += 1
                        if sign > 0:
                            cover[j] += 1
                        j += 1
                    if phase == _INIT:
                        depth += 1
                        if depth < n_units:
                            continue
                if phase in (_INIT, _KEEP):
                    # Does the request fit? As ``refit`` says of what is free now.
                    fits = cpu_left >= cpu and memory_left >= memory
                    for k in range(wanted.size):
                        fits = fits and wanted[k] >= 0 and other[wanted[k]] >= amounts[k]
                    if fits and count > 0:
                        having = 0
                        for k in range(n_slots):
                            kind = slot_kind[start + k]
                            if needs[CODE, kind] != FITS or milli[k] < needs[MILLI, kind]:
                                continue
                            if mib[k] < needs[MIB, kind]:
                                continue
                            able = slot_able[start + k]
                            if slot_table[start + k] >= 0:
                                able = able_tables[slot_table[start + k], used[k]]
                            places = min((able >> needs[SHIFT, kind]) & NIBBLE, needs[MOST, kind])
                            if places > 1:
                                places = min(places, milli[k] // needs[MILLI, kind])
                            having += places
                            if having >= count:
                                break
                        fits = having >= count
                    if phase == _INIT:
                        if not fits:
                            break
                        depth = 0
                        phase = _KEEP
                        if n_units > 0:
                            continue
                    elif not fits:
                        phase = _UNDO
                        continue
                    else:
                        decided[depth] = _KEEP
                        for k in range(4):
                            partial[depth + 1, k] = partial[depth, k]
                        depth += 1
                elif phase == _UNDO:
                    phase = _EVICT
                back = False
                if phase == _EVICT:
                    unit = order[depth]
                    gang = unit_gang[unit]
                    member = NONE
                    if gang >= 0:
                        low = gang_from[gang]
                        high = gang_from[gang + 1]
                    else:
                        pod = first + unit_pod[unit]
                        member = pods[pod, GANG]
                        low = pods[pod, LINK_FROM]
                        high = pods[pod, LINK_TO]
                    # A member of a gang that leaves as a whole leaves with it.
                    allowed = member < 0 or (slack[member] > 0 and not whole_out[member])
                    violations = partial[depth, VIOLATIONS]
                    for q in range(low, high):
                        kind = links[q, 0] if gang < 0 else gang_links[q, 0]
                        number = links[q, 1] if gang < 0 else gang_links[q, 1]
                        amount = links[q, 2] if gang < 0 else gang_links[q, 2]
                        if kind == HARD:
                            allowed = allowed and limit[number] >= amount
                        elif kind == SOFT:
                            violations += max(0, amount - max(0, limit[number]))
                    now_rank = partial[depth, RANK]
                    now_pods = partial[depth, PODS]
                    now_lost = partial[depth, LOST]
                    if gang >= 0:
                        now_rank = max(now_rank, gang_rank[gang])
                        now_pods += gang_size[gang]
                        now_lost += gang_lost[gang]
                    else:
                        now_rank = max(now_rank, rank[pod])
                        now_pods += 1
                        now_lost += lost[pod]
                    may = allowed
                    if allowed and best[PODS] >= 0:
                        if violations != best[VIOLATIONS]:
                            allowed = violations < best[VIOLATIONS]
                        elif now_rank != best[RANK]:
                            allowed = now_rank < best[RANK]
                        elif now_pods != best[PODS]:
                            allowed = now_pods < best[PODS]
                        else:
                            allowed = now_lost < best[LOST]
                    if allowed:
                        decided[depth] = _EVICT
                        partial[depth + 1, VIOLATIONS] = violations
                        partial[depth + 1, RANK] = now_rank
                        partial[depth + 1, PODS] = now_pods
                        partial[depth + 1, LOST] = now_lost
                        if gang >= 0:
                            whole_out[gang] = True
                        elif member >= 0:
                            slack[member] -= 1
                        for q in range(low, high):
                            kind = links[q, 0] if gang < 0 else gang_links[q, 0]
                            number = links[q, 1] if gang < 0 else gang_links[q, 1]
                            if kind >= SOFT:
                                limit[number] -= links[q, 2] if gang < 0 else gang_links[q, 2]
                        depth += 1
                        phase = _KEEP
                    else:
                        back = True
                        beaten |= may
                if depth == n_units and not back:
                    better = best[PODS] < 0
                    if not better:
                        for k in range(4):
                            if partial[depth, k] != best[k]:
                                better = partial[depth, k] < best[k]
                                break
                    if better:
                        found = True
                        for k in range(4):
                            best[k] = partial[depth, k]
                        for u in range(n_units):
                            best_out[order[u]] = decided[u] == _EVICT
                    back = True
                taken += 1
                if not back and taken < steps:
                    continue
                if taken >= steps and (found or beaten):
                    # Out of steps: let go of the limits that the way down took.
                    phase = _INIT
                elif taken >= steps + 8 * n_units:
                    phase = _INIT
                elif not back:
                    continue
                abandon = phase == _INIT
                phase = _KEEP
                while True:
                    depth -= 1
                    if depth < 0:
                        break
                    if decided[depth] == _KEEP:
                        if abandon:
                            continue
                        phase = _UNDO
                        break
                    unit = order[depth]
                    gang = unit_gang[unit]
                    if gang >= 0:
                        whole_out[gang] = False
                        for q in range(gang_from[gang], gang_from[gang + 1]):
                            if gang_links[q, 0] >= SOFT:
                                limit[gang_links[q, 1]] += gang_links[q, 2]
                        continue
                    pod = first + unit_pod[unit]
                    member = pods[pod, GANG]
                    if member >= 0:
                        slack[member] += 1
                    for q in range(pods[pod, LINK_FROM], pods[pod, LINK_TO]):
                        if links[q, 0] >= SOFT:
                            limit[links[q, 1]] += links[q, 2]
                if depth < 0:
                    break
            if turn + 1 < orders and taken < steps:
                break
        if not found:
            continue
        if keep > 0:
            n_top = keep_best(top, n_top, best)
        for k in range(4):
            values[i, k] = best[k]
        for u in range(n_units):
            if not best_out[u]:
                continue
            if unit_gang[u] < 0:
                evict[first + unit_pod[u]] = True
                continue
            for j in range(n):
                if pods[first + j, GANG] == unit_gang[u] and pods[first + j, USERS] == 0:
                    evict[first + j] = True
