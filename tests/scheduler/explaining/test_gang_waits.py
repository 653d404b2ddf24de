"""Waits of gangs that no member's first wish by itself would show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    Operator,
    PodTerm,
    Selector,
    Spread,
)
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining import FixKind, explain_gang
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import DeviceRequest, GpuShare, Request, WholeGpus

from .support import A100, engine_of, node, run, share, whole


def waits_until(engine: Engine, *members: Request) -> float | None:
    named = tuple(member._replace(gang="g") for member in members)
    found = explain_gang(engine, Gang("g", (Role("r", named),)), 0.0)
    assert not found.starts
    return next((fix.at_s for fix in found.fixes if fix.kind is FixKind.WAIT), None)


def sharers(n: int) -> list[Request]:
    """Pods that wish for a share of an A100 each, or else for a whole GPU of any model."""
    wish = DeviceRequest(
        GpuShare(600, 4_000), ("A100-80GB",), alternatives=(DeviceRequest(WholeGpus(1)),)
    )
    return [Request(f"m{i}", devices=(wish,)) for i in range(n)]


def test_a_member_waits_for_its_second_wish() -> None:
    engine = engine_of(node("n0", 1), node("n1", 1, **A100))
    run(engine, whole("a"), "n0", 20.0)
    run(engine, whole("b"), "n1")
    assert waits_until(engine, *sharers(1)) == 20.0


def test_members_of_one_kind_wait_for_wishes_that_differ() -> None:
    engine = engine_of(node("n0", 1), node("n1", 1, **A100))
    run(engine, whole("a"), "n0", 20.0)
    run(engine, whole("b"), "n1", 10.0)
    assert waits_until(engine, *sharers(2)) == 20.0


def test_a_member_waits_for_more_wishes_than_are_looked_at_closely() -> None:
    engine = engine_of(node("n0", 1))
    run(engine, whole("a"), "n0", 20.0)
    others = tuple(DeviceRequest(WholeGpus(1), (f"M{i}",)) for i in range(9))
    wish = replace(others[0], alternatives=(*others[1:], DeviceRequest(WholeGpus(1))))
    assert waits_until(engine, Request("m0", devices=(wish,))) == 20.0


def test_members_of_more_kinds_than_are_looked_at_closely_wait() -> None:
    zone = (("zone", "a"),)
    engine = engine_of(node("n0", 1), node("n1", 0, labels=zone))
    run(engine, whole("a"), "n0", 20.0)
    members = [Request(f"m{i}", 100 + i, node_labels=zone) for i in range(9)]
    assert waits_until(engine, *members, whole("m9")) == 20.0


def test_a_member_waits_with_the_one_that_it_must_be_near() -> None:
    engine = engine_of(*(node(f"n{i}", i, labels=(("zone", f"{i}"),)) for i in (1, 2)))
    run(engine, whole("a"), "n1", 10.0)
    run(engine, whole("b", 2), "n2", 20.0)
    near = PodTerm("zone", Selector((Expression("app", Operator.IN, ("db",)),)))
    db = whole("m0", constraints=Constraints(labels=(("app", "db"),)))
    web = whole("m1", constraints=Constraints(pod_affinity=(near,)))
    assert waits_until(engine, db, web) == 20.0


@pytest.mark.parametrize("end_s", [10.0, 30.0])
def test_members_go_elsewhere_once_the_users_of_their_claim_have_left(end_s: float) -> None:
    engine = engine_of(node("n0", 1), node("n1", 1))
    claimed = DeviceRequest(WholeGpus(1), claim="c")
    run(engine, Request("a", 100, devices=(claimed,)), "n0", end_s)
    run(engine, Request("rest", 9_500), "n0")
    run(engine, share("b", 500), "n1", 20.0)
    members = [Request(f"m{i}", 1_000, devices=(claimed,)) for i in range(2)]
    assert waits_until(engine, *members) == max(end_s, 20.0)


def test_members_that_share_a_new_claim_wait_for_one_gpu() -> None:
    engine = engine_of(node("n0", 1))
    run(engine, share("b", 500), "n0", 20.0)
    claimed = DeviceRequest(WholeGpus(1), claim="c")
    assert waits_until(engine, *(Request(f"m{i}", devices=(claimed,)) for i in range(2))) == 20.0


def test_a_member_waits_for_a_pod_of_another_node_that_keeps_it_off() -> None:
    zone = ("zone", "a")
    engine = engine_of(node("n0", 1, labels=(zone,)), node("n1", 0, labels=(zone,)))
    apart = PodTerm("zone", Selector((Expression("app", Operator.IN, ("x",)),)))
    app = Constraints(labels=(("app", "x"),), pod_anti_affinity=(apart,))
    run(engine, Request("a", constraints=app), "n1", 20.0)
    assert waits_until(engine, whole("m0", constraints=app)) == 20.0


def test_members_wait_for_a_pod_of_another_node_over_which_they_spread() -> None:
    near, far = (("zone", "1"),), (("zone", "2"),)
    engine = engine_of(
        node("n0", 0, labels=near), node("n1", 0, labels=far), node("n2", 2, labels=near)
    )
    even = Spread(2, "zone", Selector((Expression("app", Operator.IN, ("x",)),)))
    app = Constraints(labels=(("app", "x"),), spread=(even,))
    run(engine, Request("a", constraints=app), "n0", 20.0)
    assert waits_until(engine, whole("m0", constraints=app), whole("m1", constraints=app)) == 20.0
