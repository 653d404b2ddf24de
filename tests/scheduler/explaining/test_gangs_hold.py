"""What is said of gangs holds: every fix, and that fewer nodes would not do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Gone
from bayplan.scheduler.explaining import Fix, FixKind, explain_gang
from bayplan.scheduler.explaining.gang_case import starts
from bayplan.scheduler.gangs.types import Gang, GangPlan, Role, Segment, Spread
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.types import Topology, TopologyLevel

from .support import check_text, pods, state_of, worlds

NOW = 8.0
RACK, ZONE = TopologyLevel.RACK, TopologyLevel.ZONE


def plan_after(engine: Engine, gang: Gang, fix: Fix) -> GangPlan:
    copy = engine.cluster.copy()
    for event in fix.events:
        copy.apply(event)
    copy.check()
    return Engine(copy, BestFit()).decide_gang(fix.gang or gang, NOW)


@st.composite
def gangs(draw: st.DrawFn) -> Gang:
    """Members of one or two kinds, with a wish or two."""
    roles = []
    for number in range(draw(st.sampled_from([1, 1, 2]))):
        like = draw(pods("m"))
        devices = tuple(replace(device, claim="") for device in like.devices)
        members = tuple(
            like._replace(uid=f"m{number}-{i}", devices=devices, gang="g")
            for i in range(draw(st.integers(1, 4)))
        )
        least = draw(st.sampled_from([None, None, 1]))
        roles.append(Role(f"r{number}", members, least))
    wish = st.builds(Topology, st.sampled_from([RACK, ZONE]), st.booleans())
    topology = draw(st.sampled_from([(), (), (draw(wish),)]))
    spread = draw(st.sampled_from([None, None, Spread(TopologyLevel.NODE, 1)]))
    segment = draw(st.sampled_from([None, None, Segment(2, TopologyLevel.NODE)]))
    return Gang("g", tuple(roles), topology, segment, spread)


@pytest.mark.promise("explain's fixes hold")
@given(worlds(racks=True), gangs())
def test_every_fix_holds_when_applied(engine: Engine, gang: Gang) -> None:
    before = state_of(engine.cluster)
    found = explain_gang(engine, gang, NOW, max_fixes=100)
    assert state_of(engine.cluster) == before
    check_text(found.text)
    assert found.starts == starts(engine.decide_gang(gang, NOW))
    assert [fix.kind for fix in found.fixes] == sorted(fix.kind for fix in found.fixes)
    for fix in found.fixes:
        assert starts(plan_after(engine, gang, fix)), fix
        if fix.kind is FixKind.ADD:
            fewer = replace(fix, events=fix.events[:-1])
            assert not starts(plan_after(engine, gang, fewer))
        if fix.kind is FixKind.WAIT:
            earlier = replace(fix, events=fix.events[:-1])
            assert not starts(plan_after(engine, gang, earlier))


@pytest.mark.promise("explain's fixes hold")
@settings(max_examples=-(-settings().max_examples // 2))
@given(worlds(racks=True), gangs())
def test_the_wait_is_the_earliest_of_all_expected_ends(engine: Engine, gang: Gang) -> None:
    found = explain_gang(engine, gang, NOW, max_fixes=100)
    if found.starts:
        return
    fix = next((fix for fix in found.fixes if fix.kind is FixKind.WAIT), None)
    assert (fix.at_s if fix else None) == earliest(engine, gang)


def earliest(engine: Engine, gang: Gang) -> float | None:
    """By trying: pods end one after the other until the gang starts."""
    ends = sorted(
        (pod.expected_end_s, uid)
        for uid, pod in engine.cluster.pods.items()
        if pod.expected_end_s is not None
    )
    copy = engine.cluster.copy()
    twin = Engine(copy, BestFit())
    for end_s, uid in ends:
        copy.apply(Gone(uid))
        if starts(twin.decide_gang(gang, NOW)):
            return max(end_s, NOW)
    return None
