"""Writes the replies to calls, in Go's case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import starmap
from operator import itemgetter

import msgspec

from bayplan.extender.verbs import FilterAnswer
from bayplan.extender.wire.decoding import Candidates
from bayplan.extender.wire.types import (
    MAX_SCORE,
    MIN_SCORE,
    BindingResult,
    FilterResult,
    HostPriority,
    MetaPod,
    MetaVictims,
    NodeListOut,
    PreemptionResult,
)

_encode = msgspec.json.Encoder().encode
_score = itemgetter(1)


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
    nodes, names = None, None
    if asked.nodes is None:
        names = answer.passed
    else:
        nodes = NodeListOut([asked.nodes[name] for name in answer.passed])
    return _encode(FilterResult(nodes, names, answer.failed, answer.unresolvable, ""))


def filter_error(text: str) -> bytes:
    """Return ``ExtenderFilterResult`` of a call that failed: the pod is tried again later.

    Parameters
    ----------
    text
        Why.
    """
    return _encode(FilterResult(None, None, {}, {}, text))


def priorities_reply(scores: Sequence[tuple[str, int]]) -> bytes:
    """Return ``HostPriorityList``.

    Parameters
    ----------
    scores
        Node and score, from 0 to 10.

    Raises
    ------
    ValueError
        A score is outside: kube-scheduler would add it to the others as it is.
    """
    if not {*map(_score, scores)} <= _SCORES:
        raise ValueError(f"scores are whole numbers from {MIN_SCORE} to {MAX_SCORE}")
    return _encode([*starmap(HostPriority, scores)])


def binding_reply(error: str) -> bytes:
    """Return ``ExtenderBindingResult``.

    Parameters
    ----------
    error
        Why the pod is not bound; empty if it is.
    """
    return _encode(BindingResult(error))


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


_SCORES = frozenset(range(MIN_SCORE, MAX_SCORE + 1))
