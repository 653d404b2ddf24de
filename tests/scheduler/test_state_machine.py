"""Random histories of a cluster: after every step, everything that must hold is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict, Duplicate, Unknown
from bayplan.scheduler.events import (
    Bound,
    Checkpointed,
    Event,
    Gone,
    Held,
    HoldExpired,
    NodeChanged,
    NodeGone,
    NodeUp,
)
from bayplan.scheduler.trial import Trial
from bayplan.scheduler.types import (
    ANONYMOUS,
    Decision,
    DeviceRequest,
    GpuShare,
    Node,
    Request,
    WholeGpus,
)

from .support import Snapshot, policy, refusal, row_content, share, snapshot, whole

NAMES = [f"n{i}" for i in range(5)]
POLICIES = ("best-fit", "fgd", "gpu-clustering")
PROBES = (
    whole("probe", cpu_milli=1000),
    whole("probe", 2),
    share("probe", 300, cpu_milli=500),
    share("probe", mib=5000),
    Request("probe", 700, 700, resources=(("nic", 1),)),
    Request(
        "probe",
        devices=(DeviceRequest(GpuShare(500, 6000), models=("B",)),),
        node_labels=(("zone", "a"),),
    ),
)

asks = st.one_of(
    st.builds(WholeGpus, st.integers(1, 2)),
    st.builds(
        GpuShare,
        st.sampled_from([1, 250, 333, 500, 1000]),
        st.sampled_from([0, 0, 2500, 9001]),
        st.sampled_from([1, 1, 1, 2]),
    ),
    st.builds(GpuShare, st.just(0), st.sampled_from([1, 3001, 8000, 16000])),
)
models = st.sampled_from([(), (), (), ("A",), ("A", "B"), ("B",)])
wishes = st.builds(DeviceRequest, asks, models)
devices = st.one_of(
    st.just(()),
    st.tuples(wishes),
    st.tuples(st.builds(DeviceRequest, asks, models, alternatives=st.tuples(wishes))),
    st.tuples(st.builds(DeviceRequest, asks, models, st.sampled_from(["c0", "c1"]))),
    st.lists(st.just(DeviceRequest(WholeGpus(1))), min_size=2, max_size=3).map(tuple),
    st.just((DeviceRequest(WholeGpus(1), claim="c0"), DeviceRequest(WholeGpus(1)))),
    st.just((DeviceRequest(WholeGpus(1), claim="c0"), DeviceRequest(WholeGpus(1), claim="c2"))),
)
requests = st.builds(
    Request,
    st.just(""),
    st.sampled_from([0, 100, 1500]),
    st.sampled_from([0, 1000, 3001]),
    devices,
    st.sampled_from([(), (), (("nic", 1),), (("nic", 2), ("tpu", 1))]),
    st.sampled_from([(), (), (("zone", "a"),)]),
)
hosts = st.fixed_dictionaries(
    {
        "cpu_milli": st.sampled_from([2000, 4000, 8000]),
        "memory_mib": st.sampled_from([2000, 8000, 16000]),
        "schedulable": st.sampled_from([True, True, True, False]),
        "labels": st.sampled_from([(), (("zone", "a"),), (("zone", "b"), ("rack", "1"))]),
        "resources": st.sampled_from([(), (("nic", 2),), (("nic", 3), ("tpu", 1))]),
    }
)
gpus = st.fixed_dictionaries(
    {
        "gpu_count": st.sampled_from([0, 1, 2, 2, 4]),
        "gpu_model": st.sampled_from(["A", "A", "B"]),
        "gpu_memory_mib": st.sampled_from([0, 8000, 16000]),
        "anonymous_gpus": st.sampled_from([False, False, True]),
    }
)


class ClusterMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.engines = {name: Engine(self.cluster, policy(name)) for name in POLICIES}
        # Holds one column: every question drops the one before.
        self.engines["forgetful"] = Engine(self.cluster, policy("best-fit"), cache_mib=0)
        self.trials: list[tuple[Trial, Snapshot]] = []
        self.past: list[Decision] = []
        self.twin: tuple[Cluster, Snapshot] | None = None
        self.contents: dict[tuple[int, int], Snapshot] = {}
        self.row_of: dict[int, int] = {}
        self.versions: dict[int, int] = {}
        self.uids = 0

    # --- nodes -----------------------------------------------------------------------------

    @initialize(host=hosts)
    def one_node_to_start_with(self, host: dict[str, Any]) -> None:
        gpu: dict[str, Any] = {"gpu_count": 4, "gpu_model": "A", "gpu_memory_mib": 8000}
        self.cluster.apply(NodeUp(Node("n0", **host, **gpu)))

    @rule(name=st.sampled_from(NAMES), host=hosts, gpu=gpus)
    def node_up(self, name: str, host: dict[str, Any], gpu: dict[str, Any]) -> None:
        there = name in self.cluster.nodes
        refused = refusal(self.cluster, NodeUp(Node(name, **host, **gpu)))
        assert refused is (Duplicate if there else None)

    @rule(name=st.sampled_from(NAMES), host=hosts)
    def host_changed(self, name: str, host: dict[str, Any]) -> None:
        before = self.cluster.nodes.get(name, Node(name))
        refused = refusal(self.cluster, NodeChanged(replace(before, **host)))
        assert refused is (None if name in self.cluster.nodes else Unknown)

    @rule(name=st.sampled_from(NAMES), gpu=gpus)
    def gpus_changed(self, name: str, gpu: dict[str, Any]) -> None:
        before = self.cluster.nodes.get(name)
        after = replace(before or Node(name), **gpu, unhealthy=())
        on_node = [pod for pod in self.cluster.pods.values() if pod.placement.node == name]
        used = any(any(pod.placement.grants) for pod in on_node)
        refused = refusal(self.cluster, NodeChanged(after))
        if before is None:
            assert refused is Unknown
        else:
            differs = after != replace(before, unhealthy=())
            assert refused is (Conflict if used and differs else None)

    @rule(name=st.sampled_from(NAMES), which=st.sets(st.integers(0, 3)))
    def health_changed(self, name: str, which: set[int]) -> None:
        before = self.cluster.nodes.get(name)
        sick = tuple(gpu for gpu in sorted(which) if before and gpu < before.gpu_count)
        pods = dict(self.cluster.pods)
        refused = refusal(self.cluster, NodeChanged(replace(before or Node(name), unhealthy=sick)))
        assert refused is (Unknown if before is None else None)
        assert self.cluster.pods == pods

    @rule(name=st.sampled_from(NAMES))
    def node_gone(self, name: str) -> None:
        there = name in self.cluster.nodes
        assert refusal(self.cluster, NodeGone(name)) is (None if there else Unknown)
        assert all(pod.placement.node != name for pod in self.cluster.pods.values())

    # --- pods ------------------------------------------------------------------------------

    def decide(self, request: Request, by: str, mask: list[bool] | None = None) -> Decision:
        before, number = snapshot(self.cluster), self.cluster.log.number
        n_rows = self.cluster.view.n_rows
        nodes = None if mask is None else np.resize(np.array(mask, np.bool_), n_rows)
        decision = self.engines[by].decide(request, 1.0, nodes)
        assert (snapshot(self.cluster), self.cluster.log.number) == (before, number)
        if decision.placement is not None:
            assert nodes is None or nodes[self.cluster.row(decision.placement.node)]
            self.keeps_what_was_asked(decision)
            self.past.append(decision)
        else:
            assert sum(n for _, n in decision.reasons) == len(self.cluster.nodes)
        return decision

    def keeps_what_was_asked(self, decision: Decision) -> None:
        placement, request = decision.placement, decision.request
        assert placement is not None
        node = self.cluster.nodes[placement.node]
        assert node.schedulable
        assert set(request.node_labels) <= set(node.labels)
        grants = [grant for grants in placement.grants for grant in grants]
        indices = [grant.slot.gpu for grant in grants]
        if node.anonymous_gpus:
            assert set(indices) <= {ANONYMOUS}
        else:
            assert len(set(indices)) == len(indices)
            assert all(0 <= index < node.gpu_count for index in indices)
            assert not set(indices) & set(node.unhealthy)
        shared = self.cluster.claims
        dealt = zip(request.devices, placement.chosen, placement.grants, strict=True)
        for device, chosen, got in dealt:
            if device.claim in shared and shared[device.claim].users != {request.uid}:
                assert got == shared[device.claim].grants
                continue
            wish = (device, *device.alternatives)[chosen]
            assert len(got) == wish.ask.count
            assert not wish.models or node.gpu_model in wish.models

    def new_uid(self, request: Request) -> Request:
        self.uids += 1
        return request._replace(uid=f"p{self.uids}")

    @rule(
        request=requests,
        by=st.sampled_from(POLICIES),
        mask=st.none() | st.lists(st.booleans(), min_size=5, max_size=5),
    )
    def decide_and_bind(self, request: Request, by: str, mask: list[bool] | None) -> None:
        decision = self.decide(self.new_uid(request), by, mask)
        if decision.placement is not None:
            assert refusal(self.cluster, Bound(decision, 1.0)) is None
            assert refusal(self.cluster, Bound(decision, 1.0)) is Duplicate
            assert refusal(self.cluster, Held(decision, 9.0)) is Duplicate

    @rule(request=requests, by=st.sampled_from(POLICIES))
    def decide_and_hold(self, request: Request, by: str) -> None:
        decision = self.decide(self.new_uid(request), by)
        if decision.placement is not None:
            assert refusal(self.cluster, Held(decision, 9.0)) is None

    @rule(request=requests, by=st.sampled_from(POLICIES))
    def decide_only(self, request: Request, by: str) -> None:
        self.decide(self.new_uid(request), by)

    @precondition(lambda self: self.past)
    @rule(data=st.data(), hold=st.booleans())
    def bind_late(self, data: st.DataObject, hold: bool) -> None:
        decision = data.draw(st.sampled_from(self.past))
        uid = decision.request.uid
        present = self.cluster.pods.get(uid)
        bound = present is not None and present.held_until_s is None
        event = Held(decision, 8.0) if hold else Bound(decision, 2.0)
        refused = refusal(self.cluster, event)
        assert refused in ({Duplicate} if bound else {None, Conflict})
        if refused is None:
            placement = decision.placement
            assert placement is not None
            assert self.cluster.pods[uid].placement == placement
            assert (self.cluster.pods[uid].held_until_s is None) is not hold
            node = self.cluster.nodes[placement.node]
            assert node.schedulable
            assert set(decision.request.node_labels) <= set(node.labels)
            assert len(placement.grants) == len(decision.request.devices)

    @precondition(lambda self: any(p.held_until_s for p in self.cluster.pods.values()))
    @rule(data=st.data(), by=st.sampled_from(POLICIES), hold=st.booleans())
    def hold_replaced(self, data: st.DataObject, by: str, hold: bool) -> None:
        held = sorted(u for u, p in self.cluster.pods.items() if p.held_until_s is not None)
        request = self.cluster.pods[data.draw(st.sampled_from(held))].request
        decision = self.decide(request, by)
        if decision.placement is not None:
            event = Held(decision, 7.0) if hold else Bound(decision, 1.0)
            assert refusal(self.cluster, event) is None
            assert self.cluster.pods[request.uid].placement == decision.placement

    @rule(data=st.data())
    def pod_gone(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from([*sorted(self.cluster.pods), "ghost"]))
        assert refusal(self.cluster, Gone(uid)) is (Unknown if uid == "ghost" else None)
        assert uid not in self.cluster.pods

    @rule(data=st.data(), late=st.sampled_from([False, False, True]))
    def hold_expired(self, data: st.DataObject, late: bool) -> None:
        uid = data.draw(st.sampled_from([*sorted(self.cluster.pods), "ghost"]))
        pod = self.cluster.pods.get(uid)
        until_s = pod.held_until_s if pod is not None else None
        expired = HoldExpired(uid, 0.5 if late or until_s is None else until_s)
        refused = refusal(self.cluster, expired)
        if pod is None:
            assert refused is Unknown
        else:
            assert refused is (Conflict if late or until_s is None else None)

    @rule(data=st.data(), at_s=st.sampled_from([1.0, 2.0]))
    def checkpointed(self, data: st.DataObject, at_s: float) -> None:
        uid = data.draw(st.sampled_from([*sorted(self.cluster.pods), "ghost"]))
        refused = refusal(self.cluster, Checkpointed(uid, at_s))
        assert refused is (Unknown if uid == "ghost" else None)

    # --- trials and copies -----------------------------------------------------------------

    @precondition(lambda self: len(self.trials) < 3)
    @rule()
    def trial_opens(self) -> None:
        self.trials.append((self.cluster.trial().__enter__(), snapshot(self.cluster)))

    @precondition(lambda self: self.trials)
    @rule(kept=st.sampled_from([False, False, True]))
    def trial_ends(self, kept: bool) -> None:
        trial, before = self.trials.pop()
        now = snapshot(self.cluster)
        if kept:
            trial.keep()
        trial.__exit__(None, None, None)
        assert snapshot(self.cluster) == (now if kept else before)

    @rule()
    def copy(self) -> None:
        twin = self.cluster.copy()
        assert snapshot(twin) == snapshot(self.cluster)
        self.twin = twin, snapshot(twin)

    @precondition(lambda self: self.twin)
    @rule(request=requests, name=st.sampled_from(NAMES), host=hosts)
    def the_copy_goes_its_own_way(self, request: Request, name: str, host: dict[str, Any]) -> None:
        assert self.twin is not None
        twin, here = self.twin[0], snapshot(self.cluster)
        events: list[Event] = [Gone(uid) for uid in sorted(twin.pods)[:1]]
        decision = Engine(twin, policy("best-fit")).decide(self.new_uid(request), 0.0)
        if decision.placement is not None:
            events.insert(0, Bound(decision, 0.0))
        if name in twin.nodes:
            events.append(NodeChanged(replace(twin.nodes[name], **host)))
        else:
            events.append(NodeUp(Node(name, gpu_count=1, **host)))
        for event in events:
            twin.apply(event)
            twin.check()
        assert snapshot(self.cluster) == here
        self.twin = twin, snapshot(twin)

    # --- what always holds -----------------------------------------------------------------

    @invariant()
    def the_arrays_are_what_the_tables_add_up_to(self) -> None:
        self.cluster.check()

    @invariant()
    def a_version_says_what_is_on_a_row(self) -> None:
        view = self.cluster.view
        for row in range(view.n_rows):
            version = int(view.version[row])
            assert version >= self.versions.get(row, 0), "a version went back"
            assert self.row_of.setdefault(version, row) == row, "a version on two rows"
            content = row_content(self.cluster, row)
            assert self.contents.setdefault((row, version), content) == content
            self.versions[row] = version

    @invariant()
    def remembered_scores_are_those_of_a_new_engine(self) -> None:
        for engine in self.engines.values():
            new = Engine(self.cluster, engine.policy)
            for probe in PROBES:
                np.testing.assert_array_equal(engine.scores(probe), new.scores(probe))
                assert engine.explain(probe) == new.explain(probe)

    @invariant()
    def the_copy_stays_as_it_was(self) -> None:
        if self.twin is not None:
            assert snapshot(self.twin[0]) == self.twin[1]

    def teardown(self) -> None:
        while self.trials:
            self.trial_ends(kept=False)


TestCluster = pytest.mark.promise("rollback exact")(ClusterMachine.TestCase)
TestCluster.settings = settings(
    max_examples=max(15, 3 * settings().max_examples // 10),
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
