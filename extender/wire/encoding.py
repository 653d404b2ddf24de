"""Writes the replies to calls, in Go's case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from bayplan.extender.names import Around
from bayplan.extender.verbs import FilterAnswer, Scores, Why
from bayplan.extender.wire.decoding import Candidates
from bayplan.extender.wire.types import (
    MAX_SCORE,
    MIN_SCORE,
    BindingResult,
    MetaPod,
    MetaVictims,
    NodeListOut,
    PreemptionResult,
)

_encode = msgspec.json.Encoder().encode
NO_PRIORITIES = b"[]"
"""``HostPriorityList`` of no node."""
_FILTERED = (
    b'{"Nodes":%b,"NodeNames":%b,"FailedNodes":%b,"FailedAndUnresolvableNodes":%b,"Error":%b}'
)
_NULL, _NOTHING = b"null", b"{}"
_LEFT_OUT = (b"", b"")
_SCORES = Around(
    [(b'{"Host":"', b'","Score":%d},' % score) for score in range(MIN_SCORE, MAX_SCORE + 1)]
)


def filter_reply(answer: FilterAnswer, asked: Candidates) -> bytes:
    """Return ``ExtenderFilterResult``, with candidates in the form that they came in.

    Parameters
    ----------
    answer
        What filter says.
    asked
        What it was asked.
    """
    if answer.error:
        return filter_error(answer.error)
    nodes, names = _NULL, _NULL
    passing, failing, lasting = _around(answer.whys)
    if asked.nodes is None:
        names = b"[%b]" % answer.names.within(answer.codes, passing)[:-1]
    else:
        nodes = _encode(NodeListOut([asked.nodes[name] for name in answer.passed]))
    failed, unresolvable = (
        b"{%b}" % answer.names.within(answer.codes, around)[:-1] if around else _NOTHING
        for around in (failing, lasting)
    )
    return _FILTERED % (nodes, names, failed, unresolvable, b'""')


def filter_error(text: str) -> bytes:
    """Return ``ExtenderFilterResult`` of a call that failed: the pod is tried again later.

    Parameters
    ----------
    text
        Why.
    """
    return _FILTERED % (_NULL, _NULL, _NOTHING, _NOTHING, _told(text))


def priorities_reply(scores: Scores) -> bytes:
    """Return ``HostPriorityList``.

    Parameters
    ----------
    scores
        The scores, from 0 to 10.

    Raises
    ------
    ValueError
        A score is outside: kube-scheduler would add it to the others as it is.
    """
    points = scores.points
    if points.size and not MIN_SCORE <= points.min() <= points.max() <= MAX_SCORE:
        raise ValueError(f"scores are whole numbers from {MIN_SCORE} to {MAX_SCORE}")
    return b"[%b]" % scores.names.within(points - MIN_SCORE, _SCORES)[:-1]


def binding_reply(error: str) -> bytes:
    """Return ``ExtenderBindingResult``.

    Parameters
    ----------
    error
        Why the pod is not bound; empty if it is.
    """
    return _encode(BindingResult(_worded(error)))


def preemption_reply(victims: Mapping[str, tuple[Sequence[str], int]]) -> bytes:
    """Return ``ExtenderPreemptionResult``; nodes that are not in it are no candidates any more.

    Parameters
    ----------
    victims
        By node the UIDs of the victims, and how many budgets evicting them violates.
    """
    return _encode(
        PreemptionResult(
            {
                node: MetaVictims([MetaPod(uid) for uid in uids], violated)
                for node, (uids, violated) in victims.items()
            }
        )
    )


def _told(text: str) -> bytes:
    """Return a text as JSON that kube-scheduler writes into an Event."""
    return _encode(_worded(text))


def _worded(text: str) -> str:
    """Return a text without percent signs: kube-scheduler takes it for a format of Go's."""
    return text.replace(" %", "%").replace("%", " percent")


@lru_cache(maxsize=256)
def _around(whys: tuple[Why, ...]) -> tuple[Around, Around | None, Around | None]:
    """Return what stands around names that pass, that fail, and that always will, by code."""
    behind = [b'":%b,' % _told(why.text) for why in whys]
    chosen = [
        [(b'"', text) if why.lasting is lasting else _LEFT_OUT
         for why, text in zip(whys, behind, strict=True)]
        for lasting in (False, True)
    ]  # fmt: skip
    passing = Around([(b'"', b'",'), *[_LEFT_OUT] * len(whys)])
    failing, lasting = (
        Around([_LEFT_OUT, *pairs]) if any(tail for _, tail in pairs) else None for pairs in chosen
    )
    return passing, failing, lasting
