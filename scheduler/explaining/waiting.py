"""The earliest expected end after which a pod fits.

Pods of the rows that lack only what is in use leave in the order of their expected ends; a row is
tried when what has left of it may suffice. One row is enough for a pod, so the first row that
holds it gives the earliest time. A pod that waits for others elsewhere (the users of a claim,
those whom it must not be near) is tried after every time at which pods end, on all rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining.case import Case, apply_all
from bayplan.scheduler.explaining.releases import held_after, releases_on
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import duration, name, names
from bayplan.scheduler.types import FIRST_SHORTAGE, Placement


def wait(case: Case) -> Iterator[Fix]:
    """Yield the earliest wait, if there is one."""
    yield from _wait_anywhere(case) if _looks_elsewhere(case) else _wait_by_row(case)


def _looks_elsewhere(case: Case) -> bool:
    request, claims = case.request, case.cluster.claims
    return request.constraints is not None or any(d.claim in claims for d in request.devices)


def _wait_anywhere(case: Case) -> Iterator[Fix]:
    view = case.cluster.view
    most = case.effort.checks
    ends = releases_on(case.cluster, view.alive[: view.n_rows], most)
    at_s = np.maximum(ends.at_s, case.now_s)
    left: list[str] = []
    placement: Placement | None = None
    with case.cluster.trial():
        for n, here_s in enumerate(at_s.tolist()):
            left.append(ends.uid(n))
            case.cluster.apply(Gone(left[-1]))
            # Ends at one time come together: of those, one may be what another one makes room for.
            is_last = n + 1 == at_s.size
            if at_s.size == most if is_last else at_s.item(n + 1) == here_s:
                continue
            placement = case.engine.decide(case.request, case.now_s, case.nodes).placement
            if placement is not None:
                break
    if placement is not None:
        yield _fix(case, placement.node, left, at_s.item(len(left) - 1))


def _wait_by_row(case: Case) -> Iterator[Fix]:
    cluster, view = case.cluster, case.cluster.view
    ways = [each for each in case.lacks if not each.shape.refusal]
    useful = np.zeros(view.n_rows, np.bool_)
    for each in ways:
        useful |= each.codes >= FIRST_SHORTAGE
    ends = releases_on(cluster, useful, case.effort.ends)
    hopeful = np.zeros(ends.row.size, np.bool_)
    for each in ways:
        hopeful |= held_after(view, ends, each, 1) > 0
    for n in np.flatnonzero(hopeful)[: case.effort.checks].tolist():
        row = ends.row.item(n)
        left = [ends.uid(i) for i in np.flatnonzero(ends.row[: n + 1] == row).tolist()]
        if _holds(case, row, left):
            yield _fix(case, cluster.name(row), left, max(ends.at_s.item(n), case.now_s))
            return


def _holds(case: Case, row: int, uids: list[str]) -> bool:
    with case.cluster.trial():
        apply_all(case.cluster, [Gone(uid) for uid in uids])
        return case.fits(row)


def _fix(case: Case, node: str, uids: list[str], at_s: float) -> Fix:
    what = f"pod {name(uids[0])} ends" if len(uids) == 1 else f"{len(uids)} pods end"
    who = "" if len(uids) == 1 else f" ({names(uids)})"
    text = f"wait {duration(at_s - case.now_s)}: {what}{who}, then it fits {name(node)}"
    return Fix(FixKind.WAIT, text, node, tuple(map(Gone, uids)), tuple(uids), at_s)
