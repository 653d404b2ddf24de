"""What shares, whole GPUs and instances take of MIG GPUs, with a layout and without."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.sharing import Mig, Mps, Sharing
from bayplan.scheduler.types import Isolation, Node, Reason, Request

from .sharing_support import (
    BALANCED,
    MEMORY,
    a100s,
    amounts,
    bind_all,
    engine_of,
    instances,
    places,
    reasons,
    shares,
)
from .support import bind, share, whole

MPS, MIG = (Isolation.MPS,), (Isolation.MIG,)


def lowest_starts(*nodes: Node) -> Engine:
    return Engine(Cluster(nodes), FirstFit(), places=Places(MigRule.FIRST_FIT))


def refused(sharing: Sharing, request: Request, *before: Request) -> Reason:
    """Why a GPU cannot hold a pod beside others."""
    engine = lowest_starts(a100s("n", sharing))
    bind_all(engine, *before)
    (reason,) = reasons(engine.decide(request, 0.0))
    return reason


# --- instances that come and go ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("milli", "mib", "profile", "got"),
    [
        (1, 0, "1g.10gb", (125, 9_856)),
        (125, 9_856, "1g.10gb", (125, 9_856)),
        (126, 0, "1g.20gb", (250, 19_968)),  # more than an eighth of the memory, no seventh
        (142, 0, "1g.20gb", (250, 19_968)),
        (143, 0, "2g.20gb", (250, 19_968)),  # a seventh is 142.9
        (125, 9_857, "1g.20gb", (250, 19_968)),
        (143, 9_857, "2g.20gb", (250, 19_968)),
        (250, 0, "2g.20gb", (250, 19_968)),
        (251, 0, "3g.40gb", (500, 40_192)),
        (428, 40_192, "3g.40gb", (500, 40_192)),
        (429, 0, "4g.40gb", (500, 40_192)),  # three sevenths are 428.6
        (500, 0, "4g.40gb", (500, 40_192)),
        (501, 0, "7g.80gb", (1000, 80_384)),
        (1, 40_193, "7g.80gb", (1000, 80_384)),
        (0, 9_856, "1g.10gb", (125, 9_856)),
        (0, 9_857, "1g.20gb", (250, 19_968)),
        (0, 80_384, "7g.80gb", (1000, 80_384)),
    ],
)
def test_a_share_takes_the_smallest_profile_that_covers_compute_and_memory(
    milli: int, mib: int, profile: str, got: tuple[int, int]
) -> None:
    decision = lowest_starts(a100s("n", Mig())).decide(share("p", milli, mib), 0.0)
    assert places(decision) == [(0, 0, profile)]
    assert amounts(decision) == [got]


def test_what_no_profile_covers_fits_no_mig_gpu() -> None:
    assert refused(Mig(), share("p", 1, 80_385)) is Reason.GPU_COUNT
    assert refused(Mig(), share("p", 0, MEMORY)) is Reason.GPU_COUNT


def test_shares_of_several_gpus_cannot_be_instances() -> None:
    for sharing in (Mig(), Mig(BALANCED), Mig(BALANCED, Mps())):
        engine = engine_of(a100s("n", sharing, gpus=2))
        assert reasons(engine.decide(shares("p", 100, count=2), 0.0)) == [Reason.MIG_SPAN]


def test_a_whole_gpu_is_undivided_and_idle() -> None:
    engine = engine_of(a100s("n", Mig()))
    decision = bind(engine, whole("w"))
    assert (places(decision), amounts(decision)) == ([(0, 0, "")], [(1000, MEMORY)])
    assert reasons(engine.decide(instances("p", "1g.10gb"), 0.0)) == [Reason.GPU_FREE]
    assert refused(Mig(), whole("w"), share("p", 1)) is Reason.GPU_FREE
    # The largest instance is a divided GPU too.
    assert refused(Mig(), whole("w"), instances("p", "7g.80gb")) is Reason.GPU_FREE


def test_enough_free_and_no_start_left_is_said() -> None:
    # A 2g starts at 0, 2 and 4; of the last two units, 6 takes a 1g and 7 nothing but a 1g.20gb.
    threes = [instances(f"p{i}", "2g.20gb") for i in range(3)]
    assert refused(Mig(), instances("q", "2g.20gb"), *threes) is Reason.MIG_PLACE
    assert refused(Mig(), share("q", 200), *threes) is Reason.MIG_PLACE
    engine = lowest_starts(a100s("n", Mig()))
    bind_all(engine, *threes)
    assert places(bind(engine, share("q", 125, 19_968))) == [(0, 6, "1g.20gb")]
    sevens = [instances(f"p{i}", "1g.10gb") for i in range(7)]
    assert refused(Mig(), instances("q", "1g.10gb"), *sevens) is Reason.MIG_PLACE
    assert refused(Mig(), instances("q", "2g.20gb"), *sevens) is Reason.GPU_FREE


def test_one_instance_with_media_engines_is_on_a_gpu() -> None:
    media = instances("p", "1g.10gb+me")
    assert refused(Mig(), instances("q", "1g.10gb+me"), media) is Reason.MIG_PLACE
    engine = lowest_starts(a100s("n", Mig(), gpus=2))
    both = bind(engine, instances("q", "1g.10gb+me", 2))
    assert places(both) == [(0, 0, "1g.10gb+me"), (1, 0, "1g.10gb+me")]


def test_several_instances_of_one_pod_may_be_on_one_gpu() -> None:
    engine = lowest_starts(a100s("n", Mig(), gpus=2))
    five = bind(engine, instances("p", "2g.20gb", 5))
    assert places(five) == [(0, s, "2g.20gb") for s in (0, 2, 4)] + [
        (1, s, "2g.20gb") for s in (0, 2)
    ]
    assert amounts(five) == [(250, 19_968)] * 5
    engine.cluster.check()
    assert reasons(engine.decide(instances("q", "2g.20gb", 2), 0.0)) == [Reason.MIG_PLACE]
    assert refused(Mig(), instances("q", "2g.20gb", 4)) is Reason.GPU_COUNT


def test_a_gpu_whose_memory_nobody_stated_has_that_of_its_product() -> None:
    engine = engine_of(a100s("n", Mig(), memory_mib=0))
    assert amounts(engine.decide(whole("w"), 0.0)) == [(1000, MEMORY)]
    assert amounts(engine.decide(share("p", 0, 9_000), 0.0)) == [(125, 9_856)]


# --- layouts -----------------------------------------------------------------------------------


def test_a_share_takes_the_smallest_instance_of_the_layout_that_covers_it() -> None:
    engine = engine_of(a100s("n", Mig(BALANCED)))
    small = [bind(engine, share(f"p{i}", 100)) for i in range(2)]
    assert [places(each) for each in small] == [[(0, 2, "1g.10gb")], [(0, 3, "1g.10gb")]]
    # The larger ones are free, and not for it.
    assert reasons(engine.decide(share("p2", 100), 0.0)) == [Reason.GPU_FREE]
    # 2g.20gb is the smallest of the layout for what elsewhere takes a 1g.20gb, 3g for a 4g.
    assert places(bind(engine, share("q", 125, 19_968))) == [(0, 0, "2g.20gb")]
    large = bind(engine, share("r", 0, 40_192))
    assert (places(large), amounts(large)) == ([(0, 4, "3g.40gb")], [(500, 40_192)])
    assert reasons(engine.decide(share("s", 429), 0.0)) == [Reason.GPU_COUNT]
    engine.cluster.check()


def test_each_layout_has_a_smallest_instance_of_its_own() -> None:
    twos = Mig(((0, "2g.20gb"), (2, "2g.20gb")))
    engine = engine_of(a100s("n", Mig(BALANCED), twos, gpus=2))
    found = [bind(engine, share(f"p{i}", 100)) for i in range(4)]
    assert [places(each)[0] for each in found] == [
        (0, 2, "1g.10gb"),
        (0, 3, "1g.10gb"),
        (1, 0, "2g.20gb"),
        (1, 2, "2g.20gb"),
    ]


def test_a_layout_gives_its_instances_and_no_others() -> None:
    assert refused(Mig(BALANCED), instances("p", "1g.20gb")) is Reason.PROFILE
    assert refused(Mig(BALANCED), instances("p", "1g.10gb", 3)) is Reason.GPU_COUNT
    assert refused(Mig(BALANCED), whole("w")) is Reason.GPU_COUNT
    ones = instances("p", "1g.10gb", 2)
    assert refused(Mig(BALANCED), instances("q", "1g.10gb"), ones) is Reason.GPU_FREE


def test_an_instance_is_one_pods_unless_something_shares_it() -> None:
    assert refused(Mig(((0, "7g.80gb"),)), share("q", 1), share("p", 1)) is Reason.GPU_FREE


# --- MPS inside the instances of a layout ------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "clients", "most"),
    [
        ("1g.10gb", 48, 6),
        ("1g.20gb", 48, 6),
        ("2g.20gb", 48, 13),
        ("3g.40gb", 48, 20),
        ("4g.40gb", 48, 27),
        ("7g.80gb", 48, 48),
        ("2g.20gb", 14, 4),
        ("1g.10gb", 2, 1),
    ],
)
def test_the_limit_of_clients_shrinks_with_the_compute_slices(
    profile: str, clients: int, most: int
) -> None:
    inside = Mig(((0, profile),), Mps(clients))
    one_by_one = [share(f"p{i}", 1, 1) for i in range(most)]
    assert refused(inside, share("q", 1, 1), *one_by_one) is Reason.GPU_CLIENTS


def test_clients_share_compute_and_memory_of_their_instance() -> None:
    engine = engine_of(a100s("n", Mig(((0, "1g.10gb"),), Mps())))
    first = bind(engine, share("p", 50))
    assert (places(first), amounts(first)) == ([(0, 0, "1g.10gb")], [(50, 3_942)])  # two fifths
    assert amounts(bind(engine, share("q", 0, 5_000))) == [(63, 5_000)]  # of 125
    assert reasons(engine.decide(share("r", 13, 1), 0.0)) == [Reason.GPU_FREE]
    assert reasons(engine.decide(share("r", 12, 915), 0.0)) == [Reason.GPU_MEMORY_FREE]
    assert amounts(bind(engine, share("r", 12, 914))) == [(12, 914)]
    engine.cluster.check()


def test_a_client_may_be_in_any_instance_that_covers_it() -> None:
    engine = engine_of(a100s("n", Mig(BALANCED, Mps())))
    first = [bind(engine, share(f"p{i}", 100, 1_000)) for i in range(4)]
    assert [places(each)[0][1] for each in first] == [0, 0, 2, 3]
    assert places(bind(engine, share("q", 300, 1_000))) == [(0, 4, "3g.40gb")]
    assert reasons(engine.decide(share("r", 300, 1_000), 0.0)) == [Reason.GPU_FREE]


def test_equal_replicas_divide_an_instance() -> None:
    engine = engine_of(a100s("n", Mig(((0, "3g.40gb"),), Mps(replicas=3))))
    assert amounts(bind(engine, share("p", 1))) == [(166, 13_397)]
    assert reasons(engine.decide(share("q", 167), 0.0)) == [Reason.GPU_COUNT]


def test_an_instance_by_its_profile_is_all_of_it() -> None:
    engine = engine_of(a100s("n", Mig(((0, "3g.40gb"), (4, "3g.40gb")), Mps())))
    bind_all(engine, share("p", 1))
    own = bind(engine, instances("q", "3g.40gb"))
    assert (places(own), amounts(own)) == ([(0, 4, "3g.40gb")], [(500, 40_192)])
    assert reasons(engine.decide(instances("r", "3g.40gb"), 0.0)) == [Reason.GPU_FREE]


# --- isolations --------------------------------------------------------------------------------


def test_instances_isolate_by_mig_and_shared_ones_by_mps() -> None:
    for sharing in (Mig(), Mig(BALANCED)):
        assert refused(sharing, shares("p", 100, accept=MPS)) is Reason.ISOLATION
        assert (
            lowest_starts(a100s("n", sharing)).decide(shares("p", 100, accept=MIG), 0.0).placement
        )
    inside = Mig(BALANCED, Mps())
    assert refused(inside, shares("p", 100, accept=MIG)) is Reason.ISOLATION
    assert engine_of(a100s("n", inside)).decide(shares("p", 100, accept=MPS), 0.0).placement


def test_mig_is_taken_before_mps_while_an_instance_is_free() -> None:
    engine = engine_of(a100s("mps", Mps()), a100s("mig", Mig(((0, "1g.10gb"),))))
    pods = [shares(f"p{i}", 100, accept=MIG + MPS) for i in range(2)]
    assert [placed.placement.node for placed in bind_all(engine, *pods) if placed.placement] == [
        "mig",
        "mps",
    ]


def test_instances_have_the_memory_of_the_product_whatever_the_node_says() -> None:
    node = Node("n", 1_000, 1_000, 1, "A100-80GB", 40_000, sharing=(Mig(),))
    engine = lowest_starts(node)
    decision = bind(engine, instances("p", "1g.10gb", 7))
    assert decision.placement is not None
    engine.cluster.check()
