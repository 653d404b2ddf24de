"""Decisions, reasons and masks."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine, WishReasons
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Bound, Gone, Held, NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.policies.random_fit import RandomFit
from bayplan.scheduler.sharing import Hami, Mig, Mps
from bayplan.scheduler.types import (
    Decision,
    DeviceRequest,
    GpuShare,
    Grant,
    Isolation,
    MigInstances,
    Placement,
    Reason,
    Request,
    Slot,
    Topology,
    TopologyLevel,
    WholeGpus,
)

from .support import (
    A100,
    WORKLOAD,
    bind,
    first_fit,
    instances,
    mig_node,
    node,
    policy,
    share,
    snapshot,
    where,
    whole,
)

# --- what a decision says ----------------------------------------------------------------------


def test_a_decision_says_where_for_what_score_and_on_which_version_it_rests() -> None:
    cluster = Cluster([node("a"), node("b")])
    request = share("p", 300, cpu_milli=64_00)
    decision = Engine(cluster, BestFit()).decide(request, 12.5)
    # int(100 × (1 - (½ × 3600 / 128000 + ½ × 1700 / 8000)))
    assert decision == Decision(
        request,
        12.5,
        Placement("a", ((Grant(Slot(0), 300, 2400),),), (0,)),
        87.0,
        (("a", 1),),
    )


def test_a_decision_without_placement_counts_the_nodes_by_reason() -> None:
    cluster = Cluster([node("a", 1), node("b", 1), node("c", 2, schedulable=False), node("d", 0)])
    bind(first_fit(cluster), whole("p"))
    request = whole("q", 2)
    assert first_fit(cluster).decide(request, 0.0) == Decision(
        request, 0.0, None, reasons=((Reason.CORDONED, 1), (Reason.GPU_COUNT, 3))
    )


def test_an_empty_cluster_has_neither_room_nor_reasons() -> None:
    engine = first_fit(Cluster())
    assert engine.decide(whole("p"), 0.0) == Decision(whole("p"), 0.0, None)
    assert engine.feasible(whole("p")).tolist() == []
    assert engine.scores(whole("p")).tolist() == []
    assert engine.explain(whole("p")) == (WishReasons((0,), 0, ()),)


def test_a_whole_history_is_decided_as_worked_out_by_hand() -> None:
    cluster = Cluster([node("a", 2), node("b", 4), node("c", 0)])
    engine = Engine(cluster, BestFit())
    history: list[Request | str] = [
        share("s1", 600),  # the smallest node with GPUs leaves least: a, GPU 0
        share("s2", 600),  # again a; GPU 0 has 400 left
        share("s3", 400),  # fills GPU 0 of a
        whole("w1", 3),  # only b
        whole("w2"),  # b's last
        share("s4", 400),  # GPU 1 of a
        whole("w3"),  # nowhere
        "s3",
        share("s5", 400),  # back to GPU 0 of a
        Request("cpu", 1000),  # GPU-less c leaves no GPU: 0 idle, as a and b by now
        "w2",
        whole("w4"),
    ]
    decided = []
    for step in history:
        if isinstance(step, str):
            cluster.apply(Gone(step))
        else:
            decided.append((step.uid, *where(bind(engine, step))))
        cluster.check()
    assert decided == [
        ("s1", "a", (0,)),
        ("s2", "a", (1,)),
        ("s3", "a", (0,)),
        ("w1", "b", (0, 1, 2)),
        ("w2", "b", (3,)),
        ("s4", "a", (1,)),
        ("w3", "", ()),
        ("s5", "a", (0,)),
        ("cpu", "a", ()),
        ("w4", "b", (3,)),
    ]


# --- candidates --------------------------------------------------------------------------------


def test_only_candidates_are_taken_and_masks_leave_no_trace() -> None:
    cluster = Cluster([node("a"), node("b"), node("c")])
    engine = first_fit(cluster)
    for mask, expected in [
        ([True, True, True], ("a", (0,))),
        ([False, True, True], ("b", (0,))),
        ([False, False, True], ("c", (0,))),
        ([False, False, False], ("", ())),
        ([True, False, False], ("a", (0,))),
    ]:
        assert where(engine.decide(whole("p"), 0.0, np.array(mask))) == expected
    assert where(engine.decide(whole("p"), 0.0)) == ("a", (0,))
    assert len(engine.columns) == 1
    nobody = engine.decide(whole("p"), 0.0, np.zeros(3, np.bool_))
    assert nobody.reasons == ((Reason.EXCLUDED, 3),)


def test_scores_and_feasible_say_the_same_as_decide() -> None:
    cluster = Cluster([node("a", 1), node("b", 4), node("c", 0)])
    engine = Engine(cluster, BestFit())
    mask = np.array([False, True, True])
    request = whole("p")
    assert engine.feasible(request).tolist() == [True, True, False]
    assert engine.feasible(request, mask).tolist() == [False, True, False]
    # int(100 × (1 - (½ × 10000 / 128000 + ½ × left / 8000))) with 0 and 3000 milli left
    assert engine.scores(request).tolist() == [96.0, 77.0, -np.inf]
    assert engine.scores(request, mask).tolist() == [-np.inf, 77.0, -np.inf]
    assert engine.decide(request, 0.0, mask).score == 77.0


def test_scores_are_those_of_the_first_alternative_that_fits_a_candidate() -> None:
    wish = DeviceRequest(WholeGpus(4), alternatives=(DeviceRequest(WholeGpus(1)),))
    request = Request("p", devices=(wish,))
    engine = Engine(Cluster([node("a", 1), node("b", 4)]), BestFit())
    assert engine.scores(request).tolist() == [-np.inf, 96.0]
    assert engine.scores(request, np.array([True, False])).tolist() == [96.0, -np.inf]
    assert engine.feasible(request).tolist() == [True, True]


# --- ties --------------------------------------------------------------------------------------


def test_of_equal_nodes_the_lowest_row_is_taken() -> None:
    cluster = Cluster([node("z"), node("y"), node("x")])
    engine = Engine(cluster, BestFit())
    assert where(engine.decide(whole("p"), 0.0)) == ("z", (0,))
    cluster.apply(NodeGone("z"))
    assert where(engine.decide(whole("p"), 0.0)) == ("y", (0,))
    cluster.apply(NodeUp(node("w")))
    assert where(engine.decide(whole("p"), 0.0)) == ("w", (0,))


def random_choices(order: str, seed: int = 0) -> list[tuple[str, tuple[int, ...]]]:
    engine = Engine(Cluster([node(name, 4) for name in order]), RandomFit(), seed=seed)
    return [where(engine.decide(share(f"p{i}", 500), 0.0)) for i in range(40)]


def test_random_choices_depend_on_seed_pod_and_node_and_on_nothing_else() -> None:
    choices = random_choices("abcde")
    assert random_choices("edcba") == choices
    assert random_choices("cabed") == choices
    assert random_choices("abcde", seed=1) != choices
    assert {name for name, _ in choices} == set("abcde")
    assert {gpu for _, gpus in choices for gpu in gpus} == {0, 1, 2, 3}


def test_random_choices_are_the_least_hashes_of_seed_pod_and_node() -> None:
    expected = []
    for i in range(40):
        salt = mixed(7, stable(f"p{i}"))
        name = min("abcde", key=lambda name: mixed(salt, stable(name)))
        gpu = min(range(4), key=lambda gpu: mixed(mixed(salt, stable(name)), gpu))
        expected.append((name, (gpu,)))
    assert random_choices("abcde", seed=7) == expected


def stable(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mixed(key: int, value: int) -> int:
    """SplitMix64, in integers without bound."""
    z = (key + 0x9E3779B97F4A7C15 * (value + 1)) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def test_random_choices_keep_to_the_candidates() -> None:
    engine = Engine(Cluster([node(name) for name in "abcd"]), RandomFit())
    mask = np.array([False, True, False, True])
    chosen = {where(engine.decide(whole(f"p{i}"), 0.0, mask))[0] for i in range(30)}
    assert chosen == {"b", "d"}


# --- purity ------------------------------------------------------------------------------------


def test_questions_change_nothing_and_answers_do_not_depend_on_them() -> None:
    cluster = Cluster([node("a"), node("b", 4)])
    bind(first_fit(cluster), share("running", 300))
    before, number = snapshot(cluster), cluster.log.number
    engine = Engine(cluster, policy("fgd"))
    answers = []
    for _ in range(2):
        for request in (whole("p"), share("q", 500), Request("r", 100), whole("s", 9)):
            answers.append((engine.decide(request, 0.0), engine.explain(request)))
            engine.scores(request)
            engine.feasible(request)
    assert answers[:4] == answers[4:]
    assert (snapshot(cluster), cluster.log.number) == (before, number)


def test_two_engines_share_a_cluster() -> None:
    cluster = Cluster([node("a", 2), node("b", 1)])
    packing, spreading = Engine(cluster, BestFit()), Engine(cluster, policy("worst-fit"))
    assert where(bind(spreading, whole("p"))) == ("a", (0,))
    assert where(bind(packing, whole("q"))) == ("a", (1,))
    assert where(bind(packing, whole("r"))) == ("b", (0,))
    assert packing.decide(whole("s"), 0.0).placement is None
    cluster.check()


def test_new_kinds_of_nodes_are_seen_by_shapes_asked_for_before() -> None:
    cluster = Cluster([node("a")])
    engine = first_fit(cluster)
    profile = MigInstances("1g.10gb")
    mps = GpuShare(500, isolations=(Isolation.MPS,))
    wants: list[tuple[Request, dict[str, Any]]] = [
        (Request("p", resources=(("nic", 1),)), {"resources": (("nic", 1),)}),
        (Request("p", devices=(DeviceRequest(WholeGpus(1), ("H",)),)), {"gpu_model": "H"}),
        (Request("p", node_labels=(("zone", "z"),)), {"labels": (("zone", "z"),)}),
        (Request("p", devices=(DeviceRequest(profile),)), {**A100, "sharing": (Mig(),)}),
        (Request("p", devices=(DeviceRequest(mps),)), {"sharing": (Mps(),)}),
    ]
    for request, _ in wants:
        assert engine.decide(request, 0.0).placement is None
    for i, (request, fields) in enumerate(wants):
        cluster.apply(NodeUp(node(f"new-{i}", **fields)))
        assert where(engine.decide(request, 0.0))[0] == f"new-{i}"
    cluster.apply(NodeChanged(node("new-2")))
    assert engine.decide(wants[2][0], 0.0).placement is None


def test_an_isolation_comes_before_a_better_node_in_the_order_of_wish() -> None:
    cluster = Cluster([node("plain", 1), node("hami", 2, sharing=(Hami(),)), mig_node("mig", 8)])
    engine = Engine(cluster, BestFit())

    def shared(*isolations: Isolation) -> Request:
        return Request("p", devices=(DeviceRequest(GpuShare(100, isolations=isolations)),))

    anything = engine.decide(shared(), 0.0)
    assert where(anything) == ("plain", (0,))
    for wished, name in [
        ((Isolation.MIG, Isolation.HAMI), "mig"),
        ((Isolation.HAMI, Isolation.MIG), "hami"),
        ((Isolation.MPS, Isolation.TIMESLICE, Isolation.HAMI), "hami"),
    ]:
        decision = engine.decide(shared(*wished), 0.0)
        assert where(decision)[0] == name
        # Isolations are no alternatives: there is but one device request to choose.
        assert decision.placement is not None
        assert decision.placement.chosen == (0,)
    assert engine.decide(shared(Isolation.MPS), 0.0).reasons == ((Reason.ISOLATION, 3),)
    only_plain = np.array([True, False, False])
    assert engine.decide(shared(Isolation.MIG), 0.0, only_plain).placement is None


def test_instances_are_granted_by_their_place_and_several_one_after_the_other() -> None:
    engine = Engine(Cluster([mig_node("a", 1)]), BestFit(), places=Places(MigRule.FIRST_FIT))
    decision = bind(engine, instances("p", "1g.10gb"))
    assert decision.placement is not None
    assert decision.placement.grants == ((Grant(Slot(0, 0, 1, "1g.10gb"), 125, 9856),),)
    decision = bind(engine, instances("q", "2g.20gb", 2))
    assert decision.placement is not None
    slots = [grant.slot for grant in decision.placement.grants[0]]
    assert slots == [Slot(0, 2, 2, "2g.20gb"), Slot(0, 4, 2, "2g.20gb")]
    assert engine.decide(instances("r", "3g.40gb"), 0.0).reasons == ((Reason.GPU_FREE, 1),)
    assert engine.decide(instances("r", "2g.20gb"), 0.0).reasons == ((Reason.MIG_PLACE, 1),)
    engine.cluster.check()


def test_a_share_of_a_mig_gpu_takes_the_smallest_instance_that_covers_it() -> None:
    engine = Engine(Cluster([mig_node("a", 1)]), BestFit(), places=Places(MigRule.FIRST_FIT))
    for uid, milli, mib, profile in [
        ("p", 0, 5000, "1g.10gb"),
        ("q", 0, 15_000, "1g.20gb"),
        ("r", 400, 0, "3g.40gb"),
    ]:
        placement = bind(engine, share(uid, milli, mib)).placement
        assert placement is not None
        assert placement.grants[0][0].slot.profile == profile
    engine.cluster.check()


def test_whole_gpus_are_those_that_are_not_cut() -> None:
    layout = Mig(((0, "3g.40gb"), (4, "3g.40gb")))
    cluster = Cluster([node("a", 3, sharing=(layout, Mig(), Hami()), **A100)])
    engine = first_fit(cluster)
    assert engine.decide(whole("p", 3), 0.0).reasons == ((Reason.GPU_COUNT, 1),)
    assert where(bind(engine, whole("p", 2))) == ("a", (1, 2))
    # The instances of the layout are slots of their own on GPU 0.
    assert where(bind(engine, instances("q", "3g.40gb", 2))) == ("a", (0, 0))
    assert engine.decide(instances("r", "3g.40gb"), 0.0).reasons == ((Reason.GPU_FREE, 1),)
    cluster.check()


def test_fgd_decides_on_a_cluster_without_gpus() -> None:
    engine = Engine(Cluster([node("a", 0)]), policy("fgd"))
    assert WORKLOAD.count.any()
    assert where(engine.decide(Request("p", 100), 0.0)) == ("a", ())


def test_the_users_of_a_claim_go_where_it_is_by_every_question() -> None:
    cluster = Cluster([node("a", 2), node("b", 2)])
    engine = first_fit(cluster)
    shared = DeviceRequest(WholeGpus(1), claim="c")
    first = Request("p", devices=(shared,))
    cluster.apply(Bound(engine.decide(first, 0.0, np.array([False, True])), 0.0))
    second = Request("q", devices=(shared, DeviceRequest(WholeGpus(1))))
    assert engine.feasible(second).tolist() == [False, True]
    assert (engine.scores(second) > -np.inf).tolist() == [False, True]
    assert engine.explain(second)[0].fitting == 1
    placement = engine.decide(second, 0.0).placement
    assert placement is not None
    assert placement.node == "b"


def test_a_hold_with_a_claim_of_its_own_may_move() -> None:
    cluster = Cluster([node("a", 1), node("b", 1)])
    engine = first_fit(cluster)
    request = Request("p", devices=(DeviceRequest(WholeGpus(1), claim="c"),))
    cluster.apply(Held(engine.decide(request, 0.0), 9.0))
    elsewhere = engine.decide(request, 1.0, np.array([False, True]))
    cluster.apply(Bound(elsewhere, 1.0))
    assert cluster.pods["p"].placement.node == "b"
    cluster.check()


def test_gpus_of_different_models_are_refused_for_that_also_where_the_plugin_picks() -> None:
    devices = tuple(DeviceRequest(WholeGpus(1), models=models) for models in ((), ("A",)))
    for anonymous in (False, True):
        engine = first_fit(Cluster([node("a", 4, anonymous_gpus=anonymous)]))
        request = Request("p", devices=devices)
        assert engine.decide(request, 0.0).reasons == ((Reason.MIXED_DEVICES, 1),)


def test_one_gpu_is_an_island_of_its_own() -> None:
    engine = first_fit(Cluster([node("a", 2)]))
    island = Topology(TopologyLevel.GPU_ISLAND)
    assert where(engine.decide(whole("p", 1, topology=island), 0.0)) == ("a", (0,))


def test_random_choices_take_any_uid_that_a_string_can_be() -> None:
    engine = Engine(Cluster([node("a")]), RandomFit())
    assert engine.decide(whole("\ud800"), 0.0).placement is not None


def test_a_mask_of_another_length_or_type_is_refused() -> None:
    engine = first_fit(Cluster([node("a", 1), node("b", 1)]))
    masks: tuple[Any, ...] = (np.ones(3, np.bool_), np.ones(2, np.int64), np.ones((2, 1), np.bool_))
    for mask in masks:
        with pytest.raises(ValueError, match=r"give bool \(2,\)"):
            engine.decide(whole("p", 1), 0.0, mask)
        with pytest.raises(ValueError, match="give bool"):
            engine.feasible(whole("p", 1), mask)


def test_pods_with_claims_of_their_own_share_a_column() -> None:
    engine = first_fit(Cluster([node("a", 8)]))
    for i in range(5):
        device = DeviceRequest(WholeGpus(1), models=("B", "A")[:: (-1) ** i], claim=f"c{i}")
        engine.decide(Request(f"p{i}", devices=(device,)), 0.0)
    assert len(engine.columns) == 1


def test_nothing_of_a_resource_that_no_node_has_can_be_had() -> None:
    engine = first_fit(Cluster([node("a", 1)]))
    request = Request("p", resources=(("nic", 0),))
    assert engine.decide(request, 0.0).placement is not None


def test_more_alternatives_than_can_be_tried_are_refused() -> None:
    device = DeviceRequest(WholeGpus(2), alternatives=(DeviceRequest(WholeGpus(1)),))
    engine = first_fit(Cluster([node("a", 1)]))
    with pytest.raises(InvalidRequest, match="2048 combinations; at most 1024"):
        engine.decide(Request("p", devices=(device,) * 11), 0.0)
