"""Who leaves for a gang, in which order, and what is kept for it meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.evicting.looking import AGAIN_S
from bayplan.extender.evicting.machine import RETRY_S, SETTLE_S
from bayplan.extender.evicting.news import News, Result
from bayplan.extender.evicting.searching import Verdict
from bayplan.extender.live.plans import Plans
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.scheduler.errors import InvalidRequest
from extender_evicting import Scene, budget, leaving, member, of_priority, runs
from extender_queues import tree
from extender_things import node, pod, pod_group

Object = dict[str, Any]

BEGUN, BACK, MADE = Result.BEGUN, Result.KEPT_BACK, Result.MADE
ELSEWHERE, UP = Result.ELSEWHERE, Result.GIVEN_UP


def gang(n: int = 2, gpus: int = 8, name: str = "g", **more: Any) -> list[Object]:
    return [member(f"{name}-{k}", name, gpus, **more) for k in range(n)]


def said(news: News | None) -> tuple[Result, str]:
    assert news is not None
    return news.result, news.why


def made(scene: Scene) -> News:
    """Let the time pass after which a gang is planned whose victims have all left."""
    assert scene.machine.step(scene.now_s) is None
    scene.after(SETTLE_S)
    news = scene.machine.step(scene.now_s)
    assert news is not None
    return news


def test_lower_pods_leave_and_the_gang_is_planned_whole() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 4, "b"), runs("low-2", 4, "b")]
    members = gang()
    scene = Scene(*there, *members)
    assert said(scene.looked()) == (
        BEGUN,
        "3 pods of lower priority leave for gang default/g: default/low-0, default/low-1,"
        " default/low-2",
    )
    assert scene.victims() == ["low-0", "low-1", "low-2"]
    scene.gone("low-0", "low-1", "low-2")
    news = made(scene)
    assert said(news) == (MADE, "gang default/g: its room is there")
    assert sorted(scene.owner.mirror.holds) == ["default/g-0", "default/g-1"]
    plan = scene.owner.plans.plans["default/g"]
    assert news.plan is plan
    for each in members:
        assert scene.filtered(each) == [plan.nodes[f"default/{each['metadata']['name']}"]]
    assert differences(snapshot(scene.owner.mirror), scene.now_s) == []


def test_who_was_evicted_and_comes_back_takes_nothing_of_the_room() -> None:
    """Neither what has been left so far nor the two GPUs that were idle all the time."""
    there = [runs("low-0", 3, "a"), runs("low-1", 3, "a"), runs("low-2", 8, "b")]
    scene = Scene(*there, *gang())
    back = of_priority(pod("back", 1), 0)
    assert scene.filtered(back) == ["a"]
    scene.looked()
    assert scene.victims() == ["low-0", "low-1", "low-2"]
    assert scene.filtered(back) == []
    scene.gone("low-0")
    assert scene.filtered(back) == []
    assert differences(snapshot(scene.owner.mirror), scene.now_s) == []
    scene.after(2.0)
    scene.gone("low-2", "low-1")
    assert scene.filtered(back) == []
    assert made(scene).result is MADE
    assert scene.filtered(back) == []
    scene.owner.mirror.cluster.check()


def test_what_the_gang_leaves_over_is_free_for_others() -> None:
    there = [runs("low-0", 6, "a")]
    scene = Scene(*there, *gang(2, 3), nodes=(node("a"),))
    scene.looked()
    assert scene.victims() == ["low-0"]
    scene.gone("low-0")
    assert made(scene).result is MADE
    assert scene.filtered(pod("other", 2)) == ["a"]
    assert scene.filtered(pod("larger", 3)) == []


def test_a_running_gang_leaves_whole_or_not_at_all() -> None:
    low = [member("l-0", "l", 4, 0, at="a"), member("l-1", "l", 4, 0, at="b")]
    others = [runs("other-0", 4, "a", 5), runs("other-1", 4, "b", 5)]
    scene = Scene(*low, *others, *gang(2, 4), groups={"g": 2, "l": 2}, evictions_a_minute=1)
    scene.looked()
    assert scene.victims() == ["l-0", "l-1"]  # more than one a minute, since they go together
    scene.gone("l-0", "l-1")
    assert made(scene).result is MADE


def test_a_gang_shrinks_to_its_minimum_but_not_below() -> None:
    low = [member(f"l-{k}", "l", 4, 0, at="a") for k in range(2)]
    low += [member(f"l-{k}", "l", 4, 0, at="b") for k in (2, 3)]
    scene = Scene(*low, *gang(2, 4), groups={"g": 2, "l": 2})
    scene.looked()
    assert len(scene.victims()) == 2
    scene = Scene(*low, *gang(2, 4), groups={"g": 2, "l": 2})
    scene.looked()
    assert scene.judged() is Verdict.NEEDED
    doubted = scene.machine.next_victim(scene.now_s)
    assert doubted is not None
    scene.evict(doubted)
    left = [each for each in low if each["metadata"]["name"] != doubted.uid.partition("/")[2]]
    scene.gone(left[0]["metadata"]["name"])  # one that fails beside: the next would be one too many
    if scene.judged() is not None:
        assert scene.machine.next_victim(scene.now_s) is None


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 0},  # nobody is of a lower one
        {"spec": {"preemptionPolicy": "Never"}},
        {"spec": {"schedulerName": "another"}},
        {"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}},
        {"spec": {"nodeSelector": {"zone": "nowhere"}}},
        {"spec": {"schedulingGates": [{"name": "x.io/other"}]}},
    ],
)
def test_nobody_leaves_for_a_gang_that_may_not_or_could_not_start(change: Object) -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    scene = Scene(*there, *gang(**change))
    assert scene.looked() is None
    assert scene.machine.help is None
    assert scene.looked() is None
    assert scene.owner.mirror.holds == {}


def test_nobody_leaves_before_the_gang_is_complete_and_has_waited() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    first, second = gang()
    scene = Scene(*there, first, wait_s=10.0)
    scene.looked()
    scene.after(20.0)
    assert scene.looked() is None
    scene.show(second)
    assert scene.looked() is None
    scene.after(9.0)
    assert scene.looked() is None
    scene.after(1.0)
    assert said(scene.looked())[0] is BEGUN


def test_room_that_comes_by_itself_is_waited_for_but_not_for_ever() -> None:
    going = leaving(runs("going", 8, "a"))
    there = [going, runs("low-1", 8, "b")]
    scene = Scene(*there, *gang())
    assert (
        said(scene.looked())[1]
        == "a pod of lower priority leaves for gang default/g: default/low-1"
    )
    scene = Scene(going, *gang(2, 4))
    assert scene.looked() is None
    assert scene.machine.help is None


def test_a_pod_that_does_not_leave_is_not_counted_on_again() -> None:
    stuck = leaving(runs("stuck", 8, "a"))
    scene = Scene(stuck, runs("low", 8, "b"), *gang(), nodes=(node("a"), node("b")), hold_s=30.0)
    assert said(scene.looked())[0] is BEGUN
    assert scene.victims() == ["low"]
    scene.gone("low")
    assert scene.machine.step(scene.now_s) is None
    scene.after(30.0)
    assert said(scene.machine.step(scene.now_s)) == (
        UP,
        "nobody leaves for gang default/g any longer: default/stuck did not leave within 30 s",
    )
    assert scene.owner.mirror.holds == {}
    scene.after(300.0)
    assert scene.looked() is None
    assert scene.machine.note("default/g").startswith("evicting does not help: ")


def test_budgets_keep_everybody_and_it_is_told_once_until_they_let_them_go() -> None:
    kept = runs("kept", 8, "a", labels={"app": "kept"})
    scene = Scene(kept, runs("low", 8, "b"), *gang())
    scene.show(budget("pdb", 0, app="kept"), kind="PodDisruptionBudget")
    assert said(scene.looked()) == (
        BACK,
        "gang default/g would have room if default/kept, default/low left, which disruption"
        " budgets do not allow now: default/pdb",
    )
    assert scene.machine.help is None
    assert scene.looked() is None
    scene.after(AGAIN_S)
    assert scene.looked() is None  # it is no news
    scene.show(budget("pdb", 1, app="kept"), kind="PodDisruptionBudget")
    scene.after(AGAIN_S)
    assert said(scene.looked())[0] is BEGUN
    assert scene.victims() == ["kept", "low"]  # who might be refused goes first


def test_victims_whom_no_budget_keeps_are_preferred() -> None:
    there = [runs("kept", 8, "a", labels={"app": "kept"}), runs("low-1", 8, "b", 2),
             runs("low-2", 8, "c", 3)]  # fmt: skip
    scene = Scene(*there, *gang(), nodes=(node("a"), node("b"), node("c")))
    scene.show(budget("pdb", 0, app="kept"), kind="PodDisruptionBudget")
    scene.looked()
    assert scene.victims() == ["low-1", "low-2"]


def test_a_refusal_stops_all_and_for_long_ends_the_help_with_its_reason() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    scene = Scene(*there, *gang(), refused_s=20.0, cooldown_s=100.0)
    scene.looked()
    assert scene.judged() is Verdict.NEEDED
    victim = scene.machine.next_victim(scene.now_s)
    assert victim is not None
    scene.machine.refused(victim, "HTTP 429", scene.now_s)
    assert scene.machine.next_victim(scene.now_s) is None
    assert scene.machine.doubt(scene.now_s) is None
    scene.after(RETRY_S)
    assert scene.machine.next_victim(scene.now_s) == victim
    scene.machine.refused(victim, "HTTP 429", scene.now_s)
    scene.after(15.0)
    assert said(scene.machine.step(scene.now_s)) == (
        UP, "nobody leaves for gang default/g any longer: HTTP 429",
    )  # fmt: skip
    assert scene.machine.help is None
    assert scene.owner.mirror.holds == {}
    assert scene.owner.mirror.heirs == {}
    scene.after(99.0)
    assert scene.looked() is None
    scene.after(1.0)
    assert said(scene.looked())[0] is BEGUN


def test_who_leaves_after_a_refusal_by_itself_is_waited_for() -> None:
    low = runs("low-0", 8, "a")
    scene = Scene(low, *gang(2, 4), nodes=(node("a"),), refused_s=20.0)
    scene.looked()
    assert scene.judged() is Verdict.NEEDED
    victim = scene.machine.next_victim(scene.now_s)
    assert victim is not None
    scene.machine.refused(victim, "HTTP 429", scene.now_s)
    scene.show(leaving(low))
    scene.after(RETRY_S)
    assert scene.machine.next_victim(scene.now_s) is None
    scene.after(60.0)
    assert scene.machine.step(scene.now_s) is None
    scene.gone("low-0")
    assert made(scene).result is MADE


@pytest.mark.parametrize("spared", [False, True])
def test_a_refusal_is_over_when_who_was_refused_need_not_leave_any_more(*, spared: bool) -> None:
    kept, slow = runs("kept", 8, "a", labels={"app": "db"}), leaving(runs("slow", 8, "b"))
    scene = Scene(kept, slow, *gang(), refused_s=20.0)
    scene.show(budget("db", 1, app="db"), kind="PodDisruptionBudget")
    scene.looked()
    scene.show(budget("db", 0, app="db"), kind="PodDisruptionBudget")
    assert scene.judged() is Verdict.NEEDED
    assert scene.machine.next_victim(scene.now_s) is None  # the budget lets nobody go by now
    scene.after(RETRY_S)
    if spared:
        scene.show(node("c"), kind="Node")
        assert scene.judged() is Verdict.SPARED
    else:
        scene.gone("kept")
    assert scene.machine.step(scene.now_s) is None
    scene.after(60.0)
    assert scene.machine.step(scene.now_s) is None
    scene.gone("slow")
    assert made(scene).result is MADE


def half_evicted(**settings: Any) -> tuple[Scene, str, str]:
    """Return a gang of which one was evicted and the other refused until that was given up."""
    low = [member("l-0", "l", 8, 5, at="a"), member("l-1", "l", 8, 5, at="b")]
    scene = Scene(*low, *gang(), groups={"g": 2, "h": 2, "l": 2}, refused_s=10.0, **settings)
    scene.looked()
    assert scene.judged() is Verdict.NEEDED
    first = scene.machine.next_victim(scene.now_s)
    assert first is not None
    scene.evict(first)
    second = scene.machine.next_victim(scene.now_s)
    assert second is not None
    scene.machine.refused(second, "HTTP 429", scene.now_s)
    scene.after(10.0)
    assert said(scene.machine.step(scene.now_s))[0] is UP
    assert scene.owner.mirror.holds == {}
    names = [victim.uid.partition("/")[2] for victim in (first, second)]
    scene.gone(names[0])
    scene.show(runs("other", 8, first.node, 100))
    return scene, names[0], names[1]


def test_a_gang_half_of_which_was_evicted_is_brought_to_its_end() -> None:
    scene, _, second = half_evicted()
    assert scene.machine.step(scene.now_s) is None
    assert scene.machine.help is None
    assert scene.machine.page()["in_part"] == [
        {"gang": "default/l", "to_evict": [f"default/{second}"], "refused": "HTTP 429"}
    ]
    assert scene.victims() == [second]
    assert scene.machine.page() == {}


def test_who_is_refused_for_ever_keeps_no_other_gang_from_being_helped() -> None:
    scene, _, second = half_evicted()
    scene.show(node("c"), kind="Node")
    scene.show(runs("single", 8, "c"), *gang(2, 4, "h", priority=20))
    news = scene.looked()
    assert news is not None
    assert (news.gang, news.result) == ("default/h", BEGUN)
    assert scene.machine.page()["gang"] == "default/h"
    assert scene.victims() == [second, "single"]
    scene.gone("single")
    assert made(scene).result is MADE


def test_who_is_left_of_a_gang_in_part_may_leave_for_another_and_stays_in_part() -> None:
    scene, _, second = half_evicted()
    scene.show(*gang(2, 4, "h", priority=20))
    assert said(scene.looked())[0] is BEGUN
    assert scene.judged() is Verdict.NEEDED
    assert not scene.machine.rests
    victim = scene.machine.next_victim(scene.now_s)
    assert victim is not None
    assert victim.uid == f"default/{second}"
    scene.machine.refused(victim, "HTTP 503", scene.now_s)
    assert scene.machine.next_victim(scene.now_s) is None
    assert scene.machine.page()["refused"] == "HTTP 503"
    scene.after(10.0)
    assert said(scene.machine.step(scene.now_s))[0] is UP
    assert scene.machine.page() == {
        "in_part": [{"gang": "default/l", "to_evict": [victim.uid], "refused": "HTTP 503"}]
    }


def test_who_is_evicted_as_the_rest_of_a_gang_is_not_evicted_again_for_another() -> None:
    scene, _, second = half_evicted()
    scene.after(60.0)
    scene.show(*gang(2, 4, "h", priority=20))
    assert said(scene.looked())[0] is BEGUN
    victim = scene.machine.next_victim(scene.now_s)
    assert victim is not None
    scene.machine.evicted(victim, scene.now_s)  # which the watch has not shown yet
    assert scene.machine.page() == {
        "gang": "default/h", "to_evict": [], "leaving": [f"default/{second}"], "refused": "",
    }  # fmt: skip
    assert (scene.judged(), scene.machine.next_victim(scene.now_s)) == (None, None)
    scene.gone(second)
    assert made(scene).result is MADE


def test_a_gang_in_part_gets_no_help_and_stays_once_it_is_whole() -> None:
    scene, first, second = half_evicted()
    scene.show(node("c"), kind="Node")
    scene.show(runs("single", 8, "c"), member(first, "l", 8, 5))
    scene.after(60.0)
    assert scene.machine.look(scene.now_s) is None
    assert scene.machine.next_victim(scene.now_s) is not None
    scene.show(member(first, "l", 8, 5, at="c"))
    assert scene.machine.next_victim(scene.now_s) is None
    assert scene.machine.page() == {}
    assert second in [name.partition("/")[2] for name in scene.things]


def test_the_rest_of_a_gang_leaves_at_the_pace_of_all() -> None:
    scene, _, second = half_evicted(evictions_a_minute=2)
    scene.show(node("c"), kind="Node")
    scene.show(runs("s-0", 4, "c"), runs("s-1", 4, "c"), *gang(2, 4, "h", priority=20))
    assert said(scene.looked())[0] is BEGUN
    assert scene.victims() == []
    scene.after(60.0)
    assert scene.victims() == [second, "s-0"]
    scene.after(60.0)
    assert scene.victims() == ["s-1"]


def test_who_stops_leaves_gangs_in_part_to_whom_it_concerns() -> None:
    scene, _, _ = half_evicted()
    scene.machine.stop(scene.now_s)
    assert scene.machine.page() == {}


def test_as_many_are_evicted_in_a_minute_as_are_allowed() -> None:
    there = [runs(f"low-{k}", 2, "a") for k in range(4)]
    scene = Scene(*there, *gang(2, 4), nodes=(node("a"),), evictions_a_minute=2)
    scene.looked()
    assert scene.victims() == ["low-0", "low-1"]
    scene.after(59.0)
    assert scene.victims() == []
    scene.after(1.0)
    assert scene.victims() == ["low-2", "low-3"]


def test_who_need_not_leave_any_more_stays() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    scene = Scene(*there, *gang(), evictions_a_minute=1)
    scene.looked()
    assert scene.victims() == ["low-0"]
    scene.owner.changed("Node", node("c"), scene.now_s)
    scene.after(60.0)
    assert scene.judged() is Verdict.SPARED
    assert scene.victims() == []
    assert "default/low-1" not in scene.owner.mirror.heirs
    assert scene.filtered(pod("thief", 1)) == []  # what it goes to instead is kept
    scene.gone("low-0")
    assert made(scene).result is MADE
    assert "default/low-1" in scene.owner.mirror.pods


def test_nobody_else_leaves_where_the_room_has_gone_to_others() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    scene = Scene(*there, *gang(), evictions_a_minute=1)
    scene.looked()
    assert scene.victims() == ["low-0"]
    scene.gone("low-0")
    scene.show(runs("intruder", 8, "a", 100))  # by another scheduler
    scene.after(60.0)
    assert scene.judged() is Verdict.VAIN
    assert scene.machine.next_victim(scene.now_s) is None
    assert said(scene.machine.step(scene.now_s)) == (
        UP, "nobody leaves for gang default/g any longer: its room went to others",
    )  # fmt: skip


def test_a_gang_that_goes_or_finds_room_evicts_nobody_else() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    members = gang()
    scene = Scene(*there, *members, evictions_a_minute=1)
    scene.looked()
    scene.gone("g-1")
    assert said(scene.machine.step(scene.now_s)) == (
        UP, "nobody leaves for gang default/g any longer: it waits for room no longer",
    )  # fmt: skip
    scene = Scene(*there, *members, evictions_a_minute=1)
    scene.looked()
    scene.owner.changed("Node", node("c"), scene.now_s)
    scene.owner.changed("Node", node("d"), scene.now_s)
    assert scene.filtered(members[0], holds=True)
    assert said(scene.machine.step(scene.now_s)) == (
        ELSEWHERE, "gang default/g: it has found room",
    )  # fmt: skip
    assert sorted(scene.owner.mirror.holds) == ["default/g-0", "default/g-1"]


def test_another_pod_of_a_victims_name_is_not_evicted() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    scene = Scene(*there, *gang())
    scene.looked()
    assert scene.judged() is Verdict.NEEDED
    scene.show(runs("low-0", 8, "a"))  # made anew, with another uid
    assert scene.machine.next_victim(scene.now_s) is None


def test_one_gang_at_a_time_the_most_important_first() -> None:
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b")]
    pods = [*gang(2, 4, "g"), *gang(2, 4, "h", priority=20)]
    scene = Scene(*there, *pods, groups={"g": 2, "h": 2})
    news = scene.looked()
    assert news is not None
    assert news.gang == "default/h"
    assert scene.looked() is None
    assert scene.machine.n_short == 2


def test_queues_keep_their_limits() -> None:
    queue: dict[str, Any] = {"labels": {"bayplan.io/queue": "red"}}
    there = [runs("low-0", 8, "a"), runs("low-1", 8, "b", **queue)]
    scene = Scene(*there, *gang(**queue), queues=tree(red={"limit": 16}))
    assert scene.looked() is None
    assert scene.machine.help is None
    scene = Scene(*there, *gang(2, 4, **queue), queues=tree(red={"limit": 16}))
    assert said(scene.looked())[1].endswith(": default/low-0")
    assert scene.victims() == ["low-0"]
    scene.gone("low-0")
    assert made(scene).result is MADE


def test_a_gang_that_cannot_be_asked_for_any_more_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(runs("low-0", 8, "a"), runs("low-1", 8, "b"), *gang())
    scene.looked()
    assert scene.victims() == ["low-0", "low-1"]
    scene.gone("low-0", "low-1")

    def make(*_: Any, **__: Any) -> None:
        raise InvalidRequest("gang default/g: nobody gives what g-0 asks for")

    monkeypatch.setattr(Plans, "make", make)
    assert said(made(scene)) == (
        UP,
        "nobody leaves for gang default/g any longer: gang default/g: nobody gives what g-0 asks"
        " for",
    )
    assert scene.machine.help is None
    assert scene.owner.mirror.holds == {}


def test_who_stops_leaves_nothing_behind() -> None:
    scene = Scene(runs("low-0", 6, "a"), runs("low-1", 8, "b"), *gang())
    scene.looked()
    assert scene.owner.mirror.holds
    scene.machine.stop(scene.now_s)
    assert (scene.owner.mirror.holds, scene.owner.mirror.heirs) == ({}, {})
    assert scene.machine.help is None


def test_kube_scheduler_evicts_nobody_for_gangs_that_are_helped() -> None:
    low = runs("low-0", 8, "a")
    proposed = {"a": ((str(low["metadata"]["uid"]),), 0)}
    members = gang(2, 4)
    scene = Scene(low, *members, nodes=(node("a"),))
    assert scene.owner.preempt(members[0], proposed, scene.now_s) == {}
    scene.owner.helper = None
    assert scene.owner.preempt(members[0], proposed, scene.now_s)
    volumes = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}
    members = gang(2, 4, spec=volumes)
    scene = Scene(low, *members, nodes=(node("a"),))
    assert scene.owner.preempt(members[0], proposed, scene.now_s)


def test_a_pod_group_of_lower_priority_counts_for_its_pods() -> None:
    there = [runs("low-0", 8, "a", 5), runs("low-1", 8, "b", 5)]
    scene = Scene(*there, *gang())
    stated = {"minMember": 2, "priority": 5}
    group = {**pod_group("g", 2), "spec": stated}
    scene.show(group, kind="PodGroup.scheduling.x-k8s.io")
    assert scene.looked() is None
    assert scene.machine.note("default/g").startswith("evicting does not help: ")
    group = {**group, "spec": {**stated, "priority": 6}}
    scene.show(group, kind="PodGroup.scheduling.x-k8s.io")
    scene.after(AGAIN_S)
    assert said(scene.looked())[0] is BEGUN
    assert scene.machine.help is not None
    assert scene.machine.help.priority == 6
