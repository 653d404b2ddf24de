"""Which node takes which layout, against layouts counted by hand: A100s of 80 GB."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from bayplan.extender.repartition.configs import Configs, Entry
from bayplan.extender.repartition.controller import Controller
from bayplan.extender.repartition.planning import Planned, plan
from bayplan.extender.repartition.settings import Repartition
from bayplan.scheduler.queues import Queue, QueueTree
from extender_things import bound, gang_pod, listed, pod, pod_group

from .mig import LARGE, SMALL, Object, Seeing, controller_of, mig_node, waiting

NOW_S = 1000.0
WHOLE = "nvidia.com/gpu"
SEVEN = {SMALL: 7}


def planned(
    nodes: list[Object], pods: list[Object], most: int = 9, **settings: Any
) -> list[Planned]:
    controller, _ = controller_of(nodes, pods, Repartition(**{"max_nodes": 9} | settings))
    case = controller.case(NOW_S)
    return [] if case is None else plan(case, most)


def small(n: int, **more: Any) -> list[Object]:
    return [waiting(f"small-{k}", {SMALL: 1}, **more) for k in range(n)]


def uids(*names: str) -> tuple[str, ...]:
    return tuple(f"default/{name}" for name in names)


def test_the_layout_that_serves_most_and_makes_least_beyond_that() -> None:
    # all-1g.10gb makes 7 of one eighth; balanced 2, one of 2g and one of 3g: 2/8 of it are asked.
    one = mig_node("a", 1)
    assert planned([one], small(7)) == [
        Planned("a", "all-1g.10gb", uids(*(f"small-{k}" for k in range(7))))
    ]
    # Both serve two: the one with 7/8 of a GPU makes less beyond that than balanced with 8/8.
    assert [each.config for each in planned([one], small(2))] == ["all-1g.10gb"]
    mixed = [*small(2), waiting("large", {LARGE: 1})]
    assert planned([one], mixed) == [
        Planned("a", "all-balanced", uids("large", "small-0", "small-1"))
    ]


def test_the_smaller_of_two_nodes_is_enough_and_then_the_next() -> None:
    nodes = [mig_node("a", 8), mig_node("b", 1), mig_node("c", 1)]
    assert [(each.node, each.config) for each in planned(nodes, small(3))] == [("b", "all-1g.10gb")]
    # 9 need two GPUs: eight of one node in one go, which serves more than either small one.
    assert [each.node for each in planned(nodes, small(9))] == ["a"]
    two = [mig_node("b", 1), mig_node("c", 1)]
    found = planned(two, small(9))
    assert [(each.node, len(each.pods)) for each in found] == [("b", 7), ("c", 2)]
    assert planned(two, small(9), most=1) == found[:1]


def test_what_finds_room_as_things_are_changes_nothing() -> None:
    free = mig_node("free", 1, SEVEN, config="all-1g.10gb")
    assert planned([free, mig_node("a", 1)], small(7)) == []
    assert [each.pods for each in planned([free, mig_node("a", 1)], small(8))] == [
        uids("small-7")
    ]  # the last by name
    # A whole GPU that somebody waits for is not cut into pieces for another one.
    assert planned([mig_node("a", 1)], [waiting("whole", {WHOLE: 1}), *small(1)]) == []


def test_an_idle_node_that_is_cut_gives_whole_gpus_back() -> None:
    cut = mig_node("a", 2, {SMALL: 14}, config="all-1g.10gb")
    assert planned([cut], [waiting("whole", {WHOLE: 2})]) == [
        Planned("a", "all-disabled", uids("whole"))
    ]
    assert planned([cut], [waiting("whole", {WHOLE: 3})]) == []


def test_a_higher_priority_goes_before_a_larger_number() -> None:
    first = waiting("first", {LARGE: 2}, spec={"priority": 10})
    found = planned([mig_node("a", 1)], [*small(7), first])
    assert found == [Planned("a", "all-3g.40gb", uids("first"))]


def test_only_what_no_other_resource_forbids_counts() -> None:
    def asking(**spec: Any) -> Object:
        return waiting("p", {SMALL: 1}, spec=spec)

    nodes = [mig_node("a", 1), mig_node("b", 1, labels={"pool": "x"})]
    assert [each.node for each in planned(nodes, [asking(nodeSelector={"pool": "x"})])] == ["b"]
    assert planned(nodes, [asking(nodeSelector={"pool": "y"})]) == []
    tainted = mig_node("a", 1)
    tainted["spec"]["taints"] = [{"key": "k", "effect": "NoSchedule"}]
    assert planned([tainted], [asking()]) == []
    assert planned([tainted], [asking(tolerations=[{"operator": "Exists"}])]) != []
    assert planned([mig_node("a", 1)], [waiting("p", {SMALL: 1, "cpu": 97})]) == []
    # It asks for the config by its label.
    wish = {"nvidia.com/mig.config": "all-balanced"}
    found = planned([mig_node("a", 1)], [asking(nodeSelector=wish)])
    assert [each.config for each in found] == ["all-balanced"]


def test_a_pod_that_has_waited_too_short_or_has_room_coming_is_none() -> None:
    late = waiting("p", {SMALL: 1}, since="1970-01-01T00:16:00Z")  # second 960
    assert planned([mig_node("a", 1)], [late], wait_s=41.0) == []
    assert planned([mig_node("a", 1)], [late], wait_s=40.0) != []
    nominated = waiting("p", {SMALL: 1})
    nominated["status"]["nominatedNodeName"] = "b"
    assert planned([mig_node("a", 1)], [nominated]) == []
    gated = pod("p", asks={SMALL: "1"})
    assert planned([mig_node("a", 1)], [gated]) == []
    assert planned([mig_node("a", 1)], [waiting("p", {"cpu": 1})]) == []
    hami = waiting("p", {WHOLE: 1, "nvidia.com/gpumem": 100})
    assert planned([mig_node("a", 1, SEVEN, config="all-1g.10gb")], [hami]) == []


def test_a_gang_counts_where_all_of_it_finds_room() -> None:
    def member(k: int) -> Object:
        thing = gang_pod(f"g{k}", "g")
        return waiting(f"g{k}", {LARGE: 1}, labels=thing["metadata"]["labels"])

    def found(n_gpus: int, members: int) -> list[Planned]:
        controller, seeing = controller_of([mig_node("a", n_gpus)])
        listed(seeing, "PodGroup.scheduling.x-k8s.io", [pod_group("g", members)])
        listed(seeing, "Pod", [member(k) for k in range(members)])
        case = controller.case(NOW_S)
        assert case is not None
        return plan(case, 9)

    assert found(2, 4) == [Planned("a", "all-3g.40gb", uids("g0", "g1", "g2", "g3"))]
    assert found(2, 5) == []


def test_a_gang_that_could_not_start_wherever_there_was_room_does_not_count() -> None:
    def asked(members: list[Object]) -> bool:
        controller, seeing = controller_of([mig_node("a", 2)])
        listed(seeing, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 4)])
        listed(seeing, "Pod", members)
        return controller.case(NOW_S) is not None

    labels = {"scheduling.x-k8s.io/pod-group": "g"}
    gates = {"schedulingGates": [{"name": "team/quota"}]}
    members = [waiting(f"g{k}", {LARGE: 1}, labels=labels) for k in range(4)]
    gated = pod("g3", asks={LARGE: "1"}, labels=labels, spec=gates)
    assert asked(members)
    assert not asked(members[:3])
    assert not asked([*members[:3], gated])


def test_what_is_under_way_will_be_there_for_those_who_wait() -> None:
    controller, seeing = controller_of(
        [mig_node("a", 1), mig_node("b", 1)], small(7), Repartition(max_nodes=2)
    )
    case = controller.case(NOW_S)
    assert case is not None
    (first, *_) = controller.started(plan(case, 1), NOW_S)
    assert first.node.name == "a"
    metadata = {"annotations": first.write.patch()["metadata"]["annotations"]}
    marked = mig_node("a", 1, cordoned=True, **metadata)
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    marked["spec"]["taints"] = [taint]  # as the node controller does
    seeing.changed("Node", marked)
    again = controller.case(NOW_S)
    assert again is not None
    assert plan(again, 9) == []
    seeing.changed("Pod", waiting("more", {SMALL: 1}))
    more = controller.case(NOW_S)
    assert more is not None
    assert [(each.node, each.pods) for each in plan(more, 9)] == [("b", uids("small-6"))]
    # A pod that was being bound to it takes it back: then it will not be there for the others.
    seeing.changed("Pod", bound(pod("late", 1), "a"))
    back = controller.case(NOW_S)
    assert back is not None
    assert [(each.node, len(each.pods)) for each in plan(back, 9)] == [("b", 7)]


def test_only_configs_that_the_manager_has_names_for_are_taken() -> None:
    configs = Configs(
        (
            ("team", (Entry(instances=(("1g.10gb", 1), ("3g.40gb", 1))),)),
            ("all-disabled", (Entry(),)),
        )
    )
    found = planned([mig_node("a", 1)], small(7), configs=configs)
    assert found == [Planned("a", "team", uids("small-0"))]


def test_a_config_that_the_node_has_already_is_no_change() -> None:
    # The label says all-1g.10gb and nothing is shown: mig-manager does nothing at the same label.
    broken = mig_node("a", 1, {}, config="all-1g.10gb")
    assert [each.config for each in planned([broken], small(2))] == ["all-balanced"]


def test_a_node_that_is_not_idle_is_none() -> None:
    runs = bound(pod("r", asks={WHOLE: "1"}), "a")
    assert planned([mig_node("a", 8)], [runs, *small(1)]) == []
    other = replace(Repartition(), label="pool=mig")
    controller, _ = controller_of([mig_node("a", 8)], small(1), other)
    assert controller.case(NOW_S) is None


def test_nothing_new_is_not_planned_again() -> None:
    controller, seeing = controller_of([mig_node("a", 1)], [waiting("p", {LARGE: 3})])
    case = controller.case(NOW_S)
    assert case is not None
    assert plan(case, 1) == []
    assert list(controller.started([], NOW_S)) == []
    assert controller.case(NOW_S) is None
    seeing.changed("Pod", waiting("q", {LARGE: 2}))
    assert controller.case(NOW_S) is not None


@pytest.mark.parametrize("n_gpus", [1, 8])
def test_the_live_state_is_as_it_was(n_gpus: int) -> None:
    controller, _ = controller_of([mig_node("a", n_gpus)], small(20))
    before = controller.owner.mirror.cluster.nodes["a"]
    case = controller.case(NOW_S)
    assert case is not None
    assert plan(case, 1) != []
    assert controller.owner.mirror.cluster.nodes["a"] == before
    assert controller.owner.mirror.cluster.pods == {}


@pytest.mark.parametrize(
    ("pods", "taken"),
    [
        (small(1), "a"),  # whoever looks at no label has the first of those that are alike
        ([waiting("p", {SMALL: 1}, spec={"nodeSelector": {"k": "c"}})], "c"),
        ([waiting("p", {SMALL: 1, "cpu": 90})], "b"),  # a has less than that
        ([waiting("p", {SMALL: 1}, spec={"affinity": {"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "x"}},
                 "topologyKey": "kubernetes.io/hostname"}]}}})], "b"),
    ],
)  # fmt: skip
def test_nodes_count_as_alike_only_where_nobody_can_tell_them_apart(
    pods: list[Object], taken: str
) -> None:
    nodes = [mig_node(name, 1, labels={"k": name}) for name in "abcdef"]
    there = pod("there", at="a", asks={"cpu": "10"}, labels={"app": "x"})
    found = planned(nodes, [there, *pods])
    assert [each.node for each in found] == [taken]


def test_who_is_over_a_limit_of_a_queue_is_no_reason_to_cut_or_join_gpus() -> None:
    cut = mig_node("a", 2, SEVEN, config="all-1g.10gb")
    pods = [waiting("p", {WHOLE: 2}, labels={"bayplan.io/queue": "own"})]

    def nodes(limit: int) -> list[str]:
        owner = Owner(Live(queues=QueueTree([Queue("own", limit={"gpu": limit})])))
        controller = Controller(owner, Repartition())
        seeing = Seeing(owner, controller)
        listed(seeing, "Node", [cut])
        listed(seeing, "Pod", pods)
        case = controller.case(NOW_S)
        return [] if case is None else [each.node for each in plan(case, 9)]

    assert nodes(2000) == ["a"]
    assert nodes(1000) == []
