"""Who gives back what a queue is guaranteed."""

from __future__ import annotations

from typing import Any

from bayplan.extender.live.lifting import serve
from bayplan.extender.live.rounds import Reclaim
from extender_queues import (
    lifted,
    member,
    owner_of,
    round_of,
    runs,
    tree,
    turns_of,
    ungated,
    waits,
)
from extender_things import node, pod

Object = dict[str, Any]

SHARED = tree(own={"guaranteed": 6}, other={"guaranteed": 2})
SHARED_BY_TWO = tree(own={"guaranteed": 8}, other={"guaranteed": 2})
EVICT = {"reclaim": Reclaim.EVICT}


def borrowers(n: int = 4, gpus: int = 2, **more: Any) -> list[Object]:
    return [runs(f"b{k}", gpus, "other", **more) for k in range(n)]


def budget(name: str, allowed: int, **labels: str) -> Object:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }


def test_who_borrows_leaves_and_the_room_is_kept_for_whom_it_is_taken_back() -> None:
    """Other has 8 of its 2: own takes 4 of its 6 back, so two of two GPUs each leave."""
    there = borrowers()
    owner = owner_of(SHARED, *there, waits("p", 4, "own"))
    turns = turns_of(owner, **EVICT)
    actions = round_of(turns)
    (claim,) = actions.claims
    assert (claim.unit.name, len(claim.uids)) == ("default/p", 2)
    assert lifted(actions) == []
    assert round_of(turns, 101.0).claims == ()  # they are about to leave
    left = [each for each in there if f"default/{each['metadata']['name']}" in claim.uids]
    for each in left:
        owner.deleted("Pod", each, 102.0)
    thief = pod("thief", 4)
    owner.tick(102.0)
    assert not owner.filter(thief, ["a"], 102.0, holds=True).somewhere
    assert lifted(round_of(turns, 102.0)) == ["p"]


def test_a_pod_without_a_gate_takes_back_as_well() -> None:
    owner = owner_of(SHARED, *borrowers(), ungated(waits("p", 2, "own")))
    (claim,) = round_of(turns_of(owner, **EVICT)).claims
    assert len(claim.uids) == 1


def test_nothing_is_taken_beyond_the_guarantee_or_from_who_is_within_theirs() -> None:
    owner = owner_of(SHARED, *borrowers(), waits("p", 7, "own"))
    assert round_of(turns_of(owner, **EVICT)).claims == ()  # own is guaranteed 6
    owner = owner_of(SHARED, runs("o", 6, "own"), runs("b", 2, "other"), waits("p", 1, "own"))
    assert round_of(turns_of(owner, **EVICT)).claims == ()
    owner = owner_of(SHARED, *borrowers(), waits("p", 1, "other"))
    assert round_of(turns_of(owner, **EVICT)).claims == ()


