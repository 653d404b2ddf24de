"""What a share takes of a GPU under each mode, in numbers, and what is said when none is left.

The GPUs are A100s: 108 multiprocessors, 81,920 MiB.
"""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.sharing import Exclusive, Hami, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import Isolation, Node, Reason, Request

from .sharing_support import (
    MEMORY,
    a100s,
    amounts,
    bind_all,
    engine_of,
    instances,
    reasons,
    shares,
)
from .support import bind, share, where, whole

SHARED: list[Sharing] = [Exclusive(), Mps(), Mps(replicas=3), TimeSlicing(), Hami()]


def taken(sharing: Sharing, request: Request) -> tuple[int, int]:
    """The milli and MiB that a pod gets of an idle GPU."""
    (found,) = amounts(engine_of(a100s("n", sharing)).decide(request, 0.0))
    return found


def refused(sharing: Sharing, request: Request, *before: Request) -> Reason:
    """Why a GPU cannot hold a pod beside others."""
    engine = engine_of(a100s("n", sharing))
    bind_all(engine, *before)
    (reason,) = reasons(engine.decide(request, 0.0))
    return reason


# --- exclusive ---------------------------------------------------------------------------------


def test_exclusive_rounds_a_share_up_to_the_gpu() -> None:
    assert taken(Exclusive(), share("p", 1)) == (1000, MEMORY)
    assert taken(Exclusive(), share("p", mib=MEMORY)) == (1000, MEMORY)
    assert refused(Exclusive(), share("q", 1), share("p", 1)) is Reason.GPU_FREE
    assert refused(Exclusive(), share("p", 1, MEMORY + 1)) is Reason.GPU_COUNT


# --- MPS ---------------------------------------------------------------------------------------


def test_equal_replicas_are_thirds_of_compute_and_memory() -> None:
    thirds = Mps(replicas=3)
    assert taken(thirds, share("p", 1)) == (333, 27_306)
    assert taken(thirds, share("p", 333, 27_306)) == (333, 27_306)
    assert refused(thirds, share("p", 334)) is Reason.GPU_COUNT
    assert refused(thirds, share("p", 1, 27_307)) is Reason.GPU_COUNT
    three = [share(f"p{i}", 100) for i in range(3)]
    assert refused(thirds, share("q", 1), *three) is Reason.GPU_FREE


def test_replicas_of_an_oversubscribed_gpu_get_more_compute_and_no_more_memory() -> None:
    assert taken(Mps(replicas=3, capacity_milli=2000), share("p", 1)) == (666, 27_306)


def test_static_partitions_are_rounded_up_to_chunks_of_multiprocessors() -> None:
    chunks = Mps(chunk_sm=4)  # 27 of them
    assert taken(chunks, share("p", 1)) == (37, 81)
    assert taken(chunks, share("p", 500)) == (518, 40_960)  # 14 chunks
    assert taken(chunks, share("p", 519, 1)) == (555, 1)  # 15, of which 14 are 518.5
    assert taken(chunks, shares("p", 1000, accept=(Isolation.MPS,))) == (1000, MEMORY)
    ones = [share(f"p{i}", 1) for i in range(27)]
    assert refused(chunks, share("q", 1), *ones) is Reason.GPU_FREE


def test_chunks_of_a_gpu_whose_multiprocessors_nobody_knows_are_given_to_no_share() -> None:
    unknown = Node(
        "n", gpu_count=1, gpu_model="A", gpu_memory_mib=8_000, sharing=(Mps(chunk_sm=4),)
    )
    assert reasons(engine_of(unknown).decide(share("p", 1), 0.0)) == [Reason.GPU_COUNT]
    assert reasons(engine_of(a100s("n", Mps(chunk_sm=109))).decide(share("p", 1), 0.0)) == [
        Reason.GPU_COUNT
    ]


def test_the_server_takes_so_many_clients_and_no_more() -> None:
    two = share("p", 10), share("q", 10)
    assert refused(Mps(clients=2), share("r", 10), *two) is Reason.GPU_CLIENTS
    forty_eight = [share(f"p{i}", 1) for i in range(48)]
    assert refused(Mps(), share("q", 1), *forty_eight) is Reason.GPU_CLIENTS


