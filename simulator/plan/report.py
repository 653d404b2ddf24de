"""A plan as JSON (``bayplan.plan/1``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayplan.scheduler.explaining import Explanation, Fix, GangExplanation, Miss
from bayplan.scheduler.types import ANONYMOUS, Grant, Placement, Reason, Request
from bayplan.simulator.plan.results import Plan, Waiting
from bayplan.traces.kubernetes import Problem

SCHEMA = "bayplan.plan/1"


def as_json(plan: Plan, problems: Sequence[Problem], settings: Mapping[str, str]) -> str:
    """Return a plan, an entry a line: the same plan gives the same bytes.

    ``gpus`` are indices on the node, in order; null where the device plugin picks.

    Parameters
    ----------
    plan
        The plan.
    problems
        What could not be used.
    settings
        Names of the policies that made it.
    """
    head = {
        "schema": SCHEMA,
        **settings,
        "cluster": {
            "nodes": plan.nodes,
            "closed_nodes": plan.closed,
            "gpus": plan.gpus,
            "gpu_parts": plan.parts,
            "bound": plan.bound,
            "free_milli": plan.before,
            "free_milli_after": plan.after,
        },
    }
    placed = [
        {
            "pod": each.request.uid,
            "node": each.placement.node,
            "gpus": gpus_of(each.placement),
            "devices": _devices(each.placement),
            "gang": each.gang,
            "priority": each.request.priority,
            "queue": each.request.queue,
            "evicts": each.evicts,
            "not_looked_at": each.unmodelled,
        }
        for each in plan.placed
    ]
    evicted = [
        {
            "pod": each.request.uid,
            "node": each.node,
            "priority": each.request.priority,
            "queue": each.request.queue,
            "by": each.by,
            "cause": each.cause.value,
            "over_budget": each.over_budget,
        }
        for each in plan.evicted
    ]
    waiting = list(map(_waiting, plan.waiting))
    found = [
        {"kind": p.kind, "name": p.name, "field": p.field, "problem": p.text} for p in problems
    ]
    parts = (("placed", placed), ("evicted", evicted), ("waiting", waiting), ("problems", found))
    lists = ",\n".join(f'"{name}":{_lines(entries)}' for name, entries in parts)
    return f"{_dumps(head)[:-1]},\n{lists}}}\n"


def gpus_of(placement: Placement) -> list[int | None]:
    """Return the indices of the GPUs of a placement; None for one that the device plugin picks.

    Parameters
    ----------
    placement
        The placement.
    """
    slots = [grant.slot.gpu for grants in placement.grants for grant in grants]
    return [None if gpu == ANONYMOUS else gpu for gpu in sorted(slots)]


def n_gpus(request: Request) -> int:
    """Return how many GPUs or instances a pod asks for.

    Parameters
    ----------
    request
        The pod.
    """
    return sum(device.ask.count for device in request.devices)


def _devices(placement: Placement) -> list[dict[str, Any]]:
    """Return what each device request of a pod is given, and which of its wishes that is."""
    return [
        {"chosen": chosen, "slots": [_slot(grant) for grant in grants]}
        for chosen, grants in zip(placement.chosen, placement.grants, strict=True)
    ]


def _slot(grant: Grant) -> dict[str, Any]:
    slot = grant.slot
    found: dict[str, Any] = {
        "gpu": None if slot.gpu == ANONYMOUS else slot.gpu,
        "milli": grant.milli,
        "memory_mib": grant.memory_mib,
    }
    if slot.size:
        found |= {"profile": slot.profile, "start": slot.start, "size": slot.size}
    return found


def _waiting(each: Waiting) -> dict[str, Any]:
    details, reasons = each.details, each.reasons
    first_left = details.first_left if isinstance(details, GangExplanation) else ""
    if isinstance(details, GangExplanation) and details.why_left is not None:
        reasons = details.why_left.reasons
    return {
        "pod": each.request.uid,
        "gang": each.gang,
        "priority": each.request.priority,
        "queue": each.request.queue,
        "why": each.why,
        "lacks_room": each.lacks_room,
        "first_left": first_left,
        "reasons": [_reason(reason, n) for reason, n in reasons],
        "nearest": _nearest(details.nearest if isinstance(details, Explanation) else None),
        "fixes": [_fix(fix) for fix in details.fixes] if details else [],
        "explanation": each.text.splitlines(),
    }


def _reason(reason: Reason, n: int) -> dict[str, Any]:
    return {"reason": reason.name, "text": reason.text, "nodes": n}


def _nearest(miss: Miss | None) -> dict[str, Any] | None:
    if miss is None:
        return None
    return {
        "node": miss.node,
        "reason": miss.reason.name,
        "lacks": [
            {
                "what": lack.what,
                "asked": lack.asked,
                "free": lack.free,
                "gpu": lack.gpu if lack.gpu >= 0 else None,
            }
            for lack in miss.lacks
        ],
        "enough": miss.enough,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "kind": fix.kind.name,
        "text": fix.text,
        "node": fix.node,
        "pods": fix.uids,
        "nodes_added": fix.n_nodes,
        "moves": [{"pod": m.uid, "from": m.source, "to": m.target} for m in fix.moves],
        "at_s": fix.at_s,
    }


def _lines(entries: Iterable[object]) -> str:
    lines = ",\n".join(map(_dumps, entries))
    return f"[\n{lines}\n]" if lines else "[]"


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
