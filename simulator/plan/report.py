"""A plan as JSON (``bayplan.plan/1``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from bayplan.scheduler.types import ANONYMOUS, Placement, Request
from bayplan.simulator.plan.results import Plan
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
            "gpus": plan.gpus,
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
        }
        for each in plan.evicted
    ]
    waiting = [
        {
            "pod": each.request.uid,
            "gang": each.gang,
            "priority": each.request.priority,
            "queue": each.request.queue,
            "why": each.why,
            "reasons": [{"reason": r.name, "text": r.text, "nodes": n} for r, n in each.reasons],
            "explanation": each.text.splitlines(),
        }
        for each in plan.waiting
    ]
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


def _lines(entries: Iterable[object]) -> str:
    lines = ",\n".join(map(_dumps, entries))
    return f"[\n{lines}\n]" if lines else "[]"


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