def test_memory_under_mps_is_limited_to_what_is_stated_or_derived() -> None:
    assert taken(Mps(), share("p", 250)) == (250, 20_480)
    assert taken(Mps(), share("p", mib=20_480)) == (250, 20_480)
    more = Mps(capacity_milli=2000)
    assert refused(more, share("q", 10, 40_000), share("p", 10, 50_000)) is Reason.GPU_MEMORY_FREE


# --- time-slicing ------------------------------------------------------------------------------


def test_a_context_counts_beside_a_stated_memory_and_not_beside_a_derived_one() -> None:
    assert taken(TimeSlicing(), share("p", 100, 10_000)) == (100, 10_400)
    assert taken(TimeSlicing(), share("p", mib=8_192)) == (100, 8_592)
    assert taken(TimeSlicing(), share("p", 250)) == (250, 20_480)
    assert taken(TimeSlicing(context_mib=0), share("p", 100, 10_000)) == (100, 10_000)


def test_contexts_and_peak_memory_of_all_must_fit_the_gpu() -> None:
    first, second = share("p", 100, 41_000), share("q", 100, 40_120)
    assert bind_all(engine_of(a100s("n", TimeSlicing())), first, second)
    assert refused(TimeSlicing(), share("q", 100, 40_121), first) is Reason.GPU_MEMORY_FREE
    assert refused(TimeSlicing(), share("p", 100, MEMORY - 399)) is Reason.GPU_COUNT


def test_with_the_check_off_memory_is_nobodys_concern() -> None:
    unchecked = TimeSlicing(check_memory=False)
    assert taken(unchecked, share("p", 100, 60_000)) == (100, 0)
    assert taken(unchecked, share("p", mib=40_960)) == (500, 0)
    bind_all(engine_of(a100s("n", unchecked)), *(share(f"p{i}", 100, 60_000) for i in range(10)))


def test_the_device_plugin_lets_in_as_many_pods_as_there_are_replicas() -> None:
    two = share("p", 10), share("q", 10)
    assert refused(TimeSlicing(2), share("r", 10), *two) is Reason.GPU_CLIENTS
    assert refused(TimeSlicing(2), share("r", 990), *two) is Reason.GPU_FREE


# --- HAMi --------------------------------------------------------------------------------------


def test_vgpus_have_the_memory_that_they_state_and_no_context() -> None:
    assert taken(Hami(), share("p", 100, 10_000)) == (100, 10_000)
    assert taken(Hami(), share("p", 333)) == (333, 27_279)
    halves = share("p", 100, 40_960), share("q", 100, 40_960)
    assert refused(Hami(), share("r", 1, 1), *halves) is Reason.GPU_MEMORY_FREE
    assert refused(Hami(2), share("r", 1), *halves) is Reason.GPU_MEMORY_FREE


def test_a_gpu_is_split_into_so_many_vgpus_at_most() -> None:
    ten = [share(f"p{i}", 10) for i in range(10)]
    assert refused(Hami(), share("q", 10), *ten) is Reason.GPU_CLIENTS


# --- all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("sharing", [Mps, TimeSlicing, Hami])
def test_oversubscription_hands_out_more_compute_than_there_is(
    sharing: type[Mps] | type[TimeSlicing] | type[Hami],
) -> None:
    threes = [share(f"p{i}", 500, 1_000) for i in range(3)]
    assert refused(sharing(capacity_milli=1500), share("q", 1, 1), *threes) is Reason.GPU_FREE
    assert refused(sharing(), share("q", 1, 1), *threes[:2]) is Reason.GPU_FREE


@pytest.mark.parametrize("sharing", SHARED)
def test_a_whole_gpu_has_nobody_beside_it(sharing: Sharing) -> None:
    assert taken(sharing, whole("w")) == (1000, MEMORY)
    assert refused(sharing, share("p", 1), whole("w")) is Reason.GPU_FREE
    assert refused(sharing, whole("w"), share("p", 1)) is Reason.GPU_FREE


