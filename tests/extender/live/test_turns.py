"""Whose gate is lifted, in what order, and how many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.extender.live.lifting import columns_of, serve
from bayplan.scheduler.ordering import make_ordering
from bayplan.scheduler.types import WholeGpus
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

TWO = tree(red={}, blue={})


def ranked(thing: Object, priority: int) -> Object:
    return {**thing, "spec": {**thing["spec"], "priority": priority}}


def test_as_many_are_lifted_as_have_room_by_priority_then_by_age() -> None:
    pods = [
        waits("new", 3, "red", 30.0),
        waits("old", 3, "red", 10.0),
        ranked(waits("urgent", 2, "blue", 40.0), 5),
    ]
    owner = owner_of(TWO, *pods)
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == ["urgent", "old", "new"]
    assert sorted(owner.mirror.holds) == ["default/new", "default/old", "default/urgent"]
    assert lifted(round_of(turns, 101.0)) == []  # their gates are being lifted


def test_who_has_no_room_waits_and_says_why_until_there_is_some() -> None:
    busy = runs("busy", 6)
    owner = owner_of(TWO, busy, waits("p", 4, "red"), waits("q", 2, "red", 1.0))
    turns = turns_of(owner, backfill="none")
    assert lifted(round_of(turns)) == ["q"]
    assert turns.whys == {"pod default/p": "there is no room"}
    assert turns.why("default/p") == "there is no room"
    owner.deleted("Pod", busy, 101.0)
    assert lifted(round_of(turns, 101.0)) == ["p"]


def test_nobody_passes_the_first_that_has_no_room_unless_it_is_over_in_time() -> None:
    """Eight GPUs, six in use until second 1000; the first waits for all of them."""
    busy = runs("busy", 6, annotations={"bayplan.io/run-time": "1000"})
    pods = [
        waits("first", 8, "red", 1.0),
        waits("forever", 1, "red", 2.0),
        waits("long", 1, "red", 3.0, run_time="15m1s"),
        waits("short", 1, "red", 4.0, run_time="15m"),
    ]
    owner = owner_of(TWO, busy, *pods)
    turns = turns_of(owner)
    actions = round_of(turns, 100.0)
    assert lifted(actions) == ["short"]  # over at second 1000
    assert turns.whys == {
        "pod default/first": "there is no room",
        "pod default/forever": "default/first is before it",
        "pod default/long": "default/first is before it",
    }
    assert sorted(seen.facts.member.name for seen, _ in actions.told) == [
        "first",
        "forever",
        "long",
    ]


def test_who_waits_for_other_gpus_passes() -> None:
    other = node("b", 2)
    other["metadata"]["labels"]["nvidia.com/gpu.product"] = "NVIDIA-H100-80GB-HBM3"
    on = {"annotations": {"bayplan.io/gpu-models": "A100-80GB"}}
    beside = {"annotations": {"bayplan.io/gpu-models": "H100-80GB"}}
    pods = [
        waits("first", 8, "red", 1.0, **on),
        waits("alike", 1, "red", 2.0, **on),
        waits("other", 1, "red", 3.0, **beside),
    ]
    owner = owner_of(TWO, runs("busy", 4), *pods, nodes=(node("a"), other))
    assert lifted(round_of(turns_of(owner))) == ["other"]


def test_queues_take_turns_by_their_share() -> None:
    """Blue has used two GPUs for 100 s, red none: red is served until it has had more."""
    pods = [
        waits(f"{queue}-{k}", 1, queue, float(k)) for queue in ("blue", "red") for k in range(3)
    ]
    owner = owner_of(TWO, runs("b", 2, "blue"), *pods)
    assert lifted(round_of(turns_of(owner, order="drf"))) == [
        "red-0", "red-1", "blue-0", "red-2", "blue-1", "blue-2",
    ]  # fmt: skip
    owner = owner_of(TWO, runs("b", 2, "blue"), *pods)
    # A job without an estimate is charged an hour: red is behind after its first.
    assert lifted(round_of(turns_of(owner, order="fair-share"))) == [
        "red-0", "blue-0", "red-1", "blue-1", "red-2", "blue-2",
    ]  # fmt: skip


def test_a_queue_at_its_limit_waits_and_holds_up_nobody_else() -> None:
    limited = tree(red={"limit": 2}, blue={})
    pods = [waits(f"r{k}", 1, "red", float(k)) for k in range(3)] + [waits("b", 1, "blue", 9.0)]
    owner = owner_of(limited, *pods)
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == ["r0", "r1", "b"]
    assert turns.whys == {
        "pod default/r2": "queue: queue red uses 2 of its limit of 2 GPUs; 1 asked, 0 left"
    }
    assert turns.n_waiting == {"red": 3, "blue": 1}


def test_a_gang_is_lifted_together_or_not_at_all() -> None:
    members = [member(f"g-{k}", "g", 4, "red") for k in range(3)]
    owner = owner_of(TWO, *members[:2], groups={"g": 3})
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == []
    assert turns.why("default/g-0") == "gang default/g: 2 of 3 pods exist"
    owner.changed("Pod", members[2], 101.0)
    assert lifted(round_of(turns, 101.0)) == []
    assert turns.why("default/g-0") == "there is no room"
    owner.changed("Node", node("b", 4), 102.0)
    assert lifted(round_of(turns, 102.0)) == ["g-0", "g-1", "g-2"]
    assert len(owner.mirror.holds) == 3


def test_a_gang_of_which_some_gates_are_left_is_lifted_on() -> None:
    members = [member(f"g-{k}", "g", 4, "red") for k in range(2)]
    owner = owner_of(TWO, *members, groups={"g": 2})
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == ["g-0", "g-1"]
    owner.changed("Pod", ungated(members[0]), 100.5)
    turns.again("default/g-1")
    assert lifted(round_of(turns, 101.0)) == ["g-1"]


def test_a_gang_half_of_which_was_lifted_before_a_restart_has_its_turn_as_a_whole() -> None:
    half = [ungated(member("g-0", "g", 4, "red")), member("g-1", "g", 4, "red")]
    late, early = waits("p", 8, "red", 5.0), waits("p", 8, "red", -5.0)
    owner = owner_of(TWO, *half, late, groups={"g": 2})
    assert lifted(round_of(turns_of(owner))) == ["g-1"]
    assert sorted(owner.mirror.holds) == ["default/g-0", "default/g-1"]
    owner = owner_of(TWO, *half, early, groups={"g": 2})
    assert lifted(round_of(turns_of(owner))) == ["p"]


@pytest.mark.parametrize("gates", [["bayplan.io/queue", "kueue.x-k8s.io/admission"],
                                   ["kueue.x-k8s.io/admission"]])  # fmt: skip
def test_who_has_the_gate_of_somebody_else_waits_for_them(gates: list[str]) -> None:
    owner = owner_of(TWO, waits("p", 1, "red", gates=gates), member("g-0", "g", 1, gates=gates),
                     member("g-1", "g"), groups={"g": 2})  # fmt: skip
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == []
    other = "it has another scheduling gate, kueue.x-k8s.io/admission"
    assert turns.why("default/g-1") == other
    assert turns.why("default/p") == (other if len(gates) == 2 else "")


def test_who_cannot_be_read_waits_and_says_so() -> None:
    owner = owner_of(TWO, waits("p", 1, "red", run_time="soon"), waits("q", 1, "green"))
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == []
    assert turns.whys == {
        "pod default/p": "bayplan.io/run-time: soon is no time to run; write 90m, 1h30m or 5400",
        "pod default/q": "queue: there is no queue green",
    }


def test_room_of_those_without_a_gate_is_theirs() -> None:
    owner = owner_of(TWO, pod("free", 6), waits("p", 4, "red"), waits("q", 2, "red", 1.0))
    turns = turns_of(owner, backfill="none")
    assert lifted(round_of(turns)) == ["q"]


def test_nothing_is_looked_at_again_while_nothing_changes_and_all_is_after_a_while() -> None:
    owner = owner_of(TWO, runs("busy", 8), waits("p", 1, "red"))
    turns = turns_of(owner)
    assert turns.look(100.0) is not None
    assert turns.look(101.0) is None
    assert turns.look(111.0) is not None
    assert turns.look(112.0) is None
    owner.changed("Node", node("b"), 112.0)
    assert turns.look(112.0) is not None


def test_gates_stay_where_nobody_wishes_them_lifted() -> None:
    owner = owner_of(TWO, waits("p", 1, "red"))
    turns = turns_of(owner, lift=False)
    assert lifted(round_of(turns)) == []
    assert turns.n_waiting == {"red": 1}


def test_a_reason_is_told_once_a_minute_at_most() -> None:
    busy, other = runs("busy", 8), runs("r", 8, "red")
    owner = owner_of(tree(red={"limit": 8}), busy, waits("p", 1, "red"))
    turns = turns_of(owner)

    def told(now_s: float) -> list[str]:
        turns._next_s = 0.0
        return [why for _, why in round_of(turns, now_s).told]

    assert told(100.0) == ["there is no room"]
    assert told(200.0) == []  # it is no new one
    owner.deleted("Pod", busy, 200.0)
    owner.changed("Pod", other, 200.0)
    full = "queue: queue red uses 8 of its limit of 8 GPUs; 1 asked, 0 left"
    assert told(201.0) == [full]
    owner.deleted("Pod", other, 202.0)
    owner.changed("Pod", busy, 202.0)
    assert told(202.0) == []
    assert told(262.0) == ["there is no room"]


# --- what changes while a round is worked out -----------------------------------------------


def test_a_node_that_goes_while_a_round_is_worked_out_costs_nobody_else_the_turn() -> None:
    owner = owner_of(
        TWO, waits("p", 8, "red", 1.0), waits("q", 2, "red", 2.0), nodes=(node("a"), node("b", 2))
    )
    turns = turns_of(owner)
    looked = turns.look(100.0)
    assert looked is not None
    outcome = serve(looked)
    assert len(outcome.lifts) == 2
    owner.deleted("Node", node("a"), 100.5)
    assert lifted(turns.settle(outcome, 101.0)) == ["q"]
    assert lifted(round_of(turns, 102.0)) == []
    owner.changed("Node", node("a"), 103.0)
    assert lifted(round_of(turns, 103.0)) == ["p"]


def test_a_pod_that_came_anew_meanwhile_and_asks_for_something_else_waits_for_the_next_round() -> (
    None
):
    owner = owner_of(TWO, waits("p", 2, "red"))
    turns = turns_of(owner)
    looked = turns.look(100.0)
    assert looked is not None
    outcome = serve(looked)
    other = waits("p", 4, "red")
    other["metadata"]["uid"] = "another"
    owner.changed("Pod", other, 100.5)
    assert lifted(turns.settle(outcome, 101.0)) == []
    assert owner.mirror.holds == {}
    assert lifted(round_of(turns, 102.0)) == ["p"]
    (held,) = owner.mirror.holds
    assert owner.mirror.cluster.pods[held].request.devices[0].ask == WholeGpus(4)


def test_a_pod_whose_room_went_meanwhile_is_not_let_go_without_it() -> None:
    owner = owner_of(TWO, waits("p", 8, "red"))
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == ["p"]
    turns.again("default/p")
    looked = turns.look(101.0)
    assert looked is not None
    assert [unit.ready for unit in looked.units] == [True]
    outcome = serve(looked)
    owner.changed("Pod", runs("busy", 8), 101.5)
    assert lifted(turns.settle(outcome, 102.0)) == []


# --- whatever waits -----------------------------------------------------------------------

GATE = "bayplan.io/queue"
LIMITED = tree(red={"limit": 6}, blue={"guaranteed": 3, "weight": 2.0}, green={"limit": 4})
ORDERS = ("priority", "fifo", "drf", "fair-share", "smallest-first", "sjf")


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Object], dict[str, int]]:
    """Return pods that run, wait with or without gates, and gangs, on two nodes of eight."""
    queues = st.sampled_from(["red", "blue", "green", ""])
    pods = [
        runs(f"r{k}", draw(st.integers(1, 4)), draw(queues), draw(st.sampled_from(["a", "b"])))
        for k in range(draw(st.integers(0, 3)))
    ]
    for k in range(draw(st.integers(0, 8))):
        run_time = draw(st.sampled_from([None, "60", "1h"]))
        more = {} if run_time is None else {"run_time": run_time}
        gates = draw(
            st.sampled_from([["bayplan.io/queue"]] * 4 + [[], ["x/y", "bayplan.io/queue"]])
        )
        thing = waits(f"p{k}", draw(st.integers(0, 8)), draw(queues),
                      float(draw(st.integers(0, 50))), gates, **more)  # fmt: skip
        pods.append(ranked(thing, draw(st.integers(0, 2))))
    groups = {}
    for k in range(draw(st.integers(0, 2))):
        n, gpus, queue = draw(st.integers(2, 3)), draw(st.integers(1, 5)), draw(queues)
        groups[f"g{k}"] = n
        pods += [member(f"g{k}-{i}", f"g{k}", gpus, queue) for i in range(n)]
    return pods, groups


@settings(max_examples=150, deadline=None)
@given(scenes(), st.sampled_from(ORDERS), st.sampled_from(["none", "easy", "conservative"]))
def test_lifts_follow_the_engines_order_within_room_and_quota_and_gangs_are_whole(
    scene: tuple[list[Object], dict[str, int]], order: str, backfill: str
) -> None:
    pods, groups = scene
    owner = owner_of(LIMITED, *pods, nodes=(node("a"), node("b")), groups=groups)
    turns = turns_of(owner, order=order, backfill=backfill)
    looked = turns.look(100.0)
    if looked is None:
        return
    open_ = [unit for unit in looked.units if unit.gated and not unit.held_back]
    pending = columns_of(looked, open_)
    ranks = make_ordering(order).order(pending, 100.0).tolist()
    wanted = [uid for row in ranks for uid in open_[row].gated]
    turns._stamp = (-1, 0)
    names = [f"default/{name}" for name in lifted(round_of(turns))]
    assert names == [uid for uid in wanted if uid in names]
    held = owner.mirror.holds
    assert set(names) <= set(held)  # there is room for all of them at once
    owner.mirror.cluster.check()
    usage = owner.quota.admission.usage if owner.quota is not None else None
    assert usage is not None
    for queue, limit in (("red", 6000), ("green", 4000)):
        ran = sum(
            1000 * int(each["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"])
            for each in pods
            if each["spec"].get("nodeName")
            and each["metadata"]["labels"].get("bayplan.io/queue") == queue
        )
        assert usage.used(queue, "gpu") <= max(limit, ran)
    for name, n in groups.items():
        assert sum(uid.startswith(f"default/{name}-") for uid in names) in (0, n)


def test_a_gang_goes_without_those_of_another_gate_where_it_has_none_of_ours() -> None:
    gates = ["kueue.x-k8s.io/admission"]
    pods = [
        *(member(f"g-{k}", "g", 4, "red", gates=[]) for k in range(2)),
        member("g-2", "g", 4, "red", gates=gates),
        waits("p", 1, "blue"),
    ]
    owner = owner_of(TWO, *pods, groups={"g": 2})
    turns = turns_of(owner)
    assert lifted(round_of(turns)) == []  # the two have all of the room
    assert turns.whys == {"pod default/p": "there is no room"}


def test_members_that_all_have_our_gate_are_planned_whole() -> None:
    pods = [member(f"g-{k}", "g", 2, "red") for k in range(3)]
    owner = owner_of(TWO, *pods, groups={"g": 2})
    assert owner.plans.gang("default/g") is None  # to kube-scheduler nobody is there
    assert lifted(round_of(turns_of(owner))) == ["g-0", "g-1", "g-2"]
    assert sorted(owner.mirror.holds) == ["default/g-0", "default/g-1", "default/g-2"]
    owner.changed("Pod", ungated(pods[1]), 101.0)  # the others follow
    assert owner.filter(ungated(pods[1]), ["a"], 101.0, holds=True).passed == ["a"]
    assert len(owner.mirror.holds) == 3
