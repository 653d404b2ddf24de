"""What queues of the live cluster use, and what their limits make of filter and bind."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from bayplan.extender.live.owner import Owner, Ready, Refused
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.scheduler.queues import capacity_of, usage_of
from extender_queues import owner_of, runs, tree
from extender_things import bound, gang_pod, hami_node, node, pod

Object = dict[str, Any]

NAMES = st.sampled_from([f"p{k}" for k in range(6)])
RESEARCH = tree(
    research={"limit": 5},
    vision={"parent": "research", "guaranteed": 2},
    speech={"parent": "research"},
)


def of(name: str, gpus: int, queue: str, **more: Any) -> Object:
    return pod(name, gpus, labels={"bayplan.io/queue": queue}, **more)


def place(owner: Owner, thing: Object, names: tuple[str, ...] = ("a",)) -> str:
    """Do with a pod what kube-scheduler does; return why not, empty when it is bound."""
    answer = owner.filter(thing, names, 0.0, holds=True)
    if not answer.somewhere:
        return answer.error or answer.counts()[0][0]
    owner.prioritize(thing, answer.passed, 0.0)
    ready = owner.reserve(f"default/{thing['metadata']['name']}", answer.passed[0], 0.0)
    return ready.why if isinstance(ready, Refused) else ""


def test_a_pod_over_the_limit_of_a_group_is_told_whose_and_how_much_is_left() -> None:
    owner = owner_of(RESEARCH, runs("v", 3, "vision"))
    answer = owner.filter(of("s", 3, "speech"), ["a"], 0.0, holds=True)
    assert answer.counts() == [
        ("queue: queue research uses 3 of its limit of 5 GPUs; 3 asked, 2 left", 1)
    ]
    assert list(answer.unresolvable) == ["a"]  # nobody is evicted for it by kube-scheduler
    assert place(owner, of("t", 2, "speech")) == ""
    assert "uses 5 of its limit of 5" in place(owner, of("u", 1, "vision"))


def test_who_is_held_counts_and_who_was_let_go_does_not() -> None:
    owner = owner_of(RESEARCH)
    first, second = of("s", 3, "speech"), of("t", 3, "speech")
    owner.filter(first, ["a"], 0.0, holds=True)
    owner.prioritize(first, ["a"], 0.0)
    assert "3 asked, 2 left" in place(owner, second)
    assert owner.filter(first, ["a"], 1.0, holds=True).somewhere  # it is counted once
    owner.tick(1000.0)
    assert place(owner, second) == ""


def test_a_pod_of_no_queue_has_no_limit_and_one_of_an_unknown_queue_waits() -> None:
    owner = owner_of(RESEARCH, runs("v", 5, "vision"))
    assert place(owner, pod("p", 3)) == ""
    assert place(owner, of("q", 0, "sales")) == "queue: there is no queue sales"
    kueue = pod("k", 1, labels={"kueue.x-k8s.io/queue-name": "speech"})
    assert "research uses 5" in place(owner, kueue)


def test_our_label_comes_before_those_of_others() -> None:
    labels = {"kueue.x-k8s.io/queue-name": "user-queue", "bayplan.io/queue": "vision"}
    owner = owner_of(RESEARCH, pod("p", 1, labels=labels))
    assert owner.mirror.pods["default/p"].facts.queue == "vision"
    assert owner.mirror.pods["default/p"].problem == ""


def test_what_a_queue_does_not_lend_is_kept_from_others() -> None:
    owner = owner_of(tree(own={"guaranteed": 4, "lending_limit": 1}, other={}))
    why = place(owner, of("p", 6, "other"))
    assert (
        why
        == "queue: the cluster uses 3 of its capacity of 8 GPUs; 6 asked, 5 left; own lends no more"
    )
    assert place(owner, of("q", 5, "other")) == ""
    assert place(owner, of("r", 3, "own")) == ""


def test_a_gang_counts_whole_and_grows_one_by_one() -> None:
    pods = [gang_pod(f"g-{k}", "g", 2, labels={"bayplan.io/queue": "speech"}) for k in range(3)]
    owner = owner_of(RESEARCH, *pods[:2], groups={"g": 2})
    extra = pods[2]
    owner.changed("Pod", extra, 0.0)
    assert "6 asked, 5 left" in place(owner, pods[0])
    owner.deleted("Pod", extra, 0.0)
    assert [place(owner, each) for each in pods[:2]] == ["", ""]
    owner.changed("Pod", extra, 0.0)
    assert "uses 4 of its limit of 5 GPUs; 2 asked, 1 left" in place(owner, extra)


def test_members_of_a_gang_count_each_for_their_own_queue_whoever_is_asked_for_first() -> None:
    pods = [gang_pod(f"g-{queue}", "g", 2, labels={"bayplan.io/queue": queue})
            for queue in ("red", "blue")]  # fmt: skip
    for first in pods:
        owner = owner_of(tree(red={"limit": 2}, blue={}), *pods, groups={"g": 2})
        assert owner.filter(first, ["a"], 0.0, holds=True).passed == ["a"]
        common = tree(both={"limit": 3}, red={"parent": "both"}, blue={"parent": "both"})
        owner = owner_of(common, *pods, groups={"g": 2})
        assert not owner.filter(first, ["a"], 0.0, holds=True).somewhere
        assert owner.quota is not None
        assert owner.quota.admission.usage.used("both", "gpu") == 0


def test_a_limit_by_model_is_one_for_who_grows_a_gang_as_well() -> None:
    other = node("b")
    other["metadata"]["labels"]["nvidia.com/gpu.product"] = "NVIDIA-H100-80GB-HBM3"
    running = [
        gang_pod(f"g-{k}", "g", 1, labels={"bayplan.io/queue": "q"}, at="a") for k in range(2)
    ]
    more = gang_pod("g-2", "g", 1, labels={"bayplan.io/queue": "q"})
    owner = owner_of(
        tree(q={"limit": {"gpu:A100-80GB": 2000}}),
        *running,
        more,
        nodes=(node("a"), other),
        groups={"g": 2},
    )
    assert owner.filter(more, ["a", "b"], 0.0, holds=True).passed == ["b"]


def test_a_limit_by_model_closes_the_nodes_with_that_model_alone() -> None:
    other = node("b")
    other["metadata"]["labels"]["nvidia.com/gpu.product"] = "NVIDIA-H100-80GB-HBM3"
    owner = owner_of(
        tree(q={"limit": {"gpu:A100-80GB": 2000}}), nodes=(node("a"), other), at_filter=True
    )
    thing = of("p", 3, "q")
    assert owner.filter(thing, ["a", "b"], 0.0, holds=False).passed == ["b"]
    answer = owner.filter(thing, ["a"], 0.0, holds=True)
    assert answer.counts() == [
        ("queue: queue q uses 0 of its limit of 2 GPUs of A100-80GB; 3 asked, 2 left", 1)
    ]
    assert owner.filter(thing, ["a", "b"], 0.0, holds=True).passed == ["b"]
    assert owner.filter(of("r", 2, "q"), ["a"], 0.0, holds=True).passed == ["a"]


def test_a_share_by_memory_counts_as_what_it_takes_of_its_gpu() -> None:
    """Nobody knows before which part of a GPU 40 GiB are: of this one it is half."""
    half = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "40960"}
    owner = owner_of(tree(q={"limit": {"gpu": 600}}), nodes=(hami_node("a"),), hami=True)
    first, second = (of(name, 0, "q", asks=half) for name in ("first", "second"))
    assert place(owner, first) == ""
    assert place(owner, second) == (
        "queue: queue q uses 0.5 of its limit of 0.6 GPUs; 0.5 asked, 0.1 left"
    )
    other = of("other", 0, "", asks=half)
    assert place(owner, other) == ""


def test_who_is_over_the_limit_evicts_nobody_and_is_not_woken() -> None:
    low, high = runs("low", 5, "vision"), of("p", 8, "speech")
    high["spec"]["priority"] = 10
    owner = owner_of(RESEARCH, low, high)
    victims = {"a": ((low["metadata"]["uid"],), 0)}
    assert owner.preempt(high, victims, 0.0) == {}
    assert not owner.may_fit("default/p")


class Following(RuleBasedStateMachine):
    """Pods come, are bound, move to other nodes and leave; nodes come and leave."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = owner_of(RESEARCH, nodes=(node("a"), node("b")))
        self.things: dict[str, Object] = {}
        self.now_s = 0.0

    @rule(
        name=NAMES, gpus=st.integers(0, 3), queue=st.sampled_from(["vision", "speech", "", "sales"])
    )
    def place(self, name: str, gpus: int, queue: str) -> None:
        place(self.owner, self.things.setdefault(name, of(name, gpus, queue)), ("a", "b"))

    @rule(name=NAMES, where=st.sampled_from(["a", "b"]))
    def run_at(self, name: str, where: str) -> None:
        if name in self.things:
            self.things[name] = bound(self.things[name], where)
            self.owner.changed("Pod", self.things[name], self.now_s)

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        if name in self.things:
            self.owner.deleted("Pod", self.things.pop(name), self.now_s)

    @rule(name=st.sampled_from(["a", "b", "c"]), gpus=st.sampled_from([4, 8]))
    def show_node(self, name: str, gpus: int) -> None:
        self.owner.changed("Node", node(name, gpus), self.now_s)

    @rule(name=st.sampled_from(["a", "b", "c"]))
    def lose_node(self, name: str) -> None:
        self.owner.deleted("Node", node(name), self.now_s)

    @rule(seconds=st.sampled_from([1.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.owner.tick(self.now_s)

    @rule()
    def look(self) -> None:
        """Much may have happened since the last look."""
        cluster, quota = self.owner.mirror.cluster, self.owner.quota
        assert quota is not None
        wanted, found = usage_of(cluster, RESEARCH).usage, quota.admission.usage
        for queue in ("", *RESEARCH.queues, "sales"):
            for resource in wanted.resources:
                assert found.own(queue, resource) == wanted.own(queue, resource)
        has = {r: n for r, n in quota.capacity.items() if n}
        assert has == {r: n for r, n in capacity_of(cluster).items() if n}

    def teardown(self) -> None:
        self.look()
        assert differences(snapshot(self.owner.mirror), self.now_s) == []


TestFollowing = Following.TestCase
TestFollowing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_who_is_bound_by_somebody_else_is_there_whatever_the_limit() -> None:
    owner = owner_of(RESEARCH, runs("v", 7, "vision"))
    assert owner.quota is not None
    assert owner.quota.admission.usage.used("research", "gpu") == 7000
    assert isinstance(owner.reserve("default/v", "a", 0.0), Ready)
