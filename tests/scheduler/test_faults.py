"""Which pods a fatal fault of one of them takes down, by how their GPU is shared."""

from __future__ import annotations

import pytest

from bayplan.scheduler.errors import Unknown
from bayplan.scheduler.events import Gone, Held
from bayplan.scheduler.faults import blast_radius
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing, Ungoverned
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    Isolation,
    MigInstances,
    Request,
    WholeGpus,
)

from .sharing_support import BALANCED, a100s, bind_all, engine_of, instances, places, shares
from .support import share, whole


def claimed(uid: str, claim: str, ask: WholeGpus | GpuShare | MigInstances) -> Request:
    return Request(uid, devices=(DeviceRequest(ask, claim=claim),))


@pytest.mark.parametrize("sharing", [Ungoverned(), Mps(), Mps(replicas=3), TimeSlicing(), Hami()])
def test_whoever_shares_the_gpu_goes_down_too_and_nobody_else(sharing: Sharing) -> None:
    engine = engine_of(a100s("n", sharing, gpus=2), a100s("m", sharing))
    # Three on the first GPU, one on the second, one on the other node, one without a GPU.
    bind_all(engine, *(share(uid, 300) for uid in "cab"), share("d", 300))
    bind_all(engine, whole("e"), Request("host", 100))
    assert blast_radius(engine.cluster, "b") == ("b", "a", "c")
    assert blast_radius(engine.cluster, "a") == ("a", "b", "c")
    for alone in ("d", "e", "host"):
        assert blast_radius(engine.cluster, alone) == (alone,)


def test_exclusive_gpus_have_nobody_to_take_along() -> None:
    engine = engine_of(a100s("n", Exclusive(), gpus=2))
    bind_all(engine, share("a", 1), share("b", 1))
    assert blast_radius(engine.cluster, "a") == ("a",)


@pytest.mark.parametrize("sharing", [Mig(), Mig(BALANCED)])
def test_an_instance_keeps_its_faults_to_itself(sharing: Sharing) -> None:
    engine = engine_of(a100s("n", sharing))
    bind_all(engine, share("a", 100), share("b", 100), instances("c", "2g.20gb"))
    for uid in "abc":
        assert blast_radius(engine.cluster, uid) == (uid,)


def test_clients_of_one_instance_go_down_together() -> None:
    engine = engine_of(a100s("n", Mig(BALANCED, Mps())))
    decisions = bind_all(engine, *(share(uid, 100, 1_000) for uid in "abcd"))
    assert [places(decision)[0][1] for decision in decisions] == [0, 0, 2, 3]
    assert blast_radius(engine.cluster, "a") == ("a", "b")
    assert blast_radius(engine.cluster, "c") == ("c",)


def test_a_pod_on_several_gpus_joins_those_who_are_on_any_of_them() -> None:
    engine = engine_of(a100s("n", Hami(), gpus=2))
    bind_all(engine, share("a", 600), share("b", 600), shares("both", 300, count=2))
    assert blast_radius(engine.cluster, "both") == ("both", "a", "b")
    # It takes whom it hits first, and no further: the fault was not on the other GPU.
    assert blast_radius(engine.cluster, "a") == ("a", "both")


def test_pods_of_one_claim_share_its_fate() -> None:
    engine = engine_of(a100s("n", Mig()), a100s("m", Hami()))
    bind_all(engine, *(claimed(uid, "i", MigInstances("1g.10gb")) for uid in "ba"))
    bind_all(engine, instances("beside", "1g.10gb"))
    assert blast_radius(engine.cluster, "a") == ("a", "b")
    assert blast_radius(engine.cluster, "beside") == ("beside",)
    # A claim on a GPU, and a pod of its own beside it.
    vgpus = [claimed(uid, "v", GpuShare(900)) for uid in "cd"]
    bind_all(engine, *vgpus, shares("own", 100, 1_000, accept=(Isolation.HAMI,)))
    assert blast_radius(engine.cluster, "own") == ("own", "c", "d")
    assert blast_radius(engine.cluster, "d") == ("d", "c", "own")


def test_pods_come_and_go() -> None:
    engine = engine_of(a100s("n", Mps()))
    bind_all(engine, share("a", 100))
    engine.cluster.apply(Held(engine.decide(share("held", 100), 0.0), 9.0))
    assert blast_radius(engine.cluster, "a") == ("a", "held")
    engine.cluster.apply(Gone("a"))
    assert blast_radius(engine.cluster, "held") == ("held",)
    with pytest.raises(Unknown) as error:
        blast_radius(engine.cluster, "a")
    assert str(error.value) == "no pod a in the cluster"