def test_nobody_leaves_where_room_comes_by_itself() -> None:
    there = borrowers()
    there[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    owner = owner_of(SHARED, *there, waits("p", 2, "own"))
    assert round_of(turns_of(owner, **EVICT)).claims == ()


def test_a_disruption_budget_is_kept() -> None:
    owner = owner_of(SHARED, *borrowers(labels={"app": "kept"}), waits("p", 2, "own"))
    owner.changed("PodDisruptionBudget", budget("kept", 0, app="kept"), 0.0)
    assert round_of(turns_of(owner, **EVICT)).claims == ()


def test_who_has_run_for_too_short_a_time_stays() -> None:
    owner = owner_of(SHARED, *borrowers(), waits("p", 2, "own"))
    assert round_of(turns_of(owner, min_run_s=101.0, **EVICT)).claims == ()
    assert len(round_of(turns_of(owner, min_run_s=100.0, **EVICT)).claims) == 1


def test_a_gang_takes_back_whole_and_has_its_room_when_all_have_left() -> None:
    there = borrowers()
    members = [member(f"g-{k}", "g", 3, "own") for k in range(2)]
    owner = owner_of(SHARED, *there, *members, groups={"g": 2})
    turns = turns_of(owner, **EVICT)
    (claim,) = round_of(turns).claims
    assert len(claim.uids) == 3
    for k, uid in enumerate(claim.uids):
        assert lifted(round_of(turns, 101.0 + k)) == []
        (gone,) = [x for x in there if f"default/{x['metadata']['name']}" == uid]
        owner.deleted("Pod", gone, 101.0 + k)
    assert lifted(round_of(turns, 110.0)) == ["g-0", "g-1"]


def test_victims_that_come_anew_by_their_old_names_do_not_keep_the_room_from_the_gang() -> None:
    """Pods of a StatefulSet, and of a Job with indices, do so."""
    there = borrowers()
    members = [member(f"g-{k}", "g", 4, "own", gates=[]) for k in range(2)]
    owner = owner_of(tree(own={"guaranteed": 8}, other={}), *there, *members, groups={"g": 2})
    turns = turns_of(owner, **EVICT)
    (claim,) = round_of(turns).claims
    assert len(claim.uids) == 4
    for each in there:
        name = each["metadata"]["name"]
        again = ungated(waits(name, 2, "other", 101.0))
        again["metadata"]["uid"] = f"again-{name}"
        owner.deleted("Pod", each, 101.0)
        owner.changed("Pod", again, 101.0)
    round_of(turns, 102.0)
    assert sorted(owner.mirror.holds) == ["default/g-0", "default/g-1"]


def test_a_node_of_a_claim_that_goes_meanwhile_is_no_mistake() -> None:
    there = borrowers()
    members = [member(f"g-{k}", "g", 4, "own") for k in range(2)]
    nodes = (node("a"), node("b", 4))
    owner = owner_of(SHARED_BY_TWO, *there, *members, groups={"g": 2}, nodes=nodes)
    turns = turns_of(owner, **EVICT)
    looked = turns.look(100.0)
    assert looked is not None
    outcome = serve(looked)
    (claim,) = outcome.claims
    places = [each.placement.node for each in claim.decisions if each.placement is not None]
    assert sorted(places) == ["a", "b"]
    owner.deleted("Node", nodes[1], 100.5)
    assert turns.settle(outcome, 101.0).claims == ()


def test_a_restart_does_not_make_those_new_who_run() -> None:
    owner = owner_of(SHARED, waits("p", 2, "own"))
    for each in borrowers():  # since second 0, and seen at second 90 for the first time
        owner.changed("Pod", each, 90.0)
    assert round_of(turns_of(owner, min_run_s=101.0, **EVICT)).claims == ()
    assert len(round_of(turns_of(owner, min_run_s=100.0, **EVICT)).claims) == 1


def test_so_many_are_evicted_in_a_minute_unless_one_unit_takes_more() -> None:
    pods = [waits(f"p{k}", 2, "own", float(k)) for k in range(3)]
    owner = owner_of(SHARED, *borrowers(), *pods)
    turns = turns_of(owner, evictions_a_minute=2, **EVICT)
    assert [claim.unit.name for claim in round_of(turns).claims] == ["default/p0", "default/p1"]
    assert round_of(turns, 159.0).claims == ()
    assert [claim.unit.name for claim in round_of(turns, 170.0).claims] == ["default/p2"]
    owner = owner_of(SHARED, *borrowers(8, 1), waits("p", 6, "own"))
    (claim,) = round_of(turns_of(owner, evictions_a_minute=1, **EVICT)).claims
    assert len(claim.uids) == 6


def test_what_no_longer_holds_on_the_owner_is_not_done() -> None:
    there = borrowers()
    owner = owner_of(SHARED, *there, waits("p", 4, "own"))
    turns = turns_of(owner, **EVICT)
    looked = turns.look(100.0)
    assert looked is not None
    outcome = serve(looked)
    assert len(outcome.claims) == 1
    for each in there[:3]:  # meanwhile others left: nobody borrows any more
        owner.deleted("Pod", each, 100.5)
    assert turns.settle(outcome, 101.0).claims == ()


def test_it_is_only_reported_by_default_and_once() -> None:
    owner = owner_of(SHARED, *borrowers(), waits("p", 4, "own"))
    turns = turns_of(owner)
    (claim,) = round_of(turns).claims
    assert len(claim.uids) == 2
    assert round_of(turns, 120.0).claims == ()
    assert turns.look(121.0) is None  # to look changed nothing
    assert owner.mirror.holds == {}
    owner.tick(130.0)
    assert owner.mirror.holds == {}


def test_a_queue_of_a_group_takes_back_from_its_sibling() -> None:
    group = tree(
        research={"limit": 8},
        vision={"parent": "research", "guaranteed": 4},
        speech={"parent": "research", "guaranteed": 4},
    )
    there = [runs(f"v{k}", 2, "vision", "ab"[k // 4]) for k in range(4)]
    owner = owner_of(group, *there, waits("s", 4, "speech"), nodes=(node("a"), node("b")))
    turns = turns_of(owner, **EVICT)
    (claim,) = round_of(turns).claims
    assert len(claim.uids) == 2  # there is room on b, and none within the limit of the group
