"""Every fix that is offered holds when it is applied, and asking changes nothing."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining import Effort, Explanation, Fix, FixKind, explain_pod
from bayplan.scheduler.preemption.types import Guards
from bayplan.scheduler.types import Request

from .support import after, check_text, pods, state_of, worlds

NOW = 8.0
ALL = 100


def find(found: Explanation, kind: FixKind) -> Fix | None:
    return next((fix for fix in found.fixes if fix.kind is kind), None)


@pytest.mark.promise("explain's fixes hold")
@given(worlds(), pods("new"), st.randoms(use_true_random=False), st.booleans())
def test_every_fix_holds_when_applied(
    engine: Engine, request: Request, rng: Random, masked: bool
) -> None:
    cluster = engine.cluster
    nodes = None
    if masked:
        nodes = np.array([rng.random() < 0.6 for _ in range(cluster.view.n_rows)], np.bool_)
    guards = Guards({"b": rng.choice([0, 1])}, min_run_s=rng.choice([0.0, 5.0]))
    before = state_of(cluster)
    found = explain_pod(engine, request, NOW, guards=guards, nodes=nodes, max_fixes=ALL)
    assert state_of(cluster) == before
    check_text(found.text)
    assert (found.placement is None) == (engine.decide(request, NOW, nodes).placement is None)
    assert [fix.kind for fix in found.fixes] == sorted(fix.kind for fix in found.fixes)
    for fix in found.fixes:
        decision = after(engine, request, fix, nodes)
        assert decision.placement is not None, fix
        assert decision.placement.node == fix.node


@pytest.mark.promise("explain's fixes hold")
@given(worlds(), pods("new"))
def test_the_wait_is_the_earliest_of_all_expected_ends(engine: Engine, request: Request) -> None:
    found = explain_pod(engine, request, NOW, max_fixes=ALL)
    if found.placement is not None:
        return
    fix = find(found, FixKind.WAIT)
    assert (fix.at_s if fix else None) == earliest(engine, request)


def earliest(engine: Engine, request: Request) -> float | None:
    """By trying: pods end one after the other until the request fits."""
    ends = sorted(
        (pod.expected_end_s, uid)
        for uid, pod in engine.cluster.pods.items()
        if pod.expected_end_s is not None
    )
    copy = engine.cluster.copy()
    twin = Engine(copy, engine.policy)
    for end_s, uid in ends:
        copy.apply(Gone(uid))
        if twin.decide(request, NOW).placement is not None:
            return max(end_s, NOW)
    return None


@settings(max_examples=-(-settings().max_examples // 4))
@given(worlds(), pods("new"))
def test_answers_repeat(engine: Engine, request: Request) -> None:
    first = explain_pod(engine, request, NOW, max_fixes=ALL)
    assert explain_pod(engine, request, NOW, max_fixes=ALL) == first
    assert (
        explain_pod(Engine(engine.cluster.copy(), engine.policy), request, NOW, max_fixes=ALL)
        == first
    )


@pytest.mark.promise("explain's fixes hold")
@settings(max_examples=-(-settings().max_examples // 4))
@given(worlds(), pods("new"))
def test_a_small_effort_finds_less_and_lies_never(engine: Engine, request: Request) -> None:
    small = Effort(rows=1, moves=1, tries=1, checks=1, ends=2, add=1)
    found = explain_pod(engine, request, NOW, max_fixes=2, effort=small)
    assert len(found.fixes) <= 2
    for fix in found.fixes:
        assert after(engine, request, fix).placement is not None
