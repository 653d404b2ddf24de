"""Each MIG placement policy against an exhaustive search, over short histories of a few GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.hardware import MigProfile, Product, product_named
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies import PlacementPolicy
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.policies.mig_fit import MigFit
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import DeviceRequest, MigInstances, Node, Request

PRODUCTS = ("A100-80GB", "A30-24GB", "RTX-PRO-6000-Blackwell-96GB")
N_GPUS = 4
Instances = frozenset[tuple[int, MigProfile]]


@dataclass(frozen=True, slots=True)
class Option:
    gpu: int
    start: int


def taken(instances: Instances) -> set[int]:
    return {start + k for start, profile in instances for k in range(profile.size)}


def fits(instances: Instances, profile: MigProfile, start: int) -> bool:
    if "+me" in profile.variant and any("+me" in other.variant for _, other in instances):
        return False
    return not taken(instances) & set(range(start, start + profile.size))


def n_options(instances: Instances, product: Product, mix: dict[str, float]) -> float:
    """The placements that are still possible, each as much worth as its profile is common."""
    return sum(
        mix.get(profile.name, 0.0) if mix else float(not profile.variant)
        for profile in product.profiles
        for start in profile.starts
        if fits(instances, profile, start)
    )


def gap(instances: Instances, start: int, units: int) -> int:
    """How many free units lie together around a start."""
    free = set(range(units)) - taken(instances)
    low = high = start
    while low - 1 in free:
        low -= 1
    while high + 1 in free:
        high += 1
    return high - low + 1


def best(
    rule: MigRule,
    gpus: Sequence[Instances],
    profile: MigProfile,
    product: Product,
    mix: dict[str, float],
) -> Option | None:
    """The option that a rule wants, found by looking at all of them."""
    options = [
        Option(gpu, start)
        for gpu, instances in enumerate(gpus)
        for start in profile.starts
        if fits(instances, profile, start)
    ]

    def rank(option: Option) -> tuple[float, ...]:
        before = gpus[option.gpu]
        after = before | {(option.start, profile)}
        if rule is MigRule.FIRST_FIT:
            return option.gpu, option.start
        if rule is MigRule.DRIVER_GREEDY:
            return option.gpu, -option.start
        if rule is MigRule.BEST_FIT:
            free = product.units - len(taken(before))
            return free, option.gpu, gap(before, option.start, product.units), option.start
        lost = n_options(before, product, mix) - n_options(after, product, mix)
        return round(lost, 9), option.gpu, option.start

    return min(options, key=rank, default=None)


def cluster_of(product: Product, per_node: int) -> Cluster:
    return Cluster(
        Node(f"n{i}", 10**6, 10**6, per_node, product.name, product.memory_mib, sharing=(Mig(),))
        for i in range(N_GPUS // per_node)
    )


@given(data=st.data(), product=st.sampled_from(PRODUCTS).map(product_named))
@pytest.mark.parametrize("rule", MigRule)
@pytest.mark.parametrize("per_node", [1, 2, 4])
def test_a_rule_takes_what_a_search_over_all_places_finds(
    rule: MigRule, per_node: int, data: st.DataObject, product: Product
) -> None:
    names = [profile.name for profile in product.profiles]
    mix = data.draw(
        st.one_of(st.just({}), st.dictionaries(st.sampled_from(names), st.sampled_from([1.0, 2.5])))
    )
    cluster = cluster_of(product, per_node)
    engine = Engine(cluster, MigFit(Places(rule, lambda _: mix)))
    gpus: list[Instances] = [frozenset()] * N_GPUS
    where: dict[str, tuple[int, int, MigProfile]] = {}
    for step in range(data.draw(st.integers(1, 14))):
        if where and data.draw(st.integers(0, 3)) == 0:
            uid = data.draw(st.sampled_from(sorted(where)))
            gpu, start, profile = where.pop(uid)
            gpus[gpu] -= {(start, profile)}
            cluster.apply(Gone(uid))
            continue
        profile = data.draw(st.sampled_from(product.profiles))
        uid = f"p{step:02}"
        request = Request(uid, devices=(DeviceRequest(MigInstances(profile.name)),))
        decision = engine.decide(request, 0.0)
        wanted = best(rule, gpus, profile, product, mix)
        if wanted is None:
            assert decision.placement is None
            continue
        assert decision.placement is not None
        slot = decision.placement.grants[0][0].slot
        node = int(decision.placement.node[1:])
        assert Option(node * per_node + slot.gpu, slot.start) == wanted
        assert (slot.size, slot.profile) == (profile.size, profile.name)
        cluster.apply(Bound(decision, 0.0))
        gpus[wanted.gpu] |= {(wanted.start, profile)}
        where[uid] = wanted.gpu, wanted.start, profile


def start_on_an_empty_gpu(
    rule: MigRule, profile: str, policy: PlacementPolicy | None = None
) -> int:
    cluster = Cluster([Node("n", 1, 1, 1, "A100-80GB", 81_920, sharing=(Mig(),))])
    engine = Engine(cluster, policy or FirstFit(), places=Places(rule))
    decision = engine.decide(Request("p", devices=(DeviceRequest(MigInstances(profile)),)), 0.0)
    assert decision.placement is not None
    return decision.placement.grants[0][0].slot.start


@pytest.mark.parametrize(
    ("profile", "start"), [("1g.10gb", 6), ("2g.20gb", 4), ("3g.40gb", 4), ("7g.80gb", 0)]
)
def test_driver_greedy_starts_where_the_driver_does(profile: str, start: int) -> None:
    assert start_on_an_empty_gpu(MigRule.DRIVER_GREEDY, profile) == start


def test_other_policies_start_instances_by_the_rule_that_the_engine_is_given() -> None:
    assert start_on_an_empty_gpu(MigRule.FIRST_FIT, "1g.10gb") == 0
    assert start_on_an_empty_gpu(MigRule.DRIVER_GREEDY, "1g.10gb") == 6


def test_a_policy_that_places_instances_itself_comes_first() -> None:
    own = MigFit(Places(MigRule.FIRST_FIT))
    assert start_on_an_empty_gpu(MigRule.DRIVER_GREEDY, "1g.10gb", own) == 0


def created(
    profiles: Sequence[str], rule: MigRule, mix: dict[str, float] | None = None
) -> list[int | None]:
    """The starts of instances made one after the other on one H100."""
    cluster = Cluster([Node("n", 1, 1, 1, "H100-80GB-SXM", 81_559, sharing=(Mig(),))])
    engine = Engine(cluster, FirstFit(), places=Places(rule, lambda _: mix or {}))
    starts: list[int | None] = []
    for i, profile in enumerate(profiles):
        request = Request(f"p{i}", devices=(DeviceRequest(MigInstances(profile)),))
        decision = engine.decide(request, 0.0)
        if decision.placement is None:
            starts.append(None)
            continue
        cluster.apply(Bound(decision, 0.0))
        starts.append(decision.placement.grants[0][0].slot.start)
    return starts


def test_under_driver_greedy_the_order_of_creation_decides() -> None:
    # The published example: two 1g and a 2g before a 3g fail, the largest first succeeds.
    small_first = created(["1g.10gb", "1g.10gb", "2g.20gb", "3g.40gb"], MigRule.DRIVER_GREEDY)
    assert small_first[3] is None
    large_first = created(["3g.40gb", "2g.20gb", "1g.10gb", "1g.10gb"], MigRule.DRIVER_GREEDY)
    assert None not in large_first


def test_max_options_keeps_room_for_what_is_to_come_in_that_order_too() -> None:
    order = ["1g.10gb", "1g.10gb", "2g.20gb", "3g.40gb"]
    assert None not in created(order, MigRule.MAX_OPTIONS, {"3g.40gb": 1.0})
    # To a mix in which all are equally common, the many starts of small ones outweigh the 3g's.
    assert created(order, MigRule.MAX_OPTIONS)[3] is None


def test_two_small_instances_in_the_wrong_places_leave_six_slices_and_no_place() -> None:
    cluster = Cluster([Node("n", 1, 1, 1, "A100-80GB", 81_920, sharing=(Mig(),))])
    engine = Engine(cluster, FirstFit(), places=Places(MigRule.FIRST_FIT))
    for i in range(6):
        request = Request(f"p{i}", devices=(DeviceRequest(MigInstances("1g.10gb")),))
        cluster.apply(Bound(engine.decide(request, 0.0), 0.0))
    for i in (0, 1, 3, 4):  # what stays is at 2 and 5
        cluster.apply(Gone(f"p{i}"))
    for profile in ("3g.40gb", "4g.40gb"):
        request = Request("big", devices=(DeviceRequest(MigInstances(profile)),))
        (found,) = engine.explain(request)
        assert [reason.name for reason, _ in found.reasons] == ["MIG_PLACE"]
