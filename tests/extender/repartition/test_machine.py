"""Whatever happens in a cluster: idle nodes only, one at a time, and none stays cordoned.

A cluster with an API server that takes writes by version, MIG managers that work or fail, pods and
people; a controller sees it late, and begins anew with nothing in its memory at any time.
"""

from __future__ import annotations

from typing import Any

from hypothesis import event
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bayplan.extender.repartition.controller import Due
from bayplan.extender.repartition.machine import Result
from bayplan.extender.repartition.mark import Step, written_time
from bayplan.extender.repartition.observing import seen_node
from bayplan.extender.repartition.planning import plan
from bayplan.extender.repartition.settings import Repartition
from bayplan.scheduler.hardware import product_named
from bayplan.traces.kubernetes import keys

from .mig import LARGE, SMALL, Object, controller_of, merged, mig_node, waiting

NAMES = ("a", "b", "c")
GPU = "nvidia.com/gpu"
PRODUCT = product_named("A100-80GB")


class Cluster(RuleBasedStateMachine):
    """What is in the API, what the controller has seen of it, and what was written by whom."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.version = 1
        self.settings = Repartition()
        self.nodes: dict[str, Object] = {}
        self.pods: dict[str, Object] = {}
        self.unseen: list[tuple[str, str, Object]] = []
        self.theirs: set[str] = set()
        self.n_pods = 0
        self._begin()

    @initialize(max_nodes=st.sampled_from([1, 1, 2]), uncordon=st.booleans())
    def set_up(self, max_nodes: int, uncordon: bool) -> None:
        self.settings = Repartition(
            wait_s=5.0, settle_s=3.0, limit_s=60.0, cooldown_s=50.0,
            max_nodes=max_nodes, uncordon_failed=uncordon,
        )  # fmt: skip
        for name in NAMES:
            self.nodes[name] = mig_node(name, 1)
        for _ in range(8):  # more than one node can take
            self.somebody_waits(SMALL, 1)
        self.now_s += 10.0
        self._begin()

    # --- what happens ---------------------------------------------------------------------

    @rule(profile=st.sampled_from([SMALL, SMALL, LARGE, GPU]), n=st.integers(1, 2))
    def somebody_waits(self, profile: str, n: int) -> None:
        if len(self._waiting()) < 12:
            self.n_pods += 1
            self._put_pod(waiting(f"p{self.n_pods}", {profile: n}, written_time(self.now_s)))

    @rule(name=st.sampled_from(NAMES), late=st.booleans(), data=st.data())
    def a_pod_is_bound(self, name: str, late: bool, data: st.DataObject) -> None:
        """By a scheduler that looks at the newest state, or at one from before a cordon."""
        shown = sorted(seen_node(self.nodes[name]).shown)
        if not shown or (self._is_cordoned(name) and not late):
            return
        self.n_pods += 1
        asks = {data.draw(st.sampled_from(shown)): 1}
        fits = [each for each in self._waiting() if self._fits(each, name)]
        thing = fits[0] if fits and not late else waiting(f"p{self.n_pods}", asks)
        if self._fits(thing, name):
            self._put_pod(merged(thing, {"spec": {"nodeName": name}}))

    @rule(data=st.data())
    def a_pod_leaves(self, data: st.DataObject) -> None:
        if self.pods:
            thing = self.pods.pop(data.draw(st.sampled_from(sorted(self.pods))))
            self.unseen.append(("deleted", "Pod", thing))

    @rule(name=st.sampled_from(NAMES), outcome=st.sampled_from(["success", "success", "failed"]))
    def the_manager_works(self, name: str, outcome: str) -> None:
        node = self.nodes[name]
        state = seen_node(node).state
        if state == "":
            self._put_node(name, {"metadata": {"labels": {keys.MIG_STATE: "pending"}}})
        elif state == "pending":
            self._finish(name, outcome)

    @rule(name=st.sampled_from(NAMES))
    def somebody_cordons(self, name: str) -> None:
        if not self._is_cordoned(name):
            if seen_node(self.nodes[name]).mark is None:
                self.theirs.add(name)  # a node of ours looks as if we had cordoned it
            self._put_node(name, {"spec": {"unschedulable": True}})

    @rule(name=st.sampled_from(NAMES))
    def somebody_uncordons(self, name: str) -> None:
        self.theirs.discard(name)
        self._put_node(name, {"spec": {"unschedulable": None}})

    @rule(seconds=st.sampled_from([1.0, 3.0, 10.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(n=st.integers(1, 5))
    def the_watch_brings(self, n: int) -> None:
        now, self.unseen = self.unseen[:n], self.unseen[n:]
        self.seeing.now_s = self.now_s
        for what, kind, thing in now:
            getattr(self.seeing, what)(kind, thing)

    @rule()
    def a_restart(self) -> None:
        self._begin()

    # --- what the controller does ---------------------------------------------------------

    @rule(late=st.booleans())
    def a_round(self, late: bool) -> None:
        if not late:
            self.the_watch_brings(10_000)
        for due in self.controller.due(self.now_s):
            self._write(due)

    @rule(late=st.booleans())
    def a_plan(self, late: bool) -> None:
        if not late:
            self.the_watch_brings(10_000)
        case = self.controller.case(self.now_s)
        if case is not None:
            planned = plan(case, self.controller.room())
            for due in list(self.controller.started(planned, self.now_s)):
                self._write(due)

    def _write(self, due: Due) -> None:
        """Take a write as an API server does: only where the node is as it was seen."""
        name, write = due.node.name, due.write
        if self._version(name) != due.node.version:
            event("refused by the API server")
            return
        event(write.result.value)
        if write.result in (Result.BEGUN, Result.APPLIED):
            # Whoever uses its GPUs has come so lately that no watch has told.
            unseen = {self._key(thing) for _, kind, thing in self.unseen if kind == "Pod"}
            used = {key for key, each in self.pods.items() if self._at(each) == name}
            assert used <= unseen
            assert name not in self.theirs
        before = seen_node(self.nodes[name]).config
        self._put_node(name, write.patch())
        if write.result is not Result.APPLIED:
            assert seen_node(self.nodes[name]).config == before
        if write.result in (Result.DONE, Result.UNDONE):
            assert not self._is_cordoned(name)

    # --- what always holds ----------------------------------------------------------------

    @invariant()
    def never_more_at_once_than_allowed(self) -> None:
        marks = [seen_node(each).mark for each in self.nodes.values()]
        assert sum(mark is not None for mark in marks) <= self.settings.max_nodes

    @invariant()
    def only_those_are_cordoned_that_say_why(self) -> None:
        for name, thing in self.nodes.items():
            if self._is_cordoned(name) and name not in self.theirs:
                assert seen_node(thing).mark is not None

    def teardown(self) -> None:
        """Let everything come to rest: what does not fail is uncordoned in the end."""
        for _ in range(40):
            self.a_round(late=False)
            for name in NAMES:
                self.the_manager_works(name, "success")
            self.now_s += 4.0
        self.the_watch_brings(10_000)
        for name, thing in self.nodes.items():
            node = seen_node(thing)
            if node.mark is not None:
                assert node.mark.step is Step.FAILED
                assert node.state == "failed" or node.config != node.mark.config
            elif name not in self.theirs:
                assert not node.cordoned

    # --- inside ---------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin anew with all that there is, as after a restart."""
        self.unseen = []
        self.controller, self.seeing = controller_of(
            self.nodes.values(), self.pods.values(), self.settings
        )

    def _put_node(self, name: str, change: dict[str, Any]) -> None:
        self.version += 1
        version = {"metadata": {"resourceVersion": str(self.version)}}
        self.nodes[name] = merged(merged(self.nodes[name], change), version)
        self.unseen.append(("changed", "Node", self.nodes[name]))

    def _put_pod(self, thing: Object) -> None:
        self.pods[self._key(thing)] = thing
        self.unseen.append(("changed", "Pod", thing))

    def _finish(self, name: str, outcome: str) -> None:
        """Let the instances be there, and the state be said; nothing where somebody runs."""
        node = seen_node(self.nodes[name])
        used = [each for each in self.pods.values() if self._at(each) == name]
        if outcome == "success" and not used:
            made = self.settings.configs.of(PRODUCT, 1)[node.config]
            gone = {key: None for key in node.shown if key not in made}
            amounts = {key: str(n) for key, n in made.items()} | gone
            self._put_node(name, {"status": {"allocatable": amounts}})
        else:
            outcome = "failed"
        self._put_node(name, {"metadata": {"labels": {keys.MIG_STATE: outcome}}})

    def _fits(self, thing: Object, name: str) -> bool:
        free = dict(seen_node(self.nodes[name]).shown)
        there = [each for each in self.pods.values() if self._at(each) == name]
        for each in [*there, thing]:
            for key, n in each["spec"]["containers"][0]["resources"]["requests"].items():
                if key.startswith("nvidia.com/"):
                    free[key] = free.get(key, 0) - int(n)
        return all(n >= 0 for n in free.values())

    def _waiting(self) -> list[Object]:
        return [self.pods[key] for key in sorted(self.pods) if not self._at(self.pods[key])]

    def _key(self, thing: Object) -> str:
        return f"default/{thing['metadata']['name']}"

    def _at(self, thing: Object) -> str:
        return str(thing["spec"].get("nodeName", ""))

    def _is_cordoned(self, name: str) -> bool:
        return seen_node(self.nodes[name]).cordoned

    def _version(self, name: str) -> str:
        return seen_node(self.nodes[name]).version


TestCluster = Cluster.TestCase
TestCluster.settings = with_settings(stateful_step_count=40, deadline=None)
