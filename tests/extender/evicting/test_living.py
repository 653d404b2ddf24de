"""An evictor in a cluster that lives: what it does is held to a plain count of GPUs."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bayplan.extender.evicting.help import Victim
from bayplan.extender.evicting.news import Result
from bayplan.extender.evicting.searching import judge, search
from bayplan.extender.live.owner import Ready
from bayplan.extender.live.recompute import differences, snapshot
from extender_evicting import Scene, budget, leaving, member, of_priority
from extender_things import bound, node, pod

Object = dict[str, Any]

NODES, CAPACITY = ("a", "b", "c"), 4
GROUPS = {"g0": 2, "g1": 3, "g2": 2, "l0": 2, "l1": 2}
"""Gangs by their minimum; l0 and l1 run from the begin on, the latter with one more."""
PARTS = ((4,), (2, 2), (1, 3), (3,))
"""GPUs of the pods that run on a node at the begin."""
A_MINUTE = 2


def gpus_of(thing: Object) -> int:
    asked = thing["spec"]["containers"][0]["resources"]["limits"]
    return int(asked.get("nvidia.com/gpu", 0))


def group_of(thing: Object) -> str:
    return str(thing["metadata"]["labels"].get("scheduling.x-k8s.io/pod-group", ""))


class Living(RuleBasedStateMachine):
    """What the watch shows is always what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(
            nodes=tuple(node(name, CAPACITY) for name in NODES), groups=GROUPS,
            evictions_a_minute=A_MINUTE, refused_s=20.0, cooldown_s=60.0, hold_s=100.0,
        )  # fmt: skip
        self.n = 0
        self.evicted_s: list[float] = []
        self.largest = 0

    @property
    def things(self) -> dict[str, Object]:
        return self.scene.things

    # --- what people do -------------------------------------------------------------------

    @initialize(
        parts=st.tuples(*[st.sampled_from(PARTS)] * 3),
        low=st.sampled_from(["l0", "l1", ""]),
        priorities=st.lists(st.integers(0, 2), min_size=9, max_size=9),
        guarded=st.sets(st.integers(0, 8), max_size=2),
        gpus=st.sampled_from([2, 3, 4]),
    )
    def fill(
        self, parts: tuple[tuple[int, ...], ...], low: str, priorities: list[int],
        guarded: set[int], gpus: int,
    ) -> None:  # fmt: skip
        """Let pods run, and a gang of which each member has one of the pods' places."""
        members = {"": 0, "l0": 2, "l1": 3}[low]
        for k, (at, n_gpus) in enumerate((at, n) for at, all_ in zip(NODES, parts, strict=True)
                                       for n in all_):  # fmt: skip
            labels = {"app": "guarded"} if k in guarded else {}
            if len(self.members(f"default/{low}")) < members:
                thing = member(f"{low}-{k}", low, n_gpus, priorities[0], at=at, labels=labels)
            else:
                thing = of_priority(pod(f"r{k}", n_gpus, at=at, labels=labels), priorities[k])
            self.scene.show(thing)
        if 0 < len(self.members(f"default/{low}")) < GROUPS.get(low, 0):
            self.scene.gone(*(t["metadata"]["name"] for t in self.members(f"default/{low}")))
        self.create_gang("g0", gpus, 3)

    @rule(gpus=st.integers(1, 2), priority=st.integers(0, 3))
    def create(self, gpus: int, priority: int) -> None:
        self.n += 1
        self.scene.show(of_priority(pod(f"p{self.n}", gpus), priority))

    @rule(
        group=st.sampled_from(["g0", "g1", "g2"]),
        gpus=st.sampled_from([2, 3, 4]),
        priority=st.integers(2, 4),
    )
    def create_gang(self, group: str, gpus: int, priority: int) -> None:
        if not self.members(f"default/{group}"):
            n = GROUPS[group]
            self.scene.show(*(member(f"{group}-{k}", group, gpus, priority) for k in range(n)))

    @rule(allowed=st.integers(0, 2))
    def change_budget(self, allowed: int) -> None:
        self.scene.show(budget("pdb", allowed, app="guarded"), kind="PodDisruptionBudget")

    @rule(data=st.data())
    def end_one(self, data: st.DataObject) -> None:
        """Let a pod or a whole gang end; one of a gang that lost a member could never start."""
        units: dict[str, list[str]] = {}
        for name, thing in self.things.items():
            if thing["spec"].get("nodeName"):
                units.setdefault(group_of(thing) or name, []).append(name.partition("/")[2])
        if units:
            self.scene.gone(*units[data.draw(st.sampled_from(sorted(units)))])

    # --- what the evictor does ------------------------------------------------------------

    @rule(seconds=st.sampled_from([1.0, 5.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.scene.after(seconds)

    @rule(
        refuses=st.sampled_from([0, 0, 0, 1]),
        thief=st.booleans(),
        ends=st.booleans(),
        data=st.data(),
    )
    def round(self, refuses: int, thief: bool, ends: bool, data: st.DataObject) -> None:
        """Do as the runner does, while others come and go."""
        self.look()
        if ends:
            self.end_one(data)
        self.evict(refuses, lost=False)
        if thief:
            self.leave()
            self.create(1, 0)
            self.schedule()
        self.step()
        self.wait(61.0)
        self.step()

    @rule(first=st.integers(1, 3))
    def refuse(self, first: int) -> None:
        """Let all evictions from one on be refused for long."""
        self.look()
        self.evict(first, lost=False)
        for _ in range(3):
            self.wait(10.0)
            self.evict(1, lost=False)
            self.step()

    @rule()
    def look(self) -> None:
        case = self.scene.machine.look(self.scene.now_s)
        if case is not None:
            self.scene.machine.begin(search(case), self.scene.now_s)

    @rule(refuses=st.sampled_from([0, 0, 0, 1, 2]), lost=st.booleans())
    def evict(self, refuses: int, lost: bool) -> None:
        """Evict who is due; the API server may refuse after so many, or say nothing at all."""
        machine, n = self.scene.machine, 0
        while True:
            while (victim := machine.next_victim(self.scene.now_s)) is not None:
                n += 1
                if n == refuses:
                    if lost:  # it was done all the same
                        self.scene.show(leaving(self.things[victim.uid]))
                    machine.refused(victim, "refused", self.scene.now_s)
                    return
                self.checked(victim)
                self.scene.evict(victim)
                self.evicted_s.append(self.scene.now_s)
            doubt = machine.doubt(self.scene.now_s)
            if doubt is None:
                return
            self.largest = max(self.largest, len(doubt.unit))
            needs = not self.fits(without=doubt.unit)
            machine.decided(doubt, judge(doubt), self.scene.now_s)
            begun = machine.help is not None and machine.help.begun
            assert needs or not begun, "the gang fits while these stay"

    @rule()
    def step(self) -> None:
        helped = self.scene.machine.help
        whole = helped is not None and not (helped.left or helped.told or helped.over)
        news = self.scene.machine.step(self.scene.now_s)
        if news is not None and whole:
            assert news.result in (Result.MADE, Result.ELSEWHERE, Result.GIVEN_UP)
            if news.result is Result.GIVEN_UP:
                assert not self.is_waiting(news.gang), news.why  # all of its room was kept

    @rule()
    def stop(self) -> None:
        machine = self.scene.machine
        if machine.help is not None and not (machine.help.in_part or machine.rests):
            self.scene.machine.stop(self.scene.now_s)
            assert not any(uid.startswith("room:") for uid in self.scene.owner.mirror.holds)

    # --- what kubelets and kube-scheduler do ------------------------------------------------

    @rule()
    def leave(self) -> None:
        """Let those be gone that are being deleted."""
        gone = [n for n, t in self.things.items() if t["metadata"].get("deletionTimestamp")]
        self.scene.gone(*(name.partition("/")[2] for name in gone))

    @rule()
    def schedule(self) -> None:
        owner, now_s = self.scene.owner, self.scene.now_s
        for name, thing in sorted(self.things.items(), reverse=True):
            if thing["spec"].get("nodeName"):
                continue
            passed = owner.filter(thing, NODES, now_s, holds=True).passed
            if not passed:
                continue
            scores = dict(owner.prioritize(thing, passed, now_s))
            at = max(passed, key=lambda each: scores.get(each, 0))
            if isinstance(owner.reserve(name, at, now_s), Ready):
                self.scene.show(bound(thing, at))

    # --- the plain count --------------------------------------------------------------------

    def checked(self, victim: Victim) -> None:
        helped = self.scene.machine.helping(victim)
        assert helped is not None
        thing = self.things[victim.uid]
        assert thing["spec"]["priority"] < helped.priority
        assert not thing["metadata"].get("deletionTimestamp")

    def fits(self, without: tuple[str, ...]) -> bool:
        """Whether the gang that is helped fits while a unit stays and all others have left."""
        helped = self.scene.machine.help
        assert helped is not None
        leave = {*helped.told, *helped.left} - set(without)
        own = set(helped.kept.uids)
        return self.n_fitting(helped.name, leave, own) >= self.least(helped.name)

    def least(self, gang: str) -> int:
        return GROUPS[gang.partition("/")[2]] - sum(
            bool(t["spec"].get("nodeName")) for t in self.members(gang)
        )

    def members(self, gang: str) -> list[Object]:
        return [t for t in self.things.values() if f"default/{group_of(t)}" == gang]

    def is_waiting(self, gang: str) -> bool:
        return bool(self.members(gang)) and self.least(gang) > 0

    def n_fitting(self, gang: str, leave: set[str], own: set[str]) -> int:
        free = dict.fromkeys(NODES, CAPACITY)
        for name, thing in self.things.items():
            at = thing["spec"].get("nodeName")
            if at and name not in leave:
                free[at] -= gpus_of(thing)
        cluster = self.scene.owner.mirror.cluster
        for uid in set(self.scene.owner.mirror.holds) - own:
            placement = cluster.pods[uid].placement
            free[placement.node] -= sum(map(len, placement.grants))
        size = gpus_of(self.members(gang)[0])
        return sum(n // size for n in free.values())

    # --- what holds -----------------------------------------------------------------------

    @invariant()
    def nothing_is_given_twice(self) -> None:
        owner = self.scene.owner
        owner.mirror.cluster.check()
        used = dict.fromkeys(NODES, 0)
        for thing in self.things.values():
            if at := thing["spec"].get("nodeName"):
                used[at] += gpus_of(thing)
        for uid in owner.mirror.holds:
            placement = owner.mirror.cluster.pods[uid].placement
            used[placement.node] += sum(map(len, placement.grants))
        assert all(n <= CAPACITY for n in used.values()), used
        assert differences(snapshot(owner.mirror), self.scene.now_s) == []

    @invariant()
    def gangs_run_whole(self) -> None:
        machine = self.scene.machine
        under_way = [*machine.rests, *filter(None, [machine.help])]
        begun = {each.begun[0].gang for each in under_way if each.begun}
        for group, least in GROUPS.items():
            here = self.members(f"default/{group}")
            n = sum(
                bool(t["spec"].get("nodeName")) and not t["metadata"].get("deletionTimestamp")
                for t in here
            )
            assert n == 0 or n >= least or f"default/{group}" in begun

    @invariant()
    def no_more_leave_in_a_minute_than_may(self) -> None:
        for at_s in self.evicted_s:
            n = sum(at_s <= each < at_s + 60.0 for each in self.evicted_s)
            assert n <= max(A_MINUTE, self.largest)

    @invariant()
    def nothing_is_kept_for_nobody(self) -> None:
        machine, mirror = self.scene.machine, self.scene.owner.mirror
        if machine.help is None:
            assert not mirror.heirs
            assert not any(uid.startswith("room:") for uid in mirror.holds)

    def teardown(self) -> None:
        """In the end no gang waits that others of lower priority could make room for."""
        self.change_budget(100)
        for _ in range(5):
            self.wait(130.0)
            self.leave()  # also who was told by an evictor that has stopped since
            self.look()
            for _ in range(4):
                if self.scene.machine.help is not None or self.scene.machine.rests:
                    self.evict(0, lost=False)
                    self.leave()
                    self.step()
                    self.wait(61.0)
                    self.step()
            self.schedule()
        for group in GROUPS:
            gang = f"default/{group}"
            if self.is_waiting(gang):
                priority = self.members(gang)[0]["spec"]["priority"]
                lower = {n for n, t in self.things.items() if t["spec"]["priority"] < priority}
                own = set(self.scene.owner.mirror.holds)
                assert self.n_fitting(gang, lower, own) < self.least(gang), gang


TestLiving = Living.TestCase
TestLiving.settings = settings(max_examples=25, stateful_step_count=8, deadline=None)
