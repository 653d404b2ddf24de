"""A few of the examples of ``extender_fuzz``; run that file for as many as you like."""

from __future__ import annotations

import asyncio
import random

import pytest

from extender_bodies import NAMES, Recorder, Replied, encoded
from extender_fuzz import check, many, mutated


def test_a_body_with_one_thing_wrong_is_answered_and_does_no_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes = asyncio.run(many(0, 3000))
    assert outcomes.total() == 3000
    assert caplog.records == []
    # Each kind of answer has come, so that the checks of each were made.
    kinds = {"filter 200", "filter 200 refused", "filter 400", "prioritize 200", "prioritize 400"}
    kinds |= {"bind 200", "bind 200 refused", "bind 400"}
    kinds |= {"preempt 200", "preempt 200 nobody", "preempt 400"}
    assert kinds == outcomes.keys()


def test_examples_are_made_by_their_number() -> None:
    first, second = (mutated(NAMES, random.Random(7)) for _ in range(2))
    assert first == second != encoded(NAMES)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"oh"),
        (400, b'{"Error":""}'),
        (500, b'{"Error":"oh"}'),
        (200, b'{"Error":"internal error, see the log by id 1"}'),
        (200, b'{"Error":"Traceback (most recent call last)"}'),
    ],
)
def test_the_checks_see_a_bad_reply(status: int, body: bytes) -> None:
    reply = Replied(status, {b"content-type": b"application/json"}, body)
    with pytest.raises((AssertionError, ValueError)):
        check("bind", reply, Recorder())


def test_the_checks_see_a_pod_that_is_bound_by_a_refused_call() -> None:
    verbs = Recorder()
    verbs.bound.append(("u-1", "n1"))
    reply = Replied(200, {b"content-type": b"application/json"}, b'{"Error":"no"}')
    with pytest.raises(AssertionError):
        check("bind", reply, verbs)
