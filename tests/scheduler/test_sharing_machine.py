"""Random histories of nodes whose GPUs are shared in different ways, against plain rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.events import (
    Bound,
    Gone,
    Held,
    HoldExpired,
    NodeChanged,
    NodeGone,
    NodeUp,
    Repartitioned,
)
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.shape import isolations_of
from bayplan.scheduler.sharing import (
    Exclusive,
    Hami,
    Mig,
    Mps,
    Sharing,
    TimeSlicing,
    Ungoverned,
    sharing_of,
)
from bayplan.scheduler.trial import Trial
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Isolation,
    MigInstances,
    Node,
    Reason,
    Request,
    WholeGpus,
)
from naive_sharing import Gpu, Tenant, legal, options, tenant_of

from .support import Snapshot, policy, refusal, snapshot

POLICIES = ("best-fit", "fgd", "mig-max-options", "mig-driver-greedy", "pwr", "0.9*fgd+0.1*pwr")
MODELS = {"A100-80GB": 81_920, "A30-24GB": 24_576}
BALANCED = ((0, "2g.20gb"), (2, "1g.10gb"), (3, "1g.10gb"), (4, "3g.40gb"))
NEAR = ((0, "1g.10gb"), (2, "1g.10gb"), (4, "3g.40gb"))
"""Has two instances where ``BALANCED`` has them."""

ONE = ((4, "3g.40gb"),)
SMALL = ((0, "1g.10gb"), (1, "1g.10gb"), (2, "2g.20gb"), (4, "1g.20gb"), (6, "1g.10gb+me"))
A30 = ((0, "2g.12gb"), (2, "1g.6gb"), (3, "1g.6gb+me"))
SHARINGS: dict[str, list[Sharing]] = {
    "A100-80GB": [
        Ungoverned(),
        Exclusive(),
        Mps(clients=2),
        Mps(replicas=3),
        Mps(chunk_sm=4, capacity_milli=1500),
        TimeSlicing(replicas=3),
        TimeSlicing(capacity_milli=2000, check_memory=False),
        Hami(vgpus=2),
        Mig(),
        Mig(BALANCED),
        Mig(NEAR),
        Mig(ONE),
        Mig(SMALL),
        Mig(NEAR, Mps(clients=14)),
        Mig(BALANCED, Mps(clients=14)),
        Mig(BALANCED, Mps(replicas=2)),
    ],
    "A30-24GB": [Mig(), Mig(A30), Hami(), Mps()],
}
ISOLATIONS = st.sampled_from(
    [
        (),
        (),
        (Isolation.MIG,),
        (Isolation.MPS, Isolation.TIMESLICE),
        (Isolation.HAMI, Isolation.MIG, Isolation.MPS),
    ]
)
asks = st.one_of(
    st.builds(WholeGpus, st.sampled_from([1, 1, 2])),
    st.builds(
        GpuShare,
        st.sampled_from([1, 100, 125, 143, 250, 333, 500, 1000]),
        st.sampled_from([0, 0, 5000, 9857, 30_000, 100_000]),
        st.sampled_from([1, 1, 1, 2]),
        ISOLATIONS,
    ),
    st.builds(GpuShare, st.just(0), st.sampled_from([2000, 9856, 40_000]), st.just(1), ISOLATIONS),
    st.builds(
        lambda milli, part, isolations: GpuShare(milli, 0, 1, isolations, part),
        st.sampled_from([0, 100, 500, 1000]),
        st.sampled_from([1, 120, 121, 300, 500, 1000]),
        ISOLATIONS,
    ),
    st.builds(
        MigInstances,
        st.sampled_from(
            [
                "1g.10gb",
                "1g.10gb",
                "1g.10gb+me",
                "1g.20gb",
                "2g.20gb",
                "3g.40gb",
                "4g.40gb",
                "7g.80gb",
                "1g.6gb",
                "1g.6gb+me",
                "2g.12gb",
                "2g.12gb+me",
            ]
        ),
        st.sampled_from([1, 1, 1, 2, 3]),
    ),
)
PROBES = tuple(
    Request("probe", devices=(DeviceRequest(ask),))
    for ask in (
        WholeGpus(1),
        GpuShare(200),
        GpuShare(300, 20_000),
        GpuShare(100, memory_milli=250),
        MigInstances("1g.10gb"),
        MigInstances("2g.20gb", 2),
        GpuShare(100, isolations=(Isolation.MPS,)),
    )
)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Node:
    model = draw(st.sampled_from(["A100-80GB", "A100-80GB", "A30-24GB"]))
    each = st.sampled_from(SHARINGS[model])
    count = draw(st.integers(1, 3))
    alike = draw(st.booleans())
    sharing = draw(st.lists(each, min_size=1 if alike else count, max_size=1 if alike else count))
    return Node(
        name,
        cpu_milli=20_000,
        memory_mib=20_000,
        gpu_count=count,
        gpu_model=model,
        gpu_memory_mib=MODELS[model],
        sharing=tuple(sharing),
    )


class SharingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.engines = {name: Engine(self.cluster, policy(name)) for name in POLICIES}
        self.trials: list[tuple[Trial, Snapshot]] = []
        self.past: list[Decision] = []
        self.uids = 0

    # --- what the plain rules see ------------------------------------------------------------

    def gpu(self, node: Node, index: int) -> Gpu:
        tenants = [
            tenant_of(grant)
            for pod in self.cluster.pods.values()
            if pod.placement.node == node.name
            for grants in pod.placement.grants
            for grant in grants
            if grant.slot.gpu == index
        ]
        product = product_named(node.gpu_model)
        sharing = sharing_of(node.sharing, index)
        return Gpu(product, node.gpu_memory_mib, sharing, tuple(tenants))

    def gpus(self, node: Node) -> list[Gpu]:
        return [self.gpu(node, index) for index in range(node.gpu_count)]

    def sound(self, node: Node) -> list[Gpu]:
        """GPUs that take new pods: to them, the others are not there."""
        return [gpu for index, gpu in enumerate(self.gpus(node)) if index not in node.unhealthy]

    def could_hold(self, node: Node, device: DeviceRequest) -> bool:
        """Whether some isolation finds enough places, one after the other."""
        return any(
            self.places(self.sound(node), device, isolation, device.ask.count)
            for isolation in isolations_of(device)
        )

    def places(
        self, gpus: list[Gpu], device: DeviceRequest, isolation: Isolation | None, wanted: int
    ) -> bool:
        if not wanted:
            return True
        several = isinstance(device.ask, MigInstances)
        for index, gpu in enumerate(gpus):
            for tenant in options(gpu, device, isolation):
                left = gpus[:index] + ([with_tenant(gpu, tenant)] if several else [])
                if self.places(left + gpus[index + 1 :], device, isolation, wanted - 1):
                    return True
        return False

    # --- nodes -------------------------------------------------------------------------------

    @initialize(node=nodes("n0"), other=nodes("n1"))
    def two_nodes_to_start_with(self, node: Node, other: Node) -> None:
        self.cluster.apply(NodeUp(node))
        self.cluster.apply(NodeUp(other))

    @rule(node=nodes("n2"))
    def a_third_node_comes_or_goes(self, node: Node) -> None:
        there = "n2" in self.cluster.nodes
        assert refusal(self.cluster, NodeGone("n2") if there else NodeUp(node)) is None

    @rule(data=st.data())
    def repartition(self, data: st.DataObject) -> None:
        node = self.cluster.nodes[data.draw(st.sampled_from(sorted(self.cluster.nodes)))]
        index = data.draw(st.integers(0, node.gpu_count - 1))
        sharing = data.draw(st.sampled_from(SHARINGS[node.gpu_model]))
        before = self.gpu(node, index)
        refused = refusal(self.cluster, Repartitioned(node.name, index, sharing))
        if not before.tenants or sharing == before.sharing:
            assert refused is None
        elif isinstance(sharing, Mig) and isinstance(before.sharing, Mig):
            both = sharing.layout is not None and before.sharing.layout is not None
            stays = legal(replace(before, sharing=sharing)) == ""
            may = both and stays and sharing.inside == before.sharing.inside
            assert refused is (None if may else Conflict)
        else:
            assert refused is Conflict

    @rule(data=st.data(), which=st.sets(st.integers(0, 2)))
    def health_changed(self, data: st.DataObject, which: set[int]) -> None:
        node = self.cluster.nodes[data.draw(st.sampled_from(sorted(self.cluster.nodes)))]
        sick = tuple(gpu for gpu in sorted(which) if gpu < node.gpu_count)
        before = self.gpus(node)
        assert refusal(self.cluster, NodeChanged(replace(node, unhealthy=sick))) is None
        assert self.gpus(node) == before

    # --- pods --------------------------------------------------------------------------------

    @rule(ask=asks, by=st.sampled_from(POLICIES), hold=st.booleans())
    def decide_and_commit(
        self, ask: WholeGpus | GpuShare | MigInstances, by: str, hold: bool
    ) -> None:
        self.uids += 1
        device = DeviceRequest(ask)
        request = Request(f"p{self.uids}", 100, 100, (device,))
        before = snapshot(self.cluster)
        decision = self.engines[by].decide(request, 1.0)
        assert snapshot(self.cluster) == before
        can = [node for node in self.cluster.nodes.values() if self.could_hold(node, device)]
        if decision.placement is None:
            assert not can, f"{can[0].name} could hold it"
            lasting = {reason for reason, _ in decision.reasons}
            assert not lasting & {Reason.CPU_FREE, Reason.MEMORY_FREE, Reason.FITS}
            return
        assert decision.placement.node in [node.name for node in can]
        chosen = {grant.slot.gpu for grant in decision.placement.grants[0]}
        assert not chosen & set(self.cluster.nodes[decision.placement.node].unhealthy)
        self.first_isolation_that_any_node_has(decision, device)
        self.past.append(decision)
        assert refusal(self.cluster, Held(decision, 9.0) if hold else Bound(decision, 1.0)) is None

    def first_isolation_that_any_node_has(self, decision: Decision, device: DeviceRequest) -> None:
        assert decision.placement is not None
        node = self.cluster.nodes[decision.placement.node]
        grants = decision.placement.grants[0]
        for isolation in isolations_of(device):
            can = any(
                self.places(self.sound(n), device, isolation, device.ask.count)
                for n in self.cluster.nodes.values()
            )
            if can:
                for grant in grants:
                    empty = replace(self.gpu(node, grant.slot.gpu), tenants=())
                    assert tenant_of(grant) in options(empty, device, isolation)
                return

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def bind_late(self, data: st.DataObject) -> None:
        decision = data.draw(st.sampled_from(self.past))
        if decision.request.uid not in self.cluster.pods:
            assert refusal(self.cluster, Bound(decision, 2.0)) in (None, Conflict)

    @precondition(lambda self: self.cluster.pods)
    @rule(data=st.data())
    def pod_gone(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.cluster.pods)))
        pod = self.cluster.pods[uid]
        held = pod.held_until_s
        assert refusal(self.cluster, Gone(uid) if held is None else HoldExpired(uid, held)) is None

    # --- trials ------------------------------------------------------------------------------

    @precondition(lambda self: len(self.trials) < 2)
    @rule()
    def trial_opens(self) -> None:
        self.trials.append((self.cluster.trial().__enter__(), snapshot(self.cluster)))

    @precondition(lambda self: self.trials)
    @rule(kept=st.booleans())
    def trial_ends(self, kept: bool) -> None:
        trial, before = self.trials.pop()
        now = snapshot(self.cluster)
        if kept:
            trial.keep()
        trial.__exit__(None, None, None)
        assert snapshot(self.cluster) == (now if kept else before)

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def the_arrays_are_what_the_tables_add_up_to(self) -> None:
        self.cluster.check()

    @invariant()
    def who_is_beside_whom_is_legal(self) -> None:
        for node in self.cluster.nodes.values():
            for gpu in self.gpus(node):
                assert legal(gpu) == "", (gpu.sharing, gpu.tenants)

    @invariant()
    def remembered_scores_are_those_of_a_new_engine(self) -> None:
        for name, engine in self.engines.items():
            new = Engine(self.cluster, policy(name))
            for probe in PROBES:
                np.testing.assert_array_equal(engine.scores(probe), new.scores(probe))
                assert engine.explain(probe) == new.explain(probe)

    def teardown(self) -> None:
        while self.trials:
            self.trial_ends(kept=False)


def with_tenant(gpu: Gpu, tenant: Tenant) -> Gpu:
    return replace(gpu, tenants=(*gpu.tenants, tenant))


TestSharing = pytest.mark.promise("rollback exact")(SharingMachine.TestCase)
TestSharing.settings = settings(
    max_examples=min(60, settings().max_examples),
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
