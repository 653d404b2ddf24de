"""Why a pod waits, in one line: as kube-scheduler words it, counted by reason."""

from __future__ import annotations

from bayplan.extender.verbs import FilterAnswer

MOST = 1000
"""Characters: an Event's note may have 1,024 (``events.k8s.io/v1``)."""


def summary(answer: FilterAnswer) -> str:
    """Return the reasons of a call that found no node, the most common first."""
    if answer.error:
        return answer.error[:MOST]
    counts = answer.counts()
    n = sum(k for _, k in counts)
    if not n:
        return "there was no node to choose from"
    nodes = "1 node" if n == 1 else f"{n:,} nodes"
    ordered = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    if len(ordered) == 1:
        return f"{nodes}: {ordered[0][0]}"[:MOST]
    parts = "; ".join(f"{k:,} × {text}" for text, k in ordered)
    return f"{nodes}: {parts}"[:MOST]
