"""Holds: room that is kept until a time."""

from __future__ import annotations

import numpy as np

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import (
    Bound,
    Held,
    HoldExpired,
)
from bayplan.scheduler.types import (
    Decision,
)

from .support import (
    first_fit,
    node,
    refusal,
    where,
    whole,
)


def test_a_hold_keeps_room_until_it_expires() -> None:
    cluster = Cluster([node("a", 1)])
    engine = first_fit(cluster)
    cluster.apply(Held(engine.decide(whole("p"), 3.0), 8.0))
    assert cluster.pods["p"].held_until_s == 8.0
    assert cluster.pods["p"].start_s == 3.0
    assert engine.decide(whole("q"), 3.0).placement is None
    assert cluster.apply(HoldExpired("p", 8.0)) == (0,)
    assert where(engine.decide(whole("q"), 3.0)) == ("a", (0,))
    cluster.check()


def test_a_later_hold_replaces_the_earlier_one() -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    engine = first_fit(cluster)
    cluster.apply(Held(engine.decide(whole("p"), 0.0), 5.0))
    only_b = np.array([False, True])
    decision = engine.decide(whole("p"), 1.0, only_b)
    assert cluster.apply(Held(decision, 6.0)) == (0, 1)
    assert cluster.pods["p"].placement.node == "b"
    assert cluster.pods["p"].held_until_s == 6.0
    assert cluster.view.idle_milli[:2].tolist() == [1000, 0]
    cluster.check()


def test_a_timer_of_a_replaced_hold_does_not_end_the_newer_one() -> None:
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(whole("p"), 0.0)
    cluster.apply(Held(decision, 5.0))
    cluster.apply(Held(decision, 9.0))
    assert refusal(cluster, HoldExpired("p", 5.0)) is Conflict
    assert cluster.pods["p"].held_until_s == 9.0
    assert cluster.apply(HoldExpired("p", 9.0)) == (0,)
    assert not cluster.pods


def test_binding_ends_the_hold() -> None:
    cluster = Cluster([node("a", 1)])
    decision = first_fit(cluster).decide(whole("p"), 0.0)
    cluster.apply(Held(decision, 5.0))
    assert cluster.apply(Bound(decision, 2.0)) == (0,)
    assert cluster.pods["p"].held_until_s is None
    assert refusal(cluster, HoldExpired("p", 5.0)) is Conflict
    assert cluster.view.idle_milli[0] == 0
    cluster.check()


def test_a_hold_stays_when_what_should_replace_it_does_not_fit() -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    engine = first_fit(cluster)
    elsewhere = engine.decide(whole("p"), 0.0, np.array([False, True]))
    cluster.apply(Held(engine.decide(whole("p"), 0.0), 5.0))
    cluster.apply(Bound(elsewhere_for("q", elsewhere), 0.0))
    assert refusal(cluster, Bound(elsewhere, 0.0)) is Conflict
    assert cluster.pods["p"].placement.node == "a"
    assert cluster.pods["p"].held_until_s == 5.0
    cluster.check()


def elsewhere_for(uid: str, decision: Decision) -> Decision:
    return decision._replace(request=whole(uid))
