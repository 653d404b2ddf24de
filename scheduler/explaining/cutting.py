"""Idle GPUs that would serve the pod if they were shared in another way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.errors import BayplanError
from bayplan.scheduler.events import Event, Repartitioned
from bayplan.scheduler.explaining.case import Case
from bayplan.scheduler.explaining.lacks import Lacks, slots_by_row
from bayplan.scheduler.explaining.types import Fix, FixKind
from bayplan.scheduler.explaining.words import name
from bayplan.scheduler.needs import Want
from bayplan.scheduler.sharing import (
    UNGOVERNED,
    Hami,
    Mig,
    Mps,
    Sharing,
    TimeSlicing,
    isolation_of,
    sharing_of,
)
from bayplan.scheduler.types import Isolation, Reason
from bayplan.scheduler.view import View

_OUT_OF_REACH = (
    Reason.EXCLUDED,
    Reason.CLAIM_NODE,
    Reason.CORDONED,
    Reason.NODE_LABELS,
    Reason.GPU_MODEL,
    Reason.GPU_UUID,
    Reason.TOPOLOGY,
    Reason.MIXED_DEVICES,
)
_LOOKS = 8
"""Rows with an idle slot that are looked at for an idle GPU, for each one that is tried."""

_DEFAULTS: dict[Isolation | None, Sharing] = {
    Isolation.MIG: Mig(),
    Isolation.MPS: Mps(),
    Isolation.TIMESLICE: TimeSlicing(),
    Isolation.HAMI: Hami(),
    None: UNGOVERNED,
}


def repartition(case: Case) -> Iterator[Fix]:
    """Yield the repartitioning of as few idle GPUs of one node as suffice, if some do.

    Ways to share that other GPUs of the model have already are tried before the plain defaults.
    """
    for lacks in case.lacks:
        if not lacks.shape.count or lacks.shape.refusal:
            continue
        for row in _rows(case, lacks):
            events = _cuts(case, lacks, row)
            if events:
                yield _fix(case, row, events)
                return


def _rows(case: Case, lacks: Lacks) -> list[int]:
    view, shape = case.cluster.view, lacks.shape
    rows = lacks.order
    rows = rows[~np.isin(lacks.codes[rows], np.array(_OUT_OF_REACH))]
    free = (view.cpu_free_milli[rows] >= shape.cpu) & (view.memory_free_mib[rows] >= shape.memory)
    rows = rows[free & _idle_slot(view)[rows]]
    found: list[int] = []
    for row in rows[: _LOOKS * case.effort.rows].tolist():
        if len(found) >= case.effort.rows:
            break
        if not case.cluster.node_at(row).anonymous_gpus and idle_gpus(case, row):
            found.append(row)
    return found


def _idle_slot(view: View) -> BoolArray:
    """Return the rows on which some slot is idle, (n_rows,)."""
    slots, rows = slots_by_row(view)
    idle = (view.slot_free_milli[slots] == view.slot_capacity[slots]) & (view.slot_used[slots] == 0)
    found = np.zeros(view.n_rows, np.bool_)
    found[rows[idle]] = True
    return found


def idle_gpus(case: Case, row: int) -> list[int]:
    """Return the GPUs of a row on which nothing is."""
    view = case.cluster.view
    start = view.slot_start.item(row)
    own = slice(start, start + view.slot_count.item(row))
    busy = view.slot_free_milli[own] < view.slot_capacity[own]
    busy |= view.slot_used[own] != 0
    in_use = set(view.slot_gpu[own][busy].tolist())
    return [gpu for gpu in range(view.gpu_count.item(row)) if gpu not in in_use]


def _cuts(case: Case, lacks: Lacks, row: int) -> list[Event]:
    for sharing in _sharings(case, lacks.shape.want, row)[: case.effort.tries]:
        events = _cut(case, lacks.shape.count, row, sharing)
        if events:
            return events
    return []


def _cut(case: Case, count: int, row: int, sharing: Sharing) -> list[Event]:
    """Cut idle GPUs one after the other in a trial until the request fits."""
    cluster, node = case.cluster, case.cluster.node_at(row)
    events: list[Event] = []
    with cluster.trial():
        for gpu in idle_gpus(case, row):
            if sharing_of(node.sharing, gpu) == sharing:
                continue
            event = Repartitioned(node.name, gpu, sharing)
            try:
                cluster.apply(event)
            except BayplanError:  # the model cannot be shared like this
                return []
            events.append(event)
            if case.fits(row):
                return events
            if len(events) >= count:
                break
    return []


def _sharings(case: Case, want: Want, row: int) -> list[Sharing]:
    model = case.cluster.node_at(row).gpu_model
    seen = {
        sharing
        for node in case.cluster.nodes.values()
        if node.gpu_model == model
        for sharing in set(node.sharing)
    }
    default = Mig() if want.profile else _DEFAULTS[want.isolation]
    known = [s for s in sorted(seen, key=repr) if _may_serve(s, want)]
    return list(dict.fromkeys((*known, default)))


def _may_serve(sharing: Sharing, want: Want) -> bool:
    if want.profile:
        if not isinstance(sharing, Mig):
            return False
        return sharing.layout is None or want.profile in {name for _, name in sharing.layout}
    return want.isolation is None or isolation_of(sharing) is want.isolation


def _fix(case: Case, row: int, events: list[Event]) -> Fix:
    node = case.cluster.name(row)
    cuts = [event for event in events if isinstance(event, Repartitioned)]
    gpus = [str(cut.gpu) for cut in cuts]
    which = f"GPU {gpus[0]}" if len(gpus) == 1 else f"GPUs {', '.join(gpus[:8])}"
    text = f"repartition idle {which} of {name(node)} as {sharing_words(cuts[0].sharing)}"
    return Fix(FixKind.REPARTITION, text, node, tuple(events))


def sharing_words(sharing: Sharing) -> str:
    """Return a way to share a GPU in words."""
    if isinstance(sharing, Mig):
        if sharing.layout is None:
            return "MIG with instances as asked"
        return "MIG " + "+".join(profile for _, profile in sharing.layout)
    return {
        "Ungoverned": "plain shares",
        "Exclusive": "one pod a GPU",
        "Mps": "MPS",
        "TimeSlicing": "time slices",
        "Hami": "HAMi",
    }[type(sharing).__name__]
