"""Queues from plain dicts, in the shape of TOML and JSON files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import ROOT, Queue

AMOUNTS = ("guaranteed", "limit", "lending_limit")
FIELDS = ("parent", *AMOUNTS, "weight")


def read_queues(data: Mapping[str, Any]) -> QueueTree:
    """Return the queues of ``{"queues": {NAME: {FIELD: ...}}}``.

    Raises
    ------
    InputError
        Another shape, a field that does not exist, or what ``QueueTree`` refuses.
    """
    for key in data:
        if key != "queues":
            raise InputError(f"{key!r} is not known here", fix="put queues under [queues.NAME]")
    queues = _mapping(data.get("queues", {}), "queues", "[queues.NAME]")
    return QueueTree([_queue(name, queues[name]) for name in queues])


def _queue(name: str, data: object) -> Queue:
    fields = _mapping(data, f"queue {name}", f"[queues.{name}]")
    for key in fields:
        if key not in FIELDS:
            raise InputError(
                f"queue {name}: there is no field {key!r}", fix=f"known are {', '.join(FIELDS)}"
            )
    parent, weight = fields.get("parent", ROOT), fields.get("weight", 1.0)
    if not isinstance(parent, str):
        raise InputError(f"queue {name}: parent is {parent!r}", fix="give the name of a queue")
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise InputError(f"queue {name}: weight is {weight!r}", fix="give a number")
    # A whole number may be too large for a float; as itself it is refused like any other.
    weight = float(weight) if isinstance(weight, float) or abs(weight) < 2**53 else weight
    guaranteed, limit, lending = (
        dict(_mapping(fields.get(what, {}), f"queue {name}: {what}", f"{what} = {{ gpu = 8000 }}"))
        for what in AMOUNTS
    )
    return Queue(name, parent, guaranteed, limit, weight, lending)


def _mapping(data: object, what: str, shape: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InputError(f"{what} is {data!r}, not a table", fix=f"write {shape}")
    return data
