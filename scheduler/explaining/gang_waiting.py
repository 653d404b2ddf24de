"""The earliest expected end after which a gang starts.

While the rows (of one required domain) together cannot hold each kind of member by itself, the
gang is not asked about; from there on it is decided after more and more ends, and then between
the last time that it did not start and the first that it did. Ends on rows that even then hold no
member do not matter, and are left out. Where rows do not tell (the case is not bounded), the gang
is asked about from the first end on; where pods of other nodes may keep members off, all ends
matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining.gang_case import GangCase, MemberKind, starts
from bayplan.scheduler.explaining.releases import Releases, releases_on
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import duration, name, plural
from bayplan.scheduler.types import TopologyLevel


@dataclass(frozen=True, slots=True)
class _Steps:
    """When ends begin to matter: (n,) numbers of ends, ascending, and which end it is (n,).

    ``hope`` is the first number at which the gang may start.
    """

    since: IntArray
    end: IntArray
    hope: int


def wait_for_gang(case: GangCase) -> Iterator[Fix]:
    """Yield the earliest wait, if there is one within the effort."""
    useful = np.full(case.cluster.view.n_rows, not case.is_local)
    for kind in case.kinds:
        useful |= kind.may_hold()
    ends = releases_on(case.cluster, useful, case.effort.ends)
    steps = _steps(case, ends)
    if steps is None:
        return
    last = _least(case, ends, steps)
    if last is None:
        return
    chosen = np.sort(steps.end[steps.since <= last]).tolist()
    uids = tuple(ends.uid(i) for i in chosen)
    at_s = max(ends.at_s.item(last), case.now_s)
    text = (
        f"wait {duration(at_s - case.now_s)}: {plural(len(uids), 'pod')} end"
        f"{'s' if len(uids) == 1 else ''}, the last of them {name(ends.uid(last))}"
    )
    yield Fix(FixKind.WAIT, text, "", tuple(map(Gone, uids)), uids, at_s)


def _steps(case: GangCase, ends: Releases) -> _Steps | None:
    n, view = ends.row.size, case.cluster.view
    if not n or not case.kinds:
        return None
    domains = _domains(case)
    hope = np.zeros(int(domains.max(initial=0)) + 1, np.int64)
    matters = np.zeros(view.n_rows, np.bool_)
    now_matters = np.zeros(n, np.bool_)
    for kind in case.kinds:
        before, after = kind.held_now(view), kind.held_after(view, ends)
        hope = np.maximum(hope, _reached(kind, ends, domains, before, after))
        matters |= before > 0
        now_matters |= after > 0
    first = int(hope.min()) if case.is_bounded else 0
    if first >= n:
        return None
    since = _since(ends, matters, now_matters) if case.is_local else np.arange(n)
    kept = np.flatnonzero(since < n)
    order = kept[np.argsort(since[kept], kind="stable")]
    return _Steps(since[order], order, first)


def _domains(case: GangCase) -> IntArray:
    """Return the domain of the innermost required level of each row, (n_rows,); 0 without."""
    levels = [wish.level for wish in case.gang.topology if wish.required]
    if not levels or min(levels) < TopologyLevel.NVLINK_DOMAIN:
        return np.zeros(case.cluster.view.n_rows, np.int64)
    return case.engine.domains.ids(min(levels)).copy()


def _reached(
    kind: MemberKind, ends: Releases, domains: IntArray, before: IntArray, after: IntArray
) -> IntArray:
    """Return by domain after which end it may hold all members of a kind; n where never."""
    n, size = ends.row.size, int(domains.max(initial=0)) + 1
    there = domains >= 0
    totals = np.zeros(size, np.int64)
    np.add.at(totals, domains[there], before[there])
    reached = np.where(totals >= kind.count, 0, n)
    # How much each end adds to what its row holds, then running sums by domain.
    order = np.argsort(ends.row, kind="stable")
    row, held = ends.row[order], after[order]
    earlier = np.where(np.append(True, row[1:] != row[:-1]), before[row], np.append(0, held[:-1]))
    gain = np.zeros(n, np.int64)
    gain[order] = held - earlier
    domain = domains[ends.row]
    by_domain = np.argsort(domain, kind="stable")
    by_domain = by_domain[domain[by_domain] >= 0]
    domain = domain[by_domain]
    sums = np.cumsum(gain[by_domain])
    begins = np.flatnonzero(np.append(True, domain[1:] != domain[:-1])[: domain.size])
    sizes = np.diff(np.append(begins, domain.size))
    offset = sums[begins] - gain[by_domain][begins] if begins.size else sums
    running = sums - np.repeat(offset, sizes) + totals[domain]
    full = running >= kind.count
    np.minimum.at(reached, domain[full], by_domain[full])
    return reached


def _since(ends: Releases, matters: BoolArray, now_matters: BoolArray) -> IntArray:
    """Return from which end on each end matters, (n,): when its row may hold a member."""
    n = ends.row.size
    first = np.where(matters, 0, n)
    np.minimum.at(first, ends.row[now_matters], np.flatnonzero(now_matters))
    return np.maximum(first[ends.row], np.where(first[ends.row] < n, np.arange(n), n))


def _least(case: GangCase, ends: Releases, steps: _Steps) -> int | None:
    """Return the number of the end after which the gang starts: doubling steps, then halves.

    The pods up to the last time without a start stay gone in the trial.
    """
    numbers = np.unique(steps.since)
    begin = int(np.searchsorted(numbers, steps.hope))
    checks = case.effort.gang_checks
    low, high, step, gone = begin - 1, begin, 1, -1
    with case.cluster.trial():
        while True:
            if not checks or high >= numbers.size:
                return None
            checks -= 1
            if _starts_after(case, ends, steps, gone, int(numbers[high])):
                break
            if high == numbers.size - 1:
                return None
            low, gone = high, int(numbers[high])
            high = min(numbers.size - 1, high + step)
            step *= 2
        while high - low > 1:
            if not checks:
                return None
            checks -= 1
            middle = (low + high) // 2
            if _starts_after(case, ends, steps, gone, int(numbers[middle])):
                high = middle
            else:
                low, gone = middle, int(numbers[middle])
    return int(numbers[high])


def _starts_after(case: GangCase, ends: Releases, steps: _Steps, gone: int, last: int) -> bool:
    """Whether the gang starts once the ends after ``gone`` up to ``last`` have come, too.

    If it does not, their pods stay gone.
    """
    cluster = case.cluster
    with cluster.trial() as trial:
        for i in steps.end[(steps.since > gone) & (steps.since <= last)].tolist():
            cluster.apply(Gone(ends.uid(i)))
        if starts(case.engine.decide_gang(case.gang, case.now_s, case.nodes)):
            return True
        trial.keep()
    return False
