"""What the Trace Event Format asks of a file, as far as viewers rely on it.

After Chromium's document of that name: metadata, complete, and counter events in the JSON object
format. Everything that breaks a rule is returned, a line each.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

NAMED = {
    "process_name": "name",
    "thread_name": "name",
    "process_sort_index": "sort_index",
    "thread_sort_index": "sort_index",
}
LARGEST = 2**53

Event = dict[str, Any]


def problems(text: str | bytes) -> list[str]:
    """Return what is wrong with a file."""
    trace = json.loads(text, parse_constant=lambda name: f"no JSON: {name}")
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list):
        return ["no list of traceEvents"]
    if trace.get("displayTimeUnit") not in (None, "ms", "ns"):
        return ["displayTimeUnit is neither ms nor ns"]
    events = trace["traceEvents"]
    wrong = [f"event {i}: {said}" for i, event in enumerate(events) for said in _event(event)]
    return wrong or [*_names(events), *_tracks(events)]


def complete(text: str | bytes) -> list[Event]:
    """Return the complete events of a file."""
    return [event for event in json.loads(text)["traceEvents"] if event["ph"] == "X"]


def _event(event: Any) -> Iterator[str]:
    if not isinstance(event, dict):
        yield "no object"
        return
    for key in ("name", "ph"):
        if not isinstance(event.get(key), str) or not event[key]:
            yield f"{key} is no text"
    for key in ("pid", "tid"):
        if type(event.get(key)) is not int or event[key] < 0:
            yield f"{key} is no number"
    if not isinstance(event.get("args", {}), dict):
        yield "args is no object"
    else:
        yield from _phase(event)


def _phase(event: Event) -> Iterator[str]:
    match event.get("ph"):
        case "M":
            yield from _metadata(event)
        case "X":
            yield from _times(event, "ts", "dur")
        case "C":
            yield from _times(event, "ts")
            values = event.get("args", {}).values()
            if not values or not all(type(value) in (int, float) for value in values):
                yield "a counter without numbers"
        case _:
            yield f"phase {event.get('ph')!r}"


def _times(event: Event, *keys: str) -> Iterator[str]:
    for key in keys:
        if type(event.get(key)) is not int or not 0 <= event[key] <= LARGEST:
            yield f"{key} is no number of microseconds"


def _metadata(event: Event) -> Iterator[str]:
    wanted = NAMED.get(event["name"])
    if wanted is None:
        yield f"metadata {event['name']!r}"
    elif type(event.get("args", {}).get(wanted)) is not (str if wanted == "name" else int):
        yield f"{event['name']} without args.{wanted}"


def _names(events: list[Event]) -> Iterator[str]:
    """Yield processes and threads that do not have exactly one name."""
    said = {key: Counter[Any]() for key in NAMED}
    for event in events:
        if event["ph"] == "M":
            of = event["pid"] if "process" in event["name"] else (event["pid"], event["tid"])
            said[event["name"]][of] += 1
    used = {
        "process": {event["pid"] for event in events},
        "thread": {(event["pid"], event["tid"]) for event in events if event["ph"] == "X"},
    }
    for what, all_of_it in used.items():
        for of in sorted(all_of_it):
            for key in (f"{what}_name", f"{what}_sort_index"):
                if said[key][of] != 1:
                    yield f"{what} {of} has {said[key][of]} of {key}"


def _tracks(events: list[Event]) -> Iterator[str]:
    """Yield complete events that begin within another one and end after it."""
    tracks: dict[tuple[int, int], list[Event]] = {}
    for event in events:
        if event["ph"] == "X":
            tracks.setdefault((event["pid"], event["tid"]), []).append(event)
    for track, members in tracks.items():
        open_until: list[int] = []
        for event in sorted(members, key=lambda each: (each["ts"], -each["dur"])):
            while open_until and open_until[-1] <= event["ts"]:
                open_until.pop()
            end = event["ts"] + event["dur"]
            if open_until and end > open_until[-1]:
                yield f"{event['name']!r} overlaps another on track {track}"
            open_until.append(end)
