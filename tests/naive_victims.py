"""Plain twin of the search for victims: every subset of what may be evicted is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from types import SimpleNamespace
from typing import Any

GANG, CPU, MEMORY, PART_FROM, PART_TO, LINK_FROM, LINK_TO, USERS = range(8)
RESOURCE, CLAIM, SOFT, HARD = range(4)
CODE, MILLI, MIB, SHIFT, MOST, PLACE = range(6)


def search_victims(
    rows: Any, keep: Any, steps: Any, orders: Any, cpu: Any, memory: Any, count: Any, needs: Any,
    wanted: Any, amounts: Any, row_from: Any, row_n: Any, pods: Any, parts: Any, links: Any,
    eligible: Any, rank: Any, lost: Any, gang_whole: Any, gang_slack: Any, gang_size: Any,
    gang_rank: Any, gang_lost: Any, gang_from: Any, gang_links: Any, limits: Any,
    cpu_free_milli: Any, memory_free_mib: Any, resources_free: Any, slot_start: Any,
    slot_count: Any, slot_kind: Any, slot_free_milli: Any, slot_free_mib: Any, slot_able: Any,
    slot_used: Any, slot_table: Any, able_tables: Any, values: Any, evict: Any,
) -> None:  # fmt: skip
    """Look at every subset of the pods of each row, and price it by the rules."""
    all_ = SimpleNamespace(**locals())
    for i, row in enumerate(rows):
        own = range(row_from[row], row_from[row] + row_n[row])
        there = [place for place in own if not pods[place, USERS]]
        best: tuple[tuple[int, ...], set[int]] | None = None
        for subset in subsets(there):
            cost = price(all_, subset, own)
            if cost is None or (best is not None and cost >= best[0]):
                continue
            if fits(all_, row, subset, own):
                best = cost, subset
        values[i, 2] = -1
        for place in own:
            evict[place] = best is not None and place in best[1]
        if best is not None:
            values[i] = best[0]


def subsets(places: list[int]) -> Iterator[set[int]]:
    for n in range(len(places) + 1):
        yield from map(set, combinations(places, n))


def links_of(all_: Any, place: int) -> Any:
    low, high = all_.pods[place, LINK_FROM], all_.pods[place, LINK_TO]
    return all_.links[low:high, :3].tolist()


def leaving(all_: Any, gone: set[int], own: range) -> list[int]:
    """Who leaves, and the shared allocations whose users are all gone."""
    found = list(gone)
    for claim in own:
        if all_.pods[claim, USERS]:
            link = [CLAIM, claim - own[0]]
            users = [p for p in own if any(each[:2] == link for each in links_of(all_, p))]
            if gone.issuperset(users):
                found.append(claim)
    return found


def fits(all_: Any, row: int, gone: set[int], own: range) -> bool:
    start = all_.slot_start[row]
    slots = range(start, start + all_.slot_count[row])
    free = {s: [all_.slot_free_milli[s], all_.slot_free_mib[s], all_.slot_used[s]] for s in slots}
    host = [all_.cpu_free_milli[row], all_.memory_free_mib[row]]
    other = list(all_.resources_free[row])
    for place in leaving(all_, gone, own):
        pod = all_.pods[place]
        host[0] += pod[CPU]
        host[1] += pod[MEMORY]
        for slot, milli, mib, units in all_.parts[pod[PART_FROM] : pod[PART_TO]]:
            free[slot][0] += milli
            free[slot][1] += mib
            free[slot][2] -= units
        for kind, column, amount in links_of(all_, place):
            if kind == RESOURCE:
                other[column] += amount
    if host[0] < all_.cpu or host[1] < all_.memory:
        return False
    asked = zip(all_.wanted, all_.amounts, strict=True)
    if any(column < 0 or other[column] < amount for column, amount in asked):
        return False
    return bool(sum(places(all_, slot, *room) for slot, room in free.items()) >= all_.count)


def places(all_: Any, slot: int, milli: int, mib: int, used: int) -> int:
    need = all_.needs[:, all_.slot_kind[slot]]
    if need[CODE] or milli < need[MILLI] or mib < need[MIB]:
        return 0
    table = all_.slot_table[slot]
    able = all_.slot_able[slot] if table < 0 else all_.able_tables[table, used]
    n: int = min(able >> need[SHIFT] & 15, need[MOST])
    return min(n, int(milli // need[MILLI])) if n > 1 else n


def price(all_: Any, gone: set[int], own: range) -> tuple[int, ...] | None:
    total = [0, -(1 << 62), 0, 0]
    taken: dict[tuple[int, int], int] = {}
    for gang in {int(all_.pods[place, GANG]) for place in gone}:
        mine = {place for place in gone if all_.pods[place, GANG] == gang}
        if gang >= 0 and len(mine) > all_.gang_slack[gang]:
            every = [p for p in own if all_.pods[p, GANG] == gang and not all_.pods[p, USERS]]
            if len(mine) < len(every) or not all_.gang_whole[gang]:
                return None
            each = [all_.gang_rank[gang], all_.gang_size[gang], all_.gang_lost[gang]]
            low, high = all_.gang_from[gang], all_.gang_from[gang + 1]
            links = all_.gang_links[low:high, :3].tolist()
        else:
            if not all(all_.eligible[place] for place in mine):
                return None
            rank = max(all_.rank[place] for place in mine)
            each = [rank, len(mine), sum(all_.lost[place] for place in mine)]
            links = [link for place in mine for link in links_of(all_, place)]
        total = [0, max(total[1], each[0]), total[2] + each[1], total[3] + each[2]]
        for kind, number, amount in links:
            taken[kind, number] = taken.get((kind, number), 0) + amount
    if any(kind == HARD and n > all_.limits[i] for (kind, i), n in taken.items()):
        return None
    beyond = [max(0, n - all_.limits[i]) for (kind, i), n in taken.items() if kind == SOFT]
    return sum(beyond), int(total[1]), int(total[2]), int(total[3])


def order_units(
    turn: Any, first: Any, n: Any, start: Any, n_units: Any, n_whole: Any, cpu: Any, memory: Any,
    unit_gang: Any, unit_pod: Any, pods: Any, parts: Any, eligible: Any, rank: Any, lost: Any,
    gang_size: Any, gang_rank: Any, gang_lost: Any, crowd: Any, burden: Any, key: Any, order: Any,
) -> None:  # fmt: skip
    """Sort units by their keys, as the rules say."""

    def slots(pod: int) -> Any:
        return parts[pods[pod, PART_FROM] : pods[pod, PART_TO]].tolist()

    crowds, burdens = dict[int, int](), dict[int, int]()
    for pod in range(first, first + n):
        own = slots(pod)
        for slot, *_ in own:
            fixed = (1 << 30) if not eligible[pod] and not pods[pod, USERS] else 0
            crowds[slot] = crowds.get(slot, 0) + max(1, 840 // len(own)) + fixed
            burdens[slot] = burdens.get(slot, 0) + int(lost[pod]) // len(own)

    def keyed(unit: int) -> tuple[int, ...]:
        pod, gang = first + int(unit_pod[unit]), int(unit_gang[unit])
        if turn == 0:
            of = (gang_rank[gang], gang_lost[gang]) if gang >= 0 else (rank[pod], lost[pod])
            return int(of[0]), int(of[1])
        if gang >= 0:
            return int(gang_size[gang]), int(gang_lost[gang])
        own = slots(pod)
        if turn == 2:
            size = 1000 * sum(part[1] for part in own)
            size += 1000 * int(pods[pod, CPU]) // max(1, cpu)
            size += 1000 * int(pods[pod, MEMORY]) // max(1, memory)
            return -size, int(lost[pod])
        if not own:
            return 1 << 29, 0, 0
        crowded = sum(crowds[part[0]] for part in own) // len(own)
        costly = sum(burdens[part[0]] for part in own) // len(own)
        return crowded, costly, max(part[0] for part in own) - start

    def in_order(units: range) -> list[int]:
        return sorted(units, key=lambda unit: [-value for value in keyed(unit)])

    gangs_first = in_order(range(n_whole)) + in_order(range(n_whole, n_units))
    order[:n_units] = in_order(range(n_units)) if turn == 0 else gangs_first


def list_units(
    first: Any, n: Any, pods: Any, eligible: Any, gang_whole: Any, gang_slack: Any,
    unit_gang: Any, unit_pod: Any,
) -> int:  # fmt: skip
    """Whole gangs with more members here than they can lose, then pods that may leave alone."""
    there = range(first, first + n)
    local = Counter(int(pods[p, GANG]) for p in there if not pods[p, USERS] and pods[p, GANG] >= 0)
    units = [(g, -1) for g in local if gang_whole[g] and local[g] > gang_slack[g]]
    for place in there:
        gang = pods[place, GANG]
        if eligible[place] and (gang < 0 or gang_slack[gang] > 0):
            units.append((-1, place - first))
    for i, (gang, pod) in enumerate(units):
        unit_gang[i], unit_pod[i] = gang, pod
    return len(units)


def keep_best(top: Any, n_top: Any, new: Any) -> int:
    """Sort all, and drop what is too much."""
    kept = min(n_top, len(top) - 1)
    best = sorted([*top[:kept].tolist(), new.tolist()])
    top[: len(best)] = best
    return len(best)
