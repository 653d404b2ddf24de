"""Queues of a cluster that lives: pods come, are lifted, placed and end; the extender restarts."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bayplan.extender.live.owner import Owner, Ready
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.extender.live.turns import Turns
from extender_queues import lifted, member, owner_of, round_of, tree, turns_of, ungated, waits
from extender_things import bound, node

Object = dict[str, Any]

LIMITS = {"red": 6, "blue": 6}
TREE = tree(
    red={"limit": LIMITS["red"], "guaranteed": 4},
    blue={"limit": LIMITS["blue"], "weight": 2.0, "guaranteed": 4, "lending_limit": 3},
    green={},
)
NODES = ("a", "b")
GROUPS = {f"g{k}": 2 + k % 2 for k in range(20)}
OTHER_GATE = "x.io/other"
QUEUES = st.sampled_from(["red", "blue", "green", ""])


class Living(RuleBasedStateMachine):
    """``things`` is what the API server has; the extender sees all of it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.things: dict[str, Object] = {}
        self.now_s = 100.0
        self.n = 0
        self.options = {"order": "drf", "backfill": "easy"}
        self.owner, self.turns = self.started()

    def started(self) -> tuple[Owner, Turns]:
        owner = owner_of(
            TREE, *self.things.values(), nodes=tuple(node(each, 4) for each in NODES), groups=GROUPS
        )
        owner.tick(self.now_s)
        return owner, turns_of(owner, **self.options)

    def show(self, name: str, thing: Object) -> None:
        self.things[name] = thing
        self.owner.changed("Pod", thing, self.now_s)

    # --- what people do -------------------------------------------------------------------

    @rule(gpus=st.integers(0, 4), queue=QUEUES, more=st.sampled_from([{}, {"run_time": "60"}]))
    def create(self, gpus: int, queue: str, more: dict[str, Any]) -> None:
        self.n += 1
        self.show(f"p{self.n}", waits(f"p{self.n}", gpus, queue, self.now_s, **more))

    @rule(gpus=st.integers(1, 2), queue=QUEUES)
    def create_gang(self, gpus: int, queue: str) -> None:
        self.n += 1
        group = f"g{self.n % 20}"
        if not any(name.startswith(f"{group}-") for name in self.things):
            for k in range(GROUPS[group]):
                name = f"{group}-{k}"
                self.show(name, member(name, group, gpus, queue, created_s=self.now_s))

    @rule(queue=QUEUES)
    def create_suspended(self, queue: str) -> None:
        self.n += 1
        name = f"s{self.n}"
        gates = [OTHER_GATE, "bayplan.io/queue"]
        self.show(name, waits(name, 1, queue, self.now_s, gates))

    @rule(data=st.data())
    def end_one(self, data: st.DataObject) -> None:
        """Let a pod end, or a gang of which all run: one that lost a member could never start."""
        running = self.running_units()
        if running:
            self.end(data.draw(st.sampled_from(running)))

    def running_units(self) -> list[list[str]]:
        units: dict[str, list[str]] = {}
        for name in sorted(self.things):
            units.setdefault(name.partition("-")[0], []).append(name)
        return [u for u in units.values() if all(self.things[n]["spec"].get("nodeName") for n in u)]

    def end(self, names: list[str]) -> None:
        for name in names:
            self.owner.deleted("Pod", self.things.pop(name), self.now_s)

    # --- what time, the extender and kube-scheduler do --------------------------------------

    @rule(seconds=st.sampled_from([1.0, 30.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.owner.tick(self.now_s)

    @rule(lost=st.booleans())
    def serve(self, lost: bool) -> None:
        """Make a round; it may be that nothing of it can be written."""
        for name in lifted(round_of(self.turns, self.now_s)):
            if lost:
                self.turns.again(f"default/{name}")
            else:
                self.show(name, ungated(self.things[name]))

    @rule()
    def schedule(self) -> None:
        for name, thing in sorted(self.things.items()):
            spec = thing["spec"]
            if spec.get("nodeName") or spec["schedulingGates"]:
                continue
            passed = self.owner.filter(thing, NODES, self.now_s, holds=True).passed
            if passed:
                scores = dict(self.owner.prioritize(thing, passed, self.now_s))
                at = max(passed, key=lambda each: scores.get(each, 0))
                if isinstance(self.owner.reserve(f"default/{name}", at, self.now_s), Ready):
                    self.show(name, bound(thing, at))

    @rule(
        order=st.sampled_from(["priority", "drf", "fair-share"]),
        backfill=st.sampled_from(["none", "easy", "conservative"]),
    )
    def restart(self, order: str, backfill: str) -> None:
        self.options = {"order": order, "backfill": backfill}
        self.owner, self.turns = self.started()

    # --- what holds -----------------------------------------------------------------------

    @invariant()
    def no_limit_is_broken(self) -> None:
        assert self.owner.quota is not None
        usage = self.owner.quota.admission.usage
        for queue, limit in LIMITS.items():
            assert usage.used(queue, "gpu") <= 1000 * limit
        self.owner.mirror.cluster.check()

    @invariant()
    def gates_of_gangs_go_together_and_those_of_others_stay(self) -> None:
        for group in GROUPS:
            members = [t for name, t in self.things.items() if name.startswith(f"{group}-")]
            states = {bool(t["spec"]["schedulingGates"]) for t in members}
            assert len(states) <= 1
        for name, thing in self.things.items():
            if name.startswith("s"):
                assert len(thing["spec"]["schedulingGates"]) == 2

    def teardown(self) -> None:
        """Everybody has a turn in the end."""
        assert differences(snapshot(self.owner.mirror), self.now_s) == []
        left = [name for name in self.things if not name.startswith("s")]
        for _ in range(3 * len(left) + 3):
            self.wait(300.0)
            self.serve(lost=False)
            self.schedule()
            for unit in self.running_units():
                self.end(unit)
        assert [name for name in self.things if not name.startswith("s")] == []


TestLiving = Living.TestCase
TestLiving.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
