"""Valid bodies with one thing wrong: whatever it is, a call is answered, and does no harm.

``python tests/extender_fuzz.py --examples 100000`` (with ``PYTHONPATH=src``) tries as many as one
likes; the suite tries a few. Seeded: an example is made by its number alone.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from bayplan.extender.http.app import App
from extender_bodies import (
    BINDING,
    META_PREEMPTION,
    NAMES,
    PREEMPTION,
    WHOLE,
    Recorder,
    Replied,
    app_of,
    asked,
    encoded,
)

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("filter", NAMES),
    ("filter", WHOLE),
    ("prioritize", NAMES),
    ("prioritize", WHOLE),
    ("bind", BINDING),
    ("preempt", PREEMPTION),
    ("preempt", META_PREEMPTION),
)
RESULT = {"Nodes", "NodeNames", "FailedNodes", "FailedAndUnresolvableNodes", "Error"}

Draw = random.Random


def nested(draw: Draw) -> Any:
    thing: Any = 1
    for _ in range(draw.choice((3, 50, 300))):
        thing = [thing] if draw.random() < 0.5 else {"a": thing}
    return thing


VALUES: tuple[Callable[[Draw], Any], ...] = (
    lambda draw: None,
    lambda draw: draw.random() < 0.5,
    lambda draw: draw.choice((0, 1, -1, 11, 2**31, 2**63, -(2**64), 10**40)),
    lambda draw: draw.choice((0.5, -0.0, 1e300, 3.0)),
    lambda draw: draw.choice(("", " ", "n1", "x" * 5000, "é\u2028\x00", "a/b", "1e9Gi")),
    lambda draw: draw.choice(([], [None], [[]], ["n1", 2], [{}])),
    lambda draw: draw.choice(({}, {"a": None}, {"metadata": {}}, {"metadata": {"name": 1}})),
    nested,
)  # fmt: skip


def places(thing: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of everything inside."""
    keys = thing.items() if isinstance(thing, dict) else enumerate(thing)
    found = []
    for key, value in keys:
        found.append((thing, key))
        if isinstance(value, (dict, list)):
            found += places(value)
    return found


def mutated(body: dict[str, Any], draw: Draw) -> bytes:
    """Return a body with one field changed, or with one thing wrong in its bytes."""
    if draw.random() < 0.2:
        return garbled(encoded(body), draw)
    body = copy.deepcopy(body)
    container, key = draw.choice(places(body))
    how = draw.randrange(4)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, dict):
        container[draw.choice((key.swapcase(), key.lower(), key + "x"))] = container.pop(key)
    elif how == 2 and isinstance(container, list):
        container.append(copy.deepcopy(container[key]))
    else:
        container[key] = draw.choice(VALUES)(draw)
    return encoded(body)


def garbled(data: bytes, draw: Draw) -> bytes:
    at = draw.randrange(len(data))
    return draw.choice(
        (
            data[:at],
            data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :],
            data[:at] + bytes([draw.randrange(256)]) + data[at:],
            data[:at] + data[at + 1 :],
            data + data,
            data.replace(b"n1", draw.choice((b"\\ud800", b"\xed\xa0\x80", b"\xc0\xaf", b"\\u12"))),
            data[:at] + b"[" * 5000 + data[at:],
        )
    )


async def one(number: int, app: App, verbs: Recorder) -> str:
    """Try an example on an application; return what became of it.

    Raises
    ------
    AssertionError
        A promise is broken.
    """
    draw = random.Random(number)
    verb, body = draw.choice(CALLS)
    data = mutated(body, draw)
    verbs.asked, verbs.bound = [], []
    reply = await asked(app, f"/scheduler/{verb}", data)
    said = check(verb, reply, verbs)
    return f"{verb} {reply.status}{said}"


def check(verb: str, reply: Replied, verbs: Recorder) -> str:
    assert b"Traceback" not in reply.body
    assert reply.headers[b"content-type"] == b"application/json"
    said = json.loads(reply.body.decode())
    assert reply.status in (200, 400), reply
    if reply.status == 400:
        assert said.keys() == {"Error"}
        assert said["Error"]
        assert verbs.asked == []
        return ""
    if verb == "prioritize":
        assert all(each.keys() == {"Host", "Score"} for each in said)
        assert all(type(each["Score"]) is int and 0 <= each["Score"] <= 10 for each in said)
        return ""
    if verb == "preempt":
        assert said.keys() == {"NodeNameToMetaVictims"}
        return "" if said["NodeNameToMetaVictims"] else " nobody"
    error = said["Error"]
    assert not error.startswith("internal error"), reply
    if verb == "filter":
        assert said.keys() == RESULT
        assert (said["Nodes"] is None) or (said["NodeNames"] is None)
    done = bool(verbs.bound)
    assert done == (verb == "bind" and not error)
    return " refused" if error else ""


async def many(first: int, count: int) -> Counter[str]:
    """Try examples one after the other.

    Raises
    ------
    AssertionError
        A promise is broken; the message names the example.
    """
    verbs = Recorder()
    verbs.failed, verbs.unresolvable = {"n2": "full"}, {"n3": "small"}
    app = app_of(verbs)
    outcomes: Counter[str] = Counter()
    for number in range(first, first + count):
        try:
            outcomes[await one(number, app, verbs)] += 1
        except Exception as error:
            raise AssertionError(f"example {number}") from error
    return outcomes


class _Loud(logging.Handler):
    """An error in the log is a verb that fell over: none of these bodies may do that."""

    def emit(self, record: logging.LogRecord) -> None:
        raise AssertionError(record.getMessage()) from (record.exc_info or (0, None))[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    handler = _Loud(logging.ERROR)
    logging.getLogger().addHandler(handler)
    start = time.perf_counter()
    outcomes = asyncio.run(many(options.first, options.examples))
    for what, count in sorted(outcomes.items()):
        print(f"{what:20} {count}")
    print(f"{outcomes.total()} examples, {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
