"""Trials: do, look, roll back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import Conflict, Duplicate, Unknown
from bayplan.scheduler.events import (
    Bound,
    Checkpointed,
    Gone,
    Held,
    HoldExpired,
    ImagesChanged,
    NodeChanged,
    NodeGone,
    NodeUp,
    Returned,
)

from .support import bind, first_fit, node, refusal, sharer, snapshot, where, whole


@pytest.fixture
def cluster() -> Cluster:
    """Two nodes with a bound pod, a held one and a claim."""
    cluster = Cluster([node("a", 4, resources=(("nic", 2),)), node("b")])
    engine = first_fit(cluster)
    bind(engine, whole("bound", 2, cpu_milli=100))
    bind(engine, sharer("user", "claim", resources=(("nic", 1),)))
    cluster.apply(Held(engine.decide(whole("held"), 0.0), 5.0))
    return cluster


def test_everything_is_taken_back(cluster: Cluster) -> None:
    before, engine = snapshot(cluster), first_fit(cluster)
    with cluster.trial():
        cluster.apply(Gone("bound"))
        cluster.apply(Checkpointed("user", 9.0))
        bind(engine, sharer("second-user", "claim"))
        cluster.apply(Gone("user"))
        cluster.apply(Bound(engine.decide(whole("held"), 1.0), 1.0))
        cluster.apply(NodeUp(node("c", 8)))
        bind(engine, whole("eight", 8))
        cluster.apply(NodeChanged(node("b", cpu_milli=1, schedulable=False, labels=(("x", "y"),))))
        cluster.apply(NodeGone("a"))
        cluster.apply(NodeUp(node("a", 2)))
        assert snapshot(cluster) != before
        cluster.check()
    assert snapshot(cluster) == before
    cluster.check()


@pytest.mark.parametrize(
    "event",
    [
        Gone("user"),
        HoldExpired("held", 5.0),
        Checkpointed("bound", 4.0),
        NodeUp(node("c")),
        NodeGone("a"),
        NodeChanged(node("a", 4, cpu_milli=1)),
        NodeChanged(node("b", 8, gpu_model="B", schedulable=False)),
        ImagesChanged("a", (("i", 5),)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_each_event_is_taken_back(
    cluster: Cluster, event: Gone | HoldExpired | NodeUp | NodeGone | NodeChanged | ImagesChanged
) -> None:
    before = snapshot(cluster)
    with cluster.trial():
        cluster.apply(event)
        assert snapshot(cluster) != before
    assert snapshot(cluster) == before
    cluster.check()


def test_what_is_kept_stands(cluster: Cluster) -> None:
    with cluster.trial() as trial:
        cluster.apply(Gone("bound"))
        trial.keep()
    assert "bound" not in cluster.pods
    cluster.check()


def test_an_inner_trial_is_taken_back_by_itself_and_its_kept_part_by_the_outer(
    cluster: Cluster,
) -> None:
    before = snapshot(cluster)
    with cluster.trial():
        cluster.apply(Gone("bound"))
        middle = snapshot(cluster)
        with cluster.trial():
            cluster.apply(NodeGone("b"))
        assert snapshot(cluster) == middle
        with cluster.trial() as inner:
            cluster.apply(Gone("user"))
            inner.keep()
        assert "user" not in cluster.pods
    assert snapshot(cluster) == before
    cluster.check()


def test_an_error_takes_everything_back_even_if_it_was_to_be_kept(cluster: Cluster) -> None:
    before = snapshot(cluster)
    with pytest.raises(Unknown), cluster.trial() as trial:  # noqa: PT012
        trial.keep()
        cluster.apply(Gone("bound"))
        cluster.apply(Gone("ghost"))
    assert snapshot(cluster) == before
    cluster.apply(Gone("bound"))
    assert snapshot(cluster) != before, "the journal ended with the trial"


def test_versions_grow_and_are_not_used_again_after_a_rollback(cluster: Cluster) -> None:
    seen = [int(cluster.view.version[0])]
    with cluster.trial():
        cluster.apply(Gone("bound"))
        seen.append(int(cluster.view.version[0]))
    seen.append(int(cluster.view.version[0]))
    cluster.apply(Gone("user"))
    seen.append(int(cluster.view.version[0]))
    assert seen == sorted(set(seen))


def test_a_decision_of_a_rolled_back_trial_is_checked_again(cluster: Cluster) -> None:
    with cluster.trial():
        cluster.apply(Gone("bound"))
        decision = first_fit(cluster).decide(whole("p", 2), 0.0)
        assert where(decision) == ("a", (0, 1))
    assert refusal(cluster, Bound(decision, 0.0)) is Conflict
    cluster.check()


def test_scores_follow_a_trial_and_its_end(cluster: Cluster) -> None:
    engine = first_fit(cluster)
    before = engine.scores(whole("p", 2)).copy()
    with cluster.trial():
        cluster.apply(Gone("bound"))
        inside = engine.scores(whole("p", 2)).copy()
        np.testing.assert_array_equal(inside, first_fit(cluster).scores(whole("p", 2)))
    np.testing.assert_array_equal(engine.scores(whole("p", 2)), before)
    assert before.tolist() != inside.tolist()


def test_gpus_changed_in_a_trial_go_back_to_the_same_place() -> None:
    # A range that was free before is the lowest choice on the way back, but not the right one.
    cluster = Cluster([node("gone"), node("a"), node("b")])
    cluster.apply(NodeGone("gone"))
    bind(first_fit(cluster), whole("p"))
    before = snapshot(cluster)
    with cluster.trial():
        cluster.apply(Gone("p"))
        cluster.apply(NodeChanged(node("a", gpu_model="B")))
        cluster.apply(NodeGone("b"))
    assert snapshot(cluster) == before
    cluster.check()


def test_a_node_of_a_trial_leaves_no_row_and_no_gpus_behind(cluster: Cluster) -> None:
    everyone = np.ones(cluster.view.n_rows, np.bool_)
    size = cluster.view.n_rows, cluster.view.n_slots
    engine = first_fit(cluster)
    for _ in range(2):
        with cluster.trial():
            cluster.apply(NodeGone("b"))
            cluster.apply(NodeUp(node("c", 8)))
            cluster.apply(NodeUp(node("d", 1)))
            cluster.apply(NodeChanged(node("d", 16)))
            bind(engine, whole("many", 16))
        assert (cluster.view.n_rows, cluster.view.n_slots) == size
        cluster.check()
    # Masks from before still mean the same, and the next node gets what it would have got.
    assert engine.decide(whole("p"), 0.0, everyone).placement is not None
    assert cluster.apply(NodeUp(node("e", 2))) == (size[1], size[1] + 1)
    assert cluster.row("e") == size[0]
    assert engine.feasible(whole("p", 2, cpu_milli=10_000)).tolist() == [False, True, True]
    cluster.check()


def test_a_trial_used_again_is_taken_back_again(cluster: Cluster) -> None:
    trial = cluster.trial()
    with trial:
        cluster.apply(Gone("user"))
        trial.keep()
    before = snapshot(cluster)
    with trial:
        cluster.apply(Gone("bound"))
    assert snapshot(cluster) == before
    with cluster.trial():
        with trial:
            cluster.apply(Gone("bound"))
        cluster.apply(NodeGone("b"))
    assert snapshot(cluster) == before


def test_a_capacity_that_shrank_only_in_a_trial_leaves_no_mark(cluster: Cluster) -> None:
    with cluster.trial():
        cluster.apply(NodeChanged(node("b", cpu_milli=1)))
        assert cluster.shrunk == {"b"}
    assert cluster.shrunk == frozenset()
    with cluster.trial():
        cluster.apply(NodeChanged(node("b", cpu_milli=20_000)))
    assert cluster.shrunk == frozenset()


@pytest.mark.parametrize(
    "shut", [{"schedulable": False}, {"unhealthy": (0,)}, {"unhealthy": (0, 1)}], ids=str
)
@pytest.mark.parametrize("anonymous", [False, True])
def test_a_pod_comes_back_to_where_nobody_may_come(shut: dict[str, Any], anonymous: bool) -> None:
    gpus = node("a", 2, anonymous_gpus=anonymous)
    cluster = Cluster([gpus])
    engine = first_fit(cluster)
    for uid in ("x", "y"):
        bind(engine, whole(uid))
    cluster.apply(NodeChanged(replace(gpus, **shut)))
    before = snapshot(cluster)
    with cluster.trial():
        cluster.apply(Gone("x"))
        cluster.apply(Gone("y"))
        cluster.apply(Returned("x"))
        cluster.check()
        cluster.apply(Returned("y"))
        cluster.check()
        assert snapshot(cluster) == before
    assert snapshot(cluster) == before


def test_a_pod_does_not_come_back_where_another_is_or_it_never_was(cluster: Cluster) -> None:
    engine = first_fit(cluster)
    with pytest.raises(Duplicate):
        cluster.apply(Returned("bound"))
    with pytest.raises(Unknown):
        cluster.apply(Returned("ghost"))
    with cluster.trial():
        cluster.apply(Gone("bound"))
        bind(engine, whole("other", 2))
        with pytest.raises(Conflict):
            cluster.apply(Returned("bound"))
    with cluster.trial():
        cluster.apply(Gone("user"))
        with pytest.raises(Conflict):  # its claim may have other users by now
            cluster.apply(Returned("user"))
    cluster.apply(Gone("bound"))
    with pytest.raises(Unknown):
        cluster.apply(Returned("bound"))