def test_a_whole_gpu_that_is_oversubscribed_is_all_that_it_hands_out() -> None:
    twice = Hami(capacity_milli=2000)
    assert taken(twice, whole("w")) == (2000, MEMORY)
    assert refused(twice, share("p", 1, 1), whole("w")) is Reason.GPU_FREE
    # A share of 1000 says that it may have company.
    assert taken(twice, shares("p", 1000, accept=(Isolation.HAMI,))) == (1000, MEMORY // 2)


@pytest.mark.parametrize("mode", [Mps, TimeSlicing, Hami])
def test_oversubscribed_compute_lets_in_as_many_more_that_state_no_memory(
    mode: type[Mps | TimeSlicing | Hami],
) -> None:
    engine = engine_of(a100s("n", mode(capacity_milli=4000)))
    placed = [bind(engine, share(f"p{i}", 500)).placement for i in range(9)]
    assert [placement is not None for placement in placed] == [True] * 8 + [False]


def test_gpus_that_the_device_plugin_picks_are_shared_alike() -> None:
    mixed = Node("n", 1, 1, 2, "A100-80GB", MEMORY, anonymous_gpus=True, sharing=(Mps(), Hami()))
    with pytest.raises(InvalidRequest, match="are all shared in the same way"):
        Cluster([mixed])


@pytest.mark.parametrize("sharing", SHARED)
def test_no_mig_instance_is_to_be_had(sharing: Sharing) -> None:
    assert refused(sharing, instances("p", "1g.10gb")) is Reason.PROFILE


def test_shares_of_two_gpus_go_to_two_gpus() -> None:
    engine = engine_of(a100s("n", Hami(), gpus=2))
    assert where(bind(engine, share("p", 700))) == ("n", (0,))
    pair = shares("pair", 300, count=2)
    assert where(bind(engine, pair)) == ("n", (0, 1))
    assert reasons(engine.decide(pair._replace(uid="again"), 0.0)) == [Reason.GPU_FREE]
    assert reasons(engine.decide(shares("three", 1, count=3), 0.0)) == [Reason.GPU_COUNT]


def test_gpus_of_one_node_may_be_shared_each_in_its_own_way() -> None:
    engine = engine_of(a100s("n", Exclusive(), Mps(replicas=2), TimeSlicing(), gpus=3))
    decisions = bind_all(engine, *(share(f"p{i}", 400, 10_000) for i in range(5)))
    assert [(where(d)[1], *amounts(d)) for d in decisions] == [
        ((0,), (1000, MEMORY)),
        ((1,), (500, 40_960)),
        ((1,), (500, 40_960)),
        ((2,), (400, 10_400)),
        ((2,), (400, 10_400)),
    ]


# --- isolations --------------------------------------------------------------------------------


def test_the_first_isolation_that_any_node_has_is_taken() -> None:
    engine = engine_of(a100s("hami", Hami()), a100s("slices", TimeSlicing(2)))
    order = Isolation.MPS, Isolation.TIMESLICE, Isolation.HAMI
    pods = [shares(f"p{i}", 100, accept=order) for i in range(4)]
    assert [where(bind(engine, pod))[0] for pod in pods] == ["slices", "slices", "hami", "hami"]
    turned = shares("turned", 100, accept=order[::-1])
    assert where(bind(engine, turned))[0] == "hami"


def test_what_is_said_of_several_isolations_is_said_of_the_first() -> None:
    engine = engine_of(a100s("mps", Mps(clients=1)), a100s("hami", Hami()))
    bind_all(engine, share("p", 1), share("q", 1000))
    found = engine.decide(shares("r", 1, accept=(Isolation.MPS, Isolation.HAMI)), 0.0)
    assert found.reasons == ((Reason.ISOLATION, 1), (Reason.GPU_CLIENTS, 1))


def test_a_gpu_of_another_isolation_or_of_none_is_no_choice() -> None:
    engine = engine_of(
        a100s("none"), a100s("alone", Exclusive()), a100s("hami", Hami()), a100s("mps", Mps())
    )
    assert where(engine.decide(shares("p", 100, accept=(Isolation.MPS,)), 0.0)) == ("mps", (0,))
    found = engine.decide(shares("p", 100, accept=(Isolation.TIMESLICE,)), 0.0)
    assert found.reasons == ((Reason.ISOLATION, 4),)
    # Whoever accepts anything takes what comes first.
    assert where(engine.decide(share("p", 100), 0.0)) == ("none", (0,))
