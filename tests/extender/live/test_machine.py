"""Random lives of a cluster: an API server, late watches, other schedulers, kills in between."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from bayplan.extender.live.owner import Owner, Ready
from bayplan.extender.live.plans import Plan
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.extender.live.settings import Gangs, Live
from extender_things import bound, listed, node, pod, pod_group

Object = dict[str, Any]

NODES = ("a", "b", "c")
GROUPS = {"g": 3, "h": 2}
SETTINGS = Live(hold_s=20.0, gangs=Gangs(hold_s=30.0))


class Cluster(RuleBasedStateMachine):
    """What is true is in ``nodes`` and ``pods``; the owner is told of it in ``late`` events."""

    settings = SETTINGS

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Object] = {}
        self.pods: dict[str, Object] = {}
        self.late: list[tuple[str, str, Object]] = []
        self.now_s = 0.0
        self.n_pods = 0
        self.crowded: set[str] = set()
        self.restart()

    @initialize(gpus=st.lists(st.sampled_from((2, 4, 8)), min_size=2, max_size=3))
    def begin(self, gpus: list[int]) -> None:
        for name, n in zip(NODES, gpus, strict=False):
            self.put_node(name, n, cordoned=False)
        for n, group in ((1, ""), (2, ""), (1, "g"), (1, "g"), (2, "h"), (1, "g"), (1, "h")):
            self.add_pod(n, group)
        self.hear(len(self.late))

    # --- the truth ------------------------------------------------------------------------

    def say(self, what: str, kind: str, thing: Object) -> None:
        self.late.append((what, kind, thing))

    @rule(name=st.sampled_from(NODES), gpus=st.sampled_from((0, 2, 4, 8)), cordoned=st.booleans())
    def put_node(self, name: str, gpus: int, cordoned: bool) -> None:
        before = self.nodes.get(name)
        if before is not None and self.gpus_on(name) > gpus:
            self.crowded.add(name)
        self.nodes[name] = node(name, gpus, cordoned=cordoned)
        self.say("changed", "Node", self.nodes[name])

    @rule(name=st.sampled_from(NODES))
    def drop_node(self, name: str) -> None:
        if name not in self.nodes:
            return
        self.say("deleted", "Node", self.nodes.pop(name))
        self.crowded.discard(name)
        for key in [key for key, each in self.pods.items() if at(each) == name]:
            self.say("deleted", "Pod", self.pods.pop(key))

    @rule(gpus=st.sampled_from((0, 1, 2, 4)), group=st.sampled_from(("", "", "g", "h")))
    def add_pod(self, gpus: int, group: str) -> None:
        self.n_pods += 1
        labels = {"scheduling.x-k8s.io/pod-group": group} if group else {}
        thing = pod(f"p{self.n_pods}", gpus, labels=labels)
        self.pods[thing["metadata"]["name"]] = thing
        self.say("changed", "Pod", thing)

    @precondition(lambda self: self.pods)
    @rule(data=st.data())
    def drop_pod(self, data: st.DataObject) -> None:
        thing = self.pods.pop(data.draw(st.sampled_from(sorted(self.pods))))
        self.say("deleted", "Pod", thing)

    @precondition(lambda self: self.pods and self.nodes)
    @rule(data=st.data())
    def foreign_bind(self, data: st.DataObject) -> None:
        """Another scheduler binds, and does not look."""
        name = data.draw(st.sampled_from(sorted(self.pods)))
        if at(self.pods[name]):
            return
        where = data.draw(st.sampled_from(sorted(self.nodes)))
        self.crowded.add(where)
        self.set_bound(name, where)

    def set_bound(self, name: str, where: str) -> None:
        self.pods[name] = bound(self.pods[name], where)
        self.say("changed", "Pod", self.pods[name])

    # --- the owner ------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        self.owner = Owner(self.settings)
        self.late.clear()
        groups = [pod_group(name, least) for name, least in GROUPS.items()]
        for kind, things in (
            ("PodGroup.scheduling.x-k8s.io", groups),
            ("Node", list(self.nodes.values())),
            ("Pod", list(self.pods.values())),
        ):
            listed(self.owner, kind, things, self.now_s)
        self.waiting: dict[str, str] = {}

    @rule()
    def relist(self) -> None:
        self.late.clear()
        listed(self.owner, "Pod", list(self.pods.values()), self.now_s)
        listed(self.owner, "Node", list(self.nodes.values()), self.now_s)

    @rule(n=st.integers(1, 8))
    def hear(self, n: int) -> None:
        heard, self.late = self.late[:n], self.late[n:]
        for what, kind, thing in heard:
            getattr(self.owner, what)(kind, thing, self.now_s)

    @rule(seconds=st.sampled_from((1.0, 10.0, 31.0)))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.owner.tick(self.now_s)

    @precondition(lambda self: self.pods and self.nodes)
    @rule(data=st.data(), n=st.integers(1, 8), works=st.sampled_from((True, True, False)))
    def schedule(self, data: st.DataObject, n: int, works: bool) -> None:
        """kube-scheduler takes some pods in turn."""
        waiting = sorted(name for name, each in self.pods.items() if not at(each))
        for name in data.draw(st.permutations(waiting))[:n]:
            if name in self.pods:
                self.schedule_one(data, name, works, follows=data.draw(st.booleans()))

    def schedule_one(self, data: st.DataObject, name: str, works: bool, follows: bool) -> None:
        thing = self.pods[name]
        if at(thing) or name in self.waiting:
            return
        names = sorted(self.nodes)
        answer = self.owner.filter(thing, names, self.now_s, holds=True)
        assert set(answer.passed) | set(answer.failed) | set(answer.unresolvable) <= set(names)
        if not answer.passed:
            return
        choice = answer.passed[0]
        if len(answer.passed) > 1:
            points = self.owner.prioritize(thing, answer.passed, self.now_s)
            assert [each for each, _ in points] == answer.passed
            assert all(0 <= n <= 10 for _, n in points)
            assert sum(n == 10 for _, n in points) <= 1
            choice = max(points, key=lambda pair: pair[1])[0]
            if not follows:
                choice = data.draw(st.sampled_from(answer.passed))
        uid = f"default/{name}"
        plan = self.owner.come(uid, thing["metadata"]["uid"], choice, self.now_s)
        if plan is None:
            self.bind(name, choice, works)
        elif isinstance(plan, Plan):
            self.waiting[name] = choice
            if self.owner.plans.there(plan) >= plan.least:
                for each, where in list(self.waiting.items()):
                    if each in self.pods and f"default/{each}" in plan.nodes:
                        del self.waiting[each]
                        self.bind(each, where, works)

    def bind(self, name: str, where: str, works: bool) -> None:
        uid = f"default/{name}"
        answer = self.owner.reserve(uid, where, self.now_s)
        if not isinstance(answer, Ready):
            return
        if works and where in self.nodes and name in self.pods and not at(self.pods[name]):
            self.set_bound(name, where)
            if self.late_nodes():
                self.crowded.add(where)
            elif where not in self.crowded:
                assert self.gpus_on(where) <= gpus_of(self.nodes[where]), "double-booked"
        else:
            self.owner.take_back(uid, self.now_s)

    @rule()
    def give_up_waiting(self) -> None:
        self.waiting.clear()
        for plan in self.owner.plans.plans.values():
            plan.arrived.clear()

    def late_nodes(self) -> bool:
        return any(kind == "Node" for _, kind, _ in self.late)

    def gpus_on(self, name: str) -> int:
        return sum(asked(each) for each in self.pods.values() if at(each) == name)

    # --- what always holds ----------------------------------------------------------------

    @invariant()
    def arrays_agree(self) -> None:
        self.owner.mirror.cluster.check()

    @invariant()
    def a_recompute_agrees(self) -> None:
        found = differences(snapshot(self.owner.mirror), self.now_s)
        assert not found, found

    @invariant()
    def a_hold_is_of_somebody_who_waits(self) -> None:
        mirror = self.owner.mirror
        for uid in mirror.holds:
            assert uid in mirror.cluster.pods
            assert not mirror.pods[uid].node
        assert not set(mirror.holds) & set(mirror.assumed)

    @invariant()
    def a_plan_holds_room_for_at_least_what_it_needs_or_is_void(self) -> None:
        mirror = self.owner.mirror
        held = {uid for plan in self.owner.plans.plans.values() for uid in plan.nodes}
        for uid in mirror.holds:
            if uid not in held:
                assert mirror.holds[uid] <= self.now_s + SETTINGS.hold_s

    def teardown(self) -> None:
        self.hear(len(self.late))
        self.wait(31.0)
        self.a_recompute_agrees()
        mirror = self.owner.mirror
        assert sorted(mirror.pods) == sorted(f"default/{name}" for name in self.pods)
        assert not mirror.holds


def at(thing: Object) -> str:
    return str(thing["spec"].get("nodeName", ""))


def asked(thing: Object) -> int:
    requests = thing["spec"]["containers"][0]["resources"]["requests"]
    return int(requests.get("nvidia.com/gpu", 0))


def gpus_of(thing: Object) -> int:
    return int(thing["status"]["allocatable"].get("nvidia.com/gpu", 0))


TestCluster = Cluster.TestCase
