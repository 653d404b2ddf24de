"""What clients have committed: all or nothing, until released, expired or lost."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bayplan.extender.live.owner import Owner
from bayplan.extender.rpc.rooms import PREFIX, Ended, Foreign, Room, Rooms, inside
from bayplan.scheduler.constraints.types import Constraints, Toleration, TolerationOperator
from bayplan.scheduler.errors import Conflict, Duplicate, InvalidRequest
from bayplan.scheduler.types import Decision, DeviceRequest, GpuShare, Grant, Request, WholeGpus
from extender_owners import checked
from extender_owners import owner_of as owner_with
from extender_things import hami_node, node, pod

NOW_S = 100.0

owner_of = partial(owner_with, now_s=NOW_S)


def rooms_of(owner: Owner, most_hold_s: float = 0.0) -> Rooms:
    return Rooms(owner.mirror, owner.engine, most_hold_s)


def asking(uid: str, gpus: int = 1, **more: Any) -> Request:
    devices = (DeviceRequest(WholeGpus(gpus)),)
    return Request(uid, 1000, 1024, devices, constraints=Constraints(), **more)


def decided(owner: Owner, request: Request) -> Decision:
    decision = owner.engine.decide(inside(request), NOW_S)
    assert decision.placement is not None
    return decision._replace(request=request)


def free(owner: Owner) -> int:
    view = owner.mirror.cluster.view
    return int(view.idle_milli[: view.n_rows].sum())


def test_committed_room_is_taken_until_it_is_released() -> None:
    owner = owner_of(node("a"))
    rooms = rooms_of(owner)
    decision = decided(owner, asking("job", 5))
    assert free(owner) == 8000  # to decide changes nothing
    assert rooms.commit([decision], 0.0, NOW_S, client="slurm") == [
        Room("job", "a", "slurm", NOW_S, math.inf)
    ]
    assert (free(owner), len(rooms)) == (3000, 1)
    owner.tick(1e12)
    assert rooms.ended(1e12) == []
    assert not owner.filter(pod("p", 4), ["a"], NOW_S, holds=True).somewhere
    (released,) = rooms.release(["job"], NOW_S, "slurm")
    assert released.node == "a"
    assert rooms.release(["job"], NOW_S, "slurm") == []
    assert (free(owner), len(rooms)) == (8000, 0)


def test_room_with_a_limit_ends_by_itself_and_the_same_again_prolongs_it() -> None:
    owner = owner_of(node("a"))
    rooms = rooms_of(owner)
    decision = decided(owner, asking("job"))
    rooms.commit([decision], 10.0, NOW_S)
    owner.tick(NOW_S + 9)
    (room,) = rooms.commit([decision], 10.0, NOW_S + 9)
    assert (room.since_s, room.until_s) == (NOW_S, NOW_S + 19)
    owner.tick(NOW_S + 10)
    assert free(owner) == 7000
    owner.tick(NOW_S + 19)
    assert free(owner) == 8000
    assert rooms.get("job") is None
    assert rooms.ended(NOW_S + 19) == [Ended(room, expired=True)]
    assert rooms.ended(NOW_S + 19) == []


def test_a_cordon_does_not_keep_a_client_from_prolonging() -> None:
    owner = owner_of(node("a"))
    rooms = rooms_of(owner)
    decision = decided(owner, asking("job"))
    rooms.commit([decision], 10.0, NOW_S)
    owner.changed("Node", node("a", cordoned=True), NOW_S)
    assert rooms.commit([decision], 50.0, NOW_S)[0].until_s == NOW_S + 50
    with pytest.raises(Conflict):
        rooms.commit([decision._replace(request=asking("other"))], 0.0, NOW_S)


def test_the_server_may_have_a_shorter_limit() -> None:
    owner = owner_of(node("a"))
    rooms = rooms_of(owner, most_hold_s=5.0)
    decision = decided(owner, asking("job"))
    for wished, granted in ((0.0, 5.0), (3.0, 3.0), (60.0, 5.0)):
        assert rooms.commit([decision], wished, NOW_S)[0].until_s == NOW_S + granted


def test_of_decisions_that_exclude_each_other_none_is_committed() -> None:
    owner = owner_of(node("a"))
    rooms = rooms_of(owner)
    one, other = decided(owner, asking("one", 5)), decided(owner, asking("other", 5))
    with pytest.raises(Conflict, match=r"client:other on a: it no longer fits"):
        rooms.commit([one, other], 0.0, NOW_S)
    assert (free(owner), len(rooms), owner.mirror.holds) == (8000, 0, {})
    rooms.commit([one], 0.0, NOW_S)
    with pytest.raises(Conflict):
        rooms.commit([other], 0.0, NOW_S)
    assert free(owner) == 3000


def test_a_uid_has_one_room() -> None:
    owner = owner_of(node("a"), node("b"))
    rooms = rooms_of(owner)
    first = decided(owner, asking("job", 8))
    second = decided(owner, asking("job", 4))
    rooms.commit([first], 0.0, NOW_S)
    with pytest.raises(Duplicate, match="job has other room, on a; release it first"):
        rooms.commit([second], 0.0, NOW_S)
    assert free(owner) == 8000


def test_room_is_its_own_clients_alone() -> None:
    owner = owner_of(node("a"))
    rooms = Rooms(owner.mirror, owner.engine, admins={"operator"})
    one, other = decided(owner, asking("one")), decided(owner, asking("other"))
    kept = rooms.commit([one], 10.0, NOW_S, client="slurm")
    rooms.commit([other], 0.0, NOW_S)
    said = "one is slurm's, which alone may commit it again or release it"
    for stranger in ("simulator", ""):
        with pytest.raises(Foreign, match=said):
            rooms.commit([one], 0.0, NOW_S, client=stranger)
    with pytest.raises(Foreign, match=said):
        rooms.commit([other, one], 0.0, NOW_S)
    with pytest.raises(Foreign, match=said):  # then nothing is released
        rooms.release(["other", "one"], NOW_S)
    with pytest.raises(Foreign, match="other is a client without a certificate's"):
        rooms.release(["other"], NOW_S, "slurm")
    with pytest.raises(Foreign):  # an admin cleans up, and no more
        rooms.commit([one], 0.0, NOW_S, client="operator")
    assert [rooms.get("one")] == kept
    assert free(owner) == 6000
    assert [each.uid for each in rooms.release(["one", "one"], NOW_S, "operator")] == ["one"]
    rooms.commit([one], 0.0, NOW_S, client="simulator")  # it is nobody's by now
    assert [each.uid for each in rooms.release(["other", "none"], NOW_S)] == ["other"]
    assert free(owner) == 7000


def test_on_a_changed_node_a_decision_holds_unless_all_must_be_as_it_was() -> None:
    owner = owner_of(node("a"))
    rooms = rooms_of(owner)
    early, late = decided(owner, asking("early")), decided(owner, asking("late"))
    rooms.commit([early], 0.0, NOW_S, unchanged=True)
    with pytest.raises(Conflict, match="late: node a has changed; decide again"):
        rooms.commit([late], 0.0, NOW_S, unchanged=True)
    rooms.commit([late], 0.0, NOW_S)
    assert free(owner) == 6000


def test_a_taint_that_came_since_refuses_who_does_not_tolerate_it() -> None:
    owner = owner_of(node("a"))
    rooms = rooms_of(owner)
    everything = Toleration(operator=TolerationOperator.EXISTS)
    one = asking("one")
    other = asking("other")._replace(constraints=Constraints(tolerations=(everything,)))
    decisions = decided(owner, one), decided(owner, other)
    tainted = node("a")
    tainted["spec"]["taints"] = [{"key": "team", "value": "x", "effect": "NoSchedule"}]
    owner.changed("Node", tainted, NOW_S)
    with pytest.raises(Conflict, match="a taint that the pod does not tolerate"):
        rooms.commit([decisions[0]], 0.0, NOW_S)
    rooms.commit([decisions[1]], 0.0, NOW_S)
    assert owner.engine.decide(inside(one), NOW_S).placement is None


def test_room_is_lost_when_its_node_goes_or_a_pod_runs_there() -> None:
    owner = owner_of(node("a"), node("b"))
    rooms = rooms_of(owner)
    on_a, on_b = (
        owner.engine.decide(inside(asking(uid, 8)), NOW_S, owner.mirror.cluster.view.alive[:2] & m)
        for uid, m in (("one", [True, False]), ("two", [False, True]))
    )
    decisions = [
        each._replace(request=asking(uid, 8)) for each, uid in ((on_a, "one"), (on_b, "two"))
    ]
    one, two = rooms.commit(decisions, 0.0, NOW_S)
    owner.deleted("Node", node("a"), NOW_S)
    owner.changed("Pod", pod("p", 3, at="b"), NOW_S)  # by another scheduler
    assert rooms.ended(NOW_S) == [Ended(one, expired=False), Ended(two, expired=False)]
    assert free(owner) == 5000
    assert rooms.release(["two"], NOW_S) == []


def test_a_pod_of_the_same_name_has_nothing_to_do_with_a_client() -> None:
    owner = owner_of(node("a"), pods=(pod("job", 2, at="a"),))
    rooms = rooms_of(owner)
    rooms.commit([decided(owner, asking("default/job"))], 0.0, NOW_S)
    assert set(owner.mirror.cluster.pods) == {"default/job", f"{PREFIX}default/job"}
    rooms.release(["default/job"], NOW_S)
    assert set(owner.mirror.cluster.pods) == {"default/job"}


def changed(decision: Decision, **more: Any) -> Decision:
    assert decision.placement is not None
    return decision._replace(placement=decision.placement._replace(**more))


def test_what_is_no_decision_is_refused_and_takes_nothing() -> None:
    owner = owner_of(hami_node("h"))
    rooms = rooms_of(owner)
    share = Request("s", devices=(DeviceRequest(GpuShare(500)),), constraints=Constraints())
    good = decided(owner, share)
    assert good.placement is not None
    ((grant,),) = good.placement.grants
    whole = Grant(grant.slot, 1000, 81920)
    bad: list[tuple[type[Exception], list[Decision]]] = [
        (InvalidRequest, []),
        (InvalidRequest, [good, good]),
        (InvalidRequest, [good._replace(placement=None)]),
        (InvalidRequest, [changed(good, grants=(), chosen=())]),
        (InvalidRequest, [changed(good, chosen=(1,))]),
        (InvalidRequest, [changed(good, chosen=(-1,))]),
        (InvalidRequest, [good._replace(request=share._replace(cpu_milli=-1))]),
        (Conflict, [changed(good, grants=((),))]),
        (Conflict, [changed(good, grants=((whole,),))]),
        (Conflict, [changed(good, node="nowhere")]),
        (Conflict, [good._replace(request=share._replace(cpu_milli=10**9))]),
    ]
    for gpu in (-2, -1, 2, 10**6):
        slot = type(grant.slot)(gpu)
        bad.append((Conflict, [changed(good, grants=((Grant(slot, 500, grant.memory_mib),),))]))
    for kind, decisions in bad:
        with pytest.raises(kind):
            rooms.commit(decisions, 0.0, NOW_S)
        assert (free(owner), len(rooms), owner.mirror.holds) == (2000, 0, {})
    for hold_s in (-1.0, math.nan, math.inf):
        with pytest.raises(InvalidRequest, match="give seconds from 0 on"):
            rooms.commit([good], hold_s, NOW_S)
    rooms.commit([good], 0.0, NOW_S)
    owner.mirror.cluster.check()


class Clients(RuleBasedStateMachine):
    """Clients commit and release while pods come and go; a plain table says who has what."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = NOW_S
        self.owner = owner_of(node("a", 4), node("b", 4), hami_node("h"))
        self.rooms = rooms_of(self.owner)
        self.has: dict[str, tuple[Decision, float, str]] = {}
        self.decisions: list[Decision] = []

    def ask(self, uid: str, kind: int) -> Request:
        asks = (WholeGpus(1), WholeGpus(3), GpuShare(400), GpuShare(memory_mib=50_000))
        return Request(uid, 1000, 1024, (DeviceRequest(asks[kind]),), constraints=Constraints())

    @rule(number=st.integers(0, 5), kind=st.integers(0, 3))
    def decide(self, number: int, kind: int) -> None:
        request = self.ask(f"u{number}", kind)
        decision = self.owner.engine.decide(inside(request), self.now_s)
        if decision.placement is not None:
            self.decisions.append(decision._replace(request=request))

    @precondition(lambda self: self.decisions)
    @rule(data=st.data(), hold_s=st.sampled_from([0.0, 5.0]), client=st.sampled_from("ab"))
    def commit(self, data: st.DataObject, hold_s: float, client: str) -> None:
        n = data.draw(st.integers(1, min(3, len(self.decisions))))
        picked = [data.draw(st.sampled_from(self.decisions)) for _ in range(n)]
        before = free(self.owner)
        uids = [each.request.uid for each in picked]
        foreign = len(set(uids)) == n and any(self.is_foreign(uid, client) for uid in uids)
        if foreign:
            with pytest.raises(Foreign):
                self.rooms.commit(picked, hold_s, self.now_s, client=client)
            assert free(self.owner) == before
            return
        try:
            self.rooms.commit(picked, hold_s, self.now_s, client=client)
        except (Conflict, Duplicate, InvalidRequest):
            assert free(self.owner) == before
            return
        for each in picked:
            until_s = self.now_s + hold_s if hold_s else math.inf
            self.has[each.request.uid] = each, until_s, client

    def is_foreign(self, uid: str, client: str) -> bool:
        return uid in self.has and self.has[uid][2] != client

    @rule(number=st.integers(0, 5), client=st.sampled_from("ab"))
    def release(self, number: int, client: str) -> None:
        uid = f"u{number}"
        if self.is_foreign(uid, client):
            with pytest.raises(Foreign):
                self.rooms.release([uid], self.now_s, client)
            return
        rooms = self.rooms.release([uid], self.now_s, client)
        assert bool(rooms) == (self.has.pop(uid, None) is not None)

    @rule(number=st.integers(0, 2), at=st.sampled_from(["a", "b"]), gpus=st.integers(1, 3))
    def pod_runs(self, number: int, at: str, gpus: int) -> None:
        self.owner.changed("Pod", pod(f"p{number}", gpus, at=at), self.now_s)
        self.forget_lost()

    @rule(number=st.integers(0, 2))
    def pod_goes(self, number: int) -> None:
        self.owner.deleted("Pod", {"metadata": {"name": f"p{number}"}}, self.now_s)

    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def time_goes_on(self, seconds: float) -> None:
        self.now_s += seconds
        self.owner.tick(self.now_s)
        over = {uid for uid, (_, until_s, _) in self.has.items() if until_s <= self.now_s}
        ended = self.rooms.ended(self.now_s)
        assert {each.room.uid for each in ended} == over
        assert all(each.expired for each in ended)
        for uid in over:
            del self.has[uid]

    def forget_lost(self) -> None:
        for each in self.rooms.ended(self.now_s):
            assert not each.expired
            decision, *_ = self.has.pop(each.room.uid)
            assert decision.placement is not None
            assert decision.placement.node in ("a", "b")

    @invariant()
    def the_state_is_what_clients_have_and_what_runs(self) -> None:
        checked(self.owner, self.now_s)
        pods = self.owner.mirror.cluster.pods
        held = {uid.removeprefix(PREFIX): pod for uid, pod in pods.items() if PREFIX in uid}
        assert {uid: pod.placement for uid, pod in held.items()} == {
            uid: decision.placement for uid, (decision, _, _) in self.has.items()
        }
        assert len(self.rooms) == len(self.has)


TestClients = Clients.TestCase
