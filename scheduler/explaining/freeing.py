"""Which places of MIG GPUs to free so that an instance may start there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining.case import Case, apply_all, may_leave
from bayplan.scheduler.explaining.lacks import Lacks
from bayplan.scheduler.explaining.types import Fix, FixKind, SlicePlace
from bayplan.scheduler.explaining.words import name, names
from bayplan.scheduler.mig.tables import bits_of
from bayplan.scheduler.needs import Need


class _Try(NamedTuple):
    """A place; sorted by what it costs: pods that may not leave, priority, pods, GPU, start."""

    unwilling: int
    highest_priority: int
    n_pods: int
    gpu: int
    start: int
    place: SlicePlace


def free_slice(case: Case) -> Iterator[Fix]:
    """Yield the cheapest places to free on one node: fewest pods, of the lowest priority.

    Pods that may not be evicted (not preemptible, protected) are named only where no other place
    would do. The nearest nodes are looked at, and the best of them is taken.
    """
    best: tuple[tuple[int, int, int, int], list[SlicePlace]] | None = None
    for lacks in case.lacks:
        for rank, row in enumerate(lacks.short[: case.effort.rows].tolist()):
            found = _free(case, lacks, row)
            if found and (best is None or (*found[0], rank) < best[0]):
                best = (*found[0], rank), found[1]
        if best:
            yield _fix(best[1])
            return


def _free(
    case: Case, lacks: Lacks, row: int
) -> tuple[tuple[int, int, int], list[SlicePlace]] | None:
    """Return the cost and the places to free on a row, one place after the other."""
    chosen: list[_Try] = []
    with case.cluster.trial():
        for _ in range(min(lacks.shape.count, case.effort.tries)):
            tries = _places(case, lacks, row)
            if not tries:
                return None
            best = min(tries, key=lambda each: each[:-1])
            chosen.append(best)
            apply_all(case.cluster, [Gone(uid) for uid in best.place.uids])
            if case.fits(row):
                return _cost(chosen), [each.place for each in chosen]
    return None


def _cost(chosen: list[_Try]) -> tuple[int, int, int]:
    return (
        sum(each.unwilling for each in chosen),
        max(each.highest_priority for each in chosen),
        sum(each.n_pods for each in chosen),
    )


def _places(case: Case, lacks: Lacks, row: int) -> list[_Try]:
    view = case.cluster.view
    start = view.slot_start.item(row)
    tenants = _tenants(case, row)
    found: list[_Try] = []
    for slot in range(start, start + view.slot_count.item(row)):
        number = view.slot_kind.item(slot)
        need, kind = lacks.needs[number], view.kinds.kinds[number]
        if need.code or need.profile is None:
            continue
        gpu = view.slot_gpu.item(slot)
        first = view.slot_first.item(slot)
        starts = need.profile.starts if kind.is_dynamic_mig else (first,)
        for begin in starts:
            bits = bits_of(need.profile, begin) if kind.is_dynamic_mig else -1
            uids = tuple(sorted(u for u, taken in tenants.get(slot, {}).items() if taken & bits))
            if uids and all(uid in case.cluster.tenancies for uid in uids):
                found.append(_try(case, need, row, gpu, begin, uids))
    return found


def _tenants(case: Case, row: int) -> dict[int, dict[str, int]]:
    """Return by slot who is on it, and the MIG bits (or seats) that each takes.

    A claim is on it by its name with a colon in front: it does not leave with one pod.
    """
    cluster, view = case.cluster, case.cluster.view
    owners = [(uid, cluster.tenancies[uid].taken) for uid in cluster.pods_on(row)]
    owners += [
        (f":{title}", claim.tenancy.taken)
        for title, claim in cluster.claims.items()
        if claim.tenancy.row == row
    ]
    found: dict[int, dict[str, int]] = {}
    for owner, taken in owners:
        for slot, _, _, units in taken:
            if view.kinds.kinds[view.slot_kind.item(slot)].is_dynamic_mig:
                by_owner = found.setdefault(slot, {})
                by_owner[owner] = by_owner.get(owner, 0) | units
            else:
                found.setdefault(slot, {})[owner] = 1
    return found


def _try(case: Case, need: Need, row: int, gpu: int, start: int, uids: tuple[str, ...]) -> _Try:
    assert need.profile is not None
    pods = [case.cluster.pods[uid] for uid in uids]
    unwilling = sum(not may_leave(pod, case.guards, case.now_s) for pod in pods)
    place = SlicePlace(case.cluster.name(row), gpu, start, start + need.profile.size, uids)
    highest = max(pod.request.priority for pod in pods)
    return _Try(unwilling, highest, len(uids), gpu, start, place)


def _fix(places: list[SlicePlace]) -> Fix:
    first = places[0]
    uids = tuple(dict.fromkeys(uid for place in places for uid in place.uids))
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    text = (
        f"free slices {first.start} to {first.end - 1} of GPU {first.gpu} of {name(first.node)}"
        f"{more}: now {names(uids)}"
    )
    events = tuple(map(Gone, uids))
    return Fix(FixKind.FREE_SLICE, text, first.node, events, uids, places=tuple(places))
